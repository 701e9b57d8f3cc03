package offheap

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// maxShards is how many homes a class of small objects has. The number is a
// compromise: each may hold a span that is nearly empty.
const maxShards = 4

// A home is a shard of a class: its spans, under one lock.
type home struct {
	mu     sync.Mutex
	closed bool
	open   *span // a list: those with room
	empty  int   // of those, how many have no objects at all

	spans   int   // all of them
	objects int   // handed out
	live    int64 // bytes of them, as asked for
	_       [lineBytes - 56]byte
}

// keepEmpty is how many spans without objects a home keeps, so that a program
// that frees and allocates around an edge does not go to the system each time.
const keepEmpty = 1

// A span is a run of units with objects of one class. All fields are under
// the lock of its home.
type span struct {
	chunk *chunk
	unit  int
	class int
	live  int // objects handed out

	used []uint64 // a bit per object, set when handed out
	hint int      // no word before it has room

	prev, next *span // in home.open
}

// init turns units into an empty span.
func (s *span) init(c *chunk, unit, class int) {
	n := shapes[class].objects
	*s = span{chunk: c, unit: unit, class: class}
	s.used = c.used[unit*unitObjects/64:][:(n+63)/64]
	clear(s.used)
}

// take hands out the first object that is free. There must be one; so none
// beyond the last is taken, though their bits are clear.
func (s *span) take() int {
	for s.used[s.hint] == ^uint64(0) {
		s.hint++
	}
	bit := bits.TrailingZeros64(^s.used[s.hint])
	s.used[s.hint] |= 1 << bit
	s.live++
	return s.hint*64 + bit
}

// holds reports whether object i is handed out.
func (s *span) holds(i int) bool { return s.used[i/64]>>(i%64)&1 != 0 }

// give takes back object i, which is handed out.
func (s *span) give(i int) {
	s.used[i/64] &^= 1 << (i % 64)
	s.hint = min(s.hint, i/64)
	s.live--
}

// bytes is object i.
func (s *span) bytes(i int) []byte {
	size := shapes[s.class].bytes
	start := s.unit*unitBytes + i*size
	return s.chunk.mapped.mem[start:][:size:size]
}

// slack says how many bytes of object i were not asked for: in 1 byte for the
// classes up to 1 KiB, which lie 64 bytes apart, and in 4 above.
func (s *span) slack(i int) int {
	table := s.chunk.slack.mem[s.unit*unitObjects:]
	if s.class < fineClasses {
		return int(table[i])
	}
	return int(binary.NativeEndian.Uint32(table[4*i:]))
}

func (s *span) setSlack(i, n int) {
	table := s.chunk.slack.mem[s.unit*unitObjects:]
	if s.class < fineClasses {
		table[i] = byte(n)
		return
	}
	binary.NativeEndian.PutUint32(table[4*i:], uint32(n))
}

// push makes s the first to be used.
func (h *home) push(s *span) {
	s.prev, s.next = nil, h.open
	if h.open != nil {
		h.open.prev = s
	}
	h.open = s
}

func (h *home) remove(s *span) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		h.open = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}
