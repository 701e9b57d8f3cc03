package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/bench/machine"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// run is the command: plan, perform, print.
func (a *app) run(ctx context.Context, o *runOptions, args []string) error {
	if o.resume != "" {
		return a.resumeRun(ctx, o, args)
	}
	x, notes, err := o.experiment(args)
	if err != nil {
		return err
	}
	if o.change != nil {
		if err := o.change(x); err != nil {
			return err
		}
	}
	x.Command = a.command
	if err := o.place(x); err != nil {
		return err
	}
	plan, err := x.Plan()
	if err != nil {
		return err
	}
	if err := o.checkThresholds(x, plan); err != nil {
		return err
	}
	if o.dryRun {
		return a.printPlan(x, plan, o.outDir, notes)
	}
	if o.resumeInto != "" {
		if err := discardData(x); err != nil {
			return err
		}
	}
	if err := o.prepareDir(x); err != nil {
		return err
	}
	if err := bench.CheckSpace(x.Dir, plan.DiskBytes); err != nil {
		return err
	}
	return a.perform(ctx, o, x, plan, notes)
}

// place chooses the directories that were not given. The experiment is named
// after its results.
func (o *runOptions) place(x *bench.Experiment) error {
	if o.resumeInto != "" {
		o.outDir = o.resumeInto
	}
	if o.outDir == "" {
		base := filepath.Join(resultsRoot, time.Now().UTC().Format("20060102-150405")+"-"+title(x))
		o.outDir = base
		for i := 2; exists(o.outDir); i++ {
			o.outDir = fmt.Sprintf("%s-%d", base, i)
		}
	}
	abs, err := filepath.Abs(o.outDir)
	if err != nil {
		return err
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return usagef("--out %s: it is a file; name a directory, new or empty", o.outDir)
	}
	x.Name = filepath.Base(abs)
	x.Dir = filepath.Join(abs, "data")
	if o.dir != "" {
		if abs, err = filepath.Abs(o.dir); err != nil {
			return err
		}
		x.Dir = filepath.Join(abs, "kvbench-"+x.Name)
	}
	if o.profile {
		x.Profile = filepath.Join(o.outDir, "profiles")
	}
	x.Keep = o.keep
	return nil
}

const resultsRoot = "kvbench-results"

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// prepareDir finds out before anything is written whether the directory for
// data will do. One inside the results is made with them.
func (o *runOptions) prepareDir(x *bench.Experiment) error {
	if o.dir == "" {
		return nil
	}
	if name := filepath.Join(o.dir, engine.MarkerName); exists(name) {
		return usagef("--dir %s: it is the directory of an engine (%s); give one for kvbench to work in", o.dir, name)
	}
	if exists(x.Dir) {
		return usagef("--dir %s: %s is in use by another run, or left over from one: wait for it, or remove it", o.dir, x.Dir)
	}
	return writable("--dir", o.dir)
}

