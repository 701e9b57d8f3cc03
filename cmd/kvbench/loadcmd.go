package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/results"
)

// loadOptions are the flags of load, as given.
type loadOptions struct {
	workloadOptions
	engineOptions
	progressOptions

	dir        string
	threads    string
	durability string
	seed       uint64
	settle     span
	format     string
}

func newLoadCommand(a *app) *cobra.Command {
	o := &loadOptions{settle: 0}
	c := &cobra.Command{
		Use:   "load ENGINE --dir DIR",
		Short: "Load a workload's records into a directory and keep it",
		Long: `Load inserts the records of a workload into an engine in DIR, which must be
absent or empty, and leaves it there. It prints how fast that went. To compare
loads use run -w load.`,
		Example: `  kvbench load pebble --dir /data/pebble --records 10m
  kvbench load bbolt --dir /data/bbolt -P workload.properties -threads 4`,
		Args:              exactArgs("ENGINE"),
		RunE:              func(c *cobra.Command, args []string) error { return a.load(c.Context(), o, args[0]) },
		ValidArgsFunction: completeEngines,
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.dir, "dir", "", "directory of the engine")
	o.workloadOptions.add(f)
	o.engineOptions.add(f)
	f.StringVarP(&o.threads, "threads", "c", "2", "workers")
	f.StringVar(&o.durability, "durability", results.RegimeAsync, "of writes: sync, async, os, buffered or none")
	f.Uint64Var(&o.seed, "seed", 1, "of everything random")
	f.Var(&o.settle, "settle", "wait at most so long for background work afterwards")
	f.StringVar(&o.format, "format", "table", "table or json (the whole cell)")
	o.progressOptions.add(f)
	for _, name := range []string{"engines", "ops"} {
		f.Lookup(name).Hidden = true
	}
	return c
}

func (a *app) load(ctx context.Context, o *loadOptions, name string) error {
	if err := oneOf("format", o.format, "table", "json"); err != nil {
		return err
	}
	x, err := a.loadExperiment(o, name)
	if err != nil {
		return err
	}
	plan, err := x.Plan()
	if err != nil {
		return err
	}
	if err := emptyEngineDir(o.dir, x.Engines[0].Driver); err != nil {
		return err
	}
	spec := plan.Cells[0].Spec
	if spec.Dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	cell, err := a.performLoad(ctx, o, x, &spec)
	if err != nil {
		return err
	}
	if o.format == "json" {
		if err := a.printJSON(cell); err != nil {
			return err
		}
	}
	if cell.Status != results.StatusOK {
		return invalidRun{fmt.Sprintf("load %s: %s", name, outcome(cell))}
	}
	if o.format == "json" {
		return nil
	}
	_, err = fmt.Fprintln(a.out, loadText(cell, o.dir))
	return err
}

// loadExperiment is the load of one workload into one engine.
func (a *app) loadExperiment(o *loadOptions, name string) (*bench.Experiment, error) {
	if o.dir == "" {
		return nil, usagef("load: no --dir given, the directory to load into")
	}
	if given := words(o.workloadOptions.names); len(given) > 1 {
		return nil, usagef("load: one workload at a time, not %s", strings.Join(given, " "))
	}
	choices, err := o.workloadOptions.choose([]string{"A"})
	if err != nil {
		return nil, err
	}
	x := &bench.Experiment{
		Name: "load", Reps: 1, Seed: o.seed, Durability: strings.ToLower(o.durability), Verify: bench.VerifyHeader,
		Timing: bench.Timing{Auto: true}, Interval: bench.RowInterval(0, 0), Command: a.command,
	}
	var notes []string
	if x.Engines, notes, err = o.engineOptions.choose([]string{name}); err != nil {
		return nil, err
	}
	if d := x.Engines[0].Driver; d.Rail {
		return nil, usagef("load: %s keeps nothing on disk (%s)", d.Name, d.Title)
	}
	for _, n := range append(notes, choices[0].notes...) {
		a.warn("note: %s", n)
	}
	choices[0].LoadOnly = true
	x.Workloads = []bench.WorkloadChoice{choices[0].WorkloadChoice}
	if x.Threads, err = parseThreads(o.threads); err != nil {
		return nil, err
	}
	if len(x.Threads) > 1 {
		return nil, usagef("load: one number of --threads, not %s", o.threads)
	}
	return x, nil
}

func (a *app) performLoad(ctx context.Context, o *loadOptions, x *bench.Experiment, spec *bench.CellSpec) (*results.Cell, error) {
	ctx, stop := a.interruptible(ctx, func() { a.warn("interrupted: ending the load") })
	defer stop()
	progress := a.newProgress(o.progressOptions, x, 1)
	progress.Begin(1, 1, &spec.Cell, spec.Task)
	var cell *results.Cell
	err := runCell(ctx, spec, func(m bench.Message) {
		if m.Progress != nil {
			progress.Progress(*m.Progress)
		}
		if m.Cell != nil {
			cell = m.Cell
		}
	})
	if cell != nil {
		progress.End(cell)
	}
	progress.close()
	switch death, died := errors.AsType[*bench.DeathError](err); {
	case died && death.LastWords != "":
		return nil, invalidRun{fmt.Sprintf("load: %v\n%s", err, death.LastWords)}
	case died:
		return nil, invalidRun{fmt.Sprintf("load: %v", err)}
	case err == nil && cell == nil:
		err = errors.New("load: the process ended without a result")
	}
	return cell, err
}

// emptyEngineDir makes sure that dir can become the directory of an engine,
// or says what it is instead.
func emptyEngineDir(dir string, d engine.Driver) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
		return writable("--dir", dir)
	}
	if err != nil {
		return usagef("--dir: %w", err)
	}
	anyFormat := engine.Marker{Engine: d.Name, Format: math.MaxInt}
	home, err := engine.OpenHome(vfs.OS{}, dir, anyFormat, true)
	if err != nil {
		return usagef("--dir: %w", err)
	}
	return errors.Join(home.Close(), usagef("--dir %s: it holds data of %s already; give a new or an empty directory", dir, d.Name))
}

func loadText(c *results.Cell, dir string) string {
	text := fmt.Sprintf("%s: %s records", c.Engine.Name, humanCount(float64(c.Workload.Records)))
	for _, p := range c.Phases {
		if p.Name == "measure" {
			text += fmt.Sprintf(" in %.2f s", p.EndS-p.StartS)
		}
	}
	if c.OpsPerS != nil {
		text += fmt.Sprintf(", %s ops/s", humanCount(*c.OpsPerS))
	}
	text += fmt.Sprintf(" at durability %s", c.Durability)
	if n, ok := c.IO.DiskBytes.Value(); ok {
		text += fmt.Sprintf(", %s", humanBytes(n))
	}
	return text + " in " + dir
}
