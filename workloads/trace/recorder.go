package trace

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// A Recorder is an engine that writes down what it is asked and passes it on.
// It is safe for concurrent use if the engine is; operations are written in
// the order in which they end, with the time of their beginning. It begins
// without recording; see Start.
//
// It costs a reading of the clock and a lock an operation, about 200 ns for a
// get where nothing else runs (BenchmarkRecorder) and more under contention, so
// what is measured meanwhile is not the engine alone. Snapshots, bulk loads
// and unordered scans pass by unrecorded. A failure to write the trace fails
// no operation of the engine: it ends the recording, and Stop returns it.
type Recorder struct {
	inner engine.Engine
	on    atomic.Bool

	mu    sync.Mutex
	w     *Writer
	start time.Time
	err   error
}

// NewRecorder returns the engine with a recorder around it, and the recorder.
// The engine it returns has the roles of e; closing it closes e, not w.
func NewRecorder(e engine.Engine, w *Writer) (engine.Engine, *Recorder) {
	r := &Recorder{inner: e, w: w}
	multi, isMulti := engine.As[engine.MultiGetter](e)
	async, isAsync := engine.As[engine.AsyncWriter](e)
	switch {
	case isMulti && isAsync:
		return &struct {
			*Recorder
			recordedMulti
			recordedAsync
		}{r, recordedMulti{r, multi}, recordedAsync{r, async}}, r
	case isMulti:
		return &struct {
			*Recorder
			recordedMulti
		}{r, recordedMulti{r, multi}}, r
	case isAsync:
		return &struct {
			*Recorder
			recordedAsync
		}{r, recordedAsync{r, async}}, r
	}
	return r, r
}

// Start begins to record; the first call is the beginning of the trace.
func (r *Recorder) Start() {
	r.mu.Lock()
	if r.start.IsZero() {
		r.start = time.Now()
	}
	r.mu.Unlock()
	r.on.Store(true)
}

// Stop ends the recording and the trace, once, and returns the first error in
// writing it.
func (r *Recorder) Stop() error {
	r.on.Store(false)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w == nil {
		return r.err
	}
	if err := r.w.Close(); r.err == nil {
		r.err = err
	}
	r.w = nil
	return r.err
}

// record writes operations of one call that began at begin.
func (r *Recorder) record(begin time.Time, ops ...Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range ops {
		if r.w == nil || r.err != nil {
			return
		}
		ops[i].Time = max(begin.Sub(r.start), 0)
		r.err = r.w.Write(&ops[i])
	}
}

// Unwrap returns the engine inside.
func (r *Recorder) Unwrap() engine.Engine { return r.inner }

// Caps returns those of the engine.
func (r *Recorder) Caps() engine.Caps { return r.inner.Caps() }

// Metrics returns those of the engine.
func (r *Recorder) Metrics(m *engine.Metrics) { r.inner.Metrics(m) }

// Sync passes on.
func (r *Recorder) Sync() error { return r.inner.Sync() }

// Close closes the engine.
func (r *Recorder) Close() error { return r.inner.Close() }

// Get records whether the key was found, and the size of its value. A get
// that fails is not recorded.
func (r *Recorder) Get(dst, key []byte) ([]byte, error) {
	if !r.on.Load() {
		return r.inner.Get(dst, key)
	}
	begin := time.Now()
	v, err := r.inner.Get(dst, key)
	switch {
	case err == nil:
		r.record(begin, Op{Kind: Get, Key: key, Result: Found, Size: len(v) - len(dst)})
	case errors.Is(err, engine.ErrNotFound):
		r.record(begin, Op{Kind: Get, Key: key, Result: Absent, Size: -1})
	}
	return v, err
}

// Put records the size of the value.
func (r *Recorder) Put(key, value []byte, d engine.Durability) error {
	begin := time.Now()
	err := r.inner.Put(key, value, d)
	if err == nil && r.on.Load() {
		r.record(begin, Op{Kind: Put, Key: key, Size: len(value)})
	}
	return err
}

// PutTTL is recorded as a Put.
func (r *Recorder) PutTTL(key, value []byte, expire time.Time, d engine.Durability) error {
	e, ok := engine.As[engine.Expirer](r.inner)
	if !ok {
		return fmt.Errorf("put with expiry: %w", engine.ErrUnsupported)
	}
	begin := time.Now()
	err := e.PutTTL(key, value, expire, d)
	if err == nil && r.on.Load() {
		r.record(begin, Op{Kind: Put, Key: key, Size: len(value)})
	}
	return err
}

// Delete is recorded.
func (r *Recorder) Delete(key []byte, d engine.Durability) error {
	begin := time.Now()
	err := r.inner.Delete(key, d)
	if err == nil && r.on.Load() {
		r.record(begin, Op{Kind: Delete, Key: key, Size: -1})
	}
	return err
}

// DeleteRange is recorded; an end without bound is not.
func (r *Recorder) DeleteRange(lower, upper []byte, d engine.Durability) error {
	e, ok := engine.As[engine.RangeDeleter](r.inner)
	if !ok {
		return fmt.Errorf("range delete: %w", engine.ErrUnsupported)
	}
	begin := time.Now()
	err := e.DeleteRange(lower, upper, d)
	if err == nil && r.on.Load() {
		r.record(begin, Op{Kind: DeleteRange, Key: lower, Upper: upper, Size: -1})
	}
	return err
}

// Apply records the operations of the batch as one call.
func (r *Recorder) Apply(b *engine.Batch, d engine.Durability) error {
	begin := time.Now()
	err := r.inner.Apply(b, d)
	if err == nil && r.on.Load() {
		r.recordBatch(begin, b)
	}
	return err
}

func (r *Recorder) recordBatch(begin time.Time, b *engine.Batch) {
	var ops []Op
	var op engine.Op
	for reader := b.Reader(); reader.Next(&op); {
		o := Op{Kind: Put, Key: op.Key, Size: len(op.Value), More: true}
		switch op.Kind {
		case engine.KindDelete:
			o.Kind, o.Size = Delete, -1
		case engine.KindDeleteRange:
			o.Kind, o.Size, o.Upper = DeleteRange, -1, op.Value
		}
		ops = append(ops, o)
	}
	if len(ops) > 0 {
		ops[len(ops)-1].More = false
		r.record(begin, ops...)
	}
}

// recordedMulti adds the role of a MultiGetter.
type recordedMulti struct {
	r     *Recorder
	inner engine.MultiGetter
}

// MultiGet records the gets as one call.
func (m recordedMulti) MultiGet(keys [][]byte, out []engine.Value) error {
	begin := time.Now()
	err := m.inner.MultiGet(keys, out)
	if err != nil || !m.r.on.Load() || len(keys) == 0 {
		return err
	}
	ops := make([]Op, len(keys))
	for i, key := range keys {
		ops[i] = Op{Kind: Get, Key: key, Result: Absent, Size: -1, More: i+1 < len(keys)}
		if out[i].Found {
			ops[i].Result, ops[i].Size = Found, len(out[i].Data)
		}
	}
	m.r.record(begin, ops...)
	return nil
}

// recordedAsync adds the role of an AsyncWriter.
type recordedAsync struct {
	r *Recorder
	engine.AsyncWriter
}

// ApplyAsync records as Apply does.
func (a recordedAsync) ApplyAsync(b *engine.Batch) (engine.LSN, error) {
	begin := time.Now()
	l, err := a.AsyncWriter.ApplyAsync(b)
	if err == nil && a.r.on.Load() {
		a.r.recordBatch(begin, b)
	}
	return l, err
}
