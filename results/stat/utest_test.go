package stat

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"
)

func TestTheRankSumTestIsExactAgainstAllOrders(t *testing.T) {
	for n := 1; n <= 6; n++ {
		for m := 1; m <= 6; m++ {
			// Every choice of n of n+m places is as likely as any other.
			count := make([]float64, n*m+1)
			for places := range uint(1) << (n + m) {
				if bits.OnesCount(places) != n {
					continue
				}
				count[uOf(places, n+m)]++
			}
			for u, c := range uCounts(n, m) {
				if c != count[u] {
					t.Fatalf("n=%d m=%d U=%d: %g orders, want %g", n, m, u, c, count[u])
				}
			}
			near(t, fmt.Sprintf("least p of %d and %d", n, m), MinP(n, m), min(2*count[0]/sum(count), 1), 1e-12)
		}
	}
}

// uOf counts the places that are not of the first sample below those that are.
func uOf(places uint, size int) int {
	u, others := 0, 0
	for i := range size {
		if places>>i&1 == 1 {
			u += others
		} else {
			others++
		}
	}
	return u
}

func sum(xs []float64) float64 {
	total := 0.0
	for _, x := range xs {
		total += x
	}
	return total
}

func TestTheRankSumTestHasThePublishedCriticalValues(t *testing.T) {
	for _, c := range []struct {
		n, m  int
		alpha float64
		u     int
	}{
		{5, 5, 0.05, 2},
		{6, 6, 0.05, 5},
		{8, 8, 0.05, 13},
		{10, 10, 0.05, 23},
		{20, 20, 0.05, 127},
		{6, 10, 0.05, 11},
		{6, 6, 0.01, 2},
		{10, 10, 0.01, 16},
		{20, 20, 0.01, 105},
	} {
		got, ok := uCut(c.n, c.m, c.alpha)
		if !ok || got != c.u {
			t.Errorf("%d against %d at %g: U %d, want %d", c.n, c.m, c.alpha, got, c.u)
		}
	}
	if _, ok := uCut(3, 3, 0.05); ok {
		t.Error("3 against 3 can reach p = 0.1 and no less")
	}
}

func TestTheRankSumTestOfEqualSidesHasItsSize(t *testing.T) {
	for _, s := range sources() {
		tries := trials(6000)
		xs, ys := make([]float64, 6), make([]float64, 6)
		found := frequency(tries, func(r *rand.Rand) bool {
			return MannWhitney(fill(xs, s.draw, r), fill(ys, s.draw, r)) < 0.05
		})
		near(t, s.name, found, 38.0/924, chance(38.0/924, tries)) // U <= 5
	}
}

func TestTheRankSumTestSeesWhatIsApartAndNotWhatIsEqual(t *testing.T) {
	low, high := []float64{1, 2, 3, 4, 5, 6}, []float64{7, 8, 9, 10, 11, 12}
	near(t, "apart", MannWhitney(low, high), 2.0/924, 1e-12)
	near(t, "tied within", MannWhitney([]float64{1, 1, 1, 1, 1, 1}, []float64{2, 2, 2, 2, 2, 2}), 2.0/924, 1e-12)
	near(t, "all equal", MannWhitney([]float64{3, 3, 3}, []float64{3, 3, 3}), 1, 0)
	near(t, "empty", MannWhitney(nil, high), 1, 0)
	shuffled := []float64{6, 1, 5, 2, 4, 3}
	near(t, "any order", MannWhitney(shuffled, high), 2.0/924, 1e-12)
	if shuffled[0] != 6 {
		t.Error("the argument was sorted")
	}
}
