package results

import (
	"time"

	"github.com/kvbench/kvbench/engine"
)

// Versions of the schemas. A change that only adds fields keeps them.
const (
	CellSchema     = "kvbench.cell/1"
	ManifestSchema = "kvbench.manifest/1"
)

// Status says what became of a cell.
type Status string

const (
	StatusOK          Status = "ok"
	StatusFailed      Status = "failed"      // an error, a wrong answer, or the process died
	StatusUnsupported Status = "unsupported" // the engine cannot do what the workload needs
	StatusPartial     Status = "partial"     // interrupted; what was measured until then stands
	StatusSkipped     Status = "skipped"     // not run, because the run was interrupted before
)

// Regimes of durability. Cells of different regimes never share a table.
const (
	RegimeSync  = "sync"  // acknowledged = on disk
	RegimeAsync = "async" // each engine's documented level without fsync
	RegimeNone  = "none"  // no log at all
)

// A Cell is the measurement of one engine, one workload, one set of settings
// and one repetition: one line of cells.jsonl. Sizes are bytes; times are
// nanoseconds, or seconds where the name ends in _s. What is unknown is null.
type Cell struct {
	Schema     string    `json:"schema"`
	ID         string    `json:"id"`         // unique within a results directory, fit for a file name
	Experiment string    `json:"experiment"` // the manifest's
	Status     Status    `json:"status"`
	Error      string    `json:"error,omitempty"`      // why it is not ok
	LastWords  string    `json:"last_words,omitempty"` // end of the standard error of a process that died
	Rep        int       `json:"rep"`                  // from 1
	Order      int       `json:"order"`                // position in the run, from 1; 0 when it did not run
	Seed       uint64    `json:"seed"`                 // same for all engines of one workload and rep
	SpecSHA    string    `json:"spec_sha"`             // of workload, load, regime and engine settings
	Started    time.Time `json:"started"`
	Command    string    `json:"command"`

	Engine   EngineInfo   `json:"engine"`
	Workload WorkloadInfo `json:"workload"`
	Load     LoadInfo     `json:"load"`

	// Axes are the values of what a sweep varies, by name, as "threads" or
	// "lsm.size_ratio"; empty outside a sweep.
	Axes map[string]string `json:"axes"`

	Regime string `json:"regime"`
	// CacheRegime is where the data were: cached, oscached, iobuf, iodirect;
	// empty when nobody claimed one, or when the counters contradicted it.
	CacheRegime        string            `json:"cache_regime"`
	CacheRegimeClaimed string            `json:"cache_regime_claimed,omitempty"` // what was asked for
	Durability         engine.Durability `json:"durability"`                     // level of every write
	SurvivesKill       bool              `json:"survives_kill"`

	// OpsPerS is the rate of the measured phase: operations, a
	// read-modify-write counted once, over the mean active time of the
	// workers. Null unless something was measured.
	OpsPerS *float64 `json:"ops_per_s"`
	// RowsPerS counts records that scans returned.
	RowsPerS *float64 `json:"rows_per_s"`

	Phases  []Phase             `json:"phases"`
	Ops     map[string]*OpStats `json:"ops"` // of the measured phase, by kind
	IO      IO                  `json:"io"`  // of the measured phase
	Amp     Amp                 `json:"amp"`
	Stalls  Stalls              `json:"stalls"`
	Debt    Debt                `json:"debt"`
	CPU     CPU                 `json:"cpu"`
	Mem     Mem                 `json:"mem"`
	Metrics engine.Metrics      `json:"metrics"` // the engine's own, over the measured phase
	Quality Quality             `json:"quality"`

	// Open is what the schedule of an open loop came to; null in a closed one.
	Open *OpenLoop `json:"open,omitempty"`
	// Fidelity compares what was asked of the engine with the workload's
	// definition; null when nothing was measured.
	Fidelity *Fidelity `json:"fidelity,omitempty"`
}

