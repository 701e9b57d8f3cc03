//go:build linux && !race && !offheap_onheap

package offheap

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// OnHeap reports whether this build puts everything on the Go heap.
const OnHeap = false

// A mapping is memory from the system: n bytes, zeroed, at a multiple of
// align.
type mapping struct {
	mem []byte
}

// mapMemory maps n bytes at a multiple of align. Both are multiples of
// pageBytes(), and align is a power of two.
func mapMemory(n, align int, huge bool) (mapping, error) {
	const (
		prot  = unix.PROT_READ | unix.PROT_WRITE
		flags = unix.MAP_PRIVATE | unix.MAP_ANON
	)
	slack := max(0, align-pageBytes())
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(n+slack), prot, flags)
	if err != nil {
		return mapping{}, err
	}
	// Cut off what lies before and after the aligned part.
	head := int(-uintptr(p) & uintptr(align-1))
	if head > 0 {
		err = unix.MunmapPtr(p, uintptr(head))
	}
	at := unsafe.Add(p, head)
	if tail := slack - head; tail > 0 {
		err = errors.Join(err, unix.MunmapPtr(unsafe.Add(at, n), uintptr(tail)))
	}
	m := mapping{unsafe.Slice((*byte)(at), n)}
	if err != nil {
		return mapping{}, errors.Join(err, m.unmap())
	}
	if huge {
		// A kernel without huge pages refuses; then small ones do.
		_ = unix.Madvise(m.mem, unix.MADV_HUGEPAGE)
	}
	return m, nil
}

// unmap gives the memory back. Any later access to it is a fault that ends
// the process.
func (m mapping) unmap() error {
	return unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(m.mem)), uintptr(len(m.mem)))
}

// discard gives back the pages of a part of a mapping; they read as zero from
// then on. It is advice: a failure leaves the bytes as they are.
func discard(part []byte) { _ = unix.Madvise(part, unix.MADV_DONTNEED) }
