package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

// baselineOptions say with what a run compares its engines at its end.
type baselineOptions struct{ baseline string }

func (o *baselineOptions) add(f *pflag.FlagSet) {
	f.StringVar(&o.baseline, "baseline", "", "`ENGINE` that the others are compared with below the table (default: the first; where it has no figure, the first that has)")
}

// among refuses a baseline that is not among the engines, before anything runs.
func (o *baselineOptions) among(choices []bench.EngineChoice) error {
	var names []string
	for _, c := range choices {
		names = append(names, c.Name())
	}
	if o.baseline == "" || slices.Contains(names, o.baseline) {
		return nil
	}
	return usagef("--baseline %s: it is not measured here%s", o.baseline, engine.Suggest(o.baseline, names))
}

// leastReps is how many repetitions make a comparison worth a section: fewer
// cannot be told apart whatever they come to.
const leastReps = 4

// compared writes below the tables of a run how its engines compare, where
// there are several and enough repetitions.
func (a *app) compared(o *baselineOptions, run *results.Run, t results.TableOptions) error {
	if t.Format != results.FormatText && t.Format != results.FormatMarkdown || run.Manifest.Plan.Reps < leastReps {
		return nil
	}
	c, err := compare.Within(run, compare.Options{By: "engine", Baseline: o.baseline, IncludeRed: t.IncludeRed})
	if err != nil {
		return nil //nolint:nilerr // One engine, or no figures: the table says so.
	}
	var b strings.Builder
	t.NoLegend = false
	if err := c.Summary(&b, t); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "\n%s", b.String())
	return err
}
