package bench

import (
	"context"
	"time"

	"github.com/kvbench/kvbench/results"
)

// harnessCost is what the loop itself costs an operation: the same workload
// and threads against a target that does nothing.
type harnessCost struct {
	all, sampled, chained *float64 // ns, by timing
	perOp                 *float64 // of the timing that the cell used
	clock                 *float64
}

// calibrate measures the harness with this cell's workload. Each timing gets
// a third of the time.
func (r *cellRun) calibrate(ctx context.Context) error {
	if r.spec.Calibrate <= 0 || r.deps.Noop == nil || r.spec.Task == TaskPrepare {
		return nil
	}
	r.emit(Message{Progress: &Progress{Phase: "calibrate"}})
	r.harness.clock = results.Num(clockCost())
	part := r.spec.Calibrate / 3
	for _, c := range []struct {
		timing Timing
		into   **float64
	}{
		{Timing{Every: 16}, &r.harness.sampled},
		{Timing{Every: 1}, &r.harness.all},
		{Timing{Every: 1, Chained: true}, &r.harness.chained},
	} {
		ns, err := r.noopCost(ctx, c.timing, part)
		if err != nil {
			return err
		}
		*c.into = results.Num(ns)
	}
	r.harness.perOp = r.harness.chained
	return nil
}

// chooseHarnessCost makes the figure that fits the timing the cell's.
func (r *cellRun) chooseHarnessCost(t Timing) {
	switch {
	case t.Chained:
		r.harness.perOp = r.harness.chained
	case t.Every == 1:
		r.harness.perOp = r.harness.all
	default:
		r.harness.perOp = r.harness.sampled
	}
}

// noopCost returns the time of one operation of one worker, in nanoseconds.
func (r *cellRun) noopCost(ctx context.Context, timing Timing, d time.Duration) (float64, error) {
	e, err := r.deps.Noop()
	if err != nil {
		return 0, err
	}
	t := EngineTarget(e, e.Caps().Durabilities.Levels()[0])
	defer t.Close()
	driver, err := r.loopDriver()
	if err != nil {
		return 0, err
	}
	loop, err := driver.Open(t, LoopOptions{
		Workload: r.spec.Workload, Seed: r.cell.Seed, Threads: r.cell.Load.Threads,
		Verify: r.spec.Verify, Blank: true,
	})
	if err != nil {
		return 0, err
	}
	defer loop.Close()
	p, err := loop.Run(ctx, Limits{Name: "calibrate", Duration: d, Timing: timing})
	if err == nil {
		err = phaseError(p, false)
	}
	if err != nil {
		return 0, err
	}
	return float64(p.Active) * float64(r.cell.Load.Threads) / float64(max(p.N(), 1)), nil
}

// clockCost returns the nanoseconds of one reading of the clock.
func clockCost() float64 {
	const n = 1 << 14
	c := newClock()
	start := c.now()
	var last int64
	for range n {
		last = c.now()
	}
	return float64(last-start) / n
}
