package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// An Experiment is a matrix of engines, workloads and thread counts, repeated.
type Experiment struct {
	Name      string
	Engines   []EngineChoice
	Workloads []WorkloadChoice
	Threads   []int     // at least one
	Rates     []float64 // operations a second of open loops; empty: one closed loop
	Arrival   Arrival   // of the open loops
	// FindMax, when not nil, makes every cell the start of a search for the
	// highest rate that meets it; Rates is then empty and Reps 1.
	FindMax *Objective
	// Axes are what a sweep varies, in the order given; recorded, and nothing
	// else: Engines, Workloads, Threads and Rates have been multiplied by them.
	Axes []results.Axis
	Reps int // at least 1
	Seed uint64

	// Durability is what every engine is asked for: sync, async, os, buffered
	// or none. Async is each engine's own level.
	Durability  string
	CacheRegime string // as claimed, see ClaimCacheRegime; empty: none
	// MemoryLimit bounds the processes of measured cells, page cache included;
	// 0: not.
	MemoryLimit uint64

	Duration   time.Duration // of the measured phase; 0: by operations
	Operations uint64        // of the measured phase over all threads; 0: by duration
	Warmup     time.Duration // at least
	WarmupMax  time.Duration // until steady, at most so long; 0: Warmup as it is, however it ends
	Interval   time.Duration // of the series
	Calibrate  time.Duration // of the no-op loop before every cell
	Settle     time.Duration // at most; 0: no settling

	LoadThreads int // 0: as many as the cell has
	Timing      Timing
	Verify      Verify
	CountErrors bool
	// RequireSteady makes cells unfit whose measured phase was not steady.
	RequireSteady bool
	Driver        string // of the loop; empty: the house's own

	Dir     string // where engines keep their data; made, and removed at the end
	Keep    bool   // leave the data of the last cell
	Record  string // trace file for the one cell that there is; empty: none
	Profile string // directory for CPU and heap profiles of every cell; empty: none
	Command string // as recorded
}

// EngineChoice is one engine with settings.
type EngineChoice struct {
	Driver   engine.Driver
	Settings map[string]string
	// Label tells it from the same engine with other settings; empty: it
	// stands alone and goes by the driver's name.
	Label string
	// Axes are the values of a sweep that made this choice.
	Axes map[string]string
}

// Name is what the choice is called: its label, or the driver's name.
func (e *EngineChoice) Name() string {
	if e.Label != "" {
		return e.Label
	}
	return e.Driver.Name
}

// WorkloadChoice is one workload.
type WorkloadChoice struct {
	Spec *workloads.Spec
	// LoadOnly measures the load itself, into an empty engine.
	LoadOnly bool
	// Axes are the values of a sweep that made this choice.
	Axes map[string]string
}

// A Plan is the cells of an experiment in the order in which they run.
type Plan struct {
	Cells []PlannedCell
	// Prepared are the loads that cells share.
	Prepared []PreparedLoad

	Estimate  time.Duration // how long it may take
	DiskBytes uint64        // how much space it may need at its peak
}

// PlannedCell is one cell to be run.
type PlannedCell struct {
	Spec CellSpec
	// Prepared is the index of the load to start from, -1 for none.
	Prepared int
}

// PreparedLoad is data loaded once and copied for every cell.
type PreparedLoad struct {
	Key  string // of engine, settings and shape of the data
	Spec CellSpec
}