// Operations is how many the measured phase had, of all kinds.
func (c *Cell) Operations() (n uint64) {
	for _, op := range c.Ops {
		if op != nil {
			n += op.N
		}
	}
	return n
}

// PerOp divides a count of the measured phase by its operations; null when the
// count is unknown or there were none.
func (c *Cell) PerOp(count engine.Count) *float64 {
	n, known := count.Value()
	ops := c.Operations()
	if !known || ops == 0 {
		return nil
	}
	return Num(float64(n) / float64(ops))
}

// EngineInfo says what was measured.
type EngineInfo struct {
	Name      string            `json:"name"`
	Label     string            `json:"label,omitempty"` // of one among several settings of an engine; unique in a run
	Version   string            `json:"version"`
	Family    string            `json:"family"`
	Rail      bool              `json:"rail"` // reference rail: shown in a table of its own
	Settings  map[string]string `json:"settings"`
	Caps      *engine.Caps      `json:"caps"`
	Asterisks []string          `json:"asterisks"`
}

// Title is what the engine is called among others: its label, or its name.
func (e *EngineInfo) Title() string {
	if e.Label != "" {
		return e.Label
	}
	return e.Name
}

// WorkloadInfo says what was asked.
type WorkloadInfo struct {
	Name       string             `json:"name"`
	Compat     string             `json:"compat"` // java, go-ycsb
	Records    uint64             `json:"records"`
	Operations uint64             `json:"operations"` // 0: by duration
	Mix        map[string]float64 `json:"mix"`
	Dist       string             `json:"dist"`
	UpdateMode string             `json:"update_mode"` // field, blind
	KeyFormat  string             `json:"key_format"`
	ValueBytes float64            `json:"value_bytes"` // mean
	Properties map[string]string  `json:"properties"`  // resolved
}

// LoadInfo says how it was asked.
type LoadInfo struct {
	Mode       string   `json:"mode"` // closed, open
	Threads    int      `json:"threads"`
	Rate       *float64 `json:"rate"`              // operations a second asked for; null: as fast as it goes
	Arrival    string   `json:"arrival,omitempty"` // of an open loop: constant, poisson, sine:..., file:...
	DurationS  float64  `json:"duration_s"`
	Operations uint64   `json:"operations"` // 0: by duration
	Driver     string   `json:"driver"`     // kvbench, go-ycsb
}

// Phase is one stretch of a cell.
type Phase struct {
	Name    string   `json:"name"` // load, copy, warmup, measure, settle
	StartS  float64  `json:"t0"`   // since the cell's process began
	EndS    float64  `json:"t1"`
	Ops     uint64   `json:"ops"`
	OpsPerS *float64 `json:"ops_per_s"`
	OK      bool     `json:"ok"`
	Note    string   `json:"note,omitempty"`
	Steady  *Steady  `json:"steady,omitempty"` // null: not tested
}

// Steady is the outcome of a test whether a phase had become steady.
type Steady struct {
	OK      bool     `json:"ok"`
	Windows int      `json:"windows"`  // that the test looked at, the last ones of the phase
	WindowS float64  `json:"window_s"` // length of one
	CV      *float64 `json:"cv"`       // standard deviation of the windows' rates over their mean
	TrendP  *float64 `json:"trend_p"`  // of the Mann-Kendall test that there is no trend
	Trend   *float64 `json:"trend"`    // Theil-Sen slope: change of the rate over all windows, as a share of it
	Reasons []string `json:"reasons"`  // why not, in words
}

