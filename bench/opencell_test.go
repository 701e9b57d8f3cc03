package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func TestRatesAreAnAxisOfThePlan(t *testing.T) {
	x := experiment(t, []string{"disk", "memory"}, []string{"a"})
	x.Rates, x.Arrival = []float64{1000, 50e3}, Arrival{Kind: ArrivePoisson}
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Cells) != 8 || len(p.Prepared) != 1 {
		t.Fatalf("%d cells from %d loads", len(p.Cells), len(p.Prepared))
	}
	seeds, shas := make(map[string]uint64), make(map[string]bool)
	var ids []string
	for _, c := range p.Cells {
		s := c.Spec
		ids = append(ids, s.Cell.ID)
		load := s.Cell.Load
		if load.Mode != "open" || load.Rate == nil || *load.Rate != s.Rate || load.Arrival != "poisson" || s.Timing != "all" {
			t.Errorf("%s: %+v, timing %s", s.Cell.ID, load, s.Timing)
		}
		block := strings.ReplaceAll(strings.ReplaceAll(s.Cell.ID, "disk", ""), "memory", "")
		if seed, ok := seeds[block]; ok && seed != s.Cell.Seed {
			t.Errorf("%s: the engines of a block have different seeds", s.Cell.ID)
		}
		seeds[block] = s.Cell.Seed
		shas[s.Cell.SpecSHA] = true
	}
	if !slices.Contains(ids, "A-disk-t2-R1k-r1") || !slices.Contains(ids, "A-memory-t2-R50k-r2") || len(shas) != 4 {
		t.Errorf("%v, %d specs", ids, len(shas))
	}
}

func TestOpenLoopsThatNobodyCanPerformAreRefused(t *testing.T) {
	for says, change := range map[string]func(*Experiment){
		"more than 0":           func(x *Experiment) { x.Rates = []float64{-1} },
		"driver go-ycsb has no": func(x *Experiment) { x.Driver = "go-ycsb" },
		"driver trace:x has no": func(x *Experiment) { x.Driver = "trace:x" },
		"load phase has no":     func(x *Experiment) { x.Workloads[0].LoadOnly = true },
		"says the rates itself": func(x *Experiment) { x.Rates, x.Arrival.Kind = []float64{1, 2}, ArriveFile },
		"chooses rates and":     func(x *Experiment) { x.FindMax = &Objective{} },
	} {
		x := experiment(t, []string{"disk"}, []string{"a"})
		x.Rates = []float64{1000}
		change(x)
		if _, err := x.Plan(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want an error with %q", err, says)
		}
	}
}

