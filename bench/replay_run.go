package bench

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/trace"
)

// replayWorker performs the operations of one goroutine.
type replayWorker struct {
	l       *replayLoop
	session Session
	chunk   []replayOp // what is left of the one in hand
	kinds   [workloads.NumKinds]*OpResult
	rows    *intervalRows
	value   []byte
	expect  []byte // upper bound of the scan that is going on; nil: none

	done           atomic.Uint64
	active, refill int64
	verified       uint64
	visited        uint64 // bytes of a scan
	lastDue        int64
	err            error
}

// replayPhase is what the workers of a phase share.
type replayPhase struct {
	start, interval, end int64
	every                int
	left                 atomic.Int64 // operations that may be begun
	rows                 *collector
	stop                 atomic.Bool
}

// Prepare reads ahead as far as there is room.
func (l *replayLoop) Prepare(Limits) {
	if l.feed == nil {
		f, err := newFeed(l.d.File, len(l.workers), l.o.Blank)
		if err != nil {
			return // it comes again in Run
		}
		l.feed = f
	}
	<-l.feed.ready
}

// Run goes on with the trace, to its end at most.
func (l *replayLoop) Run(ctx context.Context, limits Limits) (*PhaseResult, error) {
	if l.feed == nil {
		var err error
		if l.feed, err = newFeed(l.d.File, len(l.workers), l.o.Blank); err != nil {
			return nil, err
		}
	}
	p := &replayPhase{interval: int64(limits.Interval), every: limits.Timing.Every, rows: newCollector(l.o.Workload, limits.Interval)}
	p.rows.open = l.d.Speed > 0 && !l.o.Blank
	p.left.Store(math.MaxInt64)
	if limits.Operations > 0 {
		p.left.Store(int64(limits.Operations))
	}
	p.start = l.clock.now()
	if limits.Duration > 0 {
		p.end = p.start + int64(limits.Duration)
	}
	finished := make(chan struct{})
	var helpers, running sync.WaitGroup
	helpers.Go(func() { l.watch(ctx, p, limits, finished) })
	for i, w := range l.workers {
		running.Go(func() { w.run(p, l.feed.to[i]) })
	}
	running.Wait()
	elapsed := time.Duration(l.clock.now() - p.start)
	close(finished)
	helpers.Wait()
	r := l.gather(p, limits, elapsed)
	r.Interrupted = ctx.Err() != nil
	if !r.Interrupted && r.FirstError == nil && l.feed.drained() && l.feed.err != nil {
		return nil, l.feed.err
	}
	return r, nil
}

// drained reports whether all has been read and taken; d.err is then valid.
func (d *replayFeed) drained() bool {
	select {
	case <-d.ended:
	default:
		return false
	}
	return !slices.ContainsFunc(d.to, func(c chan []replayOp) bool { return len(c) > 0 })
}

