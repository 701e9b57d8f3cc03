package btree

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
)

// The kinds of records in the log.
//
//	batch       an engine.Batch
//	put-ttl     uvarint n, key[n], expiry (8 bytes, nanoseconds of Unix time,
//	            little-endian), value: all the rest
//	checkpoint  generation (8 bytes, little-endian): its superblock is durable
const (
	batchRecord      = 1
	putTTLRecord     = 2
	checkpointRecord = 3

	expiryBytes     = 8
	generationBytes = 8
)

// commits put writes in order. Under mu a write gets its place in the log and
// in the queue, so that the two agree. Who then gets the tree's own lock leads:
// it applies all that is queued. The queue points to what callers hand in,
// which is theirs again when their request is done.
type commits struct {
	mu    sync.Mutex
	queue []*request // guarded by mu
	taken wal.LSN    // requests so far; guarded by mu
	ended bool       // guarded by mu; nothing is queued any more

	// stopped counts those who let no write in; guarded by mu. Writes that
	// come meanwhile wait on resumed, which the first of those makes.
	stopped int
	resumed *sync.Cond
}

// A request is a write in the queue.
type request struct {
	lsn  wal.LSN
	done atomic.Bool // after it, the request is its caller's again
	err  error       // why it was not applied; read after done

	// What to do: the ops of batch, or one put with an expiry if ttl is set.
	batch  *engine.Batch
	ttl    bool
	expiry int64
	key    []byte
	value  []byte

	scratch engine.Batch // for writes of one op
	record  []byte
}

// keptBytes is how large a scratch may be to be used again.
const keptBytes = 1 << 20

func (t *tree) request() *request {
	r := t.requests.Get().(*request)
	r.done.Store(false)
	r.err, r.ttl, r.lsn = nil, false, 0
	return r
}

func (t *tree) reuse(r *request) {
	r.batch, r.key, r.value = nil, nil, nil
	if r.scratch.Size() <= keptBytes && cap(r.record) <= keptBytes {
		t.requests.Put(r)
	}
}

// stop lets no write in until resume. What is queued stays.
func (c *commits) stop() {
	c.mu.Lock()
	if c.resumed == nil {
		c.resumed = sync.NewCond(&c.mu)
	}
	c.stopped++
	c.mu.Unlock()
}

func (c *commits) resume() {
	c.mu.Lock()
	if c.stopped--; c.stopped == 0 {
		c.resumed.Broadcast()
	}
	c.mu.Unlock()
}

// end lets nobody queue any more.
func (c *commits) end() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
}

// count is how many requests there were.
func (c *commits) count() wal.LSN {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken
}

// Put implements engine.Engine.
func (t *tree) Put(key, value []byte, d engine.Durability) error {
	level, err := t.admit(key, value, d)
	if err != nil {
		return err
	}
	if err := t.warm(key); err != nil {
		return err
	}
	r := t.request()
	r.scratch.Reset()
	r.scratch.Put(key, value)
	r.batch = &r.scratch
	err = t.commit(r, batchRecord, r.scratch.Bytes(), level)
	t.reuse(r)
	if err != nil {
		return err
	}
	t.counts.stripe().wrote(1, 0, len(key)+len(value))
	return nil
}

// Delete implements engine.Engine.
func (t *tree) Delete(key []byte, d engine.Durability) error {
	level, err := t.admit(key, nil, d)
	if err != nil {
		return err
	}
	if err := t.warm(key); err != nil {
		return err
	}
	r := t.request()
	r.scratch.Reset()
	r.scratch.Delete(key)
	r.batch = &r.scratch
	err = t.commit(r, batchRecord, r.scratch.Bytes(), level)
	t.reuse(r)
	if err != nil {
		return err
	}
	t.counts.stripe().wrote(0, 1, len(key))
	return nil
}

// PutTTL implements engine.Expirer. Times beyond what nanoseconds since 1970
// can say become the nearest that they can.
func (t *tree) PutTTL(key, value []byte, expire time.Time, d engine.Durability) error {
	level, err := t.admit(key, value, d)
	if err != nil {
		return err
	}
	if err := t.warm(key); err != nil {
		return err
	}
	r := t.request()
	r.ttl, r.key, r.value, r.expiry = true, key, value, nanoseconds(expire)
	r.record = binary.AppendUvarint(r.record[:0], uint64(len(key)))
	r.record = append(r.record, key...)
	r.record = binary.LittleEndian.AppendUint64(r.record, uint64(r.expiry))
	r.record = append(r.record, value...)
	err = t.commit(r, putTTLRecord, r.record, level)
	t.reuse(r)
	if err != nil {
		return err
	}
	t.counts.stripe().wrote(1, 0, len(key)+len(value))
	return nil
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
	r := t.request()
	r.scratch.Reset()
	r.scratch.DeleteRange(lower, upper)
	err := t.Apply(&r.scratch, d)
	t.reuse(r)
	return err
}

// Apply implements engine.Engine.
func (t *tree) Apply(b *engine.Batch, d engine.Durability) error {
	level, err := t.caps.Durabilities.Resolve(d, t.level)
	if err != nil {
		return err
	}
	_, err = t.apply(b, level)
	return err
}

