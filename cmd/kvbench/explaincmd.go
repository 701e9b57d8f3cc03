package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/explain"
)

// explainOptions are the flags of explain.
type explainOptions struct {
	engine, workload, format, dir string
	calibrate                     bool
}

func newExplainCommand(a *app) *cobra.Command {
	o := &explainOptions{}
	c := &cobra.Command{
		Use:   "explain RESULTS A B | RESULTS1 RESULTS2 --engine E | RESULTS --engine E",
		Short: "Say why one side is slower, by its counters",
		Long: `Explain divides the gap between two engines of a run, or between two runs of
one engine, among its causes: what counters differ in, at the unit costs that
the run measured before it began. What no counter accounts for is printed as
the unexplained share. With one run and one engine it says where that engine's
time goes.

The time explained is the busy time of an operation: threads times wall-clock
time over operations. Causes may overlap, and what they count may run beside
the operations; the share then exceeds the gap, and explain says so. Waits for
processors, mutexes and Go's scheduler are known of the whole process only, and
charged no further than the operations waited.`,
		Example: `  kvbench explain kvbench-results/RUN hash btree
  kvbench explain kvbench-results/RUN lsm pebble -w C --format markdown
  kvbench explain BEFORE AFTER --engine lsm
  kvbench explain kvbench-results/RUN --engine lsm`,
		Args: func(c *cobra.Command, args []string) error { return o.args(args) },
		RunE: func(c *cobra.Command, args []string) error { return a.explain(c.Context(), o, args) },
	}
	f := c.Flags()
	f.StringVar(&o.engine, "engine", "", "`ENGINE` or label, of one run or of two")
	f.StringVarP(&o.workload, "workload", "w", "", "`NAME` of one workload (default: all, widest gap first)")
	f.StringVar(&o.format, "format", "text", "`FORMAT`: text, markdown or json")
	f.BoolVar(&o.calibrate, "calibrate", false, "measure the unit costs now, for a run that has none: on the machine that it was made on")
	f.StringVar(&o.dir, "dir", ".", "`DIR` on the disk to measure with --calibrate")
	return c
}

func (o *explainOptions) args(args []string) error {
	switch {
	case len(args) == 0:
		return usagef("explain: no results directory given; see kvbench explain --help")
	case len(args) == 1 && o.engine == "":
		return usagef("explain: name two engines of %s, or one with --engine", args[0])
	case len(args) == 2 && o.engine == "":
		return usagef("explain: two results need --engine; one needs two engines, as in: kvbench explain %s A B", args[0])
	case len(args) == 3 && o.engine != "":
		return usagef("explain: either two engines or --engine, not both")
	case len(args) > 3:
		return usagef("explain: unexpected argument %q; see kvbench explain --help", args[3])
	}
	return nil
}

func (a *app) explain(ctx context.Context, o *explainOptions, args []string) error {
	if err := oneOf("format", o.format, "text", "markdown", "json"); err != nil {
		return err
	}
	format := results.Format(o.format)
	run, err := a.readResults(args[0])
	if err != nil {
		return err
	}
	choice := explain.Options{Workload: o.workload}
	if o.calibrate {
		const brief = 20 * time.Millisecond
		c, err := calibrate(ctx, o.dir, brief)
		if err != nil {
			return err
		}
		choice.Costs = c.UnitCosts
	}
	var all []*explain.Explanation
	switch len(args) {
	case 1:
		alone, err := explain.Alone(run, o.engine, choice)
		if err != nil {
			return err
		}
		return explain.WriteAlone(a.out, alone, format)
	case 2:
		other, err := a.readResults(args[1])
		if err != nil {
			return err
		}
		all, err = explain.Between(run, other, o.engine, choice)
		if err != nil {
			return err
		}
	default:
		if all, err = explain.Within(run, args[1], args[2], choice); err != nil {
			return err
		}
	}
	return explain.Write(a.out, all, format)
}
