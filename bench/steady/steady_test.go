package steady

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func TestKendallsDistributionIsThatOfAllPermutations(t *testing.T) {
	for n := 2; n <= 6; n++ {
		far, all := map[int]int{}, 0 // by |S| or more
		permute(n, func(xs []float64) {
			s, _ := MannKendall(xs)
			all++
			for k := 1; k <= max(s, -s); k++ {
				far[k]++
			}
		})
		permute(n, func(xs []float64) {
			s, p := MannKendall(xs)
			want := 1.0
			if s != 0 {
				want = float64(far[max(s, -s)]) / float64(all)
			}
			if math.Abs(p-want) > 1e-12 {
				t.Fatalf("%v: S = %d has p = %g, want %g", xs, s, p, want)
			}
		})
	}
}

func permute(n int, f func([]float64)) {
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = float64(i)
	}
	var rec func(k int)
	rec = func(k int) {
		if k == n {
			f(xs)
			return
		}
		for i := k; i < n; i++ {
			xs[k], xs[i] = xs[i], xs[k]
			rec(k + 1)
			xs[k], xs[i] = xs[i], xs[k]
		}
	}
	rec(0)
}

func TestTheNormalApproximationIsNearTheExactTest(t *testing.T) {
	// Ten values are the last that are exact; a tie of two leads to the
	// approximation with nearly the same statistic.
	xs := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for range 200 {
		rand.Shuffle(len(xs), func(i, j int) { xs[i], xs[j] = xs[j], xs[i] })
		s, exact := MannKendall(xs)
		z := (math.Abs(float64(s)) - 1) / math.Sqrt(varianceTerm(10)/18)
		if s != 0 && math.Abs(math.Erfc(z/math.Sqrt2)-exact) > .015 {
			t.Fatalf("%v: S = %d has p = %g exactly and %g nearly", xs, s, exact, math.Erfc(z/math.Sqrt2))
		}
	}
}

func TestTiesAreTakenOutOfTheVariance(t *testing.T) {
	// S = 6, two groups of two: (5*4*15 - 2*(2*1*9))/18 = 14.67, z = 5/3.83.
	s, p := MannKendall([]float64{1, 1, 2, 3, 3})
	if want := math.Erfc(7 / math.Sqrt(264./18) / math.Sqrt2); s != 8 || math.Abs(p-want) > 1e-12 {
		t.Fatalf("S = %d, p = %g; want 8, %g", s, p, want)
	}
	if s, p := MannKendall([]float64{7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}); s != 0 || p != 1 {
		t.Fatalf("equal values: S = %d, p = %g", s, p)
	}
	if s, p := MannKendall(nil); s != 0 || p != 1 {
		t.Fatalf("no values: S = %d, p = %g", s, p)
	}
}

func TestTheSlopeIgnoresWildValues(t *testing.T) {
	xs := []float64{0, 2, 4, 1000, 8, 10, -500, 14, 16, 18, 20}
	if got := TheilSen(xs); math.Abs(got-2) > .2 {
		t.Fatalf("the slope is %g, want about 2", got)
	}
	if got := CV([]float64{9, 10, 11}); math.Abs(got-.1) > 1e-12 {
		t.Fatalf("the variation of 9, 10, 11 is %g, want 0.1", got)
	}
	if got := CV([]float64{5}); !math.IsNaN(got) {
		t.Fatalf("the variation of one value is %g", got)
	}
}

// simulate returns the share of phases that Test finds fault with, and the
// share that Mann-Kendall alone calls a trend. Windows are level + trend over
// all of them + noise, which has a share of the noise before in it.
func simulate(t *testing.T, n int, trend, noise, carry float64) (faulty, trends float64) {
	t.Helper()
	const phases = 4000
	r := rand.New(rand.NewPCG(7, uint64(n)))
	for range phases {
		xs := make([]float64, n)
		e := r.NormFloat64()
		for i := range xs {
			if i > 0 {
				e = carry*e + math.Sqrt(1-carry*carry)*r.NormFloat64()
			}
			xs[i] = 1000 * (1 + trend*(float64(i)/float64(n-1)-.5) + noise*e)
		}
		if !Test(xs, Options{}).OK {
			faulty++
		}
		if _, p := MannKendall(xs); p < Alpha {
			trends++
		}
	}
	return faulty / phases, trends / phases
}

