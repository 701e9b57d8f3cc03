package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestTheMedianIsTheMiddleOrTheMeanOfTheTwoMiddleOnes(t *testing.T) {
	xs := []float64{5, 1, 4}
	near(t, "odd", Median(xs), 4, 0)
	near(t, "even", Median([]float64{4, 1, 3, 2}), 2.5, 0)
	near(t, "huge", Median([]float64{math.MaxFloat64, math.MaxFloat64}), math.MaxFloat64, 0)
	if !math.IsNaN(Median(nil)) {
		t.Error("the median of nothing is a number")
	}
	if xs[0] != 5 {
		t.Error("the argument was sorted")
	}
}

func TestTheIntervalOfAMedianCoversItAsOftenAsItSays(t *testing.T) {
	for _, s := range sources() {
		for _, n := range []int{6, 10, 30} {
			n, tries := n, trials(4000)
			xs := make([]float64, n)
			attained := 0.0
			covered := frequency(tries, func(r *rand.Rand) bool {
				ci := MedianCI(fill(xs, s.draw, r), 0.05)
				attained = ci.Attained
				return ci.Low <= s.median && s.median <= ci.High
			})
			name := fmt.Sprintf("%s n=%d", s.name, n)
			if attained < 0.95 || attained > 0.99 {
				t.Errorf("%s: attained %.4f", name, attained)
			}
			near(t, name, covered, attained, chance(attained, tries))
		}
	}
}

func TestTheIntervalOfAMedianHasThePublishedOrderStatistics(t *testing.T) {
	// The smaller of the two ranks at 95 %, from tables of the sign test.
	for n, rank := range map[int]int{6: 1, 8: 1, 9: 2, 10: 2, 12: 3, 15: 4, 20: 6, 25: 8, 30: 10, 50: 18} {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = float64(i + 1)
		}
		ci := MedianCI(xs, 0.05)
		if ci.Low != float64(rank) || ci.High != float64(n+1-rank) {
			t.Errorf("n=%d: %g to %g, want the values of rank %d from both ends", n, ci.Low, ci.High, rank)
		}
	}
}

func TestTooFewValuesHaveNoIntervalAndSayHowManyItTakes(t *testing.T) {
	for n := range 6 {
		xs := make([]float64, n)
		for name, ci := range map[string]Interval{"median": MedianCI(xs, 0.05), "shift": Shift(xs, 0.05)} {
			if ci.Finite() || ci.Needs != 6 || ci.N != n || !math.IsInf(ci.Low, -1) || !math.IsInf(ci.High, 1) {
				t.Errorf("%s of %d values: %+v", name, n, ci)
			}
		}
	}
	for _, c := range []struct {
		alpha float64
		needs int
	}{{0.05, 6}, {0.01, 8}, {0.1, 5}, {0.0625, 5}, {0.2, 4}} {
		if got := leastN(c.alpha); got != c.needs {
			t.Errorf("alpha %g needs %d, want %d", c.alpha, got, c.needs)
		}
		xs := make([]float64, c.needs)
		if !MedianCI(xs, c.alpha).Finite() || !Shift(xs, c.alpha).Finite() {
			t.Errorf("alpha %g: %d values are said to be enough and are not", c.alpha, c.needs)
		}
	}
}
