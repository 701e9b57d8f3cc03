package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/bench/machine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// describeMachine records the machine, the program and a short calibration.
func (a *app) describeMachine(ctx context.Context, w *results.Writer, dataDir string) error {
	const brief = 50 * time.Millisecond
	c, err := calibrate(ctx, filepath.Dir(dataDir), brief)
	if err != nil {
		return err
	}
	host, disk, program, golang := machine.Host(), machine.Disk(dataDir), program(), machine.GoInfo()
	return w.UpdateManifest(func(m *results.Manifest) {
		m.Host, m.Disk, m.Program, m.Go, m.Calibration = host, disk, program, golang, c.Calibration
	})
}

// program describes this kvbench.
func program() results.Program { return machine.Program() }

// calibration is what calibrate measures: what results record, and more.
type calibration struct {
	results.Calibration
	// ChainedNs is the loop with one reading of the clock an operation.
	ChainedNs *float64 `json:"noop_chained_ns"`
}

// calibrate measures the clock, the disk below dir and the loop against an
// engine that does nothing. The loop gets each of its figures in a time d.
func calibrate(ctx context.Context, dir string, d time.Duration) (*calibration, error) {
	started := time.Now()
	c := &calibration{}
	read, step := machine.ProbeClock()
	c.ClockNs, c.ClockStepNs = results.Num(read), results.Num(step)
	c.SleepMs = results.Num(machine.ProbeSleep(ctx))
	disk, err := machine.ProbeDisk(ctx, dir)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("probe the disk: %w", err)
	}
	c.FdatasyncUs, c.Write4KUs, c.Read4KUs, c.SequentialMBS = disk.FdatasyncUs, disk.Write4KUs, disk.Read4KUs, disk.SequentialMBS
	if c.UnitCosts, err = unitCosts(ctx, dir, &c.Calibration); err != nil {
		return nil, err
	}
	c.Workers = machine.GoInfo().GOMAXPROCS
	if err := c.measureLoop(ctx, d); err != nil {
		return nil, fmt.Errorf("calibrate the loop: %w", err)
	}
	c.TookS = results.Num(time.Since(started).Seconds())
	return c, nil
}

// unitCosts measures what single steps take; the clock and the disk have been
// measured before.
func unitCosts(ctx context.Context, dir string, c *results.Calibration) (*results.UnitCosts, error) {
	u, err := machine.ProbeUnitCosts(ctx, dir)
	if err != nil {
		return nil, err
	}
	u.Clock, u.Read4K, u.Fdatasync = c.ClockNs, inNs(c.Read4KUs), inNs(c.FdatasyncUs)
	return &u, nil
}

// inNs turns microseconds into nanoseconds.
func inNs(us *float64) *float64 {
	if us == nil {
		return nil
	}
	return results.Num(*us * 1e3)
}

// measureLoop runs workload C, which costs the harness least, against noop.
func (c *calibration) measureLoop(ctx context.Context, d time.Duration) error {
	spec, err := workloads.Parse(workloads.Input{Preset: "C", Overrides: []string{"recordcount=100000"}})
	if err != nil {
		return err
	}
	e, err := openNoop()
	if err != nil {
		return err
	}
	target := bench.EngineTarget(e, e.Caps().Durabilities.Levels()[0])
	defer target.Close()
	loop, err := bench.Native{}.Open(target, bench.LoopOptions{
		Workload: spec, Seed: 1, Threads: c.Workers, Verify: bench.VerifyOff, Blank: true,
	})
	if err != nil {
		return err
	}
	defer loop.Close()
	for _, f := range []struct {
		timing bench.Timing
		ns     **float64
	}{
		{bench.Timing{Every: 16}, &c.NoopSampledNs},
		{bench.Timing{Every: 1}, &c.NoopAllNs},
		{bench.Timing{Every: 1, Chained: true}, &c.ChainedNs},
	} {
		before := mallocs()
		p, err := loop.Run(ctx, bench.Limits{Name: "calibrate", Duration: d, Timing: f.timing})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		n := float64(max(p.N(), 1))
		*f.ns = results.Num(float64(p.Active) * float64(c.Workers) / n)
		if f.timing.Every == 1 && !f.timing.Chained {
			c.NoopOpsPerS = results.Num(p.OpsPerS())
			c.NoopAllocs = results.Num(float64(mallocs()-before) / n)
		}
	}
	return nil
}
