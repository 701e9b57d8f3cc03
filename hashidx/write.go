package hashidx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

// The kinds of records in the log.
const (
	oneOp   = 1 // a frame
	manyOps = 2 // frames, one behind the other: a batch
)

// Put implements engine.Engine.
func (e *store) Put(key, value []byte, d engine.Durability) error {
	return e.write(&record.Op{Kind: record.Put, Key: key, Value: value}, d)
}

// PutTTL implements engine.Expirer. Times beyond what nanoseconds since 1970
// can say become the nearest that they can.
func (e *store) PutTTL(key, value []byte, expire time.Time, d engine.Durability) error {
	return e.write(&record.Op{Kind: record.PutExpiring, Key: key, Value: value, Expire: nanoseconds(expire)}, d)
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

// Delete implements engine.Engine. An absent key is logged too: that it is
// absent may not be durable yet.
func (e *store) Delete(key []byte, d engine.Durability) error {
	return e.write(&record.Op{Kind: record.Delete, Key: key}, d)
}

// write logs an op and performs it, in one step for other writers of the key:
// per key the order of the log is that of the index.
func (e *store) write(op *record.Op, d engine.Durability) error {
	level, err := e.caps.Durabilities.Resolve(d, e.level)
	if err == nil {
		err = e.caps.CheckKey(op.Key)
	}
	if err == nil {
		err = e.caps.CheckValue(op.Value)
	}
	if err != nil {
		return err
	}
	hash := e.hash(op.Key)
	s := e.scratch()
	s.buf = record.Append(s.buf[:0], op)
	g := e.domain.Pin()
	lsn, err := e.commit(hash, op, s.buf)
	if err == nil {
		err = e.trim(lsn)
	}
	g.Unpin()
	e.release(s)
	if err != nil {
		return err
	}
	e.counts.of(hash).wrote(op.Kind, len(op.Key)+len(op.Value))
	e.slow(len(op.Key) + len(op.Value))
	return e.wait(lsn, level)
}

// commit logs an op, whose hash and frame are given, and performs it. The
// caller is pinned.
func (e *store) commit(hash uint64, op *record.Op, frame []byte) (wal.LSN, error) {
	if err := e.hasRoom(); err != nil {
		return 0, err
	}
	var was present
	defer e.forget(&was) // without the lock
	l := e.index.Lock(hash)
	defer l.Unlock()
	var err error
	if was, err = e.presentIn(l, op.Key); err != nil {
		return 0, err
	}
	if was.colliding {
		record.MarkColliding(frame)
	}
	lsn, seg, off, err := e.append(oneOp, frame)
	if err != nil {
		return 0, err
	}
	seg.hold(hash, off, frame)
	if err := e.move(l, was, op, seg, off, len(frame)); err != nil {
		return 0, e.fail("index an op", err)
	}
	return lsn, nil
}

// present is what the index has for a key.
type present struct {
	place     uint64 // 0: nothing
	bytes     int    // of its frame
	sequence  uint64 // of its op
	expires   bool   // it is a put that does
	colliding bool   // it has another key with the same code
	cached    bool   // the op is in the record cache
}

// presentIn looks at all that the index has for a locked hash.
func (e *store) presentIn(l lock, key []byte) (p present, err error) {
	var s *scratch
	c := l.Find()
	for {
		place, ok := c.Next()
		if !ok {
			break
		}
		op, n, cached, err := e.look(place, &s)
		switch {
		case err != nil:
			e.release(s)
			return present{}, err
		case string(op.Key) == string(key):
			p.place, p.bytes, p.expires = place, n, op.Kind == record.PutExpiring
			p.sequence, p.cached = e.sequenceAt(place, &op), cached
		default:
			p.colliding = true
		}
	}
	e.release(s)
	return p, c.err
}

// append logs a record and copies it to the tail. off is where its payload is
// in the segment. An error has ended all writing.
func (e *store) append(kind uint8, payload []byte) (lsn wal.LSN, seg *segment, off int64, err error) {
	lsn, err = e.hot.Append(kind, payload)
	if err != nil {
		return 0, nil, 0, e.fail("append to the log", err)
	}
	off = lsn.Offset() + wal.PayloadOffset
	seg, err = e.segments.of(manifest.Hot, lsn.Segment(), 0)
	if err == nil {
		err = e.tail.put(seg, off, payload)
	}
	if err != nil {
		return 0, nil, 0, e.fail("append to the log", err)
	}
	return lsn, seg, off, nil
}

// hold accounts for a frame that has been appended to the segment.
func (s *segment) hold(hash uint64, off int64, frame []byte) {
	s.bytes.Add(int64(len(frame)))
	s.ops.Add(1)
	s.notes.add(hash, record.KindByte(frame), int(off), len(frame))
}

// move makes the index say where a key's op is, which is in seg now, and was
// elsewhere or nowhere. The key's lock is held.
func (e *store) move(l lock, was present, op *record.Op, seg *segment, off int64, bytes int) error {
	if was.place != 0 {
		if err := e.preserve(op.Key, was); err != nil {
			return err
		}
		old, _ := e.segments.at(was.place)
		old.lose(was.bytes, was.expires)
	}
	if op.Kind == record.Delete {
		if was.place != 0 {
			_, err := l.Delete(was.place)
			return err
		}
		return nil
	}
	if op.Kind == record.PutExpiring {
		e.expiring.Store(true)
	}
	seg.gain(bytes, op.Kind == record.PutExpiring, op.Expire)
	if was.place != 0 {
		_, err := l.Replace(was.place, placeOf(seg, off))
		return err
	}
	return l.Insert(placeOf(seg, off))
}

// trim gives memory of the tail back.
func (e *store) trim(lsn wal.LSN) error {
	err := e.tail.trim(lsn, func(at wal.LSN) error { return e.hot.Wait(context.Background(), at, wal.Written) })
	if err != nil {
		return e.fail("write the log", err)
	}
	return nil
}

// wait returns when the record at lsn has survived what level says.
func (e *store) wait(lsn wal.LSN, level engine.Durability) error {
	var err error
	switch level {
	case engine.OS:
		err = e.hot.Wait(context.Background(), lsn, wal.Written)
	case engine.Sync:
		err = e.hot.Wait(context.Background(), lsn, wal.Durable)
	}
	if err != nil {
		return e.fail("wait for the log", err)
	}
	return nil
}

// Sync implements engine.Engine.
func (e *store) Sync() error {
	if e.closed.Load() {
		return engine.ErrClosed
	}
	if e.readOnly {
		return nil
	}
	if err := e.writable(); err != nil {
		return err
	}
	if err := e.hot.Sync(); err != nil {
		return e.fail("sync the log", err)
	}
	return nil
}

// writable says why nothing can be written.
func (e *store) writable() error {
	if e.closed.Load() {
		return engine.ErrClosed
	}
	if e.readOnly {
		return engine.ErrReadOnly
	}
	if p := e.failure.Load(); p != nil {
		return fmt.Errorf("%w: %w", engine.ErrReadOnly, *p)
	}
	return nil
}

// hasRoom says why nothing can be appended to hot/. It wakes the keeper if the
// index should be written.
func (e *store) hasRoom() error {
	if err := e.writable(); err != nil {
		return err
	}
	if e.segments.crowded.Load() {
		return e.segments.tooMany()
	}
	if e.index.disk != nil && e.index.disk.Full() {
		e.keeper.poke()
	}
	return nil
}

// fail ends all writing and returns why. The first failure stays.
func (e *store) fail(what string, err error) error {
	if errors.Is(err, wal.ErrClosed) || errors.Is(err, engine.ErrClosed) {
		return engine.ErrClosed
	}
	err = fmt.Errorf("%s: %w", what, err)
	if e.failure.CompareAndSwap(nil, &err) {
		e.env.Log.Error("no more writes", "dir", e.home.Dir, "error", err)
		return err
	}
	return fmt.Errorf("%w: %w", engine.ErrReadOnly, *e.failure.Load())
}