// writable makes dir and tries to write in it.
func writable(flag, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return usagef("%s %s: it cannot be made: %w", flag, dir, err)
	}
	f, err := os.CreateTemp(dir, ".kvbench-*")
	if err != nil {
		return usagef("%s %s: it is not writable: %w", flag, dir, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// perform runs a plan from the empty results directory to the table.
func (a *app) perform(ctx context.Context, o *runOptions, x *bench.Experiment, plan *bench.Plan, notes []string) (err error) {
	cells, err := starter()
	if err != nil {
		return err
	}
	ctx, stop := a.interruptible(ctx, func() {
		a.warn("interrupted: ending the cell; what was measured is kept. Once more ends at once and leaves %s", x.Dir)
	})
	defer stop()
	w, done, err := a.openResults(o, x, plan, notes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if x.Profile != "" {
		if err := os.MkdirAll(x.Profile, 0o755); err != nil {
			return fmt.Errorf("make the directory of profiles: %w", err)
		}
	}
	if len(done) == 0 {
		if err := w.SetSpec(specOf(x)); err != nil {
			return err
		}
	}
	for _, n := range notes {
		a.warn("note: %s", n)
	}
	a.announce(x, plan, w.Dir(), o.demo)
	progress := a.newProgress(o.progressOptions, x, len(plan.Cells)-len(done))
	before := machine.Steal()
	err = a.describeMachine(ctx, w, x.Dir)
	if err == nil {
		err = (&bench.Runner{Starter: cells, Watcher: progress, Results: w, Done: done}).Run(ctx, x, plan)
	}
	progress.close()
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted {
		return errors.Join(err, discardEmpty(w))
	}
	if err := conclude(w, plan, interrupted, before); err != nil {
		return err
	}
	if x.Keep {
		fmt.Fprintf(a.console, "the data of the last cell are in %s\n", x.Dir)
	}
	return a.present(o, w.Dir(), interrupted)
}

// discardEmpty removes the results of a run that could not begin.
func discardEmpty(w *results.Writer) error {
	if info, err := os.Stat(filepath.Join(w.Dir(), results.CellsFile)); err != nil || info.Size() > 0 {
		return nil
	}
	return errors.Join(w.Close(), os.RemoveAll(w.Dir()))
}

// conclude completes the manifest and records the cells that were not run.
func conclude(w *results.Writer, plan *bench.Plan, interrupted bool, stealBefore *float64) error {
	run, err := results.Open(w.Dir())
	if err != nil {
		return err
	}
	status := results.StatusOK
	ran := make(map[string]bool)
	for _, c := range run.Cells {
		ran[c.ID] = true
		if c.Status == results.StatusFailed {
			status = results.StatusFailed
		}
	}
	if interrupted {
		status = results.StatusPartial
	}
	for _, planned := range plan.Cells {
		if ran[planned.Spec.Cell.ID] {
			continue
		}
		c := planned.Spec.Cell
		c.Schema, c.Status, c.Error, c.Order = results.CellSchema, results.StatusSkipped, "the run was interrupted before", 0
		if err := w.AddCell(c); err != nil {
			return err
		}
	}
	return w.UpdateManifest(func(m *results.Manifest) {
		now := time.Now().UTC()
		m.Status, m.Finished, m.Host.LoadAfter = status, &now, machine.LoadAverage()
		if after := machine.Steal(); after != nil && stealBefore != nil {
			m.Host.StealS = results.Num(max(*after-*stealBefore, 0))
		}
	})
}

// tableFormat reads --format.
func (o *runOptions) tableFormat() (results.Format, error) {
	switch o.format {
	case "table":
		return results.FormatText, nil
	case "md":
		return results.FormatMarkdown, nil
	}
	f, err := results.ParseFormat(o.format)
	if err != nil {
		return "", usagef("--format %q: want table, json, csv or markdown", o.format)
	}
	return f, nil
}

// present prints the table and says where everything is. Its error is that the
// run is not valid.
func (a *app) present(o *runOptions, dir string, interrupted bool) error {
	run, err := results.Open(dir)
	if err != nil {
		return err
	}
	format, err := o.tableFormat()
	if err != nil {
		return err
	}
	width, _ := terminalWidth(a.out)
	t := results.TableOptions{Format: format, Matrix: o.matrix, Color: colors(a.out), Width: width, IncludeRed: o.includeRed}
	if err = results.Table(a.out, run, t); err == nil {
		err = a.compared(&o.baselineOptions, run, t)
	}
	if err != nil && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	a.conclusion(run, o.demo)
	a.leaveReport(run)
	err = verdict(run, interrupted)
	if err != nil && interrupted && o.flags != nil && o.flags.Lookup("resume") != nil && o.change == nil {
		err = invalidRun{fmt.Sprintf("%s; kvbench run --resume %s goes on with them", err, dir)}
	}
	if err != nil {
		return err
	}
	if o.require {
		if err := steadiness(run); err != nil {
			return err
		}
	}
	return a.judge(run, &o.thresholdOptions)
}

// verdict says why a run is not valid as a whole, if it is not.
func verdict(run *results.Run, interrupted bool) error {
	failed, first := 0, ""
	for _, c := range run.Cells {
		reason := c.Error
		if c.Status != results.StatusFailed {
			var n uint64
			for _, op := range c.Ops {
				n += op.Errors
			}
			if n == 0 {
				continue
			}
			reason = fmt.Sprintf("%d operations failed", n)
		}
		if failed++; failed == 1 {
			first = fmt.Sprintf("%s: %s", c.ID, reason)
		}
	}
	switch {
	case interrupted:
		return invalidRun{fmt.Sprintf("interrupted: the results are partial (%s)", run.Dir)}
	case failed == 1:
		return invalidRun{fmt.Sprintf("1 of %d cells failed: %s", len(run.Cells), first)}
	case failed > 1:
		return invalidRun{fmt.Sprintf("%d of %d cells failed; the first: %s", failed, len(run.Cells), first)}
	}
	return nil
}
