package results

import (
	"time"

	"github.com/kvbench/kvbench/engine"
)

// A Manifest describes a run once: manifest.json. It is written when the run
// begins and again when it ends.
type Manifest struct {
	Schema     string     `json:"schema"`
	Experiment string     `json:"experiment"` // name of the run, unique enough to cite
	Status     Status     `json:"status"`     // ok, partial, failed
	Started    time.Time  `json:"started"`
	Finished   *time.Time `json:"finished"` // null while running
	Command    string     `json:"command"`
	Args       []string   `json:"args,omitempty"` // of the command, as given
	SpecSHA    string     `json:"spec_sha"`       // of spec.resolved.yaml

	Program     Program     `json:"program"`
	Host        Host        `json:"host"`
	Disk        Disk        `json:"disk"`
	Go          GoInfo      `json:"go"`
	Calibration Calibration `json:"calibration"`
	Plan        Plan        `json:"plan"`
	Notes       []string    `json:"notes"` // warnings that concern the whole run

	// Axes are what a sweep varied, in the order given.
	Axes []Axis `json:"axes"`
	// Study is the built-in experiment that the run is, if it is one.
	Study *Study `json:"study,omitempty"`
	// Searches are the searches for a sustainable rate that were made.
	Searches []Search `json:"searches,omitempty"`
}

// Axis is one thing that a sweep varies.
type Axis struct {
	Name   string   `json:"name"` // threads, rate, ENGINE.SETTING, workload.PROPERTY
	Values []string `json:"values"`
}

// Study is a built-in experiment and what came of its expectations.
type Study struct {
	Name     string  `json:"name"`
	Title    string  `json:"title"`
	Scale    string  `json:"scale"` // tiny, small, full
	Question string  `json:"question"`
	Paper    string  `json:"paper"`
	Look     string  `json:"look"` // what to look for in the figure
	Figure   Figure  `json:"figure"`
	Claims   []Claim `json:"claims"`
	Missing  string  `json:"missing,omitempty"` // the feature that an engine lacks; then nothing was run
}

// Figure says how a study's points are drawn. Points are given where they do
// not follow from the cells alone.
type Figure struct {
	Kind   string  `json:"kind"` // lines, bars, heat, triangle, scatter
	Title  string  `json:"title"`
	X      string  `json:"x"` // name and unit of the axis
	Y      string  `json:"y"`
	LogX   bool    `json:"log_x,omitempty"`
	LogY   bool    `json:"log_y,omitempty"`
	Points []Point `json:"points"`
}

// Point is one measurement of a study's figure.
type Point struct {
	Series string   `json:"series"`
	X      string   `json:"x"` // a number, or a name
	Y      *float64 `json:"y"`
	Low    *float64 `json:"low,omitempty"` // whiskers
	High   *float64 `json:"high,omitempty"`
	Z      *float64 `json:"z,omitempty"` // third value of a triangle
	Cell   string   `json:"cell,omitempty"`
}

// Claim is an expectation of a study: an ordering, and whether it held.
type Claim struct {
	Text   string `json:"text"`
	Held   *bool  `json:"held"`   // null: could not be judged
	Detail string `json:"detail"` // the figures
	// Advisory claims are about times, which chance has a part in: a run
	// whose advice does not hold is no failure.
	Advisory bool `json:"advisory,omitempty"`
}

// Search is one search for the highest rate that meets an objective.
type Search struct {
	Engine    string   `json:"engine"` // its label
	Workload  string   `json:"workload"`
	Threads   int      `json:"threads"`
	Objective string   `json:"objective"` // as given: p99<2ms
	Rate      *float64 `json:"rate"`      // the highest that met it; null: none did
	Ceiling   *float64 `json:"ceiling"`   // the lowest that did not; null: none was found
	Probes    []Probe  `json:"probes"`    // in the order made

	Arrival string `json:"arrival,omitempty"` // of the probes
	// Closed is the cell of a closed loop that the search began with, and
	// ClosedPerS its operations a second.
	Closed     string   `json:"closed,omitempty"`
	ClosedPerS *float64 `json:"closed_per_s"`
	Reason     string   `json:"reason,omitempty"` // why there is no rate, beyond what the probes say
}

// Probe is one rate tried.
type Probe struct {
	Cell     string   `json:"cell"`
	Rate     float64  `json:"rate"` // asked for
	Achieved *float64 `json:"achieved"`
	Value    *float64 `json:"value"` // of the objective's latency, in nanoseconds
	Met      bool     `json:"met"`
	Reason   string   `json:"reason,omitempty"` // why not
}