func TestLevelPhasesAreSeldomFaulted(t *testing.T) {
	for _, n := range []int{5, 8, 10, 20, 60} {
		faulty, trends := simulate(t, n, 0, .03, 0)
		// 5 % is promised; 1.2 points are 3.5 standard errors.
		if faulty > .062 || trends > .062 {
			t.Errorf("of level phases of %d windows %.3f are faulted, %.3f called a trend", n, faulty, trends)
		}
	}
	for _, n := range []int{10, 20} { // as doc.go says
		if faulty, trends := simulate(t, n, 0, .02, .5); faulty > .25 || trends > .3 || trends < .1 {
			t.Errorf("of level phases of %d windows that hang together %.3f are faulted, %.3f called a trend", n, faulty, trends)
		}
	}
}

func TestDriftsAreFound(t *testing.T) {
	for _, c := range []struct {
		n            int
		trend, noise float64
		least        float64
	}{
		{10, .2, .03, .9},
		{20, .1, .03, .9},
		{20, -.15, .03, .99},
		{60, .1, .03, .99},
		{20, 0, .08, .9}, // too wild
	} {
		if faulty, _ := simulate(t, c.n, c.trend, c.noise, 0); faulty < c.least {
			t.Errorf("a trend of %g over %d windows with noise of %g is found in %.3f of cases, want %g", c.trend, c.n, c.noise, faulty, c.least)
		}
	}
	if faulty, trends := simulate(t, 60, .03, .01, 0); faulty > .01 || trends < .5 {
		t.Errorf("a certain trend (%.2f) of 3 %% is faulted in %.3f of cases, want none: it does not matter", trends, faulty)
	}
}

func TestTheReasonsSayWhatIsWrong(t *testing.T) {
	level := []float64{100, 101, 99, 100, 101, 99, 100, 101, 99}
	nan := math.NaN()
	for _, c := range []struct {
		name    string
		windows []float64
		o       Options
		want    string // part of the only reason; empty: steady
	}{
		{"level", level, Options{}, ""},
		{"falling", []float64{112, 110, 108, 106, 104, 102, 100}, Options{}, "falls by 11 %"},
		{"rising", []float64{100, 102, 104, 106, 108, 110, 112}, Options{}, "rises by 11 %"},
		{"swinging", []float64{50, 150, 60, 140, 55, 145, 66}, Options{}, "varies by"},
		{"swinging in short windows", []float64{80, 120, 81, 119, 82, 121, 83}, Options{WindowS: .04}, ""},
		{"few", level[:4], Options{}, "too few"},
		{"nothing done", []float64{0, 0, 0, 0, 0, 0}, Options{}, "nothing was done"},
		{"debt grows", level, Options{Debt: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}}, "piles up"},
		{"debt in cycles", level, Options{Debt: []float64{0, 6, 0, 6, 0, 6, 0, 7, 0}}, ""},
		{"debt that is little", level, Options{DebtFloor: 9, Debt: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}}, ""},
		{"debt partly unknown", level, Options{Debt: []float64{nan, nan, nan, nan, 5, nan, nan, nan, 9}}, "piles up"},
		{"debt unknown at the end", level, Options{Debt: []float64{1, 2, 3, 4, 5, 6, nan, nan, nan}}, ""},
		{"cache fills", level, Options{
			Hits: []float64{10, 30, 50, 60, 65, 70, 75, 80, 85}, Misses: []float64{90, 70, 50, 40, 35, 30, 25, 20, 15},
		}, "hit rate goes from 65.0 % to 80.0 %"},
		{"cache level", level, Options{
			Hits: []float64{10, 30, 50, 80, 80, 80, 80, 81, 80}, Misses: []float64{90, 70, 50, 20, 20, 20, 20, 19, 20},
		}, ""},
		{"cache unused", level, Options{Hits: make([]float64, 9), Misses: make([]float64, 9)}, ""},
	} {
		s := Test(c.windows, c.o)
		switch {
		case c.want == "" && (!s.OK || len(s.Reasons) > 0):
			t.Errorf("%s: not steady: %q", c.name, s.Reasons)
		case c.want != "" && (s.OK || len(s.Reasons) != 1 || !strings.Contains(s.Reasons[0], c.want)):
			t.Errorf("%s: reasons %q, want one with %q", c.name, s.Reasons, c.want)
		}
	}
}

