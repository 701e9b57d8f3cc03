package lsm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/memtable"
)

// The kinds of records in the log. Both begin with the sequence number of their
// first op, 8 bytes, little-endian.
//
//	batch     an engine.Batch
//	put-ttl   sequence number, uvarint n, key[n], expiry (8 bytes,
//	          nanoseconds of Unix time, little-endian), value: all the rest
//	flushed   a sequence number: the engine was closed, and its manifest had
//	          come so far
const (
	batchRecord   = 1
	putTTLRecord  = 2
	flushedRecord = 3

	sequenceBytes = 8
)

// A writer is the scratch of one write.
type writer struct {
	batch engine.Batch
	buf   []byte
}

// keptBytes is how large a scratch may be to be used again.
const keptBytes = 1 << 20

func newWriter() any { return new(writer) }

func (t *tree) writer() *writer { return t.writers.Get().(*writer) }

func (t *tree) reuse(w *writer) {
	if w.batch.Size() <= keptBytes && cap(w.buf) <= keptBytes {
		t.writers.Put(w)
	}
}

// Put implements engine.Engine.
func (t *tree) Put(key, value []byte, d engine.Durability) error {
	level, err := t.admit(key, value, d)
	if err != nil {
		return err
	}
	w := t.writer()
	w.batch.Reset()
	w.batch.Put(key, value)
	p, err := t.enter(batchRecord, w.batch.Bytes(), memtable.Need(len(key), len(value)), 1)
	t.reuse(w)
	if err != nil {
		return err
	}
	p.into.table.Add(xxh3.Hash(key), ikey.Make(p.seq, ikey.Put), key, value)
	t.commits.publish(p.ticket)
	t.counts.stripe().wrote(1, 0, len(key)+len(value))
	return t.finish(p, level)
}

// Delete implements engine.Engine.
func (t *tree) Delete(key []byte, d engine.Durability) error {
	level, err := t.admit(key, nil, d)
	if err != nil {
		return err
	}
	w := t.writer()
	w.batch.Reset()
	w.batch.Delete(key)
	p, err := t.enter(batchRecord, w.batch.Bytes(), memtable.Need(len(key), 0), 1)
	t.reuse(w)
	if err != nil {
		return err
	}
	p.into.table.Add(xxh3.Hash(key), ikey.Make(p.seq, ikey.Delete), key, nil)
	t.commits.publish(p.ticket)
	t.counts.stripe().wrote(0, 1, len(key))
	return t.finish(p, level)
}

// PutTTL implements engine.Expirer. Times beyond what nanoseconds since 1970
// can say become the nearest that they can.
func (t *tree) PutTTL(key, value []byte, expire time.Time, d engine.Durability) error {
	level, err := t.admit(key, value, d)
	if err != nil {
		return err
	}
	w := t.writer()
	defer t.reuse(w)
	w.buf = append(w.buf[:0], make([]byte, sequenceBytes)...)
	w.buf = binary.AppendUvarint(w.buf, uint64(len(key)))
	w.buf = append(w.buf, key...)
	n := len(w.buf)
	w.buf = append(ikey.AppendExpiry(w.buf, nanoseconds(expire)), value...)
	p, err := t.enter(putTTLRecord, w.buf, memtable.Need(len(key), len(w.buf)-n), 1)
	if err != nil {
		return err
	}
	p.into.table.Add(xxh3.Hash(key), ikey.Make(p.seq, ikey.PutTTL), key, w.buf[n:])
	t.commits.publish(p.ticket)
	t.counts.stripe().wrote(1, 0, len(key)+len(value))
	return t.finish(p, level)
}

func nanoseconds(t time.Time) int64 {
	const most = math.MaxInt64 / int64(time.Second)
	switch s := t.Unix(); {
	case s >= most:
		return math.MaxInt64
	case s <= -most:
		return math.MinInt64
	}
	return t.UnixNano()
}

// DeleteRange implements engine.RangeDeleter.
func (t *tree) DeleteRange(lower, upper []byte, d engine.Durability) error {
	w := t.writer()
	defer t.reuse(w)
	w.batch.Reset()
	w.batch.DeleteRange(lower, upper)
	return t.Apply(&w.batch, d)
}

// Apply implements engine.Engine.
func (t *tree) Apply(b *engine.Batch, d engine.Durability) error {
	level, err := t.caps.Durabilities.Resolve(d, t.level)
	if err != nil {
		return err
	}
	p, err := t.apply(b)
	if err != nil || b.Len() == 0 {
		return t.applied(level, err)
	}
	return t.finish(p, level)
}

// applied ends an Apply that has no place in the log: it brings what came
// before to its level all the same.
func (t *tree) applied(level engine.Durability, err error) error {
	switch {
	case err != nil:
		return err
	case level == engine.Sync:
		return t.Sync()
	case level == engine.OS:
		if err := t.log.Flush(); err != nil {
			return t.fail("write the log", err)
		}
	}
	return nil
}

// apply performs a batch, which is visible when it returns.
func (t *tree) apply(b *engine.Batch) (place, error) {
	if err := t.writable(); err != nil {
		return place{}, err
	}
	if err := t.caps.CheckBatch(b); err != nil {
		return place{}, err
	}
	if b.Len() == 0 {
		return place{}, nil
	}
	t.brake.slow(t, b.Size())
	w := t.writer()
	defer t.reuse(w)
	w.buf = append(w.buf[:0], b.Bytes()...)
	p, err := t.enter(batchRecord, w.buf, needOf(b), b.Len())
	if err != nil {
		return place{}, err
	}
	puts, deletes, bytes := p.into.apply(b, p.seq)
	t.commits.publish(p.ticket)
	c := t.counts.stripe()
	c.wrote(puts, deletes, bytes)
	c.batches.Add(1)
	return p, t.seen(p)
}

