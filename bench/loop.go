package bench

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// A LoopDriver makes loops: the house's own, or another client's behind the
// same interface.
type LoopDriver interface {
	Name() string
	Open(t Target, o LoopOptions) (Loop, error)
}

// A Loop performs the phases of one workload against one target. Its methods
// are called one after another. It keeps what phases share: the inserted
// records, the random state.
type Loop interface {
	// Load inserts the records that the workload starts with.
	Load(ctx context.Context, l Limits) (*PhaseResult, error)
	// Run performs operations of the workload's mix.
	Run(ctx context.Context, l Limits) (*PhaseResult, error)
	// Close ends the sessions, not the target.
	Close() error
	// Notes say how this loop counts or draws otherwise than the house's own.
	Notes() []string
}

// A Preparer is a Loop that has work to do for a Run before its clock starts.
// Prepare does it beforehand, so that readings taken around the Run leave it
// out.
type Preparer interface {
	Prepare(l Limits)
}

// LoopOptions are what all phases of a loop share.
type LoopOptions struct {
	Workload *workloads.Spec
	Seed     uint64
	Threads  int
	// LoadThreads inserts with another number of workers; 0 means Threads.
	LoadThreads int
	Verify      Verify
	// CountErrors goes on after an error and counts it; otherwise the first
	// one ends the phase.
	CountErrors bool
	// Blank is set for a target that stores nothing: answers mean nothing.
	Blank bool
}

// Limits end a phase: whichever comes first, when not zero. Cancelling the
// context ends it as well, and is no error.
type Limits struct {
	Name       string // of the phase
	Duration   time.Duration
	Operations uint64
	Timing     Timing
	// Rate, when above 0, makes the loop an open one: operations have intended
	// starts, so many a second over all workers, spread by Arrival, that do not
	// wait for the operations before them. Every one is then timed.
	Rate    float64
	Arrival Arrival
	// Interval is the length of a row of the series; 0 records none.
	Interval time.Duration
	// Progress, when not nil, is called every Interval from one goroutine.
	Progress func(Progress)
}

// Progress is a glance at a running phase.
type Progress struct {
	Phase   string        `json:"phase"`
	Elapsed time.Duration `json:"elapsed_ns"`
	Ops     uint64        `json:"ops"`
	Total   uint64        `json:"total"` // operations to be done, 0 when by duration
	Rate    float64       `json:"rate"`  // operations a second since the last glance
}

// OpResult is what became of one kind of operation.
type OpResult struct {
	N, OK, NotFound, Errors uint64
	Rows                    uint64 // records returned by scans
	BytesIn, BytesOut       uint64 // keys and values written; values and rows returned
	Service                 Histogram
	// Response is from the intended start; empty in a closed loop.
	Response Histogram
}

// PhaseResult is what became of a phase.
type PhaseResult struct {
	Ops     map[workloads.Kind]*OpResult
	Elapsed time.Duration // from the start of the first worker to the end of the last
	Active  time.Duration // mean of the workers' time without refills
	Refill  time.Duration // mean of the workers' time spent drawing operations
	Series  []results.SeriesRow
	Stalls  results.Stalls

	// Open is what a schedule came to, nil for a closed loop. Active is then
	// the mean time that a worker was busy with operations.
	Open *results.OpenLoop
	// Lag is how far behind their intended starts operations began whose
	// worker was free.
	Lag Histogram

	Verified, VerifiedFull uint64
	// LiveDelta is the change in live bytes; ok is false when it is unknown.
	LiveDelta   int64
	LiveDeltaOK bool
	// HarnessBytes is the memory of tapes, pools and histograms.
	HarnessBytes uint64
	// FirstError is the first failure of an operation, nil when there was none.
	FirstError error
	// Interrupted is set when the context ended the phase.
	Interrupted bool
}

// N returns the number of operations of all kinds, failed ones included.
func (r *PhaseResult) N() (n uint64) {
	for _, op := range r.Ops {
		n += op.N
	}
	return n
}

// OpsPerS returns operations a second of active time, in an open loop of
// wall-clock time; 0 when there was none.
func (r *PhaseResult) OpsPerS() float64 {
	if r.counted() <= 0 {
		return 0
	}
	return float64(r.N()) / r.counted().Seconds()
}

// counted is the time that rates are of: the mean active time of the workers
// or, of an open loop, which waits, the time that went by.
func (r *PhaseResult) counted() time.Duration {
	if r.Open != nil && r.Open.AchievedPerS > 0 {
		return time.Duration(float64(r.N()) / r.Open.AchievedPerS * float64(time.Second))
	}
	return r.Active
}

// Verify says how much of what reads return is checked.
type Verify string

const (
	VerifyOff    Verify = "off"
	VerifyHeader Verify = "header" // presence, and the stamp of every value
	VerifySample Verify = "sample" // and every byte of 1 in 64
	VerifyFull   Verify = "full"   // every byte
)

// ParseVerify reads a Verify.
func ParseVerify(s string) (Verify, error) {
	switch v := Verify(strings.ToLower(s)); v {
	case VerifyOff, VerifyHeader, VerifySample, VerifyFull:
		return v, nil
	}
	return "", fmt.Errorf("verify %q: want off, header, sample or full", s)
}

// Timing says which operations are timed.
type Timing struct {
	// Every is 0 for none, n for one in n, with two clock readings around it.
	Every int
	// Chained, with Every 1, times each operation from the end of the one
	// before: one reading an operation, and the harness's own work counts.
	Chained bool
	// Auto chooses once the mean time of an operation is known.
	Auto bool
}

// autoAllNs is the mean time of an operation from which Auto times all of
// them; below, it times one in 16.
const autoAllNs = 2000

// choose resolves Auto for operations of a mean time.
func (t Timing) choose(meanNs float64) Timing {
	switch {
	case !t.Auto:
		return t
	case meanNs >= autoAllNs:
		return Timing{Every: 1}
	}
	return Timing{Every: 16}
}

// String writes what ParseTiming reads.
func (t Timing) String() string {
	switch {
	case t.Auto:
		return "auto"
	case t.Every == 0:
		return "off"
	case t.Chained:
		return "chained"
	case t.Every == 1:
		return "all"
	}
	return "sample:" + strconv.Itoa(t.Every)
}

// ParseTiming reads auto, all, chained, off or sample:N.
func ParseTiming(s string) (Timing, error) {
	switch {
	case s == "auto":
		return Timing{Auto: true}, nil
	case s == "all":
		return Timing{Every: 1}, nil
	case s == "chained":
		return Timing{Every: 1, Chained: true}, nil
	case s == "off":
		return Timing{}, nil
	}
	if text, ok := strings.CutPrefix(s, "sample:"); ok {
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= 1024 {
			return Timing{Every: n}, nil
		}
	}
	return Timing{}, fmt.Errorf("timing %q: want auto, all, chained, off or sample:N with N from 1 to 1024", s)
}
