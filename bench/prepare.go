package bench

import (
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// prepare finds, or adds to the plan, the load that a cell starts from, and
// returns its index; -1 when it starts from nothing or loads its data itself.
func (x *Experiment) prepare(p *Plan, known map[string]int, e *EngineChoice, cell *CellSpec) int {
	w := cell.Workload
	if cell.Task == TaskLoad || w.Records == 0 || cell.Cell.Engine.Rail {
		return -1
	}
	key := sum([]any{cell.Cell.Engine.Name, cell.Cell.Engine.Settings, shapeOf(w), cell.Cell.Load.Driver})
	if i, ok := known[key]; ok {
		return i
	}
	load := *cell
	load.Task, load.Calibrate, load.Profile = TaskPrepare, 0, ""
	load.Settings = withLevel(&e.Driver, e.Settings, func(set engine.DurabilitySet) (engine.Durability, error) {
		return loadLevel(set), nil
	})
	load.Cell.ID = "prepare-" + fileName(cell.Cell.Engine.Title()) + "-" + key[:8]
	load.Cell.Rep, load.Cell.Order = 0, 0
	if load.LoadThreads == 0 {
		// One number for all cells that share the data.
		load.LoadThreads = min(x.Threads[0], maxLoadThreads)
	}
	known[key] = len(p.Prepared)
	p.Prepared = append(p.Prepared, PreparedLoad{Key: key, Spec: load})
	return known[key]
}

// maxLoadThreads bounds the workers of a load that nobody measures.
const maxLoadThreads = 8

// shape is what a load leaves in an engine: workloads that agree in it share
// their data.
type shape struct {
	Records, Start, Count uint64
	Order                 string
	Keys                  workloads.KeySpec
	Values                workloads.ValueSpec
	Update                workloads.UpdateMode
	Compat                workloads.Compat
	Table                 string
}

func shapeOf(w *workloads.Spec) shape {
	return shape{
		Records: w.Records, Start: w.InsertStart, Count: w.InsertCount, Order: w.LoadOrder,
		Keys: w.Keys, Values: w.Values, Update: w.UpdateMode, Compat: w.Compat,
	}
}

// Guesses for an estimate; a slow engine takes longer.
const (
	guessLoadPerS   = 50_000
	guessCopyPerS   = 500 << 20 // bytes
	guessOpsPerS    = 50_000
	guessCellFixed  = 500 * time.Millisecond
	guessSpaceShare = 2 // disk bytes a live byte, at worst over a run
)

// estimate says how long the plan may take and how much space it may need.
func (x *Experiment) estimate(p *Plan) {
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	var base, largest uint64
	for i := range p.Prepared {
		w := p.Prepared[i].Spec.Workload
		p.Estimate += seconds(float64(w.Records)/guessLoadPerS) + guessCellFixed
		base += liveBytes(w)
	}
	for i := range p.Cells {
		s := &p.Cells[i].Spec
		p.Estimate += guessCellFixed + max(s.Warmup, s.WarmupMax) + s.Duration + s.Calibrate
		if s.Duration == 0 {
			p.Estimate += seconds(float64(s.Operations) / guessOpsPerS)
		}
		if p.Cells[i].Prepared >= 0 {
			p.Estimate += seconds(float64(liveBytes(s.Workload)) / guessCopyPerS)
		}
		if !s.Cell.Engine.Rail {
			largest = max(largest, liveBytes(s.Workload))
		}
	}
	p.DiskBytes = guessSpaceShare * (base + largest)
}

func liveBytes(w *workloads.Spec) uint64 {
	const meanKey = 24
	records := w.Records
	if records == 0 {
		records = w.Operations
	}
	return uint64(float64(records) * (w.MeanValue() + meanKey))
}

// planOf is the plan as the manifest records it.
func (x *Experiment) planOf(p *Plan) results.Plan {
	m := results.Plan{
		Reps: x.Reps, Seed: x.Seed, Threads: x.Threads, DurationS: x.Duration.Seconds(), WarmupS: x.Warmup.Seconds(), WarmupMaxS: x.WarmupMax.Seconds(),
		Settings: make(map[string]string),
	}
	m.Regime, _ = Regime(x.Durability) // Plan has checked it
	for _, e := range x.Engines {
		m.Engines = append(m.Engines, e.Name())
		for k, v := range e.Settings {
			m.Settings[e.Name()+"."+k] = v
		}
	}
	for _, w := range x.Workloads {
		name := w.Spec.Name
		if w.LoadOnly {
			name = loadName(name)
		}
		m.Workloads = append(m.Workloads, name)
	}
	for _, c := range p.Cells {
		m.Order = append(m.Order, c.Spec.Cell.ID)
	}
	return m
}