// watch stops the workers when ctx ends, and reports progress.
func (l *replayLoop) watch(ctx context.Context, p *replayPhase, limits Limits, finished <-chan struct{}) {
	every := limits.Interval
	if every <= 0 {
		every = time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last uint64
	before := p.start
	cancelled := ctx.Done()
	for {
		select {
		case <-finished:
			return
		case <-cancelled:
			p.stop.Store(true)
			cancelled = nil
		case <-tick.C:
			if limits.Progress == nil {
				continue
			}
			now := l.clock.now()
			var ops uint64
			for _, w := range l.workers {
				ops += w.done.Load()
			}
			limits.Progress(Progress{
				Phase: limits.Name, Elapsed: time.Duration(now - p.start), Ops: ops, Total: limits.Operations,
				Rate: float64(ops-last) / time.Duration(max(now-before, 1)).Seconds(),
			})
			last, before = ops, now
		}
	}
}

// run performs a worker's operations until there are no more.
func (w *replayWorker) run(p *replayPhase, from <-chan []replayOp) {
	clock := w.l.clock
	for k := range w.kinds {
		w.kinds[k] = new(OpResult)
	}
	w.active, w.refill, w.verified, w.err, w.lastDue = 0, 0, 0, nil, 0
	w.done.Store(0)
	w.rows = p.rows.fresh(0)
	begin := clock.now()
	nextRow := int64(math.MaxInt64)
	if p.interval > 0 {
		nextRow = p.start + p.interval
	}
	for !p.stop.Load() {
		if len(w.chunk) == 0 {
			waited := clock.now()
			var ok bool
			if w.chunk, ok = <-from; !ok {
				w.refill += clock.now() - waited
				break
			}
			w.refill += clock.now() - waited
			continue // it may be empty
		}
		if p.left.Add(-1) < 0 {
			break
		}
		op := &w.chunk[0]
		w.chunk = w.chunk[1:]
		if !w.perform(p, op) {
			p.stop.Store(true)
			break
		}
		if p.rows.open || w.done.Load()%batchOps == 0 {
			now := clock.now()
			if p.end > 0 && now >= p.end {
				break
			}
			if now >= nextRow {
				p.rows.take(w.rows)
				w.rows = p.rows.fresh(int((now - p.start) / p.interval))
				nextRow = p.start + int64(w.rows.index+1)*p.interval
			}
		}
	}
	p.rows.take(w.rows)
	w.rows = nil
	w.active = clock.now() - begin - w.refill
}

// perform waits for an operation's time, if there is one, does it and times
// it. It returns false after an error that ends the phase.
func (w *replayWorker) perform(p *replayPhase, op *replayOp) bool {
	clock := w.l.clock
	kind := replayKinds[op.Kind]
	due := int64(-1)
	if p.rows.open {
		due = p.start + int64(float64(op.Time)/w.l.d.Speed)
		if !w.await(p, due) {
			return true
		}
		w.lastDue = due
	}
	n := w.done.Load()
	timed := due >= 0 || (p.every > 0 && n%uint64(p.every) == 0)
	var at int64
	if timed {
		at = clock.now()
	}
	r := w.kinds[kind]
	r.N++
	err := w.do(r, op)
	if timed {
		end := clock.now()
		if h := w.rows.hist[kind]; h != nil {
			h.Record(end - at)
		}
		if h := w.rows.response[kind]; h != nil && due >= 0 {
			h.Record(end - due)
		}
	}
	w.rows.ops++
	w.done.Store(n + 1)
	if err == nil {
		r.OK++
		return true
	}
	if absent(err) {
		r.NotFound++
		return true
	}
	r.Errors++
	w.rows.errors++
	if w.err == nil {
		w.err = fmt.Errorf("%s of %q: %w", op.Kind, op.Key, err)
	}
	return w.l.o.CountErrors
}

// await waits until due by the loop's clock: asleep while it is far off, then
// awake, since sleeps are a millisecond coarse.
func (w *replayWorker) await(p *replayPhase, due int64) bool {
	pace := newPacer()
	for {
		now := w.l.clock.now()
		if now >= due {
			return true
		}
		if p.stop.Load() || (p.end > 0 && now >= p.end) {
			return false
		}
		pace.pause(due - now)
	}
}

// do performs an operation and checks its answer as far as can be.
func (w *replayWorker) do(r *OpResult, op *replayOp) (err error) {
	l := w.l
	switch op.Kind {
	case trace.Get:
		return w.get(r, op)
	case trace.Put:
		w.value = l.values.append(w.value[:0], op.hash, max(op.Size, 0))
		r.BytesIn += uint64(len(op.Key) + len(w.value))
		return w.session.Put(op.Key, w.value)
	case trace.Delete:
		r.BytesIn += uint64(len(op.Key))
		return w.session.Delete(op.Key)
	case trace.DeleteRange:
		r.BytesIn += uint64(len(op.Key) + len(op.Upper))
		return w.session.DeleteRange(op.Key, op.Upper)
	}
	n := op.N
	if n == 0 {
		n = math.MaxInt32
		if op.Upper == nil {
			n = 1
		}
	}
	w.expect, w.visited = op.Upper, 0
	rows, err := w.session.Scan(op.Key, n, op.Kind == trace.ReverseScan, w)
	r.Rows += uint64(rows)
	r.BytesOut += w.visited
	if err == errEnd { //nolint:errorlint // it is our own, handed through
		err = nil
	}
	return err
}

func (w *replayWorker) get(r *OpResult, op *replayOp) error {
	v, err := w.session.Get(w.value[:0], op.Key)
	if v != nil {
		w.value = v
	}
	l := w.l
	switch {
	case err != nil && !absent(err):
		return err
	case l.check && op.Result == trace.Found && err != nil:
		return fmt.Errorf("%w: the trace found a value, the engine has none", errWrongValue)
	case l.check && op.Result == trace.Absent && err == nil:
		return fmt.Errorf("%w: the trace found nothing, the engine has a value of %d bytes", errWrongValue, len(v))
	case err != nil || l.o.Blank:
		return err
	}
	r.BytesOut += uint64(len(w.value))
	if l.o.Verify != VerifyOff {
		w.verified++
		if !l.values.verify(op.hash, w.value) {
			return fmt.Errorf("%w: its %d bytes are not a value of the key", errWrongValue, len(w.value))
		}
	}
	return nil
}

// Visit counts a record of a scan and ends it at its upper bound.
func (w *replayWorker) Visit(key, value []byte) error {
	if w.expect != nil && bytes.Compare(key, w.expect) >= 0 {
		return errEnd
	}
	w.visited += uint64(len(key) + len(value))
	runtime.KeepAlive(value)
	return nil
}

// gather adds up the workers of a phase that has ended.
func (l *replayLoop) gather(p *replayPhase, limits Limits, elapsed time.Duration) *PhaseResult {
	r := &PhaseResult{Ops: map[workloads.Kind]*OpResult{}, Elapsed: elapsed}
	lastDue := int64(0)
	for _, w := range l.workers {
		r.Active += time.Duration(w.active) / time.Duration(len(l.workers))
		r.Refill += time.Duration(w.refill) / time.Duration(len(l.workers))
		r.Verified += w.verified
		r.VerifiedFull += w.verified
		lastDue = max(lastDue, w.lastDue-p.start)
		if r.FirstError == nil {
			r.FirstError = w.err
		}
		for k, op := range w.kinds {
			if op.N == 0 {
				continue
			}
			kind := workloads.Kind(k)
			if r.Ops[kind] == nil {
				r.Ops[kind] = new(OpResult)
			}
			r.Ops[kind].add(op)
		}
	}
	for kind, op := range r.Ops {
		if h := p.rows.totals[kind]; h != nil {
			op.Service.Merge(h)
		}
		if h := p.rows.responses[kind]; h != nil {
			op.Response.Merge(h)
		}
	}
	r.HarnessBytes = p.rows.memory() + uint64(len(l.values.pool))
	r.Series = p.rows.rows(limits.Name, elapsed)
	if p.rows.open && lastDue > 0 {
		n := r.N()
		o := &results.OpenLoop{
			OfferedPerS: float64(n) / (float64(lastDue) / 1e9), AchievedPerS: float64(n) / elapsed.Seconds(),
			Intended: n, Started: n, Verdict: results.OpenOK,
		}
		if o.AchievedPerS < 0.99*o.OfferedPerS {
			o.Verdict, o.Reason = results.OpenSaturated, "the replay took longer than the trace"
		}
		r.Open = o
	}
	return r
}