// OpenLoop is what the schedule of an open loop came to, in the measured
// phase. Operations have an intended start each; those that find all workers
// busy wait.
type OpenLoop struct {
	OfferedPerS  float64  `json:"offered_per_s"`  // intended operations a second of the schedule as drawn
	AchievedPerS float64  `json:"achieved_per_s"` // operations begun a second of wall-clock time
	Intended     uint64   `json:"intended"`       // starts that the schedule had
	Started      uint64   `json:"started"`
	Dropped      uint64   `json:"dropped"`     // intended starts never begun when the phase ended
	BacklogMax   uint64   `json:"backlog_max"` // most operations that were due and not begun
	BacklogEnd   uint64   `json:"backlog_end"`
	Lag          *Latency `json:"lag_ns"`  // start behind schedule of operations whose worker was free: the pacer's own error
	Verdict      string   `json:"verdict"` // ok, saturated, generator-limited
	Reason       string   `json:"reason,omitempty"`
}

// Verdicts on an open loop.
const (
	OpenOK               = "ok"
	OpenSaturated        = "saturated"         // less was achieved than offered: response times grow with the length of the run
	OpenGeneratorLimited = "generator-limited" // the pacer's error is a notable part of the response times
)

// Fidelity compares the operations that were measured with the workload.
type Fidelity struct {
	OK     bool            `json:"ok"`
	Sample uint64          `json:"sample"` // operations that skew and locality were taken from
	Checks []FidelityCheck `json:"checks"`
	// Stream identifies the measured operations of a single worker: equal
	// for equal seeds. Empty when there were several workers.
	Stream string `json:"stream,omitempty"`

	Mix        map[string]float64 `json:"mix"`         // shares of kinds, measured
	HotShare   *float64           `json:"hot_share"`   // share of requests that the most requested key had
	Top1Share  *float64           `json:"top1_share"`  // ... the most requested 1 % of records
	Theta      *float64           `json:"theta"`       // exponent of a Zipf law, maximum likelihood; null: none fits
	Locality   *float64           `json:"locality"`    // share of requests whose key number is within 1/1000 of the records of the one before
	Distinct   *float64           `json:"distinct"`    // distinct keys of the sample over its size
	ScanMean   *float64           `json:"scan_mean"`   // records that a scan returned
	AbsentRate *float64           `json:"absent_rate"` // share of reads that found nothing
}

// FidelityCheck is one property of the stream against its definition.
type FidelityCheck struct {
	Name string  `json:"name"` // mix.read, hot_share, scan_mean, absent, ...
	Want float64 `json:"want"`
	Got  float64 `json:"got"`
	// Within is how far chance may carry Got from Want, at odds of 1 in 10000.
	Within float64 `json:"within"`
	OK     bool    `json:"ok"`
}

// OpStats are the outcomes and times of one kind of operation.
type OpStats struct {
	N        uint64   `json:"n"`
	OK       uint64   `json:"ok"`
	NotFound uint64   `json:"not_found"`
	Errors   uint64   `json:"err"`
	Rows     uint64   `json:"rows"`        // records returned by scans
	Timed    uint64   `json:"timed"`       // operations that were timed
	Service  *Latency `json:"service_ns"`  // from call to return
	Response *Latency `json:"response_ns"` // from the intended start; null in a closed loop
}

// Latency summarizes timed operations, in nanoseconds.
type Latency struct {
	Mean float64 `json:"mean"`
	Min  uint64  `json:"min"`
	P50  uint64  `json:"p50"`
	P90  uint64  `json:"p90"`
	P95  uint64  `json:"p95"`
	P99  uint64  `json:"p99"`
	P999 uint64  `json:"p999"`
	P100 uint64  `json:"max"`
	P4N  uint64  `json:"p9999"`
}