// Plan lays the experiment out. It is pure: it opens and runs nothing.
//
// Repetitions are interleaved: each goes once through the whole matrix. Within
// a repetition the blocks (workload and thread count) are in random order, and
// within a block the engines are: a random order that rotates from repetition
// to repetition, so that every engine is first, second, ... about as often.
// All engines of a block share its seed.
func (x *Experiment) Plan() (*Plan, error) {
	if err := x.check(); err != nil {
		return nil, err
	}
	p := &Plan{}
	loads, ids := make(map[string]int), make(map[string]bool)
	blocks := x.blocks()
	orders := make([][]int, len(blocks))
	for i := range blocks {
		orders[i] = permutation(len(x.Engines), derive(x.Seed, uint64(i), 1))
	}
	for rep := 1; rep <= x.Reps; rep++ {
		for _, i := range permutation(len(blocks), derive(x.Seed, uint64(rep), 2)) {
			for j := range orders[i] {
				e := orders[i][(j+rep-1)%len(orders[i])]
				cell, err := x.cell(blocks[i], x.Engines[e], rep, derive(x.Seed, uint64(i), uint64(rep), 3))
				if err != nil {
					return nil, err
				}
				if ids[cell.Cell.ID] {
					return nil, fmt.Errorf("%w: two cells would be called %s: name each engine, workload and number of threads once", engine.ErrInvalid, cell.Cell.ID)
				}
				ids[cell.Cell.ID] = true
				cell.Cell.Order = len(p.Cells) + 1
				p.Cells = append(p.Cells, PlannedCell{Spec: cell, Prepared: x.prepare(p, loads, &x.Engines[e], &cell)})
			}
		}
	}
	x.estimate(p)
	if x.FindMax != nil {
		p.Estimate *= 1 + UsualProbes
	}
	return p, nil
}

func (x *Experiment) check() error {
	switch {
	case len(x.Engines) == 0:
		return fmt.Errorf("%w: no engine to run", engine.ErrInvalid)
	case len(x.Workloads) == 0:
		return fmt.Errorf("%w: no workload to run", engine.ErrInvalid)
	case x.Reps < 1:
		return fmt.Errorf("%w: %d repetitions; at least 1", engine.ErrInvalid, x.Reps)
	case len(x.Threads) == 0:
		return fmt.Errorf("%w: no number of threads", engine.ErrInvalid)
	case x.LoadThreads < 0 || x.LoadThreads > maxThreads:
		return fmt.Errorf("%w: %d threads to load; want 0 to %d", engine.ErrInvalid, x.LoadThreads, maxThreads)
	case min(x.Duration, x.Warmup, x.WarmupMax, x.Interval, x.Calibrate, x.Settle) < 0:
		return fmt.Errorf("%w: a negative duration", engine.ErrInvalid)
	case x.WarmupMax > 0 && x.WarmupMax < x.Warmup:
		return fmt.Errorf("%w: a warm-up of at least %s and at most %s", engine.ErrInvalid, x.Warmup, x.WarmupMax)
	case x.Interval > 0 && x.Interval < minInterval:
		return fmt.Errorf("%w: an interval of %s; want 0 or at least %s", engine.ErrInvalid, x.Interval, minInterval)
	}
	for _, n := range x.Threads {
		if n < 1 || n > maxThreads {
			return fmt.Errorf("%w: %d threads; want 1 to %d", engine.ErrInvalid, n, maxThreads)
		}
	}
	for _, w := range x.Workloads {
		if !w.LoadOnly && x.Duration <= 0 && x.Operations == 0 && w.Spec.Operations == 0 {
			return fmt.Errorf("%w: workload %s has neither a duration nor a number of operations", engine.ErrInvalid, w.Spec.Name)
		}
	}
	if err := x.checkOpen(); err != nil {
		return err
	}
	_, err := Regime(x.Durability)
	return err
}

// maxThreads keeps worker numbers within what a value's stamp can hold.
const maxThreads = 4096

// minInterval is the length of a row of the series that takes far longer than
// it takes to begin the next.
const minInterval = time.Millisecond

// block is a part of the matrix whose cells are compared with each other.
type block struct {
	workload WorkloadChoice
	threads  int
	rate     float64 // 0: closed
}

func (x *Experiment) blocks() []block {
	var list []block
	for _, w := range x.Workloads {
		for _, n := range x.Threads {
			for _, rate := range x.rates() {
				list = append(list, block{workload: w, threads: n, rate: rate})
			}
		}
	}
	return list
}

