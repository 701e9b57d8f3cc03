package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/kvbench/kvbench/engine/vfs"
)

// Record is a record as it is delivered.
type Record struct {
	LSN     LSN
	Kind    uint8
	Payload []byte // valid during the call
}

// A scanner reads the records of one segment in order. It knows no other
// segments, and judges nothing: why says what stands where a record should.
type scanner struct {
	file io.ReaderAt
	id   uint32
	off  int64 // of the next record
	size int64 // of the file

	base   int64  // offset of window[0]
	window []byte // part of the file
}

const windowBytes = 1 << 20

// What may stand where a record should without being the remains of one.
const (
	whyEnd   = "the file ends"
	whyZeros = "there are zeros"
)

// bytes returns [off, off+n) of the file, which must have so many.
func (s *scanner) bytes(off int64, n int) ([]byte, error) {
	if off < s.base || off+int64(n) > s.base+int64(len(s.window)) {
		want := int(min(max(int64(n), windowBytes), s.size-off))
		if cap(s.window) < want {
			s.window = make([]byte, want)
		}
		s.window = s.window[:want]
		s.base = off
		if _, err := s.file.ReadAt(s.window, off); err != nil && !errors.Is(err, io.EOF) {
			s.window = s.window[:0]
			return nil, err
		}
	}
	return s.window[off-s.base:][:n], nil
}

// next returns the record at off, valid until the next call, and moves behind
// it. With no whole record there, h is nil and why says what is there; an err
// is of the disk.
func (s *scanner) next() (h *recordHeader, payload []byte, why string, err error) {
	h, payload, why, err = s.at(s.off)
	if h != nil {
		s.off += recordBytes(len(payload))
	}
	return h, payload, why, err
}

func (s *scanner) at(off int64) (h *recordHeader, payload []byte, why string, err error) {
	if off+recordHeaderBytes > s.size {
		return nil, nil, whyEnd, nil
	}
	p, err := s.bytes(off, recordHeaderBytes)
	if err != nil {
		return nil, nil, "", err
	}
	h = (*recordHeader)(p)
	switch {
	case *h == recordHeader{}:
		return nil, nil, whyZeros, nil
	case h.id() != s.id:
		return nil, nil, fmt.Sprintf("the record is of segment %d, not %d", h.id(), s.id), nil
	case !h.plausible(s.id, off, s.size):
		return nil, nil, fmt.Sprintf("kind %d and length %d cannot be", h.kind(), h.length()), nil
	}
	n := int(h.length())
	p, err = s.bytes(off, recordHeaderBytes+n)
	if err != nil {
		return nil, nil, "", err
	}
	h = (*recordHeader)(p)
	payload = p[recordHeaderBytes:]
	if !h.intact(payload, off) {
		return nil, nil, "the checksum is wrong", nil
	}
	return h, payload, "", nil
}

// claimed looks for records that begin in [from, to), whatever stands between
// them, and returns the highest offset that any of them claims to have been
// durable; 0 if there is none.
func (s *scanner) claimed(from, to int64) (durable int64, err error) {
	for off := from; off < to && off+recordHeaderBytes <= s.size; {
		p, err := s.bytes(off, recordHeaderBytes)
		if err != nil {
			return 0, err
		}
		if binary.LittleEndian.Uint32(p[8:]) != s.id { // nearly always
			off += recordAlign
			continue
		}
		h, payload, _, err := s.at(off)
		if err != nil {
			return 0, err
		}
		if h == nil {
			off += recordAlign
			continue
		}
		durable = max(durable, h.durable(off))
		off += recordBytes(len(payload))
	}
	return durable, nil
}

// Scan calls each with the callers' records of one segment that begin in
// [from, to), in order; from is where a record begins, or 0 for the first.
// Everything in [from, to) must be whole and to where a record ends: the
// caller knows from Segments or by its own account that the log had it there.
// Where that is not so it is a DamageError; what comes before has been
// delivered. A missing file is fs.ErrNotExist, and an error of each is returned
// as it is.
//
// No Log need be open. Where one is, everything in [from, to) must have been
// Written, and the segment may not be pruned, dropped or truncated meanwhile.
func Scan(fsys vfs.FS, dir string, id uint32, from, to int64, each func(Record) error) error {
	path := SegmentPath(dir, id)
	from = max(from, headerBytes)
	if to < from || to > math.MaxUint32 {
		return fmt.Errorf("scan log segment %s: from offset %d to %d, which is no part of it", path, from, to)
	}
	f, err := vfs.Classed(fsys, vfs.Log).Open(path)
	if err != nil {
		return fmt.Errorf("scan log segment: %w", err)
	}
	defer f.Close() // nothing was written
	size, err := f.Size()
	if err == nil {
		err = checkHeader(f, path, id)
	}
	if err != nil {
		return fmt.Errorf("scan log segment: %w", err)
	}
	f.Advise(vfs.Sequential, 0, 0)
	in := &scanner{file: f, id: id, off: from, size: min(size, to)}
	return in.deliver(path, to, each)
}

// checkHeader reads a segment's header.
func checkHeader(f vfs.File, path string, id uint32) error {
	var h segmentHeader
	if n, err := f.ReadAt(h[:], 0); n < len(h) && !errors.Is(err, io.EOF) {
		return err
	}
	if err := h.check(id); err != nil {
		return &DamageError{path, 0, err.Error()}
	}
	return nil
}

// deliver calls each with the callers' records up to offset to, where the last
// must end.
func (s *scanner) deliver(path string, to int64, each func(Record) error) error {
	for s.off < to {
		at := s.off
		h, payload, why, err := s.next()
		switch {
		case err != nil:
			return fmt.Errorf("scan log segment %s: %w", path, err)
		case h == nil && why == whyEnd && s.size == to:
			why = "there is no room for a record"
		case h != nil && h.kind() == kindSeal && s.off < to:
			h, why = nil, "the log goes on in another segment"
		}
		if h == nil {
			why = fmt.Sprintf("%s, though the segment was whole to offset %d", why, to)
			return fmt.Errorf("scan log segment: %w", &DamageError{path, at, why})
		}
		if h.kind() > MaxKind {
			continue
		}
		if err := each(Record{lsnOf(s.id, at), h.kind(), payload}); err != nil {
			return err
		}
	}
	return nil
}
