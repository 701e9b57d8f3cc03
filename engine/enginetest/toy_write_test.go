package enginetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// A record of the log: length (4 bytes, little-endian), expiry in nanoseconds
// (8 bytes, 0 for none), then a batch.

func record(b *engine.Batch, expire time.Time) []byte {
	p := binary.LittleEndian.AppendUint32(nil, uint32(8+b.Size()))
	nanos := int64(0)
	if !expire.IsZero() {
		nanos = expire.UnixNano()
	}
	p = binary.LittleEndian.AppendUint64(p, uint64(nanos))
	return append(p, b.Bytes()...)
}

func putRecord(key string, value []byte, expire time.Time) []byte {
	var b engine.Batch
	b.Put([]byte(key), value)
	return record(&b, expire)
}

func cutRecord(p []byte) (r, rest []byte, ok bool) {
	if len(p) < 4 {
		return nil, p, false
	}
	n := binary.LittleEndian.Uint32(p)
	if uint32(len(p)-4) < n {
		return nil, p, false
	}
	return p[4 : 4+n], p[4+n:], true
}

// perform does what a record says, in memory.
func (e *toy) perform(r []byte) {
	var b engine.Batch
	if err := b.Load(r[8:]); err != nil {
		return
	}
	var expire time.Time
	if nanos := int64(binary.LittleEndian.Uint64(r)); nanos != 0 {
		expire = time.Unix(0, nanos)
	}
	e.change(&b, expire)
}

func (e *toy) Put(key, value []byte, d engine.Durability) error {
	return e.write(key, value, time.Time{}, d)
}

func (e *toy) PutTTL(key, value []byte, expire time.Time, d engine.Durability) error {
	return e.write(key, value, expire, d)
}

func (e *toy) write(key, value []byte, expire time.Time, d engine.Durability) error {
	var b engine.Batch
	b.Put(key, value)
	err := e.commit(&b, expire, d, false)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		if x, ok := e.data[e.cut(key)]; ok && e.broken != "" && string(x.value) == string(value) {
			delete(e.data, e.cut(key))
			e.data[e.ownKey(key)] = entry{e.own(value, "value"), x.expire}
		}
		if e.is("changes its arguments") {
			spoil(key)
		}
	}
	return err
}

func (e *toy) Delete(key []byte, d engine.Durability) error {
	if e.is("ignores Delete") {
		return nil
	}
	if e.is("fails to delete absent keys") {
		if _, err := e.Get(nil, key); err != nil {
			return err
		}
	}
	var b engine.Batch
	b.Delete(key)
	return e.commit(&b, time.Time{}, d, false)
}

func (e *toy) DeleteRange(lower, upper []byte, d engine.Durability) error {
	var b engine.Batch
	b.DeleteRange(lower, upper)
	return e.commit(&b, time.Time{}, d, false)
}

func (e *toy) Apply(b *engine.Batch, d engine.Durability) error {
	err := e.commit(b, time.Time{}, d, true)
	if e.is("empties the batch") {
		b.Reset()
	}
	return err
}

// checks are the reasons to refuse b.
func (e *toy) checks(b *engine.Batch) error {
	err := e.caps.CheckBatch(b)
	switch {
	case e.is("takes empty keys") && errors.Is(err, engine.ErrEmptyKey),
		e.is("takes what is too large") && errors.Is(err, engine.ErrTooLarge),
		e.is("ignores range deletes without the role") && errors.Is(err, engine.ErrUnsupported):
		return nil
	}
	if e.is("applies the half of a refused batch") && err != nil && b.Len() > 1 {
		e.change(b, time.Time{})
	}
	if e.is("refuses the longest key") {
		var op engine.Op
		for r := b.Reader(); r.Next(&op); {
			if len(op.Key) == e.caps.MaxKey {
				return engine.ErrTooLarge
			}
		}
	}
	return err
}

func (e *toy) resolve(d engine.Durability) (engine.Durability, error) {
	if e.is("refuses buffered") && d == engine.Buffered {
		return d, engine.ErrUnsupported
	}
	def := e.level
	if !e.caps.Durabilities.Has(def) {
		def = e.caps.Durabilities.Levels()[0]
	}
	level, err := e.caps.Durabilities.Resolve(d, def)
	if err != nil && e.is("takes any level") {
		return engine.Buffered, nil
	}
	return level, err
}