// cell fills in the spec of one cell.
func (x *Experiment) cell(b block, e EngineChoice, rep int, seed uint64) (CellSpec, error) {
	w := b.workload.Spec
	given := withLevel(&e.Driver, e.Settings, func(set engine.DurabilitySet) (engine.Durability, error) {
		return level(x.Durability, set, e.Driver.Rail)
	})
	settings, err := engine.Resolve(e.Driver.Settings, given)
	if err != nil {
		return CellSpec{}, fmt.Errorf("engine %s: %w", e.Driver.Name, err)
	}
	regime, err := Regime(x.Durability)
	if err != nil {
		return CellSpec{}, err
	}
	s := CellSpec{
		Task: TaskRun, Workload: w, Settings: given, Level: x.Durability,
		LoadThreads: x.LoadThreads, Duration: x.Duration, Operations: x.Operations,
		Warmup: x.Warmup, WarmupMax: x.WarmupMax, RequireSteady: x.RequireSteady, MemoryLimit: x.MemoryLimit, Interval: x.Interval, Calibrate: x.Calibrate, Settle: x.Settle,
		Timing: x.Timing.String(), Verify: x.Verify, CountErrors: x.CountErrors, Profile: x.Profile, Record: x.Record,
	}
	if s.Operations == 0 && s.Duration == 0 {
		s.Operations = w.Operations
	}
	name := w.Name
	if b.workload.LoadOnly {
		s.Task, s.LoadThreads, name = TaskLoad, b.threads, loadName(w.Name)
		s.Duration, s.Operations, s.Warmup, s.WarmupMax = 0, w.Records, 0, 0
	}
	s.Cell = results.Cell{
		Schema: results.CellSchema, Experiment: x.Name, Rep: rep, Seed: seed, Command: x.Command,
		ID:       fmt.Sprintf("%s-%s-t%d%s-r%d", fileName(name), fileName(e.Name()), b.threads, rateMark(b.rate), rep),
		Regime:   regime,
		Axes:     x.axesOf(b, &e),
		Engine:   results.EngineInfo{Name: e.Driver.Name, Label: e.Label, Version: e.Driver.Version, Family: e.Driver.Family, Rail: e.Driver.Rail, Settings: settings, Asterisks: e.Driver.Asterisks},
		Workload: workloadInfo(w, name),
		Load: results.LoadInfo{
			Mode: "closed", Threads: b.threads, DurationS: s.Duration.Seconds(), Operations: s.Operations, Driver: x.loopName(),
		},
		CacheRegime: x.CacheRegime, CacheRegimeClaimed: x.CacheRegime,
	}
	s.open(b.rate, x.Arrival)
	s.paced()
	s.Cell.SpecSHA = specSHA(&s)
	return s, nil
}

func (x *Experiment) loopName() string {
	if x.Driver == "" {
		return Native{}.Name()
	}
	return x.Driver
}

// LoadWorkload is the name under which the load phase of workload A, or of
// what -P says, is measured.
const LoadWorkload = "load"

// loadName names the measured load of a workload: "load" for the core's.
func loadName(workload string) string {
	if workload == "" || workload == LoadWorkload {
		return LoadWorkload
	}
	return LoadWorkload + "-" + workload
}

func workloadInfo(w *workloads.Spec, name string) results.WorkloadInfo {
	info := results.WorkloadInfo{
		Name: name, Compat: string(w.Compat), Records: w.Records, Operations: w.Operations,
		Mix: make(map[string]float64), Dist: w.Request.String(), UpdateMode: w.UpdateMode.String(),
		KeyFormat: w.Keys.Format, ValueBytes: w.MeanValue(), Properties: w.Properties,
	}
	for k, share := range w.Mix {
		if share > 0 {
			info.Mix[workloads.Kind(k).String()] = share
		}
	}
	return info
}

// specSHA identifies what was asked of whom: cells with the same one differ
// in repetition and seed only.
func specSHA(s *CellSpec) string {
	c := *s
	c.Cell = results.Cell{
		Regime: s.Cell.Regime, CacheRegime: s.Cell.CacheRegime, Load: s.Cell.Load,
		Engine: results.EngineInfo{Name: s.Cell.Engine.Name, Version: s.Cell.Engine.Version, Settings: s.Cell.Engine.Settings},
	}
	c.Record = ""
	c.Dir, c.Profile, c.Loaded, c.Settings, c.RequireSteady = "", "", nil, nil, false
	return sum(c)
}

func sum(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		// Every value given here is plain data that has been through JSON.
		data = fmt.Append(nil, v)
	}
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// fileName keeps what is fit for a file name.
func fileName(s string) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			b[i] = '_'
		}
	}
	return string(b)
}
