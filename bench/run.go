package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// A Watcher is told how a run goes. Its methods are called one at a time.
type Watcher interface {
	// Begin announces a cell, or a shared load with index 0.
	Begin(index, total int, cell *results.Cell, task Task)
	// Progress reports the running cell once an interval.
	Progress(p Progress)
	// End tells what became of the cell. For a shared load that went well,
	// cell is what is known of the load.
	End(cell *results.Cell)
}

// Runner performs plans.
type Runner struct {
	Starter Starter
	Watcher Watcher         // nil: nobody
	Results *results.Writer // receives everything
	// Done are ids of cells that Results has already: they are passed over.
	Done map[string]bool
}

// Run performs every cell of the plan. It returns nil when all was performed,
// whatever became of the cells, and context.Canceled when it was interrupted;
// the results are valid either way. Other errors mean that the harness itself
// could not go on.
func (r *Runner) Run(ctx context.Context, x *Experiment, p *Plan) (err error) {
	if err := CheckSpace(x.Dir, p.DiskBytes); err != nil {
		return err
	}
	if err := makeDataDir(x.Dir); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	defer func() {
		if x.Keep {
			return
		}
		if removeErr := os.RemoveAll(x.Dir); err == nil && removeErr != nil {
			err = fmt.Errorf("remove the data: %w", removeErr)
		}
	}()
	run := &runState{Runner: r, x: x, plan: p, loads: make([]*loadState, len(p.Prepared)), left: make([]int, len(p.Prepared))}
	if x.FindMax != nil {
		return run.search(ctx)
	}
	for _, c := range p.Cells {
		if c.Prepared >= 0 && !r.Done[c.Spec.Cell.ID] {
			run.left[c.Prepared]++
		}
	}
	for i := range p.Cells {
		if r.Done[p.Cells[i].Spec.Cell.ID] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := run.cell(ctx, i); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// makeDataDir makes the directory that the run removes at its end, and refuses
// one that has anything in it: it is somebody else's.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = &os.PathError{Op: "use", Path: dir, Err: os.ErrExist}
	}
	return err
}

// runState is a run in progress.
type runState struct {
	*Runner
	x     *Experiment
	plan  *Plan
	loads []*loadState  // by index in plan.Prepared; nil: not loaded yet
	left  []int         // cells that still need the load
	last  *results.Cell // the last cell that was performed
}

// loadState is what became of a shared load.
type loadState struct {
	dir    string
	loaded *Loaded
	failed *results.Cell // the cell to blame when loaded is nil
}

// cell performs one cell of the plan and records it.
func (s *runState) cell(ctx context.Context, i int) error {
	planned := s.plan.Cells[i]
	spec := planned.Spec
	spec.Dir = filepath.Join(s.x.Dir, spec.Cell.ID)
	if s.x.Profile != "" {
		spec.Profile = filepath.Join(s.x.Profile, spec.Cell.ID)
	}
	var cell *results.Cell
	var err error
	if planned.Prepared >= 0 {
		cell, err = s.startFromLoad(ctx, planned.Prepared, &spec)
	}
	if err != nil {
		return err
	}
	s.begin(i+1, &spec)
	if cell == nil {
		cell, err = s.perform(ctx, &spec)
	}
	if err == nil {
		err = s.Results.AddCell(*cell)
	}
	s.last = cell
	if s.Watcher != nil && cell != nil {
		s.Watcher.End(cell)
	}
	s.clean(planned.Prepared, spec.Dir, i)
	return err
}

func (s *runState) begin(index int, spec *CellSpec) {
	if s.Watcher != nil {
		s.Watcher.Begin(index, len(s.plan.Cells), &spec.Cell, spec.Task)
	}
}

// clean removes a cell's data, and the load behind it after its last cell.
func (s *runState) clean(prepared int, dir string, i int) {
	last := i == len(s.plan.Cells)-1
	if !s.x.Keep || !last {
		os.RemoveAll(dir) //nolint:errcheck // Run removes all of it at the end
	}
	if prepared < 0 {
		return
	}
	if s.left[prepared]--; s.left[prepared] == 0 && s.loads[prepared] != nil {
		os.RemoveAll(s.loads[prepared].dir) //nolint:errcheck
	}
}

