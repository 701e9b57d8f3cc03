package goycsb

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// worker makes and measures the calls of one go-ycsb thread. Only that thread
// uses it while a phase runs, except for done.
type worker struct {
	*loop
	id      int
	session bench.Session
	mayMiss bool
	blind   bool
	checked bool   // verify what reads return
	blank   []byte // what a blank target is taken to return, else nil

	codec  codec
	key    []byte // scratch
	value  []byte // what Get returned
	record []byte // what Put is given
	row    map[string][]byte
	scan   scan

	p              *phase
	started, ended int64
	ops            [workloads.NumKinds]*bench.OpResult // nil: no call yet
	calls          uint64
	sample         *rand.PCG
	index          int // interval that part belongs to
	part           interval
	stalls         results.Stalls
	verified       uint64
	live           int64

	_    [128]byte
	done atomic.Uint64 // go-ycsb's operations
	_    [120]byte
}

var errWrongAnswer = errors.New("wrong answer")

func newWorker(l *loop, id int, session bench.Session) *worker {
	w := &worker{
		loop: l, id: id, session: session,
		mayMiss: mayMiss(l.o.Workload),
		blind:   l.o.Workload.UpdateMode == workloads.UpdateBlind,
		checked: l.o.Verify != bench.VerifyOff && !l.o.Blank,
		row:     make(map[string][]byte),
		sample:  rand.NewPCG(l.o.Seed, uint64(id)),
	}
	if l.o.Blank {
		w.blank = blankRecord(l.o.Workload)
	}
	return w
}

// blankRecord is a record of the workload's shape, so that a target that
// stores nothing costs the adapter as much as another one.
func blankRecord(s *workloads.Spec) []byte {
	var c codec
	values := make(map[string][]byte)
	for i := range s.Values.FieldCount {
		values[fmt.Sprintf("field%d", i)] = []byte(strings.Repeat("a", int(s.Values.FieldLength.Max)))
	}
	c.set(values)
	return c.append(nil)
}

// begin readies the worker for a phase.
func (w *worker) begin(p *phase) {
	w.p = p
	w.started, w.ended = p.now(), 0
	w.ended = w.started
	w.ops = [workloads.NumKinds]*bench.OpResult{}
	w.calls, w.index, w.verified, w.live = 0, 0, 0, 0
	w.part = interval{}
	w.stalls = results.Stalls{}
	w.done.Store(0)
}

// call makes, counts and times one call of the ycsb.DB.
func (w *worker) call(k workloads.Kind, key string, do func(r *bench.OpResult) error) error {
	r := w.ops[k]
	if r == nil {
		r = new(bench.OpResult)
		w.ops[k] = r
	}
	w.key = append(w.key[:0], key...)
	start := w.now()
	err := do(r)
	end := w.now()
	r.N++
	w.calls++
	w.turn(end)
	w.part.ops++
	// At random, not every nth: the calls of a read-modify-write alternate.
	if w.p.every == 1 || (w.p.every > 1 && w.sample.Uint64()%w.p.every == 0) {
		r.Service.Record(end - start)
		w.part.service.Record(end - start)
	}
	w.noteStall(end, uint64(end-start))
	if err == nil {
		r.OK++
		return nil
	}
	if errors.Is(err, engine.ErrNotFound) {
		r.NotFound++
		if w.mayMiss {
			return err
		}
		err = fmt.Errorf("%w: a record that was written is absent", errWrongAnswer)
	}
	r.Errors++
	w.part.errors++
	err = fmt.Errorf("%s of %q: %w", k, key, err)
	w.p.fail(err)
	return err
}

// turn hands the interval over when now is past it.
func (w *worker) turn(now int64) {
	if w.p.rows.length <= 0 {
		return
	}
	if index := int((now - w.p.start) / int64(w.p.rows.length)); index != w.index {
		w.p.rows.take(w.index, &w.part)
		w.index, w.part = index, interval{}
	}
}

// A call counts as a stall when it took so many times the mean one, and at
// least this long; the first calls make the mean.
const (
	stallFactor = 20
	stallFloor  = 20_000 // ns
	stallAfter  = 1024
)

func (w *worker) noteStall(now int64, took uint64) {
	if took < stallFloor || w.calls < stallAfter {
		return
	}
	if float64(took) < stallFactor*float64(now-w.p.start)/float64(w.calls) {
		return
	}
	w.stalls.Count++
	w.stalls.Time += took
	w.stalls.Max = max(w.stalls.Max, took)
}

// get reads the record of w.key into w.codec.
func (w *worker) get(r *bench.OpResult) error {
	v, err := w.session.Get(w.value[:0], w.key)
	if v != nil {
		w.value = v
	}
	if w.blank != nil && (err == nil || errors.Is(err, engine.ErrNotFound)) {
		w.value, err = append(w.value[:0], w.blank...), nil
	}
	if err != nil {
		return err
	}
	r.BytesOut += uint64(len(w.value))
	if err := w.codec.decode(w.value); err != nil {
		return fmt.Errorf("%w: %w", errWrongAnswer, err)
	}
	return nil
}

// put writes the fields in w.codec as the record of w.key.
func (w *worker) put(r *bench.OpResult) error {
	w.record = w.codec.append(w.record[:0])
	r.BytesIn += uint64(len(w.key) + len(w.record))
	return w.session.Put(w.key, w.record)
}

func (w *worker) read(key string, fields []string) (map[string][]byte, error) {
	clear(w.row)
	err := w.call(workloads.Read, key, func(r *bench.OpResult) error {
		if err := w.get(r); err != nil {
			return err
		}
		return w.pick(w.row, fields)
	})
	if err != nil {
		return nil, err
	}
	return w.row, nil
}

// pick moves fields from the codec to row and checks that none is missing.
func (w *worker) pick(row map[string][]byte, fields []string) error {
	err := w.codec.pick(row, fields)
	if !w.checked {
		return nil
	}
	w.verified++
	return err
}

func (w *worker) update(key string, values map[string][]byte) error {
	return w.call(workloads.Update, key, func(r *bench.OpResult) error {
		w.codec.clear()
		if !w.blind {
			if err := w.get(r); err != nil {
				return err
			}
		}
		w.codec.set(values)
		return w.put(r)
	})
}

func (w *worker) insert(key string, values map[string][]byte) error {
	return w.call(workloads.Insert, key, func(r *bench.OpResult) error {
		w.codec.clear()
		w.codec.set(values)
		if err := w.put(r); err != nil {
			return err
		}
		w.live += int64(len(w.key) + len(w.record))
		return nil
	})
}

func (w *worker) remove(key string) error {
	return w.call(workloads.Delete, key, func(r *bench.OpResult) error {
		r.BytesIn += uint64(len(w.key))
		return w.session.Delete(w.key)
	})
}
