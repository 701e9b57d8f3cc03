package store

import (
	"unsafe"

	"github.com/kvbench/kvbench/engine/vfs"
)

// copiedBytes is how much is copied at once to where direct I/O can write it
// from.
const copiedBytes = 256 << 10

// aligned says whether p can be read into or written directly.
func aligned(p []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(p)))%vfs.DirectAlign == 0
}

// scratch is aligned memory of one page at least.
type scratch struct{ bytes []byte }

func newScratch(pageBytes int) *scratch {
	return &scratch{vfs.AlignedBuffer(pageBytes)}
}

// writeCopied writes what is not aligned. Offset and length are.
func (f *File) writeCopied(h vfs.File, p []byte, off int64) error {
	s := f.scratch.Get().(*scratch)
	defer f.scratch.Put(s)
	if len(p) > len(s.bytes) && len(s.bytes) < copiedBytes {
		s.bytes = vfs.AlignedBuffer(copiedBytes)
	}
	for len(p) > 0 {
		n := copy(s.bytes, p)
		if _, err := h.WriteAt(s.bytes[:n], off); err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}
