package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/workloads"
)

// Native is the house's own loop: operations drawn before the clock starts,
// nothing allocated per operation, every value verifiable.
type Native struct{}

// Name returns "kvbench".
func (Native) Name() string { return "kvbench" }

// PoolSeed makes the pool that all values are cut from. It is one for all
// runs, so that data loaded once can be verified in every repetition.
const PoolSeed = 0x6b7662656e6368

// tapeBudget is how many operations all tapes hold together: 64 MiB.
const tapeBudget = 1 << 23

// refillOps is how many operations are drawn at a time once a tape is used up.
const refillOps = 1 << 12

// Open prepares o.Threads workers.
func (Native) Open(t Target, o LoopOptions) (Loop, error) {
	l := &nativeLoop{target: t, o: o, seq: o.Workload.NewSequence(), clock: newClock(), pause: newPacer().pause}
	keys, err := o.Workload.NewKeys()
	if err != nil {
		return nil, err
	}
	l.keys = keys
	l.findEdges()
	for i := range o.Threads {
		w, err := l.newWorker(i)
		if err == nil {
			w.gen, err = o.Workload.NewGenerator(o.Seed, i, o.Threads, l.seq)
			l.workers = append(l.workers, w)
		}
		if err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

type nativeLoop struct {
	target  Target
	o       LoopOptions
	seq     *workloads.Sequence
	keys    *workloads.Keys
	edges   edges
	clock   clock
	workers []*worker
	values  *workloads.Values // shares its pool with all workers; nil: not made yet
	rate    float64           // operations a second of a worker, as last run; 0: unknown

	pause    func(left int64) // of open loops; see pacer
	schedule *schedule        // of the open loop that Prepare was for; nil: none
	phases   uint64           // open loops so far: each has a schedule of its own
}

// newWorker returns a worker without a generator: it can load, not run.
func (l *nativeLoop) newWorker(id int) (*worker, error) {
	spec := l.o.Workload
	session, err := l.target.Session(id)
	if err != nil {
		return nil, fmt.Errorf("open session %d: %w", id, err)
	}
	w := &worker{
		id: id, session: session, keys: l.keys, edges: &l.edges, seq: l.seq, clock: l.clock,
		mayMiss: spec.MayMiss(), blind: spec.UpdateMode == workloads.UpdateBlind,
		resizes: spec.UpdateMode == workloads.UpdateBlind && !spec.Values.FieldLength.IsConstant(),
		blank:   l.o.Blank, verify: l.o.Verify, count: l.o.CountErrors,
		key: make([]byte, 0, l.keys.MaxLen()), upper: make([]byte, 0, l.keys.MaxLen()),
		value:  make([]byte, 0, spec.MaxValue()),
		stride: int(derive(l.o.Seed, uint64(id)) % batchOps),
	}
	w.scan.expect = make([]byte, 0, l.keys.MaxLen())
	w.scan.last = make([]byte, 0, l.keys.MaxLen())
	if l.values == nil {
		l.values, err = spec.NewValues(PoolSeed, id)
	}
	if err == nil {
		w.values, err = l.values.Worker(id)
	}
	if err != nil {
		session.Close()
		return nil, err
	}
	return w, nil
}

// Notes returns none: it is the house's own.
func (l *nativeLoop) Notes() []string { return nil }

// Close ends the sessions.
func (l *nativeLoop) Close() error {
	err := closeSessions(l.workers)
	l.workers = nil
	return err
}

func closeSessions(workers []*worker) error {
	var first error
	for _, w := range workers {
		if err := w.session.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Run performs the mix.
func (l *nativeLoop) Run(ctx context.Context, limits Limits) (*PhaseResult, error) {
	l.Prepare(limits) // does nothing the second time
	if limits.Rate > 0 {
		return l.runOpen(ctx, limits)
	}
	r, err := l.phase(ctx, l.workers, limits, func(w *worker, p *phaseRun) { w.runOps(p) })
	if err == nil {
		l.rate = r.OpsPerS() / float64(len(l.workers))
	}
	return r, err
}

// Prepare draws the operations of a Run. What is left over from the phase
// before is used first.
func (l *nativeLoop) Prepare(limits Limits) {
	room := tapeBudget / len(l.workers)
	if limits.Rate > 0 {
		room = l.prepareOpen(limits, room)
	} else if quota := limits.Operations / uint64(len(l.workers)); limits.Operations > 0 && quota < uint64(room) {
		room = int(quota) + 1
	} else if l.rate == 0 {
		room = min(room, firstTapes/len(l.workers))
	} else if limits.Duration > 0 {
		room = min(room, int(limits.Duration.Seconds()*l.rate*tapeSlack)+refillOps)
	}
	room = max(room, 1)
	var draw sync.WaitGroup
	for _, w := range l.workers {
		draw.Go(func() { w.draw(room) })
	}
	draw.Wait()
}

// The first phase, usually the warm-up, has short tapes, all together of
// firstTapes operations: they are refilled while their worker's clock stands
// still. Later tapes hold what the phase before lets expect, and some more.
const (
	firstTapes = 1 << 19
	tapeSlack  = 1.5
)

// phaseRun is what the workers of a running phase share, read only but for
// stop.
type phaseRun struct {
	start    int64 // by the loop's clock
	interval int64
	end      int64 // when to stop by time, 0: never
	every    int   // 0: no timing
	chained  bool
	quota    uint64 // of operations, 0: none
	extra    int    // the first workers do one more
	rows     *collector
	open     *openPhase // nil: a closed loop
	stop     atomic.Bool
}

// phase runs work on every worker and gathers what became of it.
func (l *nativeLoop) phase(ctx context.Context, workers []*worker, limits Limits, work func(*worker, *phaseRun)) (*PhaseResult, error) {
	p := &phaseRun{
		every: limits.Timing.Every, chained: limits.Timing.Chained,
		interval: int64(limits.Interval), rows: newCollector(l.o.Workload, limits.Interval),
		quota: limits.Operations / uint64(len(workers)), extra: int(limits.Operations % uint64(len(workers))),
	}
	p.rows.open = limits.Rate > 0
	for _, w := range workers {
		w.begin(l.o.Workload, p.rows)
	}
	p.start = l.clock.now()
	if limits.Duration > 0 {
		p.end = p.start + int64(limits.Duration)
	}
	finished := make(chan struct{})
	var helpers sync.WaitGroup
	helpers.Go(func() { l.watch(ctx, p, workers, limits, finished) })
	if limits.Rate > 0 {
		p.open = &openPhase{schedule: l.schedule, pause: l.pause}
		helpers.Go(func() { p.open.schedule.feed(finished) })
		helpers.Go(func() { p.open.watch(l.clock, p.start, limits, finished) })
	}

	var running sync.WaitGroup
	for _, w := range workers {
		running.Go(func() {
			work(w, p)
			if w.err != nil && !w.count {
				p.stop.Store(true)
			}
		})
	}
	running.Wait()
	elapsed := time.Duration(l.clock.now() - p.start)
	close(finished)
	helpers.Wait()
	r := gather(workers, p.rows, limits, elapsed)
	r.Interrupted = ctx.Err() != nil
	if p.open != nil {
		p.open.conclude(p, workers, limits, r)
	}
	return r, nil
}

// watch stops the workers when ctx ends, and reports progress.
func (l *nativeLoop) watch(ctx context.Context, p *phaseRun, workers []*worker, limits Limits, finished <-chan struct{}) {
	var tick <-chan time.Time
	if limits.Progress != nil && limits.Interval > 0 {
		ticker := time.NewTicker(limits.Interval)
		defer ticker.Stop()
		tick = ticker.C
	}
	var lastOps uint64
	last := p.start
	done := ctx.Done()
	for {
		select {
		case <-finished:
			return
		case <-done:
			p.stop.Store(true)
			done = nil
		case <-tick:
			now := l.clock.now()
			var ops uint64
			for _, w := range workers {
				ops += w.done.Load()
			}
			limits.Progress(Progress{
				Phase: limits.Name, Elapsed: time.Duration(now - p.start), Ops: ops, Total: limits.Operations,
				Rate: float64(ops-lastOps) / time.Duration(max(now-last, 1)).Seconds(),
			})
			lastOps, last = ops, now
		}
	}
}

// gather adds up the workers of a phase that has ended.
func gather(workers []*worker, rows *collector, limits Limits, elapsed time.Duration) *PhaseResult {
	r := &PhaseResult{Ops: make(map[workloads.Kind]*OpResult), Elapsed: elapsed, LiveDeltaOK: true}
	for _, w := range workers {
		w.handOver(rows)
		r.Active += time.Duration(w.active) / time.Duration(len(workers))
		r.Refill += time.Duration(w.refill) / time.Duration(len(workers))
		r.Verified += w.verified
		r.VerifiedFull += w.verifiedFull
		r.LiveDelta += w.live
		r.Stalls.Count += w.stalls
		r.Stalls.Time += w.stallNs
		r.Stalls.Max = max(r.Stalls.Max, w.stallMax)
		r.HarnessBytes += w.memory()
		if r.FirstError == nil {
			r.FirstError = w.err
		}
		for k, op := range w.kinds {
			if op == nil || op.N == 0 {
				continue
			}
			kind := workloads.Kind(k)
			total := r.Ops[kind]
			if total == nil {
				total = new(OpResult)
				r.Ops[kind] = total
			}
			total.add(op)
			switch kind {
			case workloads.Delete, workloads.DeleteRange, workloads.Put:
				r.LiveDeltaOK = false // a key may or may not have been there
			case workloads.Update, workloads.ReadModifyWrite:
				r.LiveDeltaOK = r.LiveDeltaOK && !w.resizes
			}
		}
	}
	for kind, h := range rows.totals {
		if op := r.Ops[kind]; op != nil {
			op.Service.Merge(h)
		}
	}
	for kind, h := range rows.responses {
		if op := r.Ops[kind]; op != nil {
			op.Response.Merge(h)
		}
	}
	r.Lag.Merge(&rows.lag)
	_, shared := workers[0].values.Memory()
	r.HarnessBytes += rows.memory() + shared
	r.Series = rows.rows(limits.Name, elapsed)
	return r
}

func (r *OpResult) add(o *OpResult) {
	r.N += o.N
	r.OK += o.OK
	r.NotFound += o.NotFound
	r.Errors += o.Errors
	r.Rows += o.Rows
	r.BytesIn += o.BytesIn
	r.BytesOut += o.BytesOut
}
