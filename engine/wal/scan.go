package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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