func (e *toy) commit(b *engine.Batch, expire time.Time, d engine.Durability, isBatch bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.alive(); err != nil {
		return err
	}
	level, err := e.resolve(d)
	if err != nil {
		return err
	}
	if err := e.checks(b); err != nil {
		return err
	}
	if e.readOnly && !e.is("writes though read_only") {
		return engine.ErrReadOnly
	}
	if isBatch {
		if b.Len() == 0 && e.is("refuses an empty batch") {
			return engine.ErrInvalid
		}
		e.counts.batches++
	}
	if !e.closed && e.log != nil {
		if err := e.store(record(b, expire), level); err != nil {
			return fmt.Errorf("log: %w", err)
		}
	}
	if e.is("makes some writes visible late") {
		if e.late != nil {
			e.late()
			e.late = nil
		} else if e.counts.puts%16 == 15 {
			var later engine.Batch
			later.Load(b.Bytes())
			e.late = func() { e.change(&later, expire) }
			return nil
		}
	}
	e.change(b, expire)
	return nil
}

// store logs a record at a level.
func (e *toy) store(r []byte, level engine.Durability) error {
	if e.is("acknowledges before it writes") || level == engine.Buffered {
		e.pending = append(e.pending, r...)
		if len(e.pending) < 4096 {
			return nil
		}
		return e.flush()
	}
	if e.is("writes out of order") {
		if _, err := e.log.Write(r); err != nil {
			return err
		}
		if level == engine.Sync {
			return e.flush()
		}
		return nil
	}
	e.pending = append(e.pending, r...)
	if err := e.flush(); err != nil || level != engine.Sync {
		return err
	}
	if e.is("takes sync for os") {
		return nil
	}
	e.syncs++
	return e.log.Sync()
}

// change performs a batch in memory.
func (e *toy) change(b *engine.Batch, expire time.Time) {
	var ops []engine.Op
	var op engine.Op
	for r := b.Reader(); r.Next(&op); {
		ops = append(ops, op)
	}
	switch n := len(ops); {
	case e.is("skips the last op of a batch") && n > 1:
		ops = ops[:n-1]
	case e.is("reorders a batch"):
		for i := range n / 2 {
			ops[i], ops[n-1-i] = ops[n-1-i], ops[i]
		}
	case e.is("does range deletes last") && n > 1:
		for i := range n {
			if ops[i].Kind == engine.KindDeleteRange {
				ops = append(ops, ops[i])
			}
		}
	}
	for i, op := range ops {
		if e.is("lets readers in between") && i == len(ops)/2 {
			e.mu.Unlock()
			runtime.Gosched()
			e.mu.Lock()
		}
		e.one(op, expire)
	}
}

func (e *toy) one(op engine.Op, expire time.Time) {
	key := e.cut(op.Key)
	old, had := e.data[key]
	switch op.Kind {
	case engine.KindPut:
		e.counts.puts++
		e.counts.bytesIn += uint64(len(op.Key) + len(op.Value))
		value := e.own(op.Value, "batch")
		if e.is("cuts values at 64 KiB") {
			value = value[:min(len(value), 64<<10-1)]
		}
		switch {
		case e.is("counts puts twice"):
			e.counts.puts++
		case e.is("forgets puts"), e.is("keeps the first value") && had,
			e.is("deletes for good") && e.deleted[key]:
			return
		case e.is("keeps the first expiry") && had && !old.expire.IsZero():
			expire = old.expire
		}
		e.data[key] = entry{value, expire}
	case engine.KindDelete:
		e.counts.deletes++
		e.counts.bytesIn += uint64(len(op.Key))
		if e.is("forgets some deletes") && len(e.data) > 30 && len(key)%5 == 2 {
			return
		}
		delete(e.data, key)
		e.deleted[key] = true
	case engine.KindDeleteRange:
		e.counts.deletes++
		for k := range e.data {
			below := len(op.Value) == 0 || k < string(op.Value) ||
				e.is("deletes the upper bound too") && k == string(op.Value)
			if k >= key && below {
				delete(e.data, k)
			}
		}
	}
	if e.is("aliases its iterators' keys") {
		for _, p := range e.buffer {
			spoil(p)
		}
	}
}
