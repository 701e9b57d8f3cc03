package goycsb

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"
	"unsafe"

	"github.com/pingcap/go-ycsb/pkg/client"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
)

// Load runs go-ycsb's load phase. It inserts the records that earlier calls
// have left over; go-ycsb gives every thread an equal share of them.
func (l *loop) Load(ctx context.Context, limits bench.Limits) (*bench.PhaseResult, error) {
	left := l.o.Workload.InsertCount - min(l.loaded, l.o.Workload.InsertCount)
	if limits.Operations > 0 {
		left = min(left, limits.Operations)
	}
	limits.Operations = left
	p := l.newPhase(limits, l.workers[:l.o.LoadThreads], left)
	if left == 0 {
		return p.gather(limits), nil
	}
	r, err := l.run(ctx, p, limits, clientRun{load: true, operations: left})
	l.loaded += p.operations()
	return r, err
}

// Run runs go-ycsb's transactions. Inserts go on where the call before
// stopped: the numbers come from the workload, which is one for the loop. The
// error wraps engine.ErrUnsupported when the target cannot scan as asked.
func (l *loop) Run(ctx context.Context, limits bench.Limits) (*bench.PhaseResult, error) {
	if l.o.Workload.NeedsOrder() && !l.ordered {
		return nil, fmt.Errorf("%w: the workload scans in order, the engine keeps no order", engine.ErrUnsupported)
	}
	operations := limits.Operations
	if operations == 0 {
		operations = math.MaxInt64 // the context ends it
	}
	p := l.newPhase(limits, l.workers[:l.o.Threads], operations)
	return l.run(ctx, p, limits, clientRun{operations: operations, rate: l.o.Workload.TargetOps})
}

// clientRun is what one go-ycsb client is to do.
type clientRun struct {
	load       bool
	operations uint64
	rate       float64
}

// phase is what the workers of a running phase share.
type phase struct {
	*loop
	workers []*worker
	start   int64
	every   uint64 // record the time of one call in so many; 0: none
	rows    *series
	cancel  context.CancelFunc

	mu     sync.Mutex
	first  error // first failure of a call
	broken error // go-ycsb itself failed
}

// newPhase readies the workers. go-ycsb ends the process when a thread would
// have nothing to do, so there are never more threads than operations.
func (l *loop) newPhase(limits bench.Limits, workers []*worker, operations uint64) *phase {
	if operations < uint64(len(workers)) {
		workers = workers[:operations]
	}
	p := &phase{
		loop: l, workers: workers, rows: &series{length: limits.Interval},
		every: uint64(max(limits.Timing.Every, 0)),
	}
	if limits.Timing.Auto {
		p.every = 1
	}
	for _, w := range workers {
		w.begin(p)
	}
	return p
}

func (l *loop) run(ctx context.Context, p *phase, limits bench.Limits, c clientRun) (*bench.PhaseResult, error) {
	if ctx.Err() != nil {
		r := p.gather(limits)
		r.Interrupted = true
		return r, nil
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	if limits.Duration > 0 {
		var cancelTimer context.CancelFunc
		running, cancelTimer = context.WithTimeout(running, limits.Duration)
		defer cancelTimer()
	}
	p.cancel = cancel
	p.start = l.now()
	stop := p.report(limits)
	props := clientProperties(c.load, len(p.workers), c.operations, c.rate)
	client.NewClient(props, guarded{l.core, p}, db{p.workers}).Run(running)
	stop()
	r := p.gather(limits)
	r.Interrupted = ctx.Err() != nil
	return r, p.broken
}

// fail notes a failed call, and ends the phase unless errors are counted.
func (p *phase) fail(err error) {
	p.mu.Lock()
	if p.first == nil {
		p.first = err
	}
	p.mu.Unlock()
	if !p.o.CountErrors {
		p.cancel()
	}
}

// breakOff ends the phase because go-ycsb itself failed.
func (p *phase) breakOff(err error) {
	p.mu.Lock()
	if p.broken == nil {
		p.broken = err
	}
	p.mu.Unlock()
	p.cancel()
}

// operations returns how many of go-ycsb's operations have ended.
func (p *phase) operations() (n uint64) {
	for _, w := range p.workers {
		n += w.done.Load()
	}
	return n
}

// ackWindow is the window of inserts that go-ycsb keeps, in bytes.
const ackWindow = 1 << 20

// gather adds up the workers of a phase that is not running.
func (p *phase) gather(limits bench.Limits) *bench.PhaseResult {
	r := &bench.PhaseResult{
		Ops: make(map[workloads.Kind]*bench.OpResult),
		// Fields of one length keep their length when they are updated.
		LiveDeltaOK:  p.o.Workload.Values.FieldLength.IsConstant(),
		HarnessBytes: ackWindow, FirstError: p.first,
	}
	started, ended := int64(math.MaxInt64), int64(0)
	for _, w := range p.workers {
		p.rows.take(w.index, &w.part)
		started, ended = min(started, w.started), max(ended, w.ended)
		r.Active += time.Duration(w.ended-w.started) / time.Duration(len(p.workers))
		r.Verified += w.verified
		r.LiveDelta += w.live
		r.Stalls.Count += w.stalls.Count
		r.Stalls.Time += w.stalls.Time
		r.Stalls.Max = max(r.Stalls.Max, w.stalls.Max)
		r.HarnessBytes += w.memory()
		for k, op := range w.ops {
			if op != nil {
				total(r.Ops, workloads.Kind(k), op)
			}
		}
	}
	r.Elapsed = time.Duration(max(ended-started, 0))
	r.Series = p.rows.results(limits.Name, time.Duration(max(ended-p.start, 0)))
	return r
}

func total(ops map[workloads.Kind]*bench.OpResult, k workloads.Kind, o *bench.OpResult) {
	t := ops[k]
	if t == nil {
		t = new(bench.OpResult)
		ops[k] = t
	}
	t.N += o.N
	t.OK += o.OK
	t.NotFound += o.NotFound
	t.Errors += o.Errors
	t.Rows += o.Rows
	t.BytesIn += o.BytesIn
	t.BytesOut += o.BytesOut
	t.Service.Merge(&o.Service)
}

// memory is what a worker has taken, in bytes.
func (w *worker) memory() uint64 {
	n := cap(w.key) + cap(w.value) + cap(w.record) + cap(w.scan.data)
	for _, op := range w.ops {
		if op != nil {
			n += int(unsafe.Sizeof(*op))
		}
	}
	return uint64(n) + uint64(unsafe.Sizeof(*w))
}
