package blob

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/kvbench/kvbench/engine/vfs"
)

// An IO is how values are read.
type IO uint8

const (
	Pread  IO = iota // read into the cache
	Mmap             // mapped: values that are not compressed are used there
	Direct           // read into the cache, past the system's page cache
)

// keptBytes is how large a scratch may be to be used again.
const keptBytes = 1 << 20

// A Scratch is memory for calls that read, which readers share.
type Scratch struct{ pool sync.Pool }

// scratch is memory for one call.
type scratch struct {
	buf     []byte // anything
	aligned []byte // for direct reads

	value []byte             // what fill copies
	fill  func([]byte) error // for the cache; made once
}

func (s *Scratch) get() *scratch {
	if x, ok := s.pool.Get().(*scratch); ok {
		return x
	}
	x := new(scratch)
	x.fill = func(p []byte) error { copy(p, x.value); return nil }
	return x
}

func (s *Scratch) put(x *scratch) {
	x.value = nil
	if cap(x.buf) <= keptBytes && cap(x.aligned) <= keptBytes {
		s.pool.Put(x)
	}
}

// read returns n bytes of the file, which are valid until s is used again, or
// as long as the mapping is. They must lie within the file.
func (r *Reader) read(s *scratch, off uint64, n int) ([]byte, error) {
	switch {
	case r.mapped != nil:
		return r.mapped[off:][:n:n], nil
	case r.io == Direct:
		return s.readAligned(r.file, int64(off), n)
	}
	s.buf = slices.Grow(s.buf[:0], n)[:n]
	return s.buf, readFull(r.file, s.buf, int64(off))
}

// readAligned reads whole blocks.
func (s *scratch) readAligned(f vfs.File, off int64, n int) ([]byte, error) {
	const mask = vfs.DirectAlign - 1
	start := off &^ mask
	want := int((off+int64(n)+mask)&^mask - start)
	if len(s.aligned) < want {
		s.aligned = vfs.AlignedBuffer(want)
	}
	got, err := f.ReadAt(s.aligned[:want], start)
	skip := int(off - start)
	if got < skip+n {
		return nil, readFailure(err)
	}
	return s.aligned[skip:][:n:n], nil
}

func readFull(f io.ReaderAt, p []byte, off int64) error {
	if n, err := f.ReadAt(p, off); n < len(p) {
		return readFailure(err)
	}
	return nil
}

// readFailure is the error of a read that came short. The size of the file was
// known: its end is none that may be met.
func readFailure(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read value: %w", err)
}
