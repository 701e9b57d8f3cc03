package stat

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

func TestSignedRanksHaveThePublishedCriticalValues(t *testing.T) {
	// Largest T with P <= alpha/2, from tables of Wilcoxon's test.
	for alpha, table := range map[float64]map[int]int{
		0.05: {
			6: 0, 7: 2, 8: 3, 9: 5, 10: 8, 11: 10, 12: 13, 13: 17, 14: 21, 15: 25, 16: 29, 17: 34,
			18: 40, 19: 46, 20: 52, 21: 58, 22: 65, 23: 73, 24: 81, 25: 89, 26: 98, 27: 107, 28: 116, 29: 126, 30: 137,
		},
		0.01: {8: 0, 9: 1, 10: 3, 11: 5, 12: 7, 15: 15, 20: 37, 30: 109},
	} {
		for n, want := range table {
			rank, attained := signedRankCut(n, alpha)
			if rank-1 != want || attained < 1-alpha {
				t.Errorf("n=%d alpha=%g: %d at %.4f, want %d", n, alpha, rank-1, attained, want)
			}
		}
	}
	_, six := signedRankCut(6, 0.05)
	near(t, "attained with 6 pairs", six, 0.96875, 1e-12)
}

func TestSignedRanksAreThoseOfAllSigns(t *testing.T) {
	for n := 1; n <= 12; n++ {
		count := make([]float64, n*(n+1)/2+1)
		for signs := range uint(1) << n {
			sum := 0
			for rest := signs; rest != 0; rest &= rest - 1 {
				sum += bits.TrailingZeros(rest) + 1
			}
			count[sum]++
		}
		for sum, p := range signedRanks(n) {
			near(t, fmt.Sprintf("n=%d T=%d", n, sum), p, count[sum]/float64(uint(1)<<n), 1e-15)
		}
	}
}

func TestTheNormalApproximationOfSignedRanksJoinsTheExactOne(t *testing.T) {
	for _, n := range []int{60, exactSignedRank} {
		for _, alpha := range []float64{0.1, 0.05, 0.01} {
			exact, _ := signedRankCut(n, alpha)
			approx, attained := normalSignedRankCut(n, alpha)
			if approx > exact+1 || approx < exact-4 {
				t.Errorf("n=%d alpha=%g: rank %d, approximately %d", n, alpha, exact, approx)
			}
			near(t, fmt.Sprintf("n=%d alpha=%g: attained", n, alpha), attained, 1-2*sum(signedRanks(n)[:approx]), 0.001)
		}
	}
	rank, attained := signedRankCut(200, 0.05)
	if rank < 8000 || rank > 9000 || attained < 0.95 || attained > 0.951 {
		t.Errorf("n=200: rank %d at %.4f", rank, attained)
	}
}

func TestTheIntervalOfARatioCoversItAsOftenAsItSays(t *testing.T) {
	const truth = 1.7
	for _, s := range sources() {
		if s.name == "lognormal" {
			continue // exp(normal) is what the first does already
		}
		for _, n := range []int{6, 10, 30} {
			tries := trials(3000)
			below, above, log := make([]float64, n), make([]float64, n), make([]float64, 2*n)
			attained := 0.0
			covered := frequency(tries, func(r *rand.Rand) bool {
				fill(log, s.draw, r)
				for i := range below {
					shared := r.NormFloat64() // of the repetition
					below[i], above[i] = math.Exp(shared+log[i]/10), truth*math.Exp(shared+log[n+i]/10)
				}
				ci, err := Ratio(below, above, 0.05)
				if err != nil {
					t.Fatal(err)
				}
				attained = ci.Attained
				return ci.Low <= truth && truth <= ci.High
			})
			name := fmt.Sprintf("%s n=%d", s.name, n)
			if attained < 0.95 {
				t.Errorf("%s: attained %.4f", name, attained)
			}
			near(t, name, covered, attained, chance(attained, tries))
		}
	}
}

func TestARatioIsExactWhereNothingVaries(t *testing.T) {
	ci, err := Ratio([]float64{1, 2, 3, 4, 5, 6}, []float64{2, 4, 6, 8, 10, 12}, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "ratio", ci.Estimate, 2, 1e-12)
	near(t, "low", ci.Low, 2, 1e-12)
	near(t, "high", ci.High, 2, 1e-12)
}

func TestAnIntervalContainsItsEstimate(t *testing.T) {
	// Far from symmetric: the signed ranks alone would leave the median out.
	var d []float64
	for i := range 30 {
		if i < 16 {
			d = append(d, 0)
		} else {
			d = append(d, 100)
		}
	}
	w := walsh(d)
	rank, _ := signedRankCut(len(d), 0.05)
	if w[rank-1] <= 0 {
		t.Fatal("the sample does not show it")
	}
	if ci := Shift(d, 0.05); ci.Low != 0 || ci.Estimate != 0 {
		t.Errorf("%+v", ci)
	}
}

func TestARatioOfWhatIsNotPositiveIsRefused(t *testing.T) {
	for _, bad := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := Ratio([]float64{1, bad}, []float64{1, 1}, 0.05); !errors.Is(err, ErrNotPositive) {
			t.Errorf("%g below: %v", bad, err)
		}
		if _, err := Ratio([]float64{1, 1}, []float64{1, bad}, 0.05); !errors.Is(err, ErrNotPositive) {
			t.Errorf("%g above: %v", bad, err)
		}
	}
	if _, err := Ratio([]float64{1}, nil, 0.05); err == nil {
		t.Error("pairs of different number were taken")
	}
}