// IO counts bytes and calls of the measured phase.
type IO struct {
	UserWrite engine.Count `json:"user_write"` // keys and values handed to the engine
	UserRead  engine.Count `json:"user_read"`  // values and rows returned

	// From the process (/proc/self/io).
	ReadBytes  engine.Count `json:"read_bytes"`  // fetched from the device
	WriteBytes engine.Count `json:"write_bytes"` // sent, or to be sent, to it: pages made dirty
	ReadChars  engine.Count `json:"rchar"`       // through read calls
	WriteChars engine.Count `json:"wchar"`       // through write calls
	ReadCalls  engine.Count `json:"syscr"`
	WriteCalls engine.Count `json:"syscw"`
	OwnChars   engine.Count `json:"own_wchar"` // the harness's part of WriteChars: its reports, a trace being recorded

	// From the engine's own counts of its files; unknown for an engine that
	// does not go through a counting file system. Zeros written ahead of a log
	// are in FileZeros and not in FileBytes.
	FileBytes   engine.Count      `json:"file_bytes"` // written
	FileZeros   engine.Count      `json:"file_zeros"`
	FileCalls   engine.Count      `json:"file_calls"`   // that wrote, zeros included
	FileClasses map[string]uint64 `json:"file_classes"` // FileBytes by what they were for

	// From the block device that holds the data; others may use it too.
	DeviceRead  engine.Count `json:"device_read"`
	DeviceWrite engine.Count `json:"device_write"`

	Fsyncs engine.Count `json:"fsync"` // of files, where the engine lets us see them; of the log, where it tells no more

	DiskBytes engine.Count `json:"disk_bytes"` // allocated blocks at the end
	LiveBytes engine.Count `json:"live_bytes"` // keys and values alive at the end

	// SettleWriteBytes is WriteBytes from the end of the measured phase to that
	// of settling.
	SettleWriteBytes engine.Count `json:"settle_write_bytes"`
	SettleFileBytes  engine.Count `json:"settle_file_bytes"` // likewise, of FileBytes
	SettleChars      engine.Count `json:"settle_wchar"`      // of WriteChars less OwnChars
	SettleCalls      engine.Count `json:"settle_syscw"`      // of WriteCalls
}

// Amp are the amplification factors that Amplify derives from IO.
type Amp struct {
	Write        *float64 `json:"write"`         // bytes written a user byte, during the measured phase
	WriteSettled *float64 `json:"write_settled"` // with the settle phase that followed
	Read         *float64 `json:"read"`          // bytes read from the device a user byte returned
	Space        *float64 `json:"space"`         // disk bytes a live byte
	Source       string   `json:"source"`        // of the bytes written: vfs, calls or proc; see Amplify
}

// Stalls are the operations that took far longer than their neighbours, seen
// even where only a sample is timed. Where all are, they are in the latencies,
// and not looked for here.
type Stalls struct {
	Count uint64 `json:"n"`
	Time  uint64 `json:"ns"`
	Max   uint64 `json:"max_ns"`
	// Engine is what the engine itself counted.
	Engine engine.Count `json:"engine_ns"`
}

// Debt is the background work outstanding.
type Debt struct {
	Start    engine.Count `json:"start"` // bytes, before the measured phase
	End      engine.Count `json:"end"`
	Settled  engine.Count `json:"settled"`  // after settling
	SettleS  *float64     `json:"settle_s"` // null: the engine cannot settle, or was not asked to
	TimedOut bool         `json:"timed_out"`
}

// CPU is the processor time of the measured phase, in seconds, and what the
// process waited for instead of using it. Waits are sums over all threads or
// goroutines, background ones included: they may exceed wall-clock time.
type CPU struct {
	UserS   *float64 `json:"user_s"`
	SystemS *float64 `json:"system_s"`
	GCS     *float64 `json:"gc_s"`
	StealS  *float64 `json:"steal_s"` // of the whole machine
	OtherS  *float64 `json:"other_s"` // used by others on the machine, the kernel's own threads included

	// RunDelayS is the time that threads could have run and no processor was
	// free, by the kernel: others used them, or the process's own threads.
	// Threads that end in the phase lose theirs.
	RunDelayS *float64 `json:"run_delay_s"`
	// MutexWaitS is the time that goroutines were blocked by a mutex, by the Go
	// runtime, which times one wait in eight. It is another time than that in
	// which the holder waits for a processor, yet may be due to it.
	MutexWaitS *float64 `json:"mutex_wait_s"`
	// SchedWaitS is the time that goroutines could have run and the Go runtime
	// had no thread for them, estimated from its histogram of one wait in eight.
	// A thread that is woken to run one waits in RunDelayS at the same time.
	SchedWaitS *float64 `json:"sched_wait_s"`

	Voluntary   engine.Count `json:"voluntary_switches"`   // of threads that blocked
	Involuntary engine.Count `json:"involuntary_switches"` // of threads that were preempted
	MajorFaults engine.Count `json:"major_faults"`         // pages that were read from a device for an access to memory
	MinorFaults engine.Count `json:"minor_faults"`         // pages that were in memory, or new
}

