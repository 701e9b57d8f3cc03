package bench

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
)

// batchOps is how many operations a worker does between looks at the stop
// flag and, when it samples, at the clock.
const batchOps = 16

// fullEvery is how many verified reads there are to one whose every byte is
// compared, in VerifySample.
const fullEvery = 64

// worker performs the operations of one goroutine. Everything it touches per
// operation is its own; it is padded so that neighbours share no cache line.
// Nothing is allocated between two refills of the tape.
type worker struct {
	_ [128]byte

	id      int
	session Session
	gen     *workloads.Generator
	keys    *workloads.Keys
	edges   *edges
	values  *workloads.Values
	seq     *workloads.Sequence
	clock   clock

	mayMiss bool
	blind   bool // updates overwrite the whole value
	resizes bool // updates change the size of a value
	blank   bool // the target stores nothing: expect nothing of its answers
	verify  Verify
	count   bool // count errors and go on

	tape   []workloads.Op
	pos    int
	from   int            // where the phase began on the tape, or 0 after a refill
	kept   []workloads.Op // what the phase did before its first refill, as far as it is left
	before uint64         // operations of the phases before this one

	key, upper []byte // scratch for keys
	value      []byte // scratch for what Get returns
	scan       scanCheck

	rows  *intervalRows
	kinds [workloads.NumKinds]*OpResult // counts of the phase; nil: not in the mix

	verified, verifiedFull uint64
	live                   int64
	stallNs, stallMax      uint64
	stalls                 uint64
	err                    error // first error
	tick                   uint64
	stride                 int // operations until the next that is timed

	active, refill int64

	// Of an open loop, in ns since the phase began, unless said otherwise.
	late      int64  // behind the intended start, at least so much before the backlog is looked at
	backlog   uint64 // most operations that were due and not begun
	skipped   int64  // the start that was claimed and not begun; -1: none
	lastDue   int64  // the intended start of the last operation; -1: none
	lastBegin int64

	_ [128]byte
	// done is read by the progress reporter while the worker runs.
	done atomic.Uint64
	_    [120]byte
}

var errWrongValue = errors.New("wrong answer")

// do performs one operation.
func (w *worker) do(op workloads.Op) error {
	k := op.Kind()
	r := w.kinds[k]
	r.N++
	var err error
	switch k {
	case workloads.Read:
		err = w.read(r, w.gen.Resolve(op))
	case workloads.Update:
		err = w.update(r, w.gen.Resolve(op))
	case workloads.Insert:
		err = w.insert(r)
	case workloads.Scan:
		err = w.doScan(r, w.gen.Resolve(op), op.Len(), false)
	case workloads.ReadModifyWrite:
		number := w.gen.Resolve(op)
		if err = w.read(r, number); err == nil {
			err = w.update(r, number)
		}
	case workloads.Delete:
		err = w.remove(r, w.gen.Resolve(op))
	case workloads.ReadAbsent:
		err = w.readAbsent(r, w.gen.Resolve(op))
	case workloads.ReverseScan:
		err = w.doScan(r, w.gen.Resolve(op), op.Len(), true)
	case workloads.DeleteRange:
		err = w.removeRange(r, w.gen.Resolve(op), op.Len())
	case workloads.Put:
		err = w.put(r, w.gen.Resolve(op))
	default:
		err = fmt.Errorf("operation of unknown kind %d", k)
	}
	if err == nil {
		r.OK++
		return nil
	}
	return w.failed(r, k, err)
}

// failed counts an operation that did not succeed and decides whether the
// phase goes on: always after a miss that may be, otherwise by w.count.
func (w *worker) failed(r *OpResult, k workloads.Kind, err error) error {
	if errors.Is(err, engine.ErrNotFound) {
		r.NotFound++
		if w.mayMiss {
			return nil
		}
		err = fmt.Errorf("%w: a record that was written is absent", errWrongValue)
	}
	r.Errors++
	w.rows.errors++
	err = fmt.Errorf("%s of %q: %w", k, w.key, err)
	if w.err == nil {
		w.err = err
	}
	if w.count {
		return nil
	}
	return err
}