// apply performs a batch, to a level.
func (t *tree) apply(b *engine.Batch, level engine.Durability) (wal.LSN, error) {
	if err := t.writable(); err != nil {
		return 0, err
	}
	if err := t.caps.CheckBatch(b); err != nil {
		return 0, err
	}
	if b.Len() == 0 {
		return 0, t.reach(level)
	}
	t.brake.slow(t, b.Size())
	puts, deletes, bytes, err := t.warmBatch(b)
	if err != nil {
		return 0, err
	}
	r := t.request()
	r.batch = b
	err = t.commit(r, batchRecord, b.Bytes(), level)
	lsn := r.lsn
	t.reuse(r)
	if err != nil {
		return 0, err
	}
	c := t.counts.stripe()
	c.wrote(puts, deletes, bytes)
	c.batches.Add(1)
	return lsn, nil
}

// warmBatch brings in the pages that a batch needs, and counts its ops.
func (t *tree) warmBatch(b *engine.Batch) (puts, deletes, bytes int, err error) {
	var op engine.Op
	r := b.Reader()
	for r.Next(&op) {
		bytes += len(op.Key)
		switch op.Kind {
		case engine.KindPut:
			puts++
			bytes += len(op.Value)
		case engine.KindDeleteRange:
			deletes++
			bytes += len(op.Value)
			if err := t.warmRange(op.Key, op.Value); err != nil {
				return 0, 0, 0, err
			}
			continue
		default:
			deletes++
		}
		if err := t.warm(op.Key); err != nil {
			return 0, 0, 0, err
		}
	}
	return puts, deletes, bytes, nil
}

// reach brings all that came before to a level.
func (t *tree) reach(level engine.Durability) error {
	switch level {
	case engine.Sync:
		return t.Sync()
	case engine.OS:
		if err := t.log.Flush(); err != nil {
			return t.fail("write the log", err)
		}
	}
	return nil
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

// commit queues a request, sees to it that it is applied, and returns when it
// is and has survived what level says. While the log is being written and
// synced for this request others are applied.
func (t *tree) commit(r *request, kind uint8, record []byte, level engine.Durability) error {
	if err := t.place(r, kind, record); err != nil {
		return err
	}
	if t.mu.TryLock() {
		t.applyQueue()
		t.mu.Unlock()
	}
	err := t.survive(r.lsn, level)
	t.await(r)
	if r.err != nil {
		return r.err
	}
	if err == nil && level == engine.Sync && !t.logging {
		return t.Sync()
	}
	return err
}

// place gives a request its place in the log and in the queue.
func (t *tree) place(r *request, kind uint8, record []byte) (err error) {
	c := &t.commits
	c.mu.Lock()
	for c.stopped > 0 {
		c.resumed.Wait()
	}
	if c.ended {
		c.mu.Unlock()
		return engine.ErrClosed
	}
	c.taken++
	r.lsn = c.taken // without a log, its number
	if t.logging {
		r.lsn, err = t.log.Append(kind, record)
	}
	if err == nil {
		c.queue = append(c.queue, r)
	}
	c.mu.Unlock()
	if err != nil {
		return t.fail("append to the log", err)
	}
	return nil
}

// survive waits for the log.
func (t *tree) survive(lsn wal.LSN, level engine.Durability) (err error) {
	if !t.logging {
		return nil
	}
	switch level {
	case engine.OS:
		err = t.log.Wait(context.Background(), lsn, wal.Written)
	case engine.Sync:
		err = t.log.Wait(context.Background(), lsn, wal.Durable)
	}
	if err != nil {
		return t.fail("wait for the log", err)
	}
	return nil
}

// awaitLooks is how often await looks before it waits for the lock.
const awaitLooks = 32

// await returns when a request is done. Where nobody leads, it does.
func (t *tree) await(r *request) {
	for range awaitLooks {
		if r.done.Load() {
			return
		}
		if t.mu.TryLock() {
			t.applyQueue()
			t.mu.Unlock()
			return // it was in the queue, or done before
		}
		runtime.Gosched()
	}
	t.mu.Lock()
	t.applyQueue()
	t.mu.Unlock()
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
		return t.syncPages(context.Background())
	}
	if err := t.log.Sync(); err != nil {
		return t.fail("sync the log", err)
	}
	return nil
}

// syncPages makes all that was written durable where there is no log.
func (t *tree) syncPages(ctx context.Context) error {
	if !t.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	return t.checkpointNow(ctx)
}

// ApplyAsync implements engine.AsyncWriter. Without a log the position is the
// number of the write.
func (t *tree) ApplyAsync(b *engine.Batch) (engine.LSN, error) {
	level := engine.Buffered
	if !t.logging {
		level = engine.None
	}
	lsn, err := t.apply(b, level)
	return engine.LSN(lsn), err
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
		if n := t.commits.count(); wal.LSN(l) > n {
			return fmt.Errorf("%w: wait for write %d: there were %d", engine.ErrInvalid, l, n)
		}
		return t.syncPages(ctx)
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
	return t.failed()
}

// failed returns the first failure of a write, if there was one.
func (t *tree) failed() error {
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
		t.suspect(err)
		t.env.Log.Error("no more writes", "dir", t.home.Dir, "error", err)
		t.kick()
		return err
	}
	return fmt.Errorf("%w: %w", engine.ErrReadOnly, *t.failure.Load())
}
