package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/results"
)

// steadyOptions are the flags of warming up and of steadiness.
type steadyOptions struct {
	warmup    warmupFlag
	warmupMax span
	interval  span
	require   bool
}

// warmupFlag is a time, or auto: until steady.
type warmupFlag struct {
	auto bool
	span
}

func (w *warmupFlag) Set(text string) error {
	if w.auto = strings.EqualFold(text, "auto"); w.auto {
		return nil
	}
	if w.span.Set(text) != nil {
		return fmt.Errorf("want auto, or a time such as 30s or 0")
	}
	return nil
}

func (w *warmupFlag) String() string {
	if w.auto {
		return "auto"
	}
	return w.span.String()
}

// Type is what help shows.
func (w *warmupFlag) Type() string { return "auto|duration" }

// Bounds of a warm-up until steady where --warmup-max does not say: as long as
// the measured phase, within these.
const (
	autoWarmupLeast = 500 * time.Millisecond
	autoWarmupMost  = time.Minute
	autoWarmupByOps = 10 * time.Second // when the measured phase has no length
)

func (o *steadyOptions) add(f *pflag.FlagSet) {
	o.warmup = warmupFlag{auto: true}
	f.Var(&o.warmup, "warmup", "before the measured phase: auto (until steady) or a time, which is taken as given; either is tested")
	f.Var(&o.warmupMax, "warmup-max", "the longest that --warmup auto goes on (0: as long as the measured phase)")
	f.BoolVar(&o.require, "require-steady", false, "a measured phase that is not steady makes its cell red, and the exit code 5")
	f.Var(&o.interval, "interval", "length of a row of the time series (0: a twentieth of the measured phase, 50ms to 1s)")
}

func (o *steadyOptions) check() error {
	switch {
	case o.interval != 0 && o.interval < span(10*time.Millisecond):
		return usagef("--interval %s: at least 10ms, or 0 to derive it from --duration", o.interval.String())
	case o.warmupMax > 0 && !o.warmup.auto:
		return usagef("--warmup-max %s: it bounds --warmup auto, and --warmup %s says how long", o.warmupMax.String(), o.warmup.String())
	}
	return nil
}

// apply fills in the warm-up of an experiment whose measured phase is decided.
func (o *steadyOptions) apply(x *bench.Experiment) {
	x.RequireSteady = o.require
	if x.Interval = time.Duration(o.interval); x.Interval == 0 {
		operations := x.Operations
		for _, w := range x.Workloads {
			operations = max(operations, w.Spec.Operations)
		}
		x.Interval = bench.RowInterval(x.Duration, operations)
	}
	if !o.warmup.auto {
		x.Warmup = time.Duration(o.warmup.span)
		return
	}
	switch x.WarmupMax = time.Duration(o.warmupMax); {
	case x.WarmupMax > 0:
	case x.Duration > 0:
		x.WarmupMax = min(max(x.Duration, autoWarmupLeast), autoWarmupMost)
	default:
		x.WarmupMax = autoWarmupByOps
	}
	x.Warmup = min(autoWarmupLeast, x.WarmupMax)
}

// notSteady says that a run's results are valid but not those of steady
// engines.
type notSteady struct{ reason string }

func (e notSteady) Error() string { return e.reason }

// steadiness says which cells of a run were not shown to be steady, for
// --require-steady; nil when all were. Loads are not asked: they grow.
func steadiness(run *results.Run) error {
	var first string
	n, measured := 0, 0
	for i := range run.Cells {
		c := &run.Cells[i]
		if c.Status != results.StatusOK {
			continue
		}
		measured++
		for _, f := range c.Quality.Flags {
			if f.Name == results.FlagNotSteady {
				if n++; n == 1 {
					first = c.ID + ": " + f.Reason
				}
			}
		}
	}
	if n == 0 {
		return nil
	}
	return notSteady{fmt.Sprintf("%d of %d cells are not steady; the first: %s; a longer --duration or --warmup-max may help", n, measured, first)}
}

// warmupText describes the warm-up of an experiment.
func warmupText(x *bench.Experiment) string {
	if x.WarmupMax > 0 {
		return fmt.Sprintf("a warm-up until steady (%s to %s)", humanTime(x.Warmup), humanTime(x.WarmupMax))
	}
	return humanTime(x.Warmup) + " of warm-up"
}
