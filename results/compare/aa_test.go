package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/kvbench/kvbench/results"
)

// families is how many comparisons of equals a test makes.
func families() int {
	if os.Getenv("KVBENCH_SOAK") != "" {
		return 40_000
	}
	return 1200
}

// mostFound is 5 %, and what chance may add at odds of 1 in 100000.
func mostFound(n int) float64 { return 0.05 + 4.3*math.Sqrt(0.05*0.95/float64(n)) }

// noise is how rates of equal engines differ: whole repetitions are slow or
// fast by drift, and single cells are now and then much slower.
func noise(r *rand.Rand, drift float64) func(string, string, int) float64 {
	shared := map[int]float64{}
	return func(_, _ string, rep int) float64 {
		if _, ok := shared[rep]; !ok {
			shared[rep] = math.Exp(drift * r.NormFloat64())
		}
		rate := 1e5 * shared[rep] * math.Exp(r.NormFloat64()/20)
		if r.IntN(10) == 0 {
			rate /= 2
		}
		return rate
	}
}

func TestEqualEnginesAreToldApartNoMoreOftenThanPromised(t *testing.T) {
	j := newJudge(DefaultAlpha)
	for _, c := range []struct {
		engines, reps int
		drift         float64
	}{{2, 6, 0}, {2, 10, 0.1}, {5, 6, 0.1}, {5, 10, 0}} {
		r := rand.New(rand.NewPCG(6, uint64(c.engines*100+c.reps)))
		var names []string
		for i := range c.engines {
			names = append(names, fmt.Sprintf("e%d", i))
		}
		told, calm := 0, 0
		for range families() {
			run := maker{engines: names, workloads: []string{"A"}, reps: c.reps, rate: noise(r, c.drift)}.run()
			g := aaGroup(t, j, run, nil)
			found, unable := false, false
			for _, p := range g.Pairs {
				found = found || p.Verdict == Higher || p.Verdict == Lower
				unable = unable || p.Verdict == Undecidable || p.Verdict == NoFigure
			}
			if found {
				told++
			}
			if !found && !unable {
				calm++
			}
		}
		rate := float64(told) / float64(families())
		t.Logf("%d engines, %d repetitions: %.4f", c.engines, c.reps, rate)
		if rate > mostFound(families()) || calm+told != families() {
			t.Errorf("%d engines, %d repetitions: told apart in %.4f of the comparisons, %d without verdict",
				c.engines, c.reps, rate, families()-calm-told)
		}
	}
}

func TestEqualRunsAreToldApartNoMoreOftenThanPromised(t *testing.T) {
	j := newJudge(DefaultAlpha)
	r := rand.New(rand.NewPCG(6, 22))
	for _, engines := range [][]string{{"a"}, {"a", "b", "c", "d"}} {
		told := 0
		for range families() / 2 {
			m := maker{engines: engines, workloads: []string{"A"}, reps: 6}
			m.rate = noise(r, 0.1)
			base := m.run()
			m.rate = noise(r, 0.1) // repetitions of another run share nothing
			g := aaGroup(t, j, base, m.run())
			for _, p := range g.Pairs {
				if p.Verdict == Higher || p.Verdict == Lower {
					told++
					break
				}
			}
		}
		rate := float64(told) / float64(families()/2)
		t.Logf("%d engines: %.4f", len(engines), rate)
		if rate > mostFound(families()/2) {
			t.Errorf("%d engines: told apart in %.4f of the comparisons", len(engines), rate)
		}
	}
}

// aaGroup compares within a run or with another, by a judge that remembers:
// what designs can find takes longest.
func aaGroup(t *testing.T, j *judge, run, other *results.Run) *Group {
	t.Helper()
	var o Options
	err := o.resolve()
	if err != nil {
		t.Fatal(err)
	}
	var c *Comparison
	if other == nil {
		c, err = compareWithin(run, o, j)
	} else {
		c, err = compareBetween(run, other, o, j)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Groups) != 1 {
		t.Fatalf("%d groups", len(c.Groups))
	}
	return &c.Groups[0]
}

// The other side of the promise: what the comparison calls detectable, it
// detects.
func TestADifferenceOfTheSizeCalledDetectableIsMostlyTold(t *testing.T) {
	j := newJudge(DefaultAlpha)
	r := rand.New(rand.NewPCG(6, 80))
	const tries, spread = 300, 0.05
	plain := func(factor float64) func(string, string, int) float64 {
		return func(e, _ string, _ int) float64 {
			rate := 1e5 * math.Exp(spread*r.NormFloat64())
			if e == "b" {
				rate *= factor
			}
			return rate
		}
	}
	m := maker{engines: []string{"a", "b"}, workloads: []string{"A"}, reps: 6}
	sum := 0.0
	for range tries {
		m.rate = plain(1)
		g := aaGroup(t, j, m.run(), nil)
		if mde := g.Pairs[0].MDE; mde != nil {
			sum += math.Log(*mde)
		}
	}
	typical, told := math.Exp(sum/tries), 0
	for range tries {
		m.rate = plain(typical)
		g := aaGroup(t, j, m.run(), nil)
		if g.Pairs[0].Verdict == Higher {
			told++
		}
	}
	if rate := float64(told) / tries; rate < 0.68 || rate > 0.9 {
		t.Errorf("a ratio of %.3f was told in %.3f of the comparisons", typical, rate)
	}
}
