package stat

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// Holm is the closure of Bonferroni: a hypothesis is rejected when every set
// that contains it is, and a set is by its least p times its size.
func TestHolmIsTheClosureOfBonferroni(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 8).Draw(t, "ps")
		got := Holm(ps)
		for i := range ps {
			want := 0.0
			for set := range 1 << len(ps) {
				if set>>i&1 == 0 {
					continue
				}
				least, size := 1.0, 0
				for j, p := range ps {
					if set>>j&1 == 1 {
						least, size = min(least, p), size+1
					}
				}
				want = max(want, min(least*float64(size), 1))
			}
			if got[i] != want {
				t.Fatalf("Holm(%v)[%d] = %g, want %g", ps, i, got[i], want)
			}
		}
	})
}

func TestHolmKeepsTheFamilyWiseRateOfComparisonsWithOneBaseline(t *testing.T) {
	const sides, n = 4, 10
	tries := trials(3000)
	base, ps := make([]float64, n), make([]float64, sides)
	other := make([]float64, n)
	plain := 0
	family := frequency(tries, func(r *rand.Rand) bool {
		fill(base, studentT, r)
		uncorrected := false
		for i := range ps {
			ps[i] = MannWhitney(base, fill(other, studentT, r))
			uncorrected = uncorrected || ps[i] < 0.05
		}
		if uncorrected {
			plain++
		}
		for _, p := range Holm(ps) {
			if p < 0.05 {
				return true
			}
		}
		return false
	})
	if family > 0.05+chance(0.05, tries) {
		t.Errorf("some side was told from an equal baseline in %.4f of the families", family)
	}
	if rate := float64(plain) / float64(tries); rate < 0.08 {
		t.Errorf("without correction %.4f: the test shows nothing", rate)
	}
}
