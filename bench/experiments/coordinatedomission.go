package experiments

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

const (
	stallLength  = 100 * time.Millisecond
	stallRate    = 5000 // operations a second of the open loop
	stallPercent = "99.9"
)

// stallLoops are the two ways to ask.
func stallLoops() []string { return []string{"closed", "open"} }

// stallQuantiles are where the figure looks.
func stallQuantiles() []string { return []string{"50", "90", "99", stallPercent, "100"} }

func coordinatedOmission() Study {
	return Study{
		Name:     "coordinated-omission",
		Title:    "The stall that a closed loop does not see",
		Question: "An engine stops for a tenth of a second. Which percentile says so?",
		Story: `In a closed loop a worker sends an operation when the one before has ended. While
the engine stands still no worker sends anything, so of all the operations that
should have met the stall just one a worker does: one slow operation among hundreds
of thousands, far beyond any percentile that is printed. The benchmark and the
engine have agreed to look away together; hence the name.

Users do not wait for each other. In an open loop operations have intended starts,
so many a second, whatever the engine does, and their time counts from there. All
that should have started during the stall waited for its end, and the percentiles
say so.

The same engine, in memory, with one stall of 100 ms in the middle, is asked both
ways. Service time, from the actual start, is the same in both.`,
		Paper: "G. Tene: How NOT to Measure Latency. 2013 (coordinated omission); B. Schroeder, A. Wierman, M. Harchol-Balter: Open Versus Closed: A Cautionary Tale. NSDI 2006",
		Look:  "At 99.9 % the closed loop shows microseconds and the open loop most of the stall. Only the maximum of the closed loop gives it away.",
		Needs: []Need{{Engine: "mem"}},
		Run: func(ctx context.Context, l *Lab) error {
			for _, loop := range stallLoops() {
				h, err := l.stalled(ctx, loop == "open")
				if err != nil {
					return err
				}
				for _, q := range stallQuantiles() {
					var percent float64
					if _, err := fmt.Sscan(q, &percent); err != nil {
						return err
					}
					l.Point(loop, q, float64(h.Quantile(percent/100)))
				}
			}
			return nil
		},
		Judge: func(e *Evidence) {
			e.Figure = results.Figure{Kind: "lines", Title: "Read times with one stall of 100 ms", X: "percentile", Y: "ns", LogY: true}
			at := func(loop, q string) Value {
				v := e.PointAt(loop, q)
				v.Unit = "ns"
				return v
			}
			for _, loop := range stallLoops() {
				for _, q := range stallQuantiles() {
					e.Plot(loop, q, at(loop, q))
				}
			}
			e.AtLeast("The open loop's 99.9th percentile shows most of the stall", float64(stallLength)/2, at("open", stallPercent))
			e.AtMost("The closed loop's does not", float64(stallLength)/4, at("closed", stallPercent))
			e.AtLeast("Its maximum does", float64(stallLength)*.9, at("closed", "100"))
		},
	}
}

// stalled reads from an engine in memory that stops once, and returns the times
// of its reads: from their intended starts in an open loop.
func (l *Lab) stalled(ctx context.Context, open bool) (h *bench.Histogram, err error) {
	d, err := l.o.Lookup("mem")
	if err != nil {
		return nil, err
	}
	e, err := d.Open("", nil, engine.Env{})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", d.Name, err)
	}
	spec, err := workloads.Parse(workloads.Input{Preset: "C", Overrides: []string{"recordcount=1000", "valuesize=100"}})
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	length := pick(l.Scale, 600*time.Millisecond, 5*time.Second, 20*time.Second)
	t := &stallingTarget{Target: bench.EngineTarget(e, engine.Default), after: length / 3, stall: stallLength}
	defer func() { err = errors.Join(err, t.Close()) }()
	loop, err := bench.Native{}.Open(t, bench.LoopOptions{Workload: spec, Seed: l.Seed, Threads: 1, Verify: bench.VerifyHeader})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, loop.Close()) }()
	if _, err := loop.Load(ctx, bench.Limits{Name: "load"}); err != nil {
		return nil, err
	}
	limits := bench.Limits{Name: "measure", Duration: length, Timing: bench.Timing{Every: 1}}
	if open {
		limits.Rate = stallRate
	}
	t.begin()
	p, err := loop.Run(ctx, limits)
	if err == nil {
		err = p.FirstError
	}
	if err != nil {
		return nil, err
	}
	op := p.Ops[workloads.Read]
	if op == nil {
		return nil, errors.New("nothing was read")
	}
	if open {
		return &op.Response, nil
	}
	return &op.Service, nil
}

// stallingTarget stops once, so long after begin.
type stallingTarget struct {
	bench.Target
	after, stall time.Duration
	at           atomic.Int64 // when, on the clock of start; 0: not again
	start        time.Time
}

func (t *stallingTarget) begin() {
	t.start = time.Now()
	t.at.Store(int64(t.after))
}

func (t *stallingTarget) Session(worker int) (bench.Session, error) {
	s, err := t.Target.Session(worker)
	return &stallingSession{Session: s, t: t}, err
}

type stallingSession struct {
	bench.Session
	t *stallingTarget
}

// Get is the engine's, after the stall if it is due.
func (s *stallingSession) Get(dst, key []byte) ([]byte, error) {
	if at := s.t.at.Load(); at > 0 && int64(time.Since(s.t.start)) >= at && s.t.at.CompareAndSwap(at, 0) {
		time.Sleep(s.t.stall)
	}
	return s.Session.Get(dst, key)
}