// get reads number's value into w.value.
func (w *worker) get(number uint64) error {
	w.key = w.keys.Append(w.key[:0], number)
	v, err := w.session.Get(w.value[:0], w.key)
	if v != nil {
		w.value = v
	}
	return err
}

func (w *worker) read(r *OpResult, number uint64) error {
	if err := w.get(number); err != nil {
		return err
	}
	r.BytesOut += uint64(len(w.value))
	return w.check(number, w.value)
}

// check verifies a value as far as w.verify asks.
func (w *worker) check(number uint64, value []byte) error {
	if w.verify == VerifyOff || w.blank {
		return nil
	}
	w.verified++
	full := w.verify == VerifyFull || (w.verify == VerifySample && w.verified%fullEvery == 0)
	if full {
		w.verifiedFull++
	}
	if err := w.values.Verify(number, value, full); err != nil {
		return fmt.Errorf("%w: %w", errWrongValue, err)
	}
	return nil
}

func (w *worker) update(r *OpResult, number uint64) error {
	if w.blind {
		return w.put(r, number)
	}
	if err := w.get(number); err != nil {
		return err
	}
	r.BytesOut += uint64(len(w.value))
	if w.blank {
		w.value = append(w.value[:0], w.values.Next(number)...)
	}
	if err := w.check(number, w.value); err != nil {
		return err
	}
	if err := w.values.SetField(number, w.value, w.gen.Field()); err != nil {
		return err
	}
	r.BytesIn += uint64(len(w.key) + len(w.value))
	return w.session.Put(w.key, w.value)
}

func (w *worker) put(r *OpResult, number uint64) error {
	w.key = w.keys.Append(w.key[:0], number)
	value := w.values.Next(number)
	r.BytesIn += uint64(len(w.key) + len(value))
	return w.session.Put(w.key, value)
}

func (w *worker) insert(r *OpResult) error {
	number := w.seq.Next()
	before := r.BytesIn
	err := w.put(r, number)
	if err == nil {
		w.live += int64(r.BytesIn - before)
	}
	if ackErr := w.seq.Ack(number); err == nil {
		err = ackErr
	}
	return err
}

func (w *worker) remove(r *OpResult, number uint64) error {
	w.key = w.keys.Append(w.key[:0], number)
	r.BytesIn += uint64(len(w.key))
	return w.session.Delete(w.key)
}

func (w *worker) removeRange(r *OpResult, number uint64, width int) error {
	w.key = w.keys.Append(w.key[:0], number)
	w.upper = w.keys.Append(w.upper[:0], number+uint64(width))
	r.BytesIn += uint64(len(w.key) + len(w.upper))
	return w.session.DeleteRange(w.key, w.upper)
}

func (w *worker) readAbsent(r *OpResult, number uint64) error {
	w.key = w.keys.AppendAbsent(w.key[:0], number)
	v, err := w.session.Get(w.value[:0], w.key)
	if err == nil && !w.blank {
		return fmt.Errorf("%w: a key that was never written has a value of %d bytes", errWrongValue, len(v))
	}
	if err == nil || errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	return err
}

func (w *worker) doScan(r *OpResult, number uint64, n int, reverse bool) error {
	w.key = w.keys.Append(w.key[:0], number)
	w.tick++
	w.scan.begin(w, reverse)
	visited, err := w.session.Scan(w.key, n, reverse, &w.scan)
	r.Rows += uint64(visited)
	r.BytesOut += w.scan.bytes
	if err != nil {
		return err
	}
	if visited == 0 && n > 0 && !w.mayMiss && !w.blank {
		return fmt.Errorf("%w: a scan from a record that was written found nothing", errWrongValue)
	}
	if visited < n && w.scan.full && !w.mayMiss {
		return w.scan.checkEnd(w.edges)
	}
	return nil
}
