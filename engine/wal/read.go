package wal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/kvbench/kvbench/engine/vfs"
)

// ReadAt appends the payload of the record at lsn to dst, and returns its
// kind. It finds what was appended also before it was written. Where no record
// of the caller starts it is ErrNoRecord, or ErrDamage if there was one.
func (l *Log) ReadAt(dst []byte, lsn LSN) (kind uint8, payload []byte, err error) {
	l.mu.Lock()
	s, err := l.find(lsn)
	if err == nil && lsn.Offset() >= s.written.Load() {
		kind, payload, err = l.readBuffered(dst, s, lsn.Offset())
		l.mu.Unlock()
		return kind, payload, err
	}
	var file vfs.File
	if err == nil {
		file, err = l.reader(s)
	}
	l.mu.Unlock()
	if err == nil {
		kind, payload, err = readRecord(dst, s, file, lsn.Offset())
	}
	if err != nil {
		return 0, dst, fmt.Errorf("read log at %v: %w", lsn, l.whyNot(lsn, err))
	}
	return kind, payload, nil
}

// whyNot returns the reason for err, of a read without mu: the log may have
// been closed meanwhile, or the segment pruned, and its file written again.
func (l *Log) whyNot(lsn LSN, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, gone := l.find(lsn); gone != nil {
		return gone
	}
	return err
}

// find returns the segment that lsn is in. mu is held.
func (l *Log) find(lsn LSN) (*segment, error) {
	if l.closed {
		return nil, ErrClosed
	}
	i, ok := slices.BinarySearchFunc(l.segments, lsn.Segment(), func(s *segment, id uint32) int { return cmp.Compare(s.id, id) })
	if !ok {
		return nil, ErrNoRecord
	}
	s := l.segments[i]
	end := s.end
	if s == l.current() {
		end = l.off
	}
	if (lsn.Offset() < end || !s.examined) && lsn.Offset() >= headerBytes {
		return s, nil
	}
	return nil, ErrNoRecord
}

// reader returns a file to read s with. mu is held.
func (l *Log) reader(s *segment) (vfs.File, error) {
	if s.read == nil { // it is from before Options.From
		f, err := l.logFS.Open(s.path)
		if err != nil {
			return nil, err
		}
		s.read = f
	}
	return s.read, nil
}

// readBuffered reads what no write has finished with. mu is held.
func (l *Log) readBuffered(dst []byte, s *segment, off int64) (uint8, []byte, error) {
	for _, chunks := range [][]chunk{l.pending, l.writing} {
		for i := range chunks {
			c := &chunks[i]
			if c.seg != s || off < c.off || off+recordHeaderBytes > c.off+int64(len(c.buf)) {
				continue
			}
			p := c.buf[off-c.off:]
			h := (*recordHeader)(p)
			p = p[recordHeaderBytes:]
			if int(h.length()) <= len(p) && h.kind() <= MaxKind && h.intact(p[:h.length()], off) {
				return h.kind(), append(dst, p[:h.length()]...), nil
			}
		}
	}
	return 0, dst, fmt.Errorf("read log at %v: %w", lsnOf(s.id, off), ErrNoRecord)
}

// A record is read by one call where it fits into what is read with its
// header: as much as dst has room for, within these bounds.
const (
	leastRead = 512
	mostRead  = 4096
)

var readBuffers = sync.Pool{New: func() any { return new([mostRead]byte) }}

// readRecord reads a record from a file. It does not allocate where dst has
// room.
func readRecord(dst []byte, s *segment, file io.ReaderAt, off int64) (uint8, []byte, error) {
	buf := readBuffers.Get().(*[mostRead]byte)
	kind, payload, err := readThrough(buf, dst, s, file, off)
	readBuffers.Put(buf)
	return kind, payload, err
}

// readThrough reads the header and the beginning of the payload through buf.
func readThrough(buf *[mostRead]byte, dst []byte, s *segment, file io.ReaderAt, off int64) (uint8, []byte, error) {
	base := len(dst)
	want := min(max(leastRead, recordHeaderBytes+cap(dst)-base), mostRead)
	n, err := file.ReadAt(buf[:want], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, err
	}
	if n < recordHeaderBytes {
		return 0, nil, ErrNoRecord
	}
	h := (*recordHeader)(buf[:])
	if h.id() != s.id || !validKind(h.kind()) || h.kind() > MaxKind || h.length() > MaxPayload {
		return 0, nil, ErrNoRecord
	}
	length := int(h.length())
	if off+recordBytes(length) > s.written.Load() {
		return 0, nil, &DamageError{s.path, off, fmt.Sprintf("length %d goes beyond the end of the log", length)}
	}
	first := min(length, n-recordHeaderBytes)
	dst = append(dst, buf[recordHeaderBytes:][:first]...)
	if first < length {
		dst = grown(dst, length-first)
		rest := dst[base+first:]
		n, err := file.ReadAt(rest, off+recordHeaderBytes+int64(first))
		if n < len(rest) {
			return 0, nil, damageOr(err, s, off, "the file ends in the record")
		}
	}
	if !h.intact(dst[base:], off) {
		return 0, nil, &DamageError{s.path, off, "the checksum is wrong"}
	}
	return h.kind(), dst, nil
}

func damageOr(err error, s *segment, off int64, detail string) error {
	if err == nil || errors.Is(err, io.EOF) {
		return &DamageError{s.path, off, detail}
	}
	return err
}

// grown returns p with n bytes more, whatever they are.
func grown(p []byte, n int) []byte { return slices.Grow(p, n)[:len(p)+n] }
