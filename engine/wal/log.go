package wal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A Log is an open write-ahead log. All methods are safe for concurrent use
// but where they say otherwise.
type Log struct {
	fsys  vfs.FS // for names
	logFS vfs.FS // for what is written to the log
	dir   string
	o     Options

	// writes hands what was appended to the kernel; syncs makes it durable,
	// and leads writes to do so.
	writes, syncs *Group

	// failure is the first write or sync that failed.
	failure atomic.Pointer[error]

	zeroed atomic.Uint64 // bytes

	// mu is held for as long as it takes to copy a record, and never while a
	// file is touched.
	mu       sync.Mutex
	closed   bool
	segments []*segment // of the log, oldest first; the last is being written
	off      int64      // where the next record goes in the last segment
	pending  []chunk    // appended, not handed to a write yet
	writing  []chunk    // handed to the write that is under way
	buffered int        // bytes in pending
	free     [][]byte   // buffers to use again
	tail     []byte     // direct I/O: the bytes before off in its block
	spare    *segment   // ready to be written next
	recycle  []recyclable
	dirty    []*segment // written, not synced since
	syncing  []*segment // memory of the sync under way
	making   bool       // a spare is being made
	nextID   uint32     // above every id that is or was in use
	nextSize int64      // of the next segment
	retryAt  int64      // offset from which a spare that failed is tried again
	syncsAt  uint64     // syncs done when the last segment was begun
	stats    Stats      // what is counted under mu

	// maintenance is held by Truncate, Prune, Drop, Rotate and Close, makingOne
	// by who makes a segment. They come in this order, and before mu.
	maintenance, makingOne sync.Mutex

	// gone are segments of the log no more, oldest first, whose files are
	// still there. maintenance guards it.
	gone []*segment

	// The goroutines of background.go, and what wakes and ends them.
	done    sync.WaitGroup
	stop    chan struct{}
	prepare chan struct{} // a spare is wanted
	advance chan struct{} // the log has advanced, or somebody waits for the spare
	drain   chan struct{} // enough is buffered to be written
	paced   atomic.Bool   // advance is wanted
	hurried atomic.Int32  // how many wait for the spare
}

// chunk is a run of encoded records that are neighbours in a segment.
type chunk struct {
	seg *segment
	off int64 // of buf[0]
	buf []byte
}

type recyclable struct {
	path string
	size int64
}

// Append adds a record behind all others and returns its position. It is in
// process memory then: Wait says when it is more. The payload is copied.
//
// Append does no input or output, unless more is buffered than Options allow.
func (l *Log) Append(kind uint8, payload []byte) (LSN, error) {
	if kind == 0 || kind > MaxKind {
		return 0, fmt.Errorf("append to log: kind %d, must be 1 to %d", kind, MaxKind)
	}
	if len(payload) > MaxPayload {
		return 0, fmt.Errorf("append to log: %d bytes: %w (limit %d)", len(payload), ErrTooLarge, MaxPayload)
	}
	crc := payloadCRC(payload)
	l.mu.Lock()
	if err := l.usable(); err != nil {
		l.mu.Unlock()
		return 0, err
	}
	n := recordBytes(len(payload))
	if l.off+n+sealBytes > l.current().size {
		if err := l.rotate(n); err != nil {
			l.mu.Unlock()
			return 0, err
		}
	}
	lsn := l.add(kind, payload, crc)
	l.current().filled = true
	l.stats.Records++
	l.stats.BytesIn += uint64(len(payload))
	full := l.buffered > l.o.BufferBytes
	overfull := l.buffered > 2*l.o.BufferBytes
	wake := l.wantsSpare()
	l.mu.Unlock()
	if wake {
		signal(l.prepare)
	}
	if l.paced.Load() {
		signal(l.advance)
	}
	if overfull {
		return lsn, l.writes.Wait(context.Background(), lsn)
	}
	if full {
		signal(l.drain)
	}
	return lsn, nil
}

// usable says why nothing can be appended. mu is held.
func (l *Log) usable() error {
	switch {
	case l.closed:
		return ErrClosed
	case l.o.ReadOnly:
		return ErrReadOnly
	}
	return l.poisoned()
}

func (l *Log) current() *segment { return l.segments[len(l.segments)-1] }

