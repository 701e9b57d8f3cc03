package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// CellDeps are the components that a cell's process is handed.
type CellDeps struct {
	// Lookup finds an engine's driver by name.
	Lookup func(name string) (engine.Driver, error)
	// Noop opens an engine that does nothing, for calibration.
	Noop func() (engine.Engine, error)
	// Loops are the loop drivers besides the house's own.
	Loops []LoopDriver

	sent *atomic.Uint64 // bytes of messages that left the process; nil: none did
}

// cellRun is one cell in progress.
type cellRun struct {
	spec   *CellSpec
	deps   CellDeps
	emit   func(Message)
	start  time.Time
	device string
	events *eventLog

	driver engine.Driver
	target Target
	loop   Loop
	live   engine.Count
	files  engine.FileCounter // nil: the engine does not count

	harness   harnessCost
	cell      *results.Cell
	recording *recording // nil: none
}

// RunCell performs one cell in this process and emits what it finds; the last
// message is the cell. Cancelling ctx ends it early with what was measured
// until then. It returns an error only when the spec makes no sense: whatever
// goes wrong with the engine is in the cell.
func RunCell(ctx context.Context, spec *CellSpec, deps CellDeps, emit func(Message)) error {
	if spec.Workload == nil || spec.Cell.Load.Threads < 1 {
		return errors.New("cell: no workload or no threads")
	}
	r := &cellRun{spec: spec, deps: deps, emit: emit, start: time.Now(), device: deviceOf(spec.Dir)}
	r.events = &eventLog{start: r.start}
	cell := spec.Cell
	r.cell = &cell
	cell.Schema, cell.Started, cell.Status = results.CellSchema, r.start.UTC(), results.StatusOK
	cell.Ops = make(map[string]*results.OpStats)
	if spec.Loaded != nil {
		cell.Phases = append(cell.Phases, spec.Loaded.Phase)
		r.live = engine.Known(spec.Loaded.LiveBytes)
	}
	err := r.run(ctx)
	if closeErr := r.close(); err == nil {
		err = closeErr
	}
	r.conclude(err)
	r.emit(Message{Events: r.events.rows(cell.ID)})
	r.emit(Message{Cell: r.cell})
	return nil
}

// conclude sets the status from how the run ended.
func (r *cellRun) conclude(err error) {
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		r.cell.Status = results.StatusPartial
		r.cell.Error = "interrupted"
	case errors.Is(err, engine.ErrUnsupported) && r.cell.OpsPerS == nil:
		r.cell.Status, r.cell.Error = results.StatusUnsupported, err.Error()
	default:
		r.cell.Status, r.cell.Error = results.StatusFailed, err.Error()
	}
	if r.cell.Status == results.StatusUnsupported || r.cell.Status == results.StatusFailed {
		r.cell.OpsPerS, r.cell.RowsPerS = nil, nil
	}
	judge(r.cell, r.spec)
}

func (r *cellRun) run(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	if err := r.calibrate(ctx); err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	if r.spec.MemoryLimit > 0 && r.spec.Task == TaskRun {
		leave, err := limitMemory(cgroupRoot, "/proc/self/cgroup", r.spec.MemoryLimit)
		if err != nil {
			return err
		}
		defer leave() //nolint:errcheck // an empty group is left behind
		if err := dropCache(r.spec.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("drop the cache of the data: %w", err)
		}
	}
	if err := r.open(); err != nil {
		return err
	}
	debug.FreeOSMemory() // what calibration and opening left behind
	switch r.spec.Task {
	case TaskPrepare:
		return r.prepare(ctx)
	case TaskLoad:
		return r.measureLoad(ctx)
	}
	return r.measureRun(ctx)
}

// check refuses a workload that the engine's kind can never serve, before
// anything is opened.
func (r *cellRun) check() (err error) {
	if r.driver, err = r.deps.Lookup(r.cell.Engine.Name); err != nil {
		return err
	}
	e := &r.cell.Engine
	e.Version, e.Family, e.Rail = r.driver.Version, r.driver.Family, r.driver.Rail
	e.Asterisks = r.driver.Asterisks
	e.Settings, err = engine.Resolve(r.driver.Settings, r.spec.Settings)
	return err
}

func (r *cellRun) open() error {
	env := engine.Env{Events: r.events}
	e, err := r.driver.Open(r.spec.Dir, r.spec.Settings, env)
	if err != nil {
		return fmt.Errorf("open %s: %w", r.driver.Name, err)
	}
	caps := e.Caps()
	r.cell.Engine.Caps = &caps
	w := r.spec.Workload
	err = needs(caps, w.NeedsOrder() && r.spec.Task == TaskRun, w.Has(workloads.ReverseScan), w.Has(workloads.DeleteRange))
	var d engine.Durability
	if err == nil {
		if r.spec.Task == TaskPrepare {
			d = loadLevel(caps.Durabilities)
		} else {
			d, err = level(r.spec.Level, caps.Durabilities, r.driver.Rail)
		}
	}
	if err != nil {
		return errors.Join(err, e.Close())
	}
	r.cell.Durability, r.cell.SurvivesKill = d, d.SurvivesKill() && caps.Persistent
	if e, err = r.recorded(e); err != nil {
		return errors.Join(err, e.Close())
	}
	r.target = EngineTarget(e, d)
	r.files, _ = engine.As[engine.FileCounter](e)
	r.loop, err = r.openLoop(r.target)
	return err
}

func (r *cellRun) openLoop(t Target) (Loop, error) {
	o := LoopOptions{
		Workload: r.spec.Workload, Seed: r.cell.Seed,
		Threads: r.cell.Load.Threads, LoadThreads: r.spec.LoadThreads,
		Verify: r.spec.Verify, CountErrors: r.spec.CountErrors, Blank: r.driver.Blank,
	}
	d, err := r.loopDriver()
	if err != nil {
		return nil, err
	}
	return d.Open(t, o)
}

func (r *cellRun) loopDriver() (LoopDriver, error) {
	name := r.cell.Load.Driver
	if name == "" || name == (Native{}).Name() {
		return Native{}, nil
	}
	if d, ok := ParseReplay(name); ok {
		return d, nil
	}
	known := []string{Native{}.Name()}
	for _, d := range r.deps.Loops {
		if d.Name() == name {
			return d, nil
		}
		known = append(known, d.Name())
	}
	return nil, fmt.Errorf("%w: unknown driver %q%s", engine.ErrInvalid, name, engine.Suggest(name, known))
}

func (r *cellRun) close() error {
	errs := []error{r.stopRecording()}
	if r.loop != nil {
		errs = append(errs, r.loop.Close())
	}
	if r.target != nil {
		errs = append(errs, r.target.Close())
	}
	return errors.Join(errs...)
}

func (r *cellRun) since() float64 { return time.Since(r.start).Seconds() }
