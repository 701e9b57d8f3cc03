package bench

import (
	"unsafe"

	"github.com/kvbench/kvbench/workloads"
)

// begin readies a worker for a phase.
func (w *worker) begin(spec *workloads.Spec, rows *collector) {
	w.rows = rows.fresh(0)
	for k := range workloads.NumKinds {
		w.kinds[k] = nil
		if spec.Has(k) || k == workloads.Insert {
			w.kinds[k] = new(OpResult)
		}
	}
	w.verified, w.verifiedFull, w.live = 0, 0, 0
	w.stalls, w.stallNs, w.stallMax = 0, 0, 0
	w.err = nil
	w.active, w.refill = 0, 0
	w.late, w.backlog, w.skipped, w.lastDue, w.lastBegin = 0, 0, -1, -1, 0
	w.before += w.done.Load()
	w.from, w.kept = w.pos, nil
	w.done.Store(0)
}

// draw makes the tape hold n operations at least.
func (w *worker) draw(n int) {
	if len(w.tape)-w.pos >= n {
		return
	}
	left := copy(w.tape, w.tape[w.pos:])
	w.pos = 0
	if cap(w.tape) < n {
		grown := make([]workloads.Op, n)
		copy(grown, w.tape[:left])
		w.tape = grown
	}
	w.tape = w.tape[:n]
	w.gen.Fill(w.tape[left:])
}

// refillTape draws n more operations, or as many as the tape holds, while the
// worker's clock stands still. n is one for all of a phase.
func (w *worker) refillTape(n int) {
	start := w.clock.now()
	n = min(cap(w.tape), n)
	if w.kept == nil {
		w.kept = w.tape[min(max(w.from, n), len(w.tape)):]
	}
	w.from, w.pos = 0, 0
	w.tape = w.tape[:n]
	w.gen.Fill(w.tape)
	w.refill += w.clock.now() - start
}

// performed returns operations of the phase that are still at hand: those
// before a refill as far as it left them, and those since the last one.
func (w *worker) performed() (early, late []workloads.Op) {
	return w.kept, w.tape[w.from:w.pos]
}

// handOver gives the current row to the collector.
func (w *worker) handOver(rows *collector) {
	if w.rows != nil {
		rows.take(w.rows)
		w.rows = nil
	}
}

// rotate hands the row over and begins that of the interval that now is in.
func (w *worker) rotate(p *phaseRun, now int64) {
	w.handOver(p.rows)
	w.rows = p.rows.fresh(int((now - p.start) / p.interval))
}

// memory is what this worker has taken for itself, in bytes.
func (w *worker) memory() uint64 {
	n := uint64(cap(w.tape)) * uint64(unsafe.Sizeof(workloads.Op(0)))
	own, _ := w.values.Memory()
	n += own
	for _, r := range w.kinds {
		if r != nil {
			n += uint64(unsafe.Sizeof(*r))
		}
	}
	return n
}
