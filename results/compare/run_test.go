package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/stat"
)

// A maker makes runs of repetitions whose rates are known.
type maker struct {
	engines   []string
	workloads []string
	reps      int
	rate      func(engine, workload string, rep int) float64
	change    func(c *results.Cell)
}

func (m maker) run() *results.Run {
	run := &results.Run{Manifest: results.Manifest{Experiment: "made"}}
	run.Manifest.Plan = results.Plan{Engines: m.engines, Workloads: m.workloads, Reps: m.reps, WarmupS: 1}
	for rep := 1; rep <= m.reps; rep++ {
		for _, w := range m.workloads {
			// Not in the order of the plan: runs are interleaved at random.
			for i := range m.engines {
				e := m.engines[(i+rep)%len(m.engines)]
				c := cell(e, w, rep, m.rate(e, w, rep))
				if m.change != nil {
					m.change(&c)
				}
				run.Cells = append(run.Cells, c)
			}
		}
	}
	return run
}

func cell(name, workload string, rep int, rate float64) results.Cell {
	return results.Cell{
		Schema: results.CellSchema, ID: fmt.Sprintf("%s-%s-%d", workload, name, rep), Status: results.StatusOK,
		Rep: rep, Seed: uint64(rep), Regime: results.RegimeAsync, Durability: engine.OS,
		Engine: results.EngineInfo{Name: name, Version: "v1", Settings: map[string]string{"cache_bytes": "64m", "durability": "os"}},
		Workload: results.WorkloadInfo{
			Name: workload, Compat: "java", Records: 1000, Mix: map[string]float64{"read": 1}, Dist: "zipfian",
			ValueBytes: 100, Properties: map[string]string{"zeropadding": "1", "recordcount": "1000"},
		},
		Load:    results.LoadInfo{Mode: "closed", Threads: 2, DurationS: 1, Driver: "kvbench"},
		OpsPerS: results.Num(rate),
		Ops:     map[string]*results.OpStats{"read": {N: 1000, OK: 1000, Service: &results.Latency{P99: uint64(1e9 / rate), Mean: 1e9 / rate}}},
	}
}

// steady has rates that differ between repetitions by percents, and between
// engines by the factors given.
func steady(factors map[string]float64) func(string, string, int) float64 {
	return func(e, _ string, rep int) float64 {
		return 1000 * factors[e] * (1 + 0.01*float64(rep) + 0.003*float64((rep*7+len(e))%5))
	}
}