// add encodes a record at off. mu is held.
func (l *Log) add(kind uint8, payload []byte, crc uint32) LSN {
	seg := l.current()
	c := l.chunk(seg)
	var durable int64
	if h := l.syncs.Horizon(); h.Segment() == seg.id {
		durable = h.Offset()
	}
	at := l.off
	before := len(c.buf)
	c.buf = appendRecord(c.buf, seg.id, at, durable, kind, payload, crc)
	l.buffered += len(c.buf) - before
	l.off += int64(len(c.buf) - before)
	return lsnOf(seg.id, at)
}

// chunk returns the run of records that ends at off, making it if need be.
func (l *Log) chunk(seg *segment) *chunk {
	if n := len(l.pending); n > 0 && l.pending[n-1].seg == seg {
		return &l.pending[n-1]
	}
	c := chunk{seg: seg, off: l.off}
	if n := len(l.free); n > 0 {
		c.buf, l.free = l.free[n-1][:0], l.free[:n-1]
	} else if l.o.Direct {
		c.buf = vfs.AlignedBuffer(l.o.BufferBytes + headerBytes)[:0]
	}
	if l.o.Direct { // begin at the block's start, with what is there
		c.buf = append(c.buf, l.tail...)
		c.off -= int64(len(l.tail))
	}
	l.pending = append(l.pending, c)
	return &l.pending[len(l.pending)-1]
}

// rotate goes on in the spare, if a record of n bytes should not go into the
// current segment any more. Where no spare is ready, the log goes on in the
// current one, at the price of slower syncs: nobody waits for a file to be
// made. mu is held, and given up for a moment at the end of all offsets.
func (l *Log) rotate(n int64) error {
	if l.off == l.current().first() && n < maxOffset-l.off { // longer than any segment
		return nil
	}
	for l.spare == nil && l.off+n+sealBytes > maxOffset {
		l.mu.Unlock()
		err := l.makeSpare(nil)
		l.mu.Lock()
		if err := errors.Join(err, l.usable()); err != nil {
			return fmt.Errorf("append to log: %w", err)
		}
	}
	if l.spare == nil {
		l.stats.Stretched++
		return nil
	}
	l.seal()
	return nil
}

// begin makes next the segment that is written, from its first record on. mu
// is held.
func (l *Log) begin(next *segment, from link) {
	if n := len(l.segments); n > 0 {
		l.current().end = l.off
	}
	l.segments = append(l.segments, next)
	l.off = headerBytes
	l.tail = l.tail[:0]
	next.link = from
	l.addSystem(kindLink, from.encode())
	l.stats.Rotations++
}

func (l *Log) addSystem(kind uint8, payload []byte) LSN {
	return l.add(kind, payload, payloadCRC(payload))
}

// position is where the next record goes. mu is held.
func (l *Log) position() LSN {
	if len(l.segments) == 0 { // read only, and nothing was ever written
		return 0
	}
	return lsnOf(l.current().id, l.off)
}

// End returns the position behind the last record.
func (l *Log) End() LSN {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.position()
}

// Durable returns the position below which everything is durable.
func (l *Log) Durable() LSN { return l.syncs.Horizon() }

func (l *Log) poisoned() error {
	if p := l.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// poison makes err the answer to every later append and wait. The first stays.
func (l *Log) poison(err error) error {
	err = fmt.Errorf("%w: %w", ErrPoisoned, err)
	l.failure.CompareAndSwap(nil, &err)
	return l.poisoned()
}

// signal wakes whoever waits on c, or will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close makes everything durable, says so in the log, and releases it. It
// returns the failure of a log that was poisoned. Later calls return nil.
func (l *Log) Close() error {
	l.maintenance.Lock()
	defer l.maintenance.Unlock()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	err := l.finish()
	l.endBackground()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spare != nil {
		err = errors.Join(err, l.spare.close())
	}
	for _, s := range l.segments {
		err = errors.Join(err, s.close())
	}
	for _, s := range l.gone {
		s.close()
	}
	return err
}

// finish ends the log with a record that says that all before it is durable.
func (l *Log) finish() error {
	if l.o.ReadOnly {
		return nil
	}
	if err := l.poisoned(); err != nil {
		return err
	}
	if err := l.Sync(); err != nil {
		return err
	}
	l.mu.Lock()
	l.addSystem(kindClose, nil)
	l.mu.Unlock()
	return l.Sync()
}
