package bench

import "math"

// stallFactor and stallFloor say when a batch of operations is counted as a
// stall: it took so many times the mean batch, and at least this long.
const (
	stallFactor = 20
	stallFloor  = 20_000 // ns
)

// runOps performs operations until the quota is done, the time is over, the
// phase is stopped or an operation fails.
func (w *worker) runOps(p *phaseRun) {
	left := uint64(math.MaxUint64)
	if p.quota > 0 || p.extra > 0 {
		left = p.quota
		if w.id < p.extra {
			left++
		}
	}
	if p.every > 0 {
		w.stride %= p.every
	}
	start := w.clock.now()
	refilled := w.refill
	w.opsLoop(p, left)
	w.active = w.clock.now() - start - (w.refill - refilled)
}

func (w *worker) opsLoop(p *phaseRun, left uint64) {
	nextRow := int64(math.MaxInt64)
	if p.interval > 0 {
		nextRow = p.start + p.interval
	}
	var done uint64
	now := w.clock.now()
	for left > 0 && !p.stop.Load() {
		if w.pos == len(w.tape) {
			w.refillTape(refillOps)
			now = w.clock.now()
		}
		first := w.pos
		n := min(batchOps, len(w.tape)-first)
		if uint64(n) > left {
			n = int(left)
		}
		var ok bool
		switch {
		case p.every == 1 && p.chained:
			now, ok = w.batchChained(n, now)
		case p.every > 0 && p.every < batchOps:
			now, ok = w.batchEach(p, n, now, done)
		default:
			now, ok = w.batchSampled(p, n, now, done)
		}
		n = w.pos - first // fewer after a failure
		done += uint64(n)
		left -= uint64(n)
		w.rows.ops += uint64(n)
		w.done.Store(done)
		if !ok || (p.end > 0 && now >= p.end) {
			return
		}
		if now >= nextRow {
			w.rotate(p, now)
			nextRow = p.start + (int64(w.rows.index)+1)*p.interval
			now = w.clock.now()
		}
	}
}

// batchChained times every operation from the end of the one before it.
func (w *worker) batchChained(n int, now int64) (end int64, ok bool) {
	first := w.pos
	w.pos += n
	for i, op := range w.tape[first:w.pos] {
		err := w.do(op)
		t := w.clock.now()
		w.rows.hist[op.Kind()].Record(t - now)
		now = t
		if err != nil {
			w.pos = first + i + 1
			return now, false
		}
	}
	return now, true
}

// batchSampled times the first operation of the batch, if it is one in p.every,
// and the batch as a whole: a batch that took far longer than the mean counts
// as a stall, so that no pause can hide between the samples. Operations were
// drawn independently, so a fixed stride is as good as a random one; it begins
// at a random place.
func (w *worker) batchSampled(p *phaseRun, n int, now int64, done uint64) (end int64, ok bool) {
	first := w.pos
	w.pos += n
	if p.every > 0 {
		if w.stride -= n; w.stride < 0 {
			w.stride += max(p.every, batchOps)
			op := w.tape[first]
			err := w.do(op)
			w.rows.hist[op.Kind()].Record(w.clock.now() - now)
			first++
			if err != nil {
				w.pos = first
				return w.clock.now(), false
			}
		}
	}
	for i, op := range w.tape[first:w.pos] {
		if w.do(op) != nil {
			w.pos = first + i + 1
			return w.clock.now(), false
		}
	}
	end = w.clock.now()
	w.noteStall(p, end, end-now, done)
	return end, true
}

// batchEach times every p.every-th operation, for p.every below batchOps, and
// looks for stalls as batchSampled does if that leaves any out.
func (w *worker) batchEach(p *phaseRun, n int, now int64, done uint64) (end int64, ok bool) {
	first := w.pos
	w.pos += n
	for i, op := range w.tape[first:w.pos] {
		var err error
		if w.stride--; w.stride < 0 {
			w.stride += p.every
			t := w.clock.now()
			err = w.do(op)
			w.rows.hist[op.Kind()].Record(w.clock.now() - t)
		} else {
			err = w.do(op)
		}
		if err != nil {
			w.pos = first + i + 1
			return w.clock.now(), false
		}
	}
	end = w.clock.now()
	if p.every > 1 {
		w.noteStall(p, end, end-now, done)
	}
	return end, true
}

// noteStall counts a batch that took far longer than the mean one so far.
func (w *worker) noteStall(p *phaseRun, now, took int64, done uint64) {
	if took < stallFloor || done < 64*batchOps {
		return
	}
	mean := float64(now-p.start-w.refill) / float64(done/batchOps+1)
	if float64(took) < stallFactor*mean {
		return
	}
	w.stalls++
	w.stallNs += uint64(took)
	w.stallMax = max(w.stallMax, uint64(took))
}