func TestWindowsAreMadeOfRows(t *testing.T) {
	var rows []results.SeriesRow
	for i := range 121 {
		rows = append(rows, results.SeriesRow{
			Seconds: .5, Ops: uint64(i), Debt: engine.Known(uint64(i)), CacheHits: engine.Known(3), CacheMiss: engine.Known(1),
		})
	}
	rows = append(rows, results.SeriesRow{Seconds: .1, Ops: 9})
	rates, o := FromRows(rows)
	if len(rates) != 40 || rates[0] != (1+2+3)/1.5 || rates[39] != (118+119+120)/1.5 {
		t.Fatalf("%d windows: %v", len(rates), rates)
	}
	if o.WindowS != 1.5 || o.Debt[0] != 3 || o.Hits[39] != 9 || o.Misses[0] != 3 {
		t.Fatalf("the windows are of %g s, debt %g, hits %g, misses %g", o.WindowS, o.Debt[0], o.Hits[39], o.Misses[0])
	}
	if rates, o := FromRows([]results.SeriesRow{{Seconds: 1, Ops: 5}, {Seconds: 1, Ops: 6}}); len(rates) != 2 || !math.IsNaN(o.Debt[0]) || !math.IsNaN(o.Hits[0]) {
		t.Fatalf("windows %v of rows that know no debt: %v", rates, o)
	}
	if rates, _ := FromRows(nil); len(rates) != 0 {
		t.Fatalf("no rows made windows: %v", rates)
	}
}

func TestTheChanceOfPoissonArrivalsIsNoFault(t *testing.T) {
	const phases = 2000
	for _, c := range []struct {
		n    int
		mean float64 // operations in a window
	}{{5, 10}, {20, 10}, {20, 50}, {60, 200}} {
		seed := uint64(c.n)
		r := rand.New(rand.NewPCG(11, seed))
		wild, plain := 0, 0
		for range phases {
			rates := make([]float64, c.n)
			for i := range rates {
				for at := r.ExpFloat64(); at < c.mean; at += r.ExpFloat64() {
					rates[i]++
				}
			}
			varies := func(o Options) bool {
				return strings.Contains(strings.Join(Test(rates, o).Reasons, ";"), "varies")
			}
			if varies(Options{Poisson: true}) {
				wild++
			}
			if varies(Options{}) {
				plain++
			}
		}
		if share := float64(wild) / phases; share > .065 {
			t.Errorf("%d windows of %g operations: %.3f are found to vary, want at most one in twenty (seed %d)", c.n, c.mean, share, seed)
		}
		if share := float64(plain) / phases; share < .5 {
			t.Errorf("%d windows of %g operations vary by more than is allowed otherwise in %.3f only: nothing is tested", c.n, c.mean, share)
		}
	}
	// What swings more than chance is found as before.
	swings := []float64{500, 1500, 600, 1400, 550, 1450, 660}
	if s := Test(swings, Options{Poisson: true}); s.OK {
		t.Error("a rate that swings by half passes for chance")
	}
}