// Program is the kvbench that ran.
type Program struct {
	Version string   `json:"version"`
	Commit  string   `json:"commit"`
	Dirty   *bool    `json:"dirty"`
	SHA256  string   `json:"sha256"` // of the binary
	Cgo     bool     `json:"cgo"`
	Tags    []string `json:"tags"`
}

// Host is the machine.
type Host struct {
	OS           string       `json:"os"`
	Kernel       string       `json:"kernel"`
	CPUModel     string       `json:"cpu_model"`
	CPUs         int          `json:"cpus"`
	ThreadsACore *int         `json:"threads_a_core"`
	NUMANodes    *int         `json:"numa_nodes"`
	Governor     string       `json:"governor,omitempty"`
	Turbo        *bool        `json:"turbo"`
	Virtual      string       `json:"virtual,omitempty"` // hypervisor or container, when known
	Memory       engine.Count `json:"memory"`
	MemoryLimit  engine.Count `json:"memory_limit"`    // cgroup
	CPULimit     *float64     `json:"cpu_limit"`       // cgroup, in processors
	Clocksource  string       `json:"clocksource"`     // of the kernel
	LoadBefore   *float64     `json:"load_avg_before"` // one minute
	LoadAfter    *float64     `json:"load_avg_after"`
	StealS       *float64     `json:"steal_s"` // during the run
	HugePages    string       `json:"huge_pages,omitempty"`
}

// Disk is what holds the data.
type Disk struct {
	Path       string       `json:"path"`
	Device     string       `json:"device"`
	FileSystem string       `json:"fs"`
	Options    string       `json:"options"`
	Total      engine.Count `json:"total"`
	Free       engine.Count `json:"free"`
	Rotational *bool        `json:"rotational"`
	Scheduler  string       `json:"scheduler,omitempty"`
	WriteCache string       `json:"write_cache,omitempty"`
}

// GoInfo is the language and its settings.
type GoInfo struct {
	Version    string `json:"version"`
	GOOS       string `json:"goos"`
	GOARCH     string `json:"goarch"`
	GOAMD64    string `json:"goamd64,omitempty"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	GOGC       string `json:"gogc"`
	GOMEMLIMIT string `json:"gomemlimit"`
}

// Calibration is what the machine was found to do before the run.
type Calibration struct {
	ClockNs       *float64 `json:"clock_ns"`        // one reading
	ClockStepNs   *float64 `json:"clock_step_ns"`   // smallest step seen
	SleepMs       *float64 `json:"sleep_ms"`        // median of asking for 100 us
	NoopAllNs     *float64 `json:"noop_all_ns"`     // the loop, every operation timed
	NoopSampledNs *float64 `json:"noop_sampled_ns"` // the loop, 1 in 16 timed
	NoopOpsPerS   *float64 `json:"noop_ops_per_s"`  // all workers, every operation timed
	NoopAllocs    *float64 `json:"noop_allocs"`     // per operation
	FdatasyncUs   *float64 `json:"fdatasync_us"`    // median, 4 KiB append
	Write4KUs     *float64 `json:"write_4k_us"`     // median, buffered
	Read4KUs      *float64 `json:"read_4k_us"`      // median, cached
	SequentialMBS *float64 `json:"sequential_mb_s"` // write with a sync at the end
	Workers       int      `json:"workers"`         // of the noop figures
	TookS         *float64 `json:"took_s"`          // the calibration itself
	// UnitCosts are null in results of before there were any.
	UnitCosts *UnitCosts `json:"unit_costs,omitempty"`
}

// Plan is the matrix that was asked for.
type Plan struct {
	Engines    []string          `json:"engines"`
	Workloads  []string          `json:"workloads"`
	Reps       int               `json:"reps"`
	Seed       uint64            `json:"seed"`
	Threads    []int             `json:"threads"`
	Regime     string            `json:"regime"`
	DurationS  float64           `json:"duration_s"`
	WarmupS    float64           `json:"warmup_s"`
	WarmupMaxS float64           `json:"warmup_max_s,omitempty"` // until steady, at most so long; 0: warmup_s as it is
	Settings   map[string]string `json:"settings"`               // as given: ENGINE.KEY
	Order      []string          `json:"order"`                  // cell ids in the order they were run
}
