//go:build !linux || race || offheap_onheap

package offheap

import "unsafe"

// OnHeap reports whether this build puts everything on the Go heap.
const OnHeap = true

// A mapping is memory from the Go heap: n bytes, zeroed, at a multiple of
// align.
type mapping struct {
	mem []byte
}

// mapMemory allocates n bytes at a multiple of align, a power of two.
func mapMemory(n, align int, _ bool) (mapping, error) {
	mem := make([]byte, n+align)
	head := int(-uintptr(unsafe.Pointer(unsafe.SliceData(mem))) & uintptr(align-1))
	return mapping{mem[head:][:n:n]}, nil
}

// unmap marks the memory as gone. The collector takes it when nobody holds it
// any more.
func (m mapping) unmap() error {
	poison(m.mem)
	return nil
}

// discard does nothing: the collector takes whole mappings only.
func discard([]byte) {}
