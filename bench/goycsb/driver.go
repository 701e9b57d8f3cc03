package goycsb

import (
	"errors"
	"fmt"
	"time"

	"github.com/pingcap/go-ycsb/pkg/ycsb"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
)

// Driver returns the driver "go-ycsb".
//
// Its loops have a method Notes() []string: what a reader of their figures has
// to know.
func Driver() bench.LoopDriver { return driver{} }

type driver struct{}

// Name returns "go-ycsb".
func (driver) Name() string { return "go-ycsb" }

// Open creates go-ycsb's workload and a session for each thread. The error
// wraps engine.ErrInvalid when go-ycsb cannot do what the workload asks. The
// seed decides only which calls are timed when not all are.
func (driver) Open(t bench.Target, o bench.LoopOptions) (bench.Loop, error) {
	spec := o.Workload
	if err := check(spec); err != nil {
		return nil, err
	}
	if o.Threads < 1 || o.LoadThreads < 0 {
		return nil, fmt.Errorf("driver go-ycsb: %w: %d threads, %d to load", engine.ErrInvalid, o.Threads, o.LoadThreads)
	}
	core, err := newCore(translate(spec))
	if err != nil {
		return nil, fmt.Errorf("workload %s with driver go-ycsb: %w", spec.Name, err)
	}
	if o.LoadThreads == 0 {
		o.LoadThreads = o.Threads
	}
	l := &loop{o: o, core: core, ordered: t.Caps().Ordered, base: time.Now()}
	for id := range max(o.Threads, o.LoadThreads) {
		session, err := t.Session(id)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open session %d: %w", id, err), l.Close())
		}
		l.workers = append(l.workers, newWorker(l, id, session))
	}
	return l, nil
}

// loop keeps what phases share: go-ycsb's workload, whose counters say which
// records are loaded and inserted, and the sessions.
type loop struct {
	o       bench.LoopOptions
	core    ycsb.Workload
	ordered bool // the target can scan
	workers []*worker
	base    time.Time
	loaded  uint64 // inserts of the load phase that have been made
}

// now reads monotonic nanoseconds.
func (l *loop) now() int64 { return int64(time.Since(l.base)) }

// Close ends the sessions.
func (l *loop) Close() error {
	var errs []error
	for _, w := range l.workers {
		errs = append(errs, w.session.Close())
	}
	l.workers = nil
	return errors.Join(errs...)
}

// Notes says what a reader of the results has to know.
func (l *loop) Notes() []string {
	spec := l.o.Workload
	notes := []string{
		"driver go-ycsb: its random numbers are seeded from the clock, not from the seed of this run",
		"driver go-ycsb: its values are random letters; the harness does not check their bytes",
	}
	if !spec.Keys.Ordered {
		notes = append(notes, "driver go-ycsb: its hashed keys are not those of YCSB, and nearly in order")
	}
	if spec.Has(workloads.ReadModifyWrite) {
		notes = append(notes, "driver go-ycsb: throughput counts a read-modify-write as two operations, a read and an update")
	}
	if mayMiss(spec) {
		notes = append(notes, "driver go-ycsb: it requests records that do not exist as well; they are counted as not found")
	}
	return notes
}
