package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
)

func (a *app) traceRecord() *cobra.Command {
	o, out := &runOptions{}, ""
	c := &cobra.Command{
		Use:   "record ENGINE -o FILE [run flags]",
		Short: "Run an engine with a workload and record what it is asked",
		Long: `Record runs one engine with one workload, as kvbench run does, and writes every
operation that reaches the engine after the load into a trace, warm-up included
(by default there is none). With --threads 1 a replay finds what was found.
The recorder costs some 200 ns an operation, more with several workers, so the
rates of this run are not the engine's own. The flags of run apply, but for
--find-max and --resume.`,
		Example: `  kvbench trace record mem -w A --records 10k --ops 100k --threads 1 -o a.trace`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.recordTrace(c, o, out, args)
		},
		ValidArgsFunction: completeEngines,
	}
	recordFlags(c, o, &out)
	return c
}

// recordFlags are those of run, but that -o is the trace.
func recordFlags(c *cobra.Command, o *runOptions, out *string) {
	run := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.add(run)
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(out, "out", "o", "", "trace `FILE` to write")
	run.VisitAll(func(flag *pflag.Flag) {
		switch flag.Name {
		case "find-max", "resume", "resume-into": // more than one phase to record
			return
		case "out":
			flag.Name, flag.Shorthand = "results", ""
		}
		f.AddFlag(flag)
	})
	o.given = f.Changed
}

func (a *app) recordTrace(c *cobra.Command, o *runOptions, out string, args []string) error {
	if out == "" {
		return usagef("trace record: no file to write to: name one with -o")
	}
	if exists(out) {
		return usagef("trace record: -o %s: it exists; remove it, or choose another name", out)
	}
	path, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return usagef("trace record: -o %s: %s is no directory; make it, or choose another", out, filepath.Dir(path))
	}
	if !c.Flags().Changed("reps") {
		o.reps = 1
	}
	if !c.Flags().Changed("warmup") {
		o.warmup = warmupFlag{}
	}
	o.change = func(x *bench.Experiment) error {
		if len(x.Engines)*len(x.Workloads)*len(x.Threads)*x.Reps != 1 {
			return usagef("trace record: a trace is of one engine, workload, number of threads and repetition, not of %d, %d, %d and %d",
				len(x.Engines), len(x.Workloads), len(x.Threads), x.Reps)
		}
		x.Record = path
		return nil
	}
	if err := a.run(c.Context(), o, args); err != nil {
		return err
	}
	s, err := a.survey(path)
	if err != nil {
		return err
	}
	a.warn("%s: %d operations; kvbench trace stat %s describes them", out, s.Operations, out)
	return nil
}

// replayOptions are the flags of replay besides those of run.
type replayOptions struct {
	pace string
	load bool
}

func (a *app) traceReplay() *cobra.Command {
	o, r := &runOptions{}, &replayOptions{}
	c := &cobra.Command{
		Use:   "replay FILE ENGINE...",
		Short: "Do what a trace says, with any engines",
		Long: `Replay does the operations of a trace, with values of the recorded sizes. With
--load it first writes the records that the trace reads before it writes them;
without, engines begin empty. Operations on one key keep their order. Where
there is one worker, data were loaded and the trace was recorded one operation
at a time, every get is checked against what the trace found.

The results are ordinary ones: kvbench compare and report read them.`,
		Example: `  kvbench trace replay a.trace pebble bbolt --load
  kvbench trace replay a.trace lsm --load --pace recorded
  kvbench trace replay c12.trace lsm hash --pace x10 --threads 4 --reps 3`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.replay(c, o, r, args)
		},
	}
	replayFlags(c, o, r)
	return c
}

// replayFlags are those flags of run that mean something for a replay.
func replayFlags(c *cobra.Command, o *runOptions, r *replayOptions) {
	run := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.add(run) // the others keep their defaults
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&r.pace, "pace", "none", "`WHEN` operations begin: none (as soon as can be), recorded, or xN (N times as fast)")
	f.BoolVar(&r.load, "load", false, "first write the records that the trace reads before it writes them")
	for _, name := range []string{"set", "threads", "reps", "seed", "durability", "timing", "verify", "errors", "settle", "interval", "calibrate", "dir", "keep", "out", "format", "matrix", "dry-run", "profile", "quiet", "no-progress"} {
		if flag := run.Lookup(name); flag != nil {
			f.AddFlag(flag)
		}
	}
	if flag := f.Lookup("threads"); flag != nil {
		flag.DefValue = "1"
		o.threads = "1"
	}
	o.given = f.Changed
}

func (a *app) replay(c *cobra.Command, o *runOptions, r *replayOptions, args []string) error {
	if len(args) < 2 {
		return usagef("trace replay: give a trace and at least one engine; usage: %s", c.UseLine())
	}
	speed, err := bench.ParsePace(r.pace)
	if err != nil {
		return usagef("--pace: %w", err)
	}
	if ext := filepath.Ext(args[0]); ext == ".gz" || args[0] == "-" {
		return usagef("trace replay: %s is read several times: give a trace file that is not compressed", args[0])
	}
	path, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	s, err := a.survey(path)
	if err != nil {
		return err
	}
	if s.Operations == 0 {
		return usagef("trace replay: %s has no operations", args[0])
	}
	if speed > 0 && s.Seconds <= 0 {
		return usagef("--pace %s: the trace has no times; use --pace none", r.pace)
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	spec, err := bench.ReplaySpec(name, s, r.load)
	if err != nil {
		return err
	}
	spec.Source = path
	if !r.load && s.Preloaded > 0 {
		a.warn("the trace reads %d records that it has not written: they will be absent; --load writes them first", s.Preloaded)
	}
	o.change = func(x *bench.Experiment) error {
		x.Workloads = []bench.WorkloadChoice{{Spec: spec}}
		x.Driver = bench.Replay{File: path, Speed: speed}.Name()
		x.Duration, x.Operations, x.Warmup, x.WarmupMax = 0, 0, 0, 0
		if x.Timing.Auto {
			x.Timing = bench.Timing{Every: 1}
		}
		return nil
	}
	if err := a.run(c.Context(), o, args[1:]); err != nil {
		return fmt.Errorf("trace replay: %w", err)
	}
	return nil
}
