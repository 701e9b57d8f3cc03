package bench

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// runCell performs one cell of an experiment with one engine and workload in
// this process.
func runCell(t *testing.T, ctx context.Context, change func(*CellSpec), f func(Message)) *results.Cell {
	t.Helper()
	return runCellWith(t, ctx, toyDeps(), change, f)
}

func runCellWith(t *testing.T, ctx context.Context, deps CellDeps, change func(*CellSpec), f func(Message)) *results.Cell {
	t.Helper()
	x := experiment(t, []string{"memory"}, []string{"c"})
	x.Reps = 1
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	spec := p.Cells[0].Spec
	spec.Dir = t.TempDir()
	if change != nil {
		change(&spec)
	}
	var cell *results.Cell
	err = RunCell(ctx, &spec, deps, func(m Message) {
		if m.Cell != nil {
			cell = m.Cell
		}
		if f != nil {
			f(m)
		}
	})
	if err != nil || cell == nil {
		t.Fatalf("no cell: %v", err)
	}
	return cell
}

func TestWhatTheTapeCostsIsNotTheCells(t *testing.T) {
	const ops = 1 << 17
	c := runCell(t, t.Context(), func(s *CellSpec) {
		s.Cell.Engine.Name, s.Operations, s.Calibrate = "blank", ops, 0
		s.Timing, s.Interval = "off", 0
	}, nil)
	// The tape alone has 8 bytes for each operation.
	if c.Mem.BytesPerOp == nil || *c.Mem.BytesPerOp > 4 {
		t.Fatalf("%v bytes allocated for each operation that does nothing: %s", *c.Mem.BytesPerOp, c.Error)
	}
}

func TestCountedErrorsEndNoPhaseButTheLoad(t *testing.T) {
	flaky := func(s *CellSpec) {
		s.Cell.Engine.Name, s.CountErrors, s.Warmup = "broken", true, time.Millisecond
	}
	c := runCell(t, t.Context(), flaky, nil)
	read := c.Ops[workloads.Read.String()]
	if c.Status != results.StatusOK || read == nil || read.Errors != read.N || read.N == 0 {
		t.Errorf("the cell is %s (%s), reads %+v", c.Status, c.Error, read)
	}
	if !flagged(c, "errors") {
		t.Errorf("nothing is said of the errors: %v", c.Quality.Flags)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c = runCell(t, ctx, func(s *CellSpec) {
		flaky(s)
		s.Warmup, s.Operations, s.Duration, s.Interval = 0, 0, time.Hour, time.Millisecond
	}, func(m Message) {
		if m.Progress != nil && m.Progress.Phase == "measure" && m.Progress.Ops > 0 {
			cancel()
		}
	})
	if c.Status != results.StatusPartial || c.OpsPerS == nil {
		t.Errorf("an interrupted cell with errors is %s (%s)", c.Status, c.Error)
	}

	c = runCell(t, t.Context(), func(s *CellSpec) { s.Cell.Engine.Name, s.CountErrors = "full", true }, nil)
	if c.Status != results.StatusFailed || !strings.Contains(c.Error, "load") {
		t.Errorf("a load with errors makes a cell that is %s (%s)", c.Status, c.Error)
	}
}

func flagged(c *results.Cell, name string) bool {
	for _, f := range c.Quality.Flags {
		if f.Name == name {
			return true
		}
	}
	return false
}

func TestTheHarnessAnswersForItsChecks(t *testing.T) {
	ten, one := 10., 1.
	h := harnessCost{perOp: &ten, check: 4, checkFull: 100}
	p := &PhaseResult{Ops: map[workloads.Kind]*OpResult{workloads.Read: {N: 50}, workloads.Update: {N: 50}}, Verified: 50, VerifiedFull: 10}
	if got := h.of(p); got == nil || *got != 10+(4.*40+100*10)/100 {
		t.Errorf("the harness is %v ns of an operation", *got)
	}
	if (&harnessCost{}).of(p) != nil || (&harnessCost{perOp: &one}).of(&PhaseResult{}) != nil {
		t.Error("what is not known has a figure")
	}
	for _, preset := range workloads.List() {
		h := harnessCost{}
		if err := h.measureChecks(spec(t, preset.Name)); err != nil || h.check <= 0 || h.checkFull <= 0 {
			t.Errorf("%s: %v, %+v", preset.Name, err, h)
		}
	}
}

func TestALoadIsCalibratedByLoading(t *testing.T) {
	var gets, puts int
	deps := toyDeps()
	deps.Noop = func() (engine.Engine, error) { return &countingEngine{gets: &gets, puts: &puts}, nil }
	x := experiment(t, []string{"memory"}, []string{LoadWorkload})
	x.Threads, x.Calibrate = []int{1}, time.Hour // the records end it
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	spec := p.Cells[0].Spec
	if err := RunCell(t.Context(), &spec, deps, func(Message) {}); err != nil {
		t.Fatal(err)
	}
	if gets != 0 || puts != 3*200 {
		t.Errorf("three calibrations with a load of 200 records did %d gets and %d puts", gets, puts)
	}
}

// countingEngine does nothing but count. It is for one worker.
type countingEngine struct {
	blankEngine
	gets, puts *int
}

func (e *countingEngine) Get(dst, _ []byte) ([]byte, error)          { *e.gets++; return dst, nil }
func (e *countingEngine) Put(_, _ []byte, _ engine.Durability) error { *e.puts++; return nil }
