package stat

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// A source draws values of one distribution whose median is known.
type source struct {
	name   string
	median float64
	draw   func(*rand.Rand) float64
}

func sources() []source {
	return []source{
		{"normal", 0, (*rand.Rand).NormFloat64},
		{"lognormal", 1, func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64()) }},
		// Student's t with two degrees of freedom: no variance.
		{"heavy-tailed", 0, studentT},
	}
}

func studentT(r *rand.Rand) float64 { return r.NormFloat64() / math.Sqrt(r.ExpFloat64()) }

// trials is a budget of seconds in total, or of minutes when soaking.
func trials(n int) int {
	if os.Getenv("KVBENCH_SOAK") != "" {
		return 20 * n
	}
	return n
}

// frequency counts how often something happens, with a fixed seed.
func frequency(n int, happens func(*rand.Rand) bool) float64 {
	rng := rand.New(rand.NewPCG(7, 11))
	count := 0
	for range n {
		if happens(rng) {
			count++
		}
	}
	return float64(count) / float64(n)
}

// chance is how far the frequency of an event of probability p may be from p
// in n trials, at odds of 1 in 100000.
func chance(p float64, n int) float64 { return 4.4*math.Sqrt(p*(1-p)/float64(n)) + 0.5/float64(n) }

func fill(xs []float64, draw func(*rand.Rand) float64, r *rand.Rand) []float64 {
	for i := range xs {
		xs[i] = draw(r)
	}
	return xs
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: got %.5f, want %.5f within %.5f", what, got, want, within)
	}
}
