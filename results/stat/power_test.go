package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestADifferenceOfTheStatedSizeIsFoundFourTimesInFive(t *testing.T) {
	for _, c := range []struct {
		n, tests, tries int
		correlation     float64
	}{
		{6, 1, 3000, 0},
		{6, 1, 3000, 0.8},
		{6, 4, 3000, 0},
		{6, 4, 3000, 0.8},
		{10, 4, 2000, 0},
		{15, 1, 1500, 0.5},
		{24, 1, 300, 0}, // by the asymptotic formula
	} {
		const alpha, spread = 0.05, 0.07
		d := Design{
			N: c.n, M: c.n, Paired: c.n, TestAlpha: alpha / float64(c.tests),
			IntervalAlpha: alpha, Correlation: c.correlation,
		}
		ratio := MDE(spread, d.Effect())
		xs, ys := make([]float64, c.n), make([]float64, c.n)
		tries := trials(c.tries)
		found := frequency(tries, func(r *rand.Rand) bool {
			d.draw(r, xs, ys)
			for i := range xs {
				xs[i], ys[i] = math.Exp(spread*xs[i]), ratio*math.Exp(spread*ys[i])
			}
			ci, err := Ratio(xs, ys, alpha)
			if err != nil {
				t.Fatal(err)
			}
			return ci.Low > 1 && MannWhitney(xs, ys)*float64(c.tests) < alpha
		})
		near(t, fmt.Sprintf("%+v: power at a ratio of %.3f", c, ratio), found, Power, 0.035+chance(Power, tries))
	}
}

func TestMoreRepetitionsAndLessCorrectionFindSmallerDifferences(t *testing.T) {
	effect := func(n, tests int) float64 {
		return Design{N: n, M: n, Paired: n, TestAlpha: 0.05 / float64(tests), IntervalAlpha: 0.05}.Effect()
	}
	last := math.Inf(1)
	for _, n := range []int{6, 8, 10, 15, 20, 21, 40, 100} {
		now := effect(n, 4)
		if now >= last {
			t.Errorf("n=%d: %.3f deviations, no less than before (%.3f)", n, now, last)
		}
		last = now
	}
	if effect(10, 8) < effect(10, 1) {
		t.Error("correction makes smaller differences detectable")
	}
	if !math.IsInf(effect(5, 1), 1) {
		t.Error("5 repetitions are said to be able to tell")
	}
}

func TestWhatIsNeededIsTheLeastThatCanTell(t *testing.T) {
	for _, alpha := range []float64{0.05, 0.01} {
		for _, tests := range []int{1, 4, 22, 23, 24, 100, 5000} {
			n := NeededN(tests, alpha)
			can := func(n int) bool {
				return Design{N: n, M: n, Paired: n, TestAlpha: alpha / float64(tests), IntervalAlpha: alpha}.Attainable()
			}
			if !can(n) || can(n-1) {
				t.Errorf("%d tests at %g: %d repetitions can: %t, one less: %t", tests, alpha, n, can(n), can(n-1))
			}
		}
	}
	if NeededN(23, 0.05) != 6 || NeededN(24, 0.05) != 7 {
		t.Errorf("6 against 6 reaches p = 2/924, which 23 tests leave below 0.05 and 24 do not: %d, %d",
			NeededN(23, 0.05), NeededN(24, 0.05))
	}
}

func TestTheDeviationOfASampleIsUnbiasedInItsSquare(t *testing.T) {
	near(t, "by hand", Deviation([]float64{1, 2, 3, 4}), math.Sqrt(5.0/3), 1e-12)
	if !math.IsNaN(Deviation([]float64{1})) {
		t.Error("one value has a deviation")
	}
}
