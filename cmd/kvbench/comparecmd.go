package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

// compareOptions are the flags of compare.
type compareOptions struct {
	by, baseline string
	metrics      []string
	alpha        float64
	format       string
	allow        []string
	red          bool
	floors       []string
}

func newCompareCommand(a *app) *cobra.Command {
	o := &compareOptions{}
	c := &cobra.Command{
		Use:   "compare RESULTS [NEW]",
		Short: "Say which is better, by how much, and whether the figures can tell",
		Long: `Compare reads one results directory and compares its engines, or what else its
cells differ in; or it reads two and compares the same cells of both.

Each side is compared with a baseline: the median ratio of paired repetitions
with its interval, and the Mann-Whitney test, corrected by Holm for all sides of
a table. A side differs when both say so. Where so few repetitions could not
tell whatever they came to, the verdict says how many it takes.

Two runs that were asked different things are refused, and the differences
named. Cells with a red lamp are left out.`,
		Example: `  kvbench compare results/2026-11-21-lsm-cached --baseline pebble
  kvbench compare RESULTS --metric ops_per_s,read.p99,write_amp
  kvbench compare RESULTS --by threads
  kvbench compare BEFORE AFTER --allow-diff lsm.size_ratio
  kvbench compare RESULTS --floor 'btree>=2*bbolt'
  kvbench compare RESULTS --format benchstat | benchstat -col /engine -`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return exactArgs("RESULTS")(c, args)
		},
		RunE:              func(_ *cobra.Command, args []string) error { return a.compare(o, args) },
		ValidArgsFunction: completeDirs,
	}
	o.add(c)
	return c
}

func (o *compareOptions) add(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.by, "by", "", "`WHAT` the sides of one run differ in: engine, threads, rate, workload, ... or an axis of a sweep (default: engine, if there are several)")
	f.StringVar(&o.baseline, "baseline", "", "`SIDE` that the others are compared with (default: the first; where it has no figure, the first that has)")
	f.StringSliceVarP(&o.metrics, "metric", "m", []string{compare.DefaultMetric}, "`METRICS`: ops_per_s, read.p99, update.response.p999, write_amp, cpu_ns_per_op, metrics.work.flush_bytes, ...")
	f.Float64Var(&o.alpha, "alpha", compare.DefaultAlpha, "`PROBABILITY`, for each table, that equal sides are told apart")
	f.StringVar(&o.format, "format", "text", "`FORMAT`: text, markdown, json, csv or benchstat")
	f.StringSliceVar(&o.allow, "allow-diff", nil, "`NAMES` of differences between two runs that are accepted, as the refusal names them; * for all")
	f.BoolVar(&o.red, "include-red", false, "compare cells whose lamp is red, too")
	f.StringArrayVar(&o.floors, "floor", nil, "fail, with exit code 3, unless `A>=X*B`: the interval of A : B is not wholly below X; repeatable")
}

func (a *app) compare(o *compareOptions, args []string) error {
	format, err := compare.ParseFormat(o.format)
	if err != nil {
		return usagef("--format: %w", err)
	}
	options := compare.Options{
		By: o.by, Baseline: o.baseline, Alpha: o.alpha, Metrics: words(o.metrics), AllowDiff: words(o.allow), IncludeRed: o.red,
	}
	runs := make([]*results.Run, len(args))
	for i, dir := range args {
		if runs[i], err = a.readResults(dir); err != nil {
			return err
		}
	}
	var c *compare.Comparison
	if len(runs) == 2 {
		c, err = compare.Between(runs[0], runs[1], options)
	} else {
		c, err = compare.Within(runs[0], options)
	}
	if err != nil {
		return usage(err)
	}
	floors, err := o.checkFloors(runs, options)
	if err != nil {
		return err
	}
	width, _ := terminalWidth(a.out)
	err = c.Write(a.out, results.TableOptions{Format: format, Color: colors(a.out), Width: width})
	if err != nil {
		return err
	}
	return a.reportFloors(floors)
}

// readResults is openResults, and says what was left out of them.
func (a *app) readResults(dir string) (*results.Run, error) {
	run, err := openResults(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range run.Notes {
		a.warn("note: %s: %s", dir, n)
	}
	return run, nil
}

// openResults reads a results directory that somebody named, and says what is
// wrong with one that cannot be read.
func openResults(dir string) (*results.Run, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, usagef("%w: name a results directory, such as kvbench-results/TIME-NAME", err)
	}
	if !info.IsDir() {
		return nil, usagef("%s is a file; name the results directory that holds it", dir)
	}
	if !exists(filepath.Join(dir, results.ManifestFile)) {
		return nil, usagef("%s is no results directory: it has no %s%s", dir, results.ManifestFile, resultsBelow(dir))
	}
	run, err := results.Open(dir)
	_, garbled := errors.AsType[*json.SyntaxError](err)
	switch {
	case garbled:
		return nil, usagef("%w: the file is cut off or damaged; take it from a copy, or measure again", err)
	case errors.Is(err, os.ErrNotExist):
		return nil, usagef("%w: part of the results is missing; copy all of them, or measure again", err)
	case err != nil:
		return nil, usage(err)
	}
	return run, nil
}

// resultsBelow names results directories in dir, as the end of an error.
func resultsBelow(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	const most = 3
	var found []string
	for i := len(entries) - 1; i >= 0 && len(found) < most; i-- { // the latest first
		if below := filepath.Join(dir, entries[i].Name()); exists(filepath.Join(below, results.ManifestFile)) {
			found = append(found, below)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(found, ", ") + "?"
}

// checkFloors judges the floors of one run.
func (o *compareOptions) checkFloors(runs []*results.Run, options compare.Options) ([]compare.FloorResult, error) {
	var all []compare.FloorResult
	for _, text := range o.floors {
		floor, err := compare.ParseFloor(text)
		if err != nil {
			return nil, usagef("--floor: %w", err)
		}
		if len(runs) != 1 {
			return nil, usagef("--floor %s: floors are between sides of one run; name one", text)
		}
		list, err := floor.Check(runs[0], options)
		if err != nil {
			return nil, usagef("--floor %s: %w", text, err)
		}
		all = append(all, list...)
	}
	return all, nil
}

// reportFloors writes to standard error what became of floors.
func (a *app) reportFloors(list []compare.FloorResult) error {
	short := 0
	for _, r := range list {
		fmt.Fprintln(a.console, r)
		if !r.Held {
			short++
		}
	}
	if short > 0 {
		return missed{fmt.Sprintf("%d of %d floors missed or not to be judged", short, len(list))}
	}
	return nil
}