func TestACellOfAnOpenLoopSaysWhatBecameOfItsSchedule(t *testing.T) {
	x := experiment(t, []string{"disk"}, []string{"a"})
	x.Rates, x.Reps = []float64{20e3}, 1
	run, err := perform(t, context.Background(), x, nil)
	if err != nil || len(run.Cells) != 1 {
		t.Fatal(err, len(run.Cells))
	}
	c := &run.Cells[0]
	if c.Status != results.StatusOK || c.Open == nil {
		t.Fatalf("%s: %s, open %v", c.Status, c.Error, c.Open)
	}
	if c.Open.Intended != 300 || c.Open.Started != 300 || c.Open.Dropped != 0 || c.Open.Verdict == "" {
		t.Errorf("%+v", c.Open)
	}
	// One is of whole nanoseconds.
	if c.OpsPerS == nil || math.Abs(*c.OpsPerS-c.Open.AchievedPerS) > 1e-6*c.Open.AchievedPerS {
		t.Errorf("%s ops/s, %g achieved", results.TextNumber(c.OpsPerS), c.Open.AchievedPerS)
	}
	if c.Quality.HarnessShare == nil || c.Quality.Timing != "all" {
		t.Errorf("quality %+v", c.Quality)
	}
	hist, err := run.Hist(c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for kind, op := range c.Ops {
		if op.Response == nil || op.Service == nil || op.Response.P100 < op.Service.P100 || op.Timed != op.N {
			t.Errorf("%s: %+v", kind, op)
		}
		var n uint64
		for _, b := range hist[kind+results.HistResponse] {
			n += b.Count
		}
		if n != op.N {
			t.Errorf("%s: %d response times of %d operations", kind, n, op.N)
		}
	}
	if c.Open.Lag != nil && len(hist[results.HistLag]) == 0 {
		t.Error("no histogram of the lag")
	}
}

// kneeAt performs cells whose response times leap at a rate, without an
// engine.
func kneeAt(knee float64) starterFunc {
	return func(_ context.Context, spec *CellSpec, f func(Message)) error {
		c := spec.Cell
		c.Schema, c.Status = results.CellSchema, results.StatusOK
		rate, p99 := 100e3, uint64(5e6)
		if spec.Rate > 0 {
			rate = spec.Rate
			if rate <= knee {
				p99 = 1e6
			}
			c.Open = &results.OpenLoop{Verdict: results.OpenOK, AchievedPerS: rate}
		}
		c.OpsPerS = &rate
		c.Ops = map[string]*results.OpStats{"read": {N: 10, Response: &results.Latency{P99: p99}}}
		f(Message{Cell: &c})
		return nil
	}
}

func search(t *testing.T, ctx context.Context, starter Starter) (*results.Run, error) {
	t.Helper()
	x := experiment(t, []string{"memory", "blank"}, []string{"c"})
	x.Reps = 1
	var err error
	if x.FindMax, err = ParseObjective("p99<2ms"); err != nil {
		t.Fatal(err)
	}
	return perform(t, ctx, x, starter)
}

func TestEveryProbeOfASearchIsACell(t *testing.T) {
	const knee = 70e3
	run, err := search(t, t.Context(), kneeAt(knee))
	if err != nil {
		t.Fatal(err)
	}
	cells := make(map[string]*results.Cell)
	for i := range run.Cells {
		cells[run.Cells[i].ID] = &run.Cells[i]
	}
	if n := len(run.Manifest.Searches); n != 2 {
		t.Fatalf("%d searches", n)
	}
	probes := 0
	for _, s := range run.Manifest.Searches {
		if s.Rate == nil || *s.Rate > knee || *s.Rate < knee/1.06 || s.Ceiling == nil || *s.Ceiling <= knee {
			t.Errorf("%s: between %v and %v", s.Engine, s.Rate, s.Ceiling)
		}
		if c := cells[s.Closed]; c == nil || c.Load.Mode != "closed" || s.ClosedPerS == nil {
			t.Errorf("%s begins with %q", s.Engine, s.Closed)
		}
		for _, p := range s.Probes {
			probes++
			c := cells[p.Cell]
			if c == nil || c.Load.Rate == nil || *c.Load.Rate != p.Rate || c.Load.Mode != "open" || c.Engine.Name != s.Engine {
				t.Errorf("probe %+v has the cell %+v", p, c)
			}
			if p.Met != (p.Rate <= knee) || p.Met != (p.Reason == "") || p.Value == nil {
				t.Errorf("%+v", p)
			}
		}
	}
	if want := probes + 2; len(run.Cells) != want || len(run.Manifest.Plan.Order) != want {
		t.Errorf("%d cells, %d in the plan's order, want %d", len(run.Cells), len(run.Manifest.Plan.Order), want)
	}
}

func TestASearchThatIsInterruptedKeepsItsProbes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	run, err := search(t, ctx, starterFunc(func(ctx context.Context, spec *CellSpec, f func(Message)) error {
		if n++; n == 4 {
			cancel()
			return ctx.Err()
		}
		return kneeAt(70e3)(ctx, spec, f)
	}))
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if s := run.Manifest.Searches; len(s) != 1 || len(s[0].Probes) != 2 {
		t.Errorf("%+v", s)
	}
}

func TestASearchOfAnEngineThatFailsSaysSo(t *testing.T) {
	run, err := search(t, t.Context(), starterFunc(func(_ context.Context, spec *CellSpec, f func(Message)) error {
		return errBroken
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range run.Manifest.Searches {
		if s.Rate != nil || len(s.Probes) != 0 || !strings.Contains(s.Reason, errBroken.Error()) {
			t.Errorf("%+v", s)
		}
	}
}

func TestASearchDoesNotGoOnWhereItWasInterrupted(t *testing.T) {
	x := experiment(t, []string{"memory"}, []string{"c"})
	x.Reps, x.FindMax = 1, &Objective{Text: "p99<2ms", Metric: "p99", Below: 1}
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	err = (&Runner{Starter: kneeAt(1), Done: map[string]bool{p.Cells[0].Spec.Cell.ID: true}}).Run(t.Context(), x, p)
	if !errors.Is(err, engine.ErrUnsupported) {
		t.Error(err)
	}
}
