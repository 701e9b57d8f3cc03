package wal

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"github.com/kvbench/kvbench/engine/vfs"
)

// Level is what has happened to a record.
type Level uint8

const (
	// Written: handed to the kernel. It survives the end of the process.
	Written Level = iota
	// Durable: it survives a power loss.
	Durable
)

// Wait returns when the record at lsn has reached level. It may do the work
// for all who wait; then it finishes that also when ctx has ended. A record
// that has been reached stays so when the log is poisoned later.
func (l *Log) Wait(ctx context.Context, lsn LSN, level Level) error {
	if l.o.ReadOnly {
		return ErrReadOnly
	}
	g := l.writes
	if level == Durable {
		g = l.syncs
	}
	if g.Reached(lsn) {
		return nil
	}
	if end := l.End(); lsn >= end {
		return fmt.Errorf("wait for log position %v: the log ends at %v", lsn, end)
	}
	return g.Wait(ctx, lsn)
}

// Sync makes everything durable that was appended before the call.
func (l *Log) Sync() error { return l.upTo(l.syncs) }

// Flush hands everything to the kernel that was appended before the call.
func (l *Log) Flush() error { return l.upTo(l.writes) }

func (l *Log) upTo(g *Group) error {
	if l.o.ReadOnly {
		return ErrReadOnly
	}
	return g.Wait(context.Background(), l.End()-1)
}

// write hands all that is pending to the kernel. It is the work of writes.
func (l *Log) write() (LSN, error) {
	l.mu.Lock()
	if err := l.poisoned(); err != nil {
		l.mu.Unlock()
		return 0, err
	}
	l.pad()
	end := l.position()
	chunks := l.pending
	l.pending, l.writing = l.writing[:0], chunks
	l.buffered = 0
	if l.o.Direct {
		l.keepTail(chunks)
	}
	l.mu.Unlock()

	written, err := writeChunks(chunks, l.o.Direct)
	if err != nil {
		err = l.poison(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Writes++
	l.stats.BytesWritten += written
	if err != nil { // writing stays as it is: it is the only copy for readers
		return 0, err
	}
	for i := range chunks {
		c := &chunks[i]
		if !c.seg.dirty {
			c.seg.dirty = true
			l.dirty = append(l.dirty, c.seg)
		}
		c.seg.written.Store(c.off + int64(len(c.buf)))
		l.reuse(c.buf)
		c.buf = nil
	}
	l.writing = chunks[:0]
	return end, nil
}

// writeChunks writes each where it belongs.
func writeChunks(chunks []chunk, direct bool) (written uint64, err error) {
	for i := range chunks {
		c := &chunks[i]
		buf := c.buf
		if direct {
			buf = alignUp(buf)
		}
		n, err := c.seg.file.WriteAt(buf, c.off)
		written += uint64(n)
		if err != nil {
			return written, fmt.Errorf("write log segment %s: %w", c.seg.path, err)
		}
	}
	return written, nil
}

// padding is what pads are made of.
var padding [headerBytes + recordHeaderBytes]byte

// pad fills the last block that is pending with a record, if blocks are not to
// be written twice. mu is held.
func (l *Log) pad() {
	align := int64(l.o.AlignBytes)
	if align == 0 || len(l.pending) == 0 {
		return
	}
	gap := -l.off & (align - 1)
	if gap == 0 {
		return
	}
	if gap < recordHeaderBytes {
		gap += align
	}
	l.addSystem(kindPad, padding[:gap-recordHeaderBytes])
}

// reuse keeps a buffer for later chunks. mu is held.
func (l *Log) reuse(buf []byte) {
	const most = 2
	if len(l.free) < most && cap(buf) <= 3*l.o.BufferBytes+headerBytes {
		l.free = append(l.free, buf[:0])
	}
}

// sync makes all durable that was appended before it began. It is the work of
// syncs.
func (l *Log) sync() (LSN, error) {
	end := l.End()
	if err := l.writes.Wait(context.Background(), end-1); err != nil {
		return 0, err
	}
	if err := l.poisoned(); err != nil {
		return 0, err
	}
	l.mu.Lock()
	end = l.writes.Horizon() // set after dirty was, and read before
	dirty := append(l.syncing[:0], l.dirty...)
	l.dirty, l.syncing = l.dirty[:0], dirty
	for _, s := range dirty {
		s.dirty = false
	}
	l.mu.Unlock()
	if l.o.Direct { // each write was durable
		return end, nil
	}
	start := time.Now()
	for _, s := range dirty {
		if err := s.file.SyncData(); err != nil {
			return 0, l.poison(fmt.Errorf("sync log segment %s: %w", s.path, err))
		}
	}
	l.mu.Lock()
	l.stats.Syncs += uint64(len(dirty))
	l.stats.SyncTime += time.Since(start)
	l.mu.Unlock()
	return end, nil
}

// keepTail remembers the bytes before off in its block, from which the next
// chunk must begin. mu is held.
func (l *Log) keepTail(chunks []chunk) {
	if len(chunks) == 0 {
		return
	}
	last := &chunks[len(chunks)-1]
	if last.seg != l.current() {
		return
	}
	n := int(l.off % vfs.DirectAlign)
	l.tail = append(l.tail[:0], last.buf[len(last.buf)-n:]...)
}

// alignUp returns buf with zeros up to a whole block, where direct I/O wants
// it.
func alignUp(buf []byte) []byte {
	n := (len(buf) + vfs.DirectAlign - 1) &^ (vfs.DirectAlign - 1)
	if !aligned(buf) || cap(buf) < n {
		moved := vfs.AlignedBuffer(n)
		copy(moved, buf)
		return moved
	}
	tail := buf[len(buf):n]
	clear(tail)
	return buf[:n]
}

func aligned(p []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(p)))%vfs.DirectAlign == 0
}
