package offheap

import (
	"sync"
	"unsafe"
)

// large holds what is larger than the classes: a mapping each.
type large struct {
	mu     sync.Mutex
	closed bool
	byAddr map[uintptr]largeObject
	live   int64 // bytes, as asked for
	mapped int64
}

type largeObject struct {
	mapped mapping
	n      int // as asked for
}

func (l *large) alloc(n int, a *Allocator) ([]byte, error) {
	align, size := a.options.round(n)
	if !a.options.Budget.reserveOrNil(int64(size)) {
		return nil, a.options.Budget.refusal()
	}
	m, err := mapMemory(size, align, a.options.HugePages)
	if err != nil {
		a.options.Budget.releaseOrNil(int64(size))
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		a.options.Budget.releaseOrNil(int64(size))
		_ = m.unmap() // ErrClosed says more
		return nil, ErrClosed
	}
	if l.byAddr == nil {
		l.byAddr = map[uintptr]largeObject{}
	}
	l.byAddr[addrOf(m.mem)] = largeObject{m, n}
	l.live += int64(n)
	l.mapped += int64(size)
	return m.mem[:n], nil
}

// free returns the bytes that the budget was charged with.
func (l *large) free(addr uintptr, a *Allocator) (int, error) {
	l.mu.Lock()
	object, ok := l.byAddr[addr]
	if ok {
		delete(l.byAddr, addr)
		l.live -= int64(object.n)
		l.mapped -= int64(len(object.mapped.mem))
	}
	l.mu.Unlock()
	if !ok {
		return 0, ErrForeign
	}
	if a.options.Sites {
		a.sites.remove(addr)
	}
	return len(object.mapped.mem), object.mapped.unmap()
}

// addrOf is where b begins.
func addrOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
