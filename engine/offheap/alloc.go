package offheap

import (
	"errors"
	"fmt"
	"unsafe"
)

// An Allocator hands out memory of any size outside the Go heap: up to 1 MiB
// in size classes, above that in mappings of their own.
//
// Concurrency: Alloc and Free may be called from many goroutines at once, and
// memory may be freed by another goroutine than the one that took it.
//
// Its budget is charged with class sizes, and with whole pages above the
// classes, so that freeing always makes room; Stats tells how much more is
// mapped.
type Allocator struct {
	options Options
	pages   pages
	homes   [classCount][maxShards]home
	large   large
	sites   sites
}

// NewAllocator returns an allocator that has mapped nothing yet.
func NewAllocator(o Options) *Allocator {
	a := &Allocator{options: o}
	a.pages.huge = o.HugePages
	return a
}

// Alloc returns n bytes, with the capacity of their class; all of the capacity
// may be used. They begin on a cache line, and on a page of 4 KiB if n is a
// multiple of that, as direct I/O wants it. Their content is anything: fresh
// memory is zero, reused memory is not.
//
// Errors wrap [ErrSize], [ErrBudget], [ErrClosed] or the system's.
func (a *Allocator) Alloc(n int) ([]byte, error) {
	var b []byte
	var err error
	switch {
	case n <= 0 || n > maxMapBytes:
		err = ErrSize
	case n > maxClassBytes:
		b, err = a.large.alloc(n, a)
	default:
		b, err = a.allocClass(n)
	}
	if err != nil {
		return nil, fmt.Errorf("offheap: allocate %d bytes: %w", n, err)
	}
	if a.options.Sites {
		a.sites.add(b)
	}
	return b, nil
}

func (a *Allocator) allocClass(n int) ([]byte, error) {
	class := classOf(n)
	size := shapes[class].bytes
	if !a.options.Budget.reserveOrNil(int64(size)) {
		return nil, a.options.Budget.refusal()
	}
	h, shard := a.lock(class)
	s, err := a.room(h, class, shard)
	if err != nil {
		h.mu.Unlock()
		a.options.Budget.releaseOrNil(int64(size))
		return nil, err
	}
	if s.live == 0 {
		h.empty--
	}
	i := s.take()
	s.setSlack(i, size-n)
	if s.live == shapes[class].objects {
		h.remove(s)
	}
	h.objects++
	h.live += int64(n)
	h.mu.Unlock()
	return s.bytes(i)[:n], nil
}

// lock returns a home of the class, locked: one that nobody is at, if there is
// one, beginning with the one that this goroutine usually gets.
func (a *Allocator) lock(class int) (h *home, shard int) {
	shards := shapes[class].shards
	first := here() & (shards - 1)
	for i := range shards {
		shard = (first + i) & (shards - 1)
		if h = &a.homes[class][shard]; h.mu.TryLock() {
			return h, shard
		}
	}
	h = &a.homes[class][first]
	h.mu.Lock()
	return h, first
}

// here is a number below maxShards that differs between most goroutines and
// mostly stays: made of the address of the stack.
func here() int {
	var x byte
	const golden = 0x9E3779B97F4A7C15
	return int(uint64(uintptr(unsafe.Pointer(&x))>>11) * golden >> 62)
}

// maxShards is what here yields.
var _ = [1]struct{}{}[maxShards-4]

// room returns a span with room in a home whose lock the caller holds.
func (a *Allocator) room(h *home, class, shard int) (*span, error) {
	if h.closed {
		return nil, ErrClosed
	}
	if h.open != nil {
		return h.open, nil
	}
	units := shapes[class].units
	c, unit, err := a.pages.take(units)
	if err != nil {
		return nil, err
	}
	s := &c.spans[unit]
	s.init(c, unit, class)
	for i := range units {
		c.heads[unit+i].Store(head(unit, class, shard))
	}
	h.push(s)
	h.empty++
	h.spans++
	return s, nil
}

// Free takes back what Alloc returned, or a part of it that begins where it
// began. The memory must not be touched any more; engine/epoch tells when no
// reader does.
//
// Freeing twice is [ErrFreed] and freeing what Alloc did not return is
// [ErrForeign], or either where they cannot be told apart; nothing is changed
// then. What was freed and handed out again meanwhile looks like the new
// owner's: that mistake only a build with the tag offheap_onheap or race shows.
func (a *Allocator) Free(b []byte) error {
	size, err := a.free(b)
	if size > 0 {
		a.options.Budget.releaseOrNil(int64(size))
	}
	if err != nil {
		return fmt.Errorf("offheap: free %d bytes at %p: %w", len(b), b, err)
	}
	return nil
}

// free returns what the budget was charged with, or 0 if it freed nothing.
func (a *Allocator) free(b []byte) (size int, err error) {
	if cap(b) == 0 {
		return 0, ErrForeign
	}
	addr := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	c := a.pages.index.find(addr)
	if c == nil {
		return a.large.free(addr, a)
	}
	unit := int(addr-c.base) / unitBytes
	word := c.heads[unit].Load()
	if word == 0 {
		return 0, ErrFreed
	}
	h := &a.homes[headClass(word)][headShard(word)]
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.heads[unit].Load() != word {
		return 0, ErrFreed // by another, who gave back the span as well
	}
	s := &c.spans[headUnit(word)]
	offset := int(addr-c.base) - s.unit*unitBytes
	size = shapes[s.class].bytes
	i := offset / size
	if offset%size != 0 || i >= shapes[s.class].objects {
		return 0, ErrForeign
	}
	if !s.holds(i) {
		return 0, ErrFreed
	}
	if a.options.Sites {
		a.sites.remove(addr)
	}
	return size, a.put(h, s, i)
}

// put takes back object i of s. The caller holds the lock of h, s's home.
func (a *Allocator) put(h *home, s *span, i int) error {
	shape := &shapes[s.class]
	if poisoning {
		poison(s.bytes(i))
	}
	h.objects--
	h.live -= int64(shape.bytes - s.slack(i))
	if s.live == shape.objects {
		h.push(s)
	}
	s.give(i)
	if s.live > 0 {
		return nil
	}
	if h.empty < keepEmpty && !h.closed {
		h.empty++
		return nil
	}
	return a.release(h, s)
}

// release gives the units of s, which has no objects, back. The caller holds
// the lock of h, s's home, where s is open and not counted as empty.
func (a *Allocator) release(h *home, s *span) error {
	h.remove(s)
	h.spans--
	c, unit, units := s.chunk, s.unit, shapes[s.class].units
	for i := range units {
		c.heads[unit+i].Store(0)
	}
	return a.pages.give(c, unit, units)
}

// Trim gives all memory that holds no objects back to the system.
func (a *Allocator) Trim() error {
	var err error
	for class := range a.homes {
		for shard := range a.homes[class] {
			h := &a.homes[class][shard]
			h.mu.Lock()
			err = a.trim(h, err)
			h.mu.Unlock()
		}
	}
	if err = errors.Join(err, a.pages.trim()); err != nil {
		return fmt.Errorf("offheap: trim: %w", err)
	}
	return nil
}

// trim releases the empty spans of h, whose lock the caller holds.
func (a *Allocator) trim(h *home, err error) error {
	for s := h.open; s != nil && h.empty > 0; {
		next := s.next
		if s.live == 0 {
			h.empty--
			err = errors.Join(err, a.release(h, s))
		}
		s = next
	}
	return err
}
