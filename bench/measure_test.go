package bench

import (
	"context"
	"testing"

	"github.com/kvbench/kvbench/results"
)

// runCell performs one cell of an experiment with one engine and workload in
// this process.
func runCell(t *testing.T, ctx context.Context, change func(*CellSpec), f func(Message)) *results.Cell {
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
	err = RunCell(ctx, &spec, toyDeps(), func(m Message) {
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