// Mem is the memory of the cell's process.
type Mem struct {
	PeakRSS     engine.Count `json:"rss_max"` // of the measured phase, file pages included
	AnonRSS     engine.Count `json:"rss_anon"`
	HeapBytes   engine.Count `json:"heap"`
	AllocsPerOp *float64     `json:"allocs_per_op"`
	BytesPerOp  *float64     `json:"alloc_bytes_per_op"`
	Harness     engine.Count `json:"harness"` // tapes, pools and histograms of the harness
}

// Quality says how far the cell can be trusted.
type Quality struct {
	HarnessNs    *float64 `json:"harness_ns"`    // of an operation: the loop over a no-op target, and the checks of values
	HarnessShare *float64 `json:"harness_share"` // of the processor time that an operation could use
	ClockNs      *float64 `json:"clock_ns"`
	Timing       string   `json:"timing"`       // all, sample:N, off
	RefillShare  *float64 `json:"refill_share"` // time spent drawing operations, outside the measured time
	Verified     uint64   `json:"verified"`     // reads whose value was checked
	VerifiedFull uint64   `json:"verified_full"`
	Flags        []Flag   `json:"flags"` // empty: nothing to object to
	// Lamp is the verdict: red if any flag is, else yellow if there is one,
	// else green; empty in results of before there was one.
	Lamp string `json:"lamp,omitempty"`
}

// Lamps of a cell.
const (
	LampGreen  = "green"
	LampYellow = "yellow"
	LampRed    = "red" // its figures are unfit for a ranking
)

// Flag is an objection to a cell, with its reason.
type Flag struct {
	Name   string `json:"name"`  // harness, harness_bound, errors, short, debt, steal, ...
	Level  string `json:"level"` // yellow, red
	Reason string `json:"reason"`
}

// SeriesRow is one second of one cell: a line of series.jsonl.gz.
type SeriesRow struct {
	Cell       string       `json:"cell"`
	Phase      string       `json:"phase"`
	T          float64      `json:"t"` // seconds since the phase began, at the end of the row
	Seconds    float64      `json:"seconds"`
	Ops        uint64       `json:"ops"`
	Errors     uint64       `json:"errors"`
	Latency    *Latency     `json:"service_ns"`
	Response   *Latency     `json:"response_ns,omitempty"` // of an open loop
	Backlog    *uint64      `json:"backlog,omitempty"`     // of an open loop: operations due and not begun, at the end of the row
	CPUS       *float64     `json:"cpu_s"`
	RSS        engine.Count `json:"rss"`
	ReadBytes  engine.Count `json:"read_bytes"`
	WriteBytes engine.Count `json:"write_bytes"`
	Debt       engine.Count `json:"debt"`
	CacheHits  engine.Count `json:"cache_hits"` // of the engine's own cache, within the row
	CacheMiss  engine.Count `json:"cache_misses"`
}

// EventRow is one thing that happened: a line of events.jsonl.
type EventRow struct {
	Cell     string        `json:"cell"`
	Phase    string        `json:"phase"`
	T        float64       `json:"t"` // seconds since the cell's process began
	Kind     string        `json:"kind"`
	Duration time.Duration `json:"duration_ns"`
	BytesIn  int64         `json:"bytes_in,omitempty"`
	BytesOut int64         `json:"bytes_out,omitempty"`
	Detail   string        `json:"detail,omitempty"`
}