// needOf is the memory that a batch, which is checked, needs in a memtable.
func needOf(b *engine.Batch) (need int) {
	var op engine.Op
	r := b.Reader()
	for r.Next(&op) {
		if op.Kind != engine.KindDeleteRange {
			need += memtable.Need(len(op.Key), len(op.Value))
		}
	}
	return need
}

// admit is what comes before a write of one op.
func (t *tree) admit(key, value []byte, d engine.Durability) (level engine.Durability, err error) {
	if level, err = t.caps.Durabilities.Resolve(d, t.level); err != nil {
		return level, err
	}
	if err = t.writable(); err != nil {
		return level, err
	}
	if err = t.caps.CheckKey(key); err != nil {
		return level, err
	}
	if err = t.caps.CheckValue(value); err != nil {
		return level, err
	}
	t.brake.slow(t, len(key)+len(value))
	return level, nil
}

// A place is what a write has got.
type place struct {
	seq    ikey.Seq
	ticket uint64
	into   *memory
	lsn    wal.LSN
}

// enter gives a write its place: sequence numbers, which it writes into the
// record, a position in the log, and room in a memtable, which stays until the
// ticket is published. After an error there is nothing to publish.
func (t *tree) enter(kind uint8, record []byte, need, ops int) (p place, err error) {
	c := &t.commits
	c.mu.Lock()
	p.into, err = t.room(need, ops)
	if err != nil {
		c.mu.Unlock()
		return p, err
	}
	p.seq, p.ticket = c.take(ops)
	if t.logging {
		binary.LittleEndian.PutUint64(record, uint64(p.seq))
		p.lsn, err = t.log.Append(kind, record)
	}
	c.mu.Unlock()
	if err != nil {
		c.publish(p.ticket) // of nothing
		return p, t.fail("append to the log", err)
	}
	return p, nil
}

// seen returns when a write is visible.
func (t *tree) seen(p place) error {
	if t.commits.published.Load() <= p.ticket {
		t.commits.await(p.ticket)
	}
	return nil
}

// finish returns when a write is visible, and has survived what level says.
func (t *tree) finish(p place, level engine.Durability) error {
	var err error
	switch level {
	case engine.OS:
		err = t.log.Wait(context.Background(), p.lsn, wal.Written)
	case engine.Sync:
		err = t.log.Wait(context.Background(), p.lsn, wal.Durable)
	}
	if err != nil {
		return t.fail("wait for the log", err)
	}
	return t.seen(p)
}

// Sync implements engine.Engine.
func (t *tree) Sync() error {
	if t.closed.Load() {
		return engine.ErrClosed
	}
	if t.readOnly {
		return nil
	}
	if err := t.writable(); err != nil {
		return err
	}
	if !t.logging {
		return t.syncTables(context.Background())
	}
	if err := t.log.Sync(); err != nil {
		return t.fail("sync the log", err)
	}
	return nil
}

// syncTables makes all that was written durable where there is no log.
func (t *tree) syncTables(ctx context.Context) error {
	if !t.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	return t.flushAll(ctx)
}

// ApplyAsync implements engine.AsyncWriter. Without a log the position is the
// number of the write.
func (t *tree) ApplyAsync(b *engine.Batch) (engine.LSN, error) {
	p, err := t.apply(b)
	if err == nil && !t.logging && b.Len() > 0 {
		return engine.LSN(p.ticket + 1), nil
	}
	return engine.LSN(p.lsn), err
}

// WaitDurable implements engine.AsyncWriter.
func (t *tree) WaitDurable(ctx context.Context, l engine.LSN) error {
	if t.closed.Load() {
		return engine.ErrClosed
	}
	if l == 0 || t.readOnly { // of an empty batch
		return nil
	}
	if !t.logging {
		if err := t.writable(); err != nil {
			return err
		}
		return t.syncTables(ctx)
	}
	if end := t.log.End(); wal.LSN(l) >= end {
		return fmt.Errorf("%w: wait for position %v: the log ends at %v", engine.ErrInvalid, wal.LSN(l), end)
	}
	err := t.log.Wait(ctx, wal.LSN(l), wal.Durable)
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	return t.fail("wait for the log", err)
}

// writable says why nothing can be written.
func (t *tree) writable() error {
	if t.closed.Load() {
		return engine.ErrClosed
	}
	if t.readOnly {
		return engine.ErrReadOnly
	}
	if p := t.failure.Load(); p != nil {
		return fmt.Errorf("%w: %w", engine.ErrReadOnly, *p)
	}
	return nil
}

// fail ends all writing and returns why. The first failure stays.
func (t *tree) fail(what string, err error) error {
	if errors.Is(err, wal.ErrClosed) || errors.Is(err, engine.ErrClosed) {
		return engine.ErrClosed
	}
	err = fmt.Errorf("%s: %w", what, err)
	if t.failure.CompareAndSwap(nil, &err) {
		t.countFailure(err)
		t.env.Log.Error("no more writes", "dir", t.home.Dir, "error", err)
		t.state.announce()
		return err
	}
	return fmt.Errorf("%w: %w", engine.ErrReadOnly, *t.failure.Load())
}