func mustWithin(t *testing.T, run *results.Run, o Options) *Comparison {
	t.Helper()
	c, err := Within(run, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pairOf(t *testing.T, g *Group, name string) *Pair {
	t.Helper()
	for i := range g.Pairs {
		if g.Pairs[i].Name == name {
			return &g.Pairs[i]
		}
	}
	t.Fatalf("no pair %q in %v", name, g.Pairs)
	return nil
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestEnginesAreComparedWithTheBaseline(t *testing.T) {
	run := maker{
		engines: []string{"lsm", "pebble", "btree"}, workloads: []string{"A", "C"}, reps: 6,
		rate: steady(map[string]float64{"lsm": 2, "pebble": 1, "btree": 2.0001}),
	}.run()
	c := mustWithin(t, run, Options{Baseline: "pebble"})
	if len(c.Groups) != 2 || c.Groups[0].Setup.Workload != "A" || c.Options.By != "engine" {
		t.Fatalf("%d groups by %s", len(c.Groups), c.Options.By)
	}
	g := &c.Groups[0]
	lsm := pairOf(t, g, "lsm")
	if lsm.Verdict != Higher || !lsm.Better || lsm.Paired != 6 || *lsm.PHolm > 0.01 || *lsm.P > *lsm.PHolm {
		t.Errorf("%+v", lsm)
	}
	if *lsm.Ratio < 1.95 || *lsm.Ratio > 2.05 || *lsm.Low > *lsm.Ratio || *lsm.High < *lsm.Ratio {
		t.Errorf("ratio %g (%g to %g)", *lsm.Ratio, *lsm.Low, *lsm.High)
	}
	if !slices.Equal(g.Best, []string{"lsm", "btree"}) {
		t.Errorf("best: %v", g.Best)
	}
	if !strings.Contains(g.Sentence, "pebble") || !strings.Contains(g.Sentence, "no detectable difference, minimum detectable 1.0") {
		t.Error(g.Sentence)
	}
	// Against another baseline the same figures read the other way round.
	p := pairOf(t, &mustWithin(t, run, Options{Baseline: "lsm"}).Groups[0], "pebble")
	if p.Verdict != Lower || p.Better || math.Abs(*p.Ratio**lsm.Ratio-1) > 1e-9 {
		t.Errorf("%+v", p)
	}
}

func TestOfTimesLessIsBetter(t *testing.T) {
	run := maker{
		engines: []string{"lsm", "pebble"}, workloads: []string{"A"}, reps: 6,
		rate: steady(map[string]float64{"lsm": 2, "pebble": 1}),
	}.run()
	c := mustWithin(t, run, Options{Baseline: "pebble", Metrics: []string{"read.p99"}})
	if p := c.Groups[0].Pairs[0]; p.Verdict != Lower || !p.Better {
		t.Errorf("%+v", p)
	}
	if !slices.Equal(c.Groups[0].Best, []string{"lsm"}) {
		t.Errorf("best: %v", c.Groups[0].Best)
	}
}

func TestPairingTakesOutWhatRepetitionsShare(t *testing.T) {
	// Each repetition is up to 50 % faster or slower as a whole.
	rng := rand.New(rand.NewPCG(1, 2))
	drift := make([]float64, 20)
	for i := range drift {
		drift[i] = 1 + rng.Float64()/2
	}
	run := maker{
		engines: []string{"a", "b"}, workloads: []string{"A"}, reps: 6,
		rate: func(e, _ string, rep int) float64 {
			if e == "b" {
				return 1100 * drift[rep]
			}
			return 1000 * drift[rep]
		},
	}.run()
	p := mustWithin(t, run, Options{}).Groups[0].Pairs[0]
	if math.Abs(*p.Low-1.1) > 1e-9 || math.Abs(*p.High-1.1) > 1e-9 {
		t.Errorf("%g to %g, want 1.1 without width", *p.Low, *p.High)
	}
}

func TestFewRepetitionsCannotDecideAndSayHowManyCould(t *testing.T) {
	two := map[string]float64{"a": 1, "b": 5}
	for _, c := range []struct {
		reps, needs int
		alpha       float64
		verdict     Verdict
	}{
		{5, 6, 0.05, Undecidable}, {6, 0, 0.05, Higher}, {6, 8, 0.01, Undecidable}, {8, 0, 0.01, Higher},
	} {
		run := maker{engines: []string{"a", "b"}, workloads: []string{"A"}, reps: c.reps, rate: steady(two)}.run()
		p := mustWithin(t, run, Options{Alpha: c.alpha}).Groups[0].Pairs[0]
		if p.Verdict != c.verdict || p.Needs != c.needs {
			t.Errorf("%d repetitions at %g: %s, needs %d; want %s, %d", c.reps, c.alpha, p.Verdict, p.Needs, c.verdict, c.needs)
		}
	}
}

func TestCorrectionForManySidesCanMakeADecisionUnattainable(t *testing.T) {
	var engines []string
	factors := map[string]float64{}
	for i := range 25 {
		name := fmt.Sprintf("e%02d", i)
		engines = append(engines, name)
		factors[name] = 1 + float64(min(i, 1))*4
	}
	run := maker{engines: engines, workloads: []string{"A"}, reps: 6, rate: steady(factors)}.run()
	g := mustWithin(t, run, Options{}).Groups[0]
	// 24 tests times 2/924 is above 0.05; 23 are not.
	if p := g.Pairs[0]; p.Verdict != Undecidable || p.Needs != 7 || !strings.Contains(g.Sentence, "needs 7") {
		t.Errorf("%s, needs %d: %s", p.Verdict, p.Needs, g.Sentence)
	}
	run = maker{engines: engines[:24], workloads: []string{"A"}, reps: 6, rate: steady(factors)}.run()
	if p := mustWithin(t, run, Options{}).Groups[0].Pairs[0]; p.Verdict != Higher {
		t.Errorf("23 sides: %s", p.Verdict)
	}
}

func TestCellsUnfitForARankingAreLeftOutWithTheReason(t *testing.T) {
	m := maker{
		engines: []string{"a", "b", "c"}, workloads: []string{"A"}, reps: 7,
		rate: steady(map[string]float64{"a": 1, "b": 2, "c": 3}),
		change: func(c *results.Cell) {
			switch {
			case c.Engine.Name == "b" && c.Rep == 3:
				c.Quality.Flags = []results.Flag{{Name: "harness_bound", Level: "red"}}
			case c.Engine.Name == "c" && c.Rep == 2:
				c.Status, c.Error, c.OpsPerS = results.StatusFailed, "read user7: wrong value\nmore", nil
			}
		},
	}
	c := mustWithin(t, m.run(), Options{})
	b, third := pairOf(t, &c.Groups[0], "b"), pairOf(t, &c.Groups[0], "c")
	if b.N != 6 || b.Paired != 6 || b.NBase != 7 || b.Verdict != Higher {
		t.Errorf("%+v", b)
	}
	if third.Verdict != NoFigure || !strings.Contains(third.Left, "wrong value") || strings.Contains(third.Left, "more") {
		t.Errorf("%+v", third)
	}
	notes := strings.Join(c.Notes, "\n")
	for _, want := range []string{"1 of 7 repetitions left out for a red lamp (harness_bound)", "1 of 7 repetitions failed"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in the notes: %s", want, notes)
		}
	}
	if b := pairOf(t, &mustWithin(t, m.run(), Options{IncludeRed: true}).Groups[0], "b"); b.N != 7 {
		t.Errorf("with red cells: %d repetitions", b.N)
	}
}

func TestRailsAreComparedOnlyWhenTheyAreTheBaseline(t *testing.T) {
	m := maker{
		engines: []string{"a", "b", "mem"}, workloads: []string{"A"}, reps: 6, rate: steady(map[string]float64{"a": 1, "b": 2, "mem": 9}),
		change: func(c *results.Cell) { c.Engine.Rail = c.Engine.Name == "mem" },
	}
	c := mustWithin(t, m.run(), Options{})
	if len(c.Groups[0].Pairs) != 1 || !strings.Contains(strings.Join(c.Notes, ";"), "mem: a reference rail") {
		t.Errorf("%d pairs, notes %v", len(c.Groups[0].Pairs), c.Notes)
	}
	if c := mustWithin(t, m.run(), Options{Baseline: "mem"}); len(c.Groups[0].Pairs) != 2 {
		t.Errorf("against mem: %d pairs", len(c.Groups[0].Pairs))
	}
}

func TestZeroHasNoRatioAndIsStillTold(t *testing.T) {
	amp := func(base float64) maker {
		return maker{
			engines: []string{"a", "b"}, workloads: []string{"A"}, reps: 6, rate: steady(map[string]float64{"a": 1, "b": 1}),
			change: func(c *results.Cell) {
				c.Amp.Read = results.Num(base)
				if c.Engine.Name == "b" {
					c.Amp.Read = results.Num(0.5 + float64(c.Rep))
				}
			},
		}
	}
	p := mustWithin(t, amp(0).run(), Options{Metrics: []string{"read_amp"}}).Groups[0].Pairs[0]
	if p.Ratio != nil || p.Low != nil || p.Verdict != Higher || p.Better || p.MDE != nil {
		t.Errorf("%+v", p)
	}
	both := amp(0)
	both.change = func(c *results.Cell) { c.Amp.Read = results.Num(0) }
	if p := mustWithin(t, both.run(), Options{Metrics: []string{"read_amp"}}).Groups[0].Pairs[0]; p.Verdict != NoDifference || *p.P != 1 {
		t.Errorf("%+v", p)
	}
}

func TestCountersThatNeverVaryAreToldApart(t *testing.T) {
	m := maker{
		engines: []string{"a", "b"}, workloads: []string{"A"}, reps: 6, rate: steady(map[string]float64{"a": 1, "b": 1}),
		change: func(c *results.Cell) {
			n := uint64(5000)
			if c.Engine.Name == "b" {
				n = 4000
			}
			c.Metrics.Work.FlushBytes = engine.Known(n)
		},
	}
	g := mustWithin(t, m.run(), Options{Metrics: []string{"metrics.work.flush_bytes"}}).Groups[0]
	if p := g.Pairs[0]; *g.Median != 5 || math.Abs(*p.Ratio-0.8) > 1e-12 || p.Verdict != Lower || !p.Better || *p.MDE != 1 {
		t.Errorf("%+v", p)
	}
}

func TestAnythingThatVariesCanBeComparedBy(t *testing.T) {
	var cells []results.Cell
	for rep := 1; rep <= 6; rep++ {
		for _, threads := range []int{16, 2, 4} {
			for _, ratio := range []string{"4", "10"} {
				c := cell("lsm", "A", rep, 1000*float64(threads)+float64(rep))
				c.Load.Threads = threads
				c.Engine.Label = "lsm@size_ratio=" + ratio
				c.Axes = map[string]string{"lsm.size_ratio": ratio, "threads": fmt.Sprint(threads)}
				c.ID += fmt.Sprint(threads, ratio)
				cells = append(cells, c)
			}
		}
	}
	run := &results.Run{Cells: cells}
	run.Manifest.Axes = []results.Axis{{Name: "lsm.size_ratio", Values: []string{"10", "4"}}}
	c := mustWithin(t, run, Options{By: "threads"})
	if len(c.Groups) != 2 || c.Options.Baseline != "2" || len(c.Groups[0].Pairs) != 2 || c.Groups[0].Pairs[1].Name != "16" {
		t.Errorf("by threads: %d groups, baseline %s", len(c.Groups), c.Options.Baseline)
	}
	if text := c.Groups[0].Sentence; !strings.HasPrefix(text, "threads=16 is best: ") || !strings.Contains(text, " threads=2") {
		t.Error(text)
	}
	if g := c.Groups[0]; g.Subject != "lsm@size_ratio=4" || !slices.Equal(g.Best, []string{"16"}) {
		t.Errorf("by threads: %q, best %v", g.Subject, g.Best)
	}
	c = mustWithin(t, run, Options{By: "lsm.size_ratio"})
	if len(c.Groups) != 3 || c.Options.Baseline != "10" || c.Groups[0].Subject != "lsm" {
		t.Errorf("by size ratio: %d groups, baseline %s of %q", len(c.Groups), c.Options.Baseline, c.Groups[0].Subject)
	}
	if c = mustWithin(t, run, Options{}); c.Options.By != "engine" || len(c.Groups) != 3 {
		t.Errorf("by %s: %d groups", c.Options.By, len(c.Groups))
	}
	_, err := Within(run, Options{By: "thread"})
	wantError(t, err, `"thread"`, "did you mean threads?")
	_, err = Within(run, Options{By: "threads", Baseline: "17"})
	wantError(t, err, `baseline "17"`, "16")
}

func TestARunWithNothingToCompareSaysWhy(t *testing.T) {
	_, err := Within(&results.Run{Dir: "x"}, Options{})
	wantError(t, err, "x", "no cells")
	alone := maker{engines: []string{"a"}, workloads: []string{"A"}, reps: 6, rate: steady(map[string]float64{"a": 1})}.run()
	_, err = Within(alone, Options{})
	wantError(t, err, "a stands alone", "--by")
	two := maker{engines: []string{"a", "b"}, workloads: []string{"A"}, reps: 6, rate: steady(map[string]float64{"a": 1, "b": 1})}.run()
	_, err = Within(two, Options{Metrics: []string{"write_amp"}})
	wantError(t, err, "write_amp is unknown")
	for _, alpha := range []float64{-1, 0.6, 1e-9, math.NaN()} {
		_, err = Within(two, Options{Alpha: alpha})
		wantError(t, err, "alpha")
	}
}

func TestPairsAreOfOneRepetitionThoughOthersAreMissing(t *testing.T) {
	m := maker{
		engines: []string{"a", "b"}, workloads: []string{"A"}, reps: 8,
		rate: func(e, _ string, rep int) float64 {
			if e == "b" {
				return 1100 * float64(rep*rep)
			}
			return 1000 * float64(rep*rep)
		},
		change: func(c *results.Cell) {
			if c.Engine.Name == "b" && c.Rep == 2 || c.Engine.Name == "a" && c.Rep == 5 {
				c.Quality.Lamp = results.LampRed
			}
		},
	}
	p := mustWithin(t, m.run(), Options{}).Groups[0].Pairs[0]
	if p.Paired != 6 || p.N != 7 || p.NBase != 7 || math.Abs(*p.Low-1.1) > 1e-9 || math.Abs(*p.High-1.1) > 1e-9 {
		t.Errorf("%d pairs of %d and %d, %g to %g", p.Paired, p.NBase, p.N, *p.Low, *p.High)
	}
}

func TestWhatIsDetectableDependsOnPairingAndOnTheNumberOfSides(t *testing.T) {
	// Sides that move together: only the rank test limits what can be found.
	rate := func(_, _ string, rep int) float64 { return 1000 * math.Exp(0.05*float64((rep*5)%7)) }
	mde := func(engines ...string) float64 {
		run := maker{engines: engines, workloads: []string{"A"}, reps: 6, rate: rate}.run()
		p := mustWithin(t, run, Options{}).Groups[0].Pairs[0]
		if p.MDE == nil {
			t.Fatalf("%+v", p)
		}
		return *p.MDE
	}
	var logs []float64
	for rep := 1; rep <= 6; rep++ {
		logs = append(logs, math.Log(rate("", "", rep)))
	}
	for tests, got := range map[int]float64{1: mde("a", "b"), 4: mde("a", "b", "c", "d", "e")} {
		d := stat.Design{N: 6, M: 6, Paired: 6, TestAlpha: 0.05 / float64(tests), IntervalAlpha: 0.05, Correlation: 1}
		if want := stat.MDE(stat.Deviation(logs), d.Effect()); math.Abs(got-want) > 1e-9 {
			t.Errorf("of %d tests: %g, want %g", tests, got, want)
		}
	}
}

func TestWhereTheFirstHasNoFigureTheNextIsTheBaseline(t *testing.T) {
	m := maker{
		engines: []string{"hash", "lsm", "btree"}, workloads: []string{"A", "E"}, reps: 6,
		rate: steady(map[string]float64{"hash": 3, "lsm": 1, "btree": 2}),
		change: func(c *results.Cell) {
			if c.Engine.Name == "hash" && c.Workload.Name == "E" {
				c.Status, c.OpsPerS = results.StatusUnsupported, nil
			}
		},
	}
	c := mustWithin(t, m.run(), Options{})
	if len(c.Groups) != 2 || c.Groups[0].Baseline != "hash" || c.Groups[1].Baseline != "lsm" || c.Options.Baseline != "hash" {
		t.Fatalf("groups %+v of %+v", c.Groups, c.Options)
	}
	if p := pairOf(t, &c.Groups[1], "btree"); p.Verdict != Higher || p.Ratio == nil || *p.Ratio < 1.9 {
		t.Errorf("btree against lsm in E: %+v", p)
	}
	if p := pairOf(t, &c.Groups[1], "hash"); p.Verdict != NoFigure {
		t.Errorf("hash in E: %+v", p)
	}
	if !slices.ContainsFunc(c.Notes, func(n string) bool { return strings.Contains(n, "so lsm is the baseline") }) {
		t.Errorf("notes do not say whose baseline: %q", c.Notes)
	}
	var b strings.Builder
	if err := c.Summary(&b, results.TableOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "against") {
		t.Errorf("the summary does not say against whom:\n%s", b.String())
	}
	// A baseline that somebody named stays.
	named := mustWithin(t, m.run(), Options{Baseline: "hash"})
	if g := named.Groups[1]; g.Baseline != "hash" || pairOf(t, &g, "btree").Verdict != NoFigure {
		t.Errorf("the baseline asked for was replaced: %+v", g)
	}
	b.Reset()
	if err := named.Summary(&b, results.TableOptions{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "against") {
		t.Errorf("a column says against whom, though all are against one:\n%s", b.String())
	}
}
