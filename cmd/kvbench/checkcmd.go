package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/gate"
)

// checkOptions are the flags of check.
type checkOptions struct {
	thresholdOptions

	maxRegress   string
	countersOnly bool
	metrics      []string
	allowDiff    []string
	format       string
}

func newCheckCommand(a *app) *cobra.Command {
	o := &checkOptions{}
	c := &cobra.Command{
		Use:   "check BASE NEW | RESULTS --threshold BOUND",
		Short: "Fail when counters got worse, or a bound is not kept",
		Long: `Check compares the counters of two runs that performed the same operations:
bytes, syncs, block reads and allocations of an operation. They do not depend
on how fast or busy the machine is. Both runs have to be made with

  kvbench run ENGINE... --counters --ops N

by one worker, with the same seed. A counter that depends on when background
work runs fails the check only where the repetitions of each run, two at least,
agree among themselves. The engine hash has many such, and fewer with gc=off.
Times are printed, and never fail a check: use --threshold for a bound.

With one run, check judges its thresholds.`,
		Example: `  kvbench run lsm btree -w A --counters --ops 100k -o base
  kvbench run lsm btree -w A --counters --ops 100k -o new
  kvbench check base new --max-regress 2%
  kvbench check base new --counters-only --metric metrics.read.ios
  kvbench check kvbench-results/RUN --threshold 'read.p99<1ms'`,
		Args: func(_ *cobra.Command, args []string) error { return o.args(args) },
		RunE: func(_ *cobra.Command, args []string) error { return a.check(o, args) },
	}
	f := c.Flags()
	f.StringVar(&o.maxRegress, "max-regress", "5%", "`SHARE` by which a counter may get worse")
	f.BoolVar(&o.countersOnly, "counters-only", false, "leave the times out")
	f.StringSliceVar(&o.metrics, "metric", nil, "`COUNTER` to check instead of the usual ones (repeatable)")
	f.StringSliceVar(&o.allowDiff, "allow-diff", nil, "`NAME` of a difference between the specs that is allowed (repeatable; * for all)")
	f.StringVar(&o.format, "format", "text", "`FORMAT`: text, markdown or json")
	o.add(f)
	return c
}

func (o *checkOptions) args(args []string) error {
	switch {
	case len(args) == 0:
		return usagef("check: no results directory given; usage: kvbench check BASE NEW")
	case len(args) == 1 && len(o.thresholds) == 0:
		return usagef("check: one run is checked by --threshold; to compare counters name two: kvbench check %s NEW", args[0])
	case len(args) > 2:
		return usagef("check: unexpected argument %q; usage: kvbench check BASE NEW", args[2])
	}
	return nil
}

func (a *app) check(o *checkOptions, args []string) error {
	if err := oneOf("format", o.format, "text", "markdown", "json"); err != nil {
		return err
	}
	most, err := parseShare(o.maxRegress)
	if err != nil {
		return err
	}
	list, err := o.parse()
	if err != nil {
		return err
	}
	run, err := a.readResults(args[len(args)-1])
	if err != nil {
		return err
	}
	format := results.Format(o.format)
	var failed error
	if len(args) == 2 {
		base, err := a.readResults(args[0])
		if err != nil {
			return err
		}
		report, err := gate.Check(base, run, gate.Options{
			MaxRegress: most, Counters: o.metrics, CountersOnly: o.countersOnly, AllowDiff: o.allowDiff,
		})
		if err != nil {
			return err
		}
		failed = verdictOf(report)
		if format == results.FormatJSON && len(list) > 0 { // one document
			return a.checkedBoth(report, run, list, failed)
		}
		if err := report.Write(a.out, format); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return failed
	}
	outcomes, err := gate.Evaluate(run, list)
	if err != nil {
		return usage(err)
	}
	if err := gate.WriteOutcomes(a.out, outcomes, format); err != nil {
		return err
	}
	if failed == nil {
		failed = missedThresholds(outcomes)
	}
	return failed
}

// checkedBoth prints counters and thresholds as one document.
func (a *app) checkedBoth(r *gate.Report, run *results.Run, list []gate.Threshold, failed error) error {
	outcomes, err := gate.Evaluate(run, list)
	if err != nil {
		return usage(err)
	}
	err = a.printJSON(struct {
		Check      *gate.Report   `json:"check"`
		Thresholds []gate.Outcome `json:"thresholds"`
	}{r, outcomes})
	if err == nil && failed == nil {
		failed = missedThresholds(outcomes)
	}
	return errors.Join(err, failed)
}

// verdictOf is why a check does not pass. A regression outweighs a cell that
// is missing.
func verdictOf(r *gate.Report) error {
	var names []string
	for _, l := range r.Lines {
		if l.Verdict == gate.Regression {
			names = append(names, l.Engine+" "+l.Counter)
		}
	}
	switch {
	case len(names) > 0:
		return missed{fmt.Sprintf("regression against %s: %s", r.Base, strings.Join(names, ", "))}
	case len(r.Missing) > 0:
		return usagef("%d cells of %s have no counterpart; the first: %s", len(r.Missing), r.Base, r.Missing[0])
	}
	return nil
}

// parseShare reads 5% or 0.05.
func parseShare(text string) (float64, error) {
	number, factor := strings.TrimSpace(text), 1.0
	if rest, ok := strings.CutSuffix(number, "%"); ok {
		number, factor = strings.TrimSpace(rest), 0.01
	}
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || !(x >= 0) || x*factor > 100 {
		return 0, usagef("--max-regress %q: want a share such as 5%% or 0.05", text)
	}
	return x * factor, nil
}
