package bench

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// harnessCost is what the harness itself costs: an operation of the same loop,
// workload and threads against a target that does nothing, and the checks of
// values, for which such a target gives no occasion.
type harnessCost struct {
	all, sampled, chained *float64 // ns, by timing
	perOp                 *float64 // of the timing that the cell used
	clock                 *float64
	check, checkFull      float64 // ns a value
}

// of returns the harness's part of a mean operation of a phase, nil when it is
// not known.
func (h *harnessCost) of(p *PhaseResult) *float64 {
	ops := p.N()
	if h.perOp == nil || ops == 0 {
		return nil
	}
	checks := h.check*float64(p.Verified-p.VerifiedFull) + h.checkFull*float64(p.VerifiedFull)
	return results.Num(*h.perOp + checks/float64(ops))
}

// calibrate measures the harness with this cell's workload. Each timing gets
// a third of the time; a measured load knows one timing only.
func (r *cellRun) calibrate(ctx context.Context) error {
	if r.spec.Calibrate <= 0 || r.deps.Noop == nil || r.spec.Task == TaskPrepare {
		return nil
	}
	r.emit(Message{Progress: &Progress{Phase: "calibrate"}})
	r.harness.clock = results.Num(clockCost())
	if d, err := r.loopDriver(); err != nil {
		return err
	} else if _, ok := d.(Native); ok && r.spec.Verify != VerifyOff {
		if err := r.harness.measureChecks(r.spec.Workload); err != nil {
			return err
		}
	}
	type timed struct {
		timing Timing
		into   **float64
	}
	timings := []timed{
		{Timing{Every: 1, Chained: true}, &r.harness.chained},
		{Timing{Every: 16}, &r.harness.sampled},
		{Timing{Every: 1}, &r.harness.all},
	}
	if r.spec.Task == TaskLoad {
		timings = timings[:1]
	}
	part := r.spec.Calibrate / 3
	for _, c := range timings {
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

// busyWorkers is how many workers of a cell can run at a time: of the others
// the harness costs nothing while they wait for a processor.
func (r *cellRun) busyWorkers() int {
	return min(r.cell.Load.Threads, max(runtime.GOMAXPROCS(0), r.spec.Workload.Writers+1))
}

// noopCost returns the time of one operation of one worker, in nanoseconds:
// the median of three runs of a third of d.
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
		Workload: r.spec.Workload, Seed: r.cell.Seed, Threads: r.busyWorkers(),
		Verify: r.spec.Verify, Blank: true,
	})
	if err != nil {
		return 0, err
	}
	defer loop.Close()
	var costs [3]float64
	for i := range costs {
		limits := Limits{Name: "calibrate", Duration: d / 3, Timing: timing}
		var p *PhaseResult
		if r.spec.Task == TaskLoad {
			p, err = loop.Load(ctx, limits)
		} else {
			p, err = loop.Run(ctx, limits)
		}
		if err == nil {
			err = phaseError(p, false)
		}
		if err != nil {
			return 0, err
		}
		costs[i] = float64(p.Active) * float64(r.busyWorkers()) / float64(max(p.N(), 1))
	}
	slices.Sort(costs[:])
	return costs[1], nil
}

// measureChecks times checks of values that lie about in memory, as those do
// that an engine returns.
func (h *harnessCost) measureChecks(w *workloads.Spec) error {
	const most, enough = 1 << 12, 5 * time.Millisecond
	values, err := w.NewValues(PoolSeed, 0)
	if err != nil {
		return err
	}
	list := make([][]byte, min(max((1<<20)/w.MaxValue(), 1), 1<<10))
	for i := range list {
		list[i] = bytes.Clone(values.Next(uint64(i)))
	}
	cost := func(full bool) (ns float64, err error) {
		begin := time.Now()
		n := 0
		for n < most && err == nil && (n == 0 || time.Since(begin) < enough) {
			for i, v := range list {
				if e := values.Verify(uint64(i), v, full); e != nil {
					err = e
				}
			}
			n += len(list)
		}
		return float64(time.Since(begin)) / float64(n), err
	}
	if h.check, err = cost(false); err != nil {
		return fmt.Errorf("check values: %w", err)
	}
	if h.checkFull, err = cost(true); err != nil {
		return fmt.Errorf("check values: %w", err)
	}
	return nil
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
