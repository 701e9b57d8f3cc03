package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/gate"
)

// thresholdOptions are bounds on metrics.
type thresholdOptions struct{ thresholds []string }

func (o *thresholdOptions) add(f *pflag.FlagSet) {
	f.StringArrayVar(&o.thresholds, "threshold", nil, "`BOUND` that every engine must keep, as read.p99<1ms, lsm:ops_per_s>=50k or write_amp<=10 (repeatable); exit code 3 when one is missed")
}

// parse reads the thresholds. An error lies in the command line.
func (o *thresholdOptions) parse() ([]gate.Threshold, error) {
	list := make([]gate.Threshold, 0, len(o.thresholds))
	for _, text := range o.thresholds {
		t, err := gate.ParseThreshold(text)
		if err != nil {
			return nil, usagef("--threshold: %w", err)
		}
		list = append(list, t)
	}
	return list, nil
}

// checkThresholds finds out before a run whether its thresholds can apply to it.
func (o *thresholdOptions) checkThresholds(x *bench.Experiment, plan *bench.Plan) error {
	list, err := o.parse()
	if err != nil || len(list) == 0 {
		return err
	}
	var engines, kinds []string
	for i := range plan.Cells {
		c := &plan.Cells[i].Spec.Cell
		engines = append(engines, c.Engine.Title(), c.Engine.Name)
		for kind, share := range c.Workload.Mix {
			if share > 0 {
				kinds = append(kinds, kind)
			}
		}
	}
	slices.Sort(engines)
	slices.Sort(kinds)
	engines, kinds = slices.Compact(engines), slices.Compact(kinds)
	for i := range list {
		if err := list[i].Applies(engines, kinds); err != nil {
			return usagef("--threshold: %w", err)
		}
		if list[i].Timed() && x.Timing.String() == "off" {
			return usagef("--threshold %q: nothing is timed in this run; leave --timing out", list[i].Text)
		}
	}
	return nil
}

// judge evaluates thresholds on a run that has ended, and says which were
// missed; its error is missed when one was.
func (a *app) judge(run *results.Run, o *thresholdOptions) error {
	list, err := o.parse()
	if err != nil || len(list) == 0 {
		return err
	}
	outcomes, err := gate.Evaluate(run, list)
	if err != nil {
		return usage(err)
	}
	return missedThresholds(outcomes)
}

// missedThresholds names each threshold that was missed, with its figure.
func missedThresholds(outcomes []gate.Outcome) error {
	var lines []string
	for _, o := range outcomes {
		if !o.Met {
			lines = append(lines, fmt.Sprintf("%s: %s is %s in %s", o.Threshold, o.Engine, o.Figure(), o.Setup))
		}
	}
	switch len(lines) {
	case 0:
		return nil
	case 1:
		return missed{"threshold missed: " + lines[0]}
	}
	return missed{fmt.Sprintf("%d thresholds missed:\n  %s", len(lines), strings.Join(lines, "\n  "))}
}