// startFromLoad gives the cell a fresh copy of its data, loading them first
// when this is the first cell that needs them. It returns the finished cell
// when the data cannot be had.
func (s *runState) startFromLoad(ctx context.Context, prepared int, spec *CellSpec) (*results.Cell, error) {
	load := s.loads[prepared]
	if load == nil {
		var err error
		if load, err = s.load(ctx, prepared); err != nil {
			return nil, err
		}
		s.loads[prepared] = load
	}
	if load.failed != nil {
		cell := failedCell(spec, errors.New(load.failed.Error))
		cell.Status, cell.LastWords, cell.Engine.Caps = load.failed.Status, load.failed.LastWords, load.failed.Engine.Caps
		judge(&cell, spec)
		return &cell, nil
	}
	if load.loaded.Level == "" {
		return nil, nil // nothing persists: the cell loads by itself
	}
	spec.Loaded = load.loaded
	if err := copyDir(ctx, load.dir, spec.Dir); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		cell := failedCell(spec, fmt.Errorf("copy the loaded data: %w", err))
		return &cell, nil
	}
	return nil, nil
}

// load performs a shared load.
func (s *runState) load(ctx context.Context, prepared int) (*loadState, error) {
	spec := s.plan.Prepared[prepared].Spec
	spec.Dir = filepath.Join(s.x.Dir, spec.Cell.ID)
	s.begin(0, &spec)
	state := &loadState{dir: spec.Dir}
	cell, err := s.performWith(ctx, &spec, func(m Message) {
		if m.Loaded != nil {
			state.loaded = m.Loaded
		}
	})
	if err != nil {
		return nil, err
	}
	if cell.Status == results.StatusOK && state.loaded == nil {
		failed := failedCell(&spec, errors.New("the load did not say what it loaded"))
		cell = &failed
	}
	if cell.Status != results.StatusOK {
		state.loaded, state.failed = nil, cell
	}
	if cell.Status == results.StatusPartial {
		return nil, context.Canceled
	}
	if s.Watcher != nil {
		s.Watcher.End(cell)
	}
	return state, nil
}

// perform runs a cell and takes its messages into the results.
func (s *runState) perform(ctx context.Context, spec *CellSpec) (*results.Cell, error) {
	var failed error
	keep := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	started := time.Now()
	cell, err := s.performWith(ctx, spec, func(m Message) {
		if len(m.Series) > 0 {
			keep(s.Results.AddSeries(m.Series))
		}
		if len(m.Events) > 0 {
			keep(s.Results.AddEvents(m.Events))
		}
		if len(m.Hist) > 0 {
			keep(s.Results.AddHist(spec.Cell.ID, m.Hist, started, time.Now()))
		}
	})
	if err == nil {
		err = failed
	}
	return cell, err
}

// performWith runs a cell; a process that dies makes a failed one.
func (s *runState) performWith(ctx context.Context, spec *CellSpec, f func(Message)) (*results.Cell, error) {
	var cell *results.Cell
	err := s.Starter.Run(ctx, spec, func(m Message) {
		if m.Cell != nil {
			cell = m.Cell
		}
		if m.Progress != nil && s.Watcher != nil {
			s.Watcher.Progress(*m.Progress)
		}
		f(m)
	})
	if cell != nil && (err == nil || cell.Status != results.StatusOK) {
		return cell, nil
	}
	if err == nil {
		err = errors.New("the cell's process ended without a result")
	}
	failed := failedCell(spec, err)
	if ctx.Err() != nil {
		failed.Status = results.StatusPartial
	}
	return &failed, nil
}

// failedCell is the result of a cell that could not give one.
func failedCell(spec *CellSpec, err error) results.Cell {
	cell := spec.Cell
	cell.Schema, cell.Started = results.CellSchema, time.Now().UTC()
	cell.Status, cell.Error = results.StatusFailed, err.Error()
	cell.Ops = make(map[string]*results.OpStats)
	var death *DeathError
	if errors.As(err, &death) {
		cell.LastWords = death.LastWords
	}
	judge(&cell, spec)
	return cell
}

// CheckSpace refuses a run that the disk below dir, which need not exist, has
// no room for.
func CheckSpace(dir string, need uint64) error {
	free, err := freeBytes(dir)
	if err != nil {
		return err
	}
	if need > free {
		return fmt.Errorf("%w: the run may need %d MiB below %s and %d MiB are free: use fewer records or engines, or another disk with --dir",
			engine.ErrTooLarge, need>>20, dir, free>>20)
	}
	return nil
}

// Manifest returns the plan's part of a manifest.
func (x *Experiment) Manifest(p *Plan) results.Manifest {
	return results.Manifest{
		Schema: results.ManifestSchema, Experiment: x.Name, Status: results.StatusPartial,
		Started: time.Now().UTC(), Command: x.Command, Plan: x.planOf(p), Axes: x.Axes,
	}
}
