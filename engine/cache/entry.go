package cache

import (
	"sync/atomic"
	"unsafe"
)

// An entry describes a block in memory. Entries lie outside the Go heap and
// hold no Go pointers.
//
// key, data, size and class are written before the entry is published in the
// table and stay until it was freed through the epoch, so a pinned reader may
// read them without a lock. queue, prev and next are under the shard's lock.
type entry struct {
	key  Key
	data address
	size uint32 // bytes of the block

	// refs counts handles, plus linked while the table refers to the entry.
	// Who takes it to zero retires the entry; from zero it never rises.
	refs atomic.Uint32

	// freq is how often the block was hit, up to the policy's cap. Readers
	// store it without a lock and may lose one another's increments.
	freq atomic.Uint32

	prev, next uint32 // neighbours in the queue that holds the entry

	queue queueID
	class Class
}

// entryBytes is what an entry takes.
const entryBytes = int(unsafe.Sizeof(entry{}))

const linked = 1 << 31

// An address is where a block begins. The allocator keeps the memory alive,
// on the Go heap too, until the block is freed.
type address uintptr

// pointer must only be called on the address of a block that is not freed.
// The detour keeps tools quiet that cannot know that the memory does not move.
func (a *address) pointer() *byte { return *(**byte)(unsafe.Pointer(a)) }

func addressOf(b []byte) address {
	return address(unsafe.Pointer(unsafe.SliceData(b)))
}

// bytes is the block.
func (e *entry) bytes() []byte {
	return unsafe.Slice(e.data.pointer(), int(e.size))
}

// charge is what the block takes from the budget.
func (e *entry) charge() int64 { return chargeOf(int(e.size)) }

// acquire adds a handle, unless the entry is about to be freed. first reports
// that there was none.
func (e *entry) acquire() (first, ok bool) {
	for {
		r := e.refs.Load()
		if r == 0 {
			return false, false
		}
		if e.refs.CompareAndSwap(r, r+1) {
			return r == linked, true
		}
	}
}

const (
	chunkBits    = 7
	chunkEntries = 1 << chunkBits
)

type chunk [chunkEntries]entry

// A slab holds a shard's entries under small numbers from 1 on; 0 is none.
//
// Concurrency: at may be called by pinned readers, with numbers that they
// found in the table; everything else needs the shard's lock.
type slab struct {
	mem memory

	// dir is replaced by a larger copy when it is full. Its elements are
	// written before any of their entries is published.
	dir atomic.Pointer[[]*chunk]

	chunks [][]byte // as allocated
	free   uint32   // a list by next
	used   int      // entries in use
	bytes  int64    // what chunks take
}

// at is entry id. A reader must load id before it calls at.
func (s *slab) at(id uint32) *entry {
	dir := *s.dir.Load()
	return &dir[id>>chunkBits][id&(chunkEntries-1)]
}

// take returns an entry in no use, or 0 if memory is short.
func (s *slab) take() uint32 {
	if s.free == 0 && !s.grow() {
		return 0
	}
	id := s.free
	s.free = s.at(id).next
	s.used++
	return id
}

// put takes back an entry that no reader can reach.
func (s *slab) put(id uint32) {
	e := s.at(id)
	e.size = 0
	e.next = s.free
	s.free = id
	s.used--
}

func (s *slab) grow() bool {
	mem := s.mem.alloc(chunkEntries * entryBytes)
	if mem == nil {
		return false
	}
	clear(mem)
	n := len(s.chunks)
	s.chunks = append(s.chunks, mem)
	s.bytes += int64(cap(mem))
	dir := s.dir.Load()
	if dir == nil || n == len(*dir) {
		grown := make([]*chunk, max(16, 2*n))
		if dir != nil {
			copy(grown, *dir)
		}
		grown[n] = (*chunk)(unsafe.Pointer(unsafe.SliceData(mem)))
		s.dir.Store(&grown)
	} else {
		(*dir)[n] = (*chunk)(unsafe.Pointer(unsafe.SliceData(mem)))
	}
	for i := chunkEntries - 1; i >= 0; i-- {
		id := uint32(n<<chunkBits | i)
		if id == 0 {
			break // it stands for none
		}
		s.at(id).next = s.free
		s.free = id
	}
	return true
}

// each calls f with every entry that exists, in use or not, from number first
// on, at most n of them. It returns the number to go on with, or 0.
func (s *slab) each(first uint32, n int, f func(id uint32, e *entry)) uint32 {
	end := uint32(len(s.chunks) << chunkBits)
	for id := max(first, 1); id < end; id++ {
		if n == 0 {
			return id
		}
		n--
		f(id, s.at(id))
	}
	return 0
}

// release frees all chunks. No entry may be in use or within a reader's reach.
func (s *slab) release() {
	for _, mem := range s.chunks {
		s.mem.free(mem)
	}
	s.chunks, s.free, s.bytes = nil, 0, 0
	s.dir.Store(nil)
}

// A queueID says which queue an entry is in.
type queueID uint8

const (
	queueNone  queueID = iota // not linked, or not yet
	queueMain                 // the policy's only or main queue
	queueSmall                // the policy's probation
	queueScan                 // the ring of scanned blocks
	queueHigh                 // those of high priority, by class
)

// A queue is a list of entries, linked through them.
type queue struct {
	slab       *slab
	id         queueID
	head, tail uint32 // newest and oldest
	n          int
	bytes      int64 // of blocks, as charged
}

func (q *queue) push(id uint32) {
	e := q.slab.at(id)
	e.queue, e.prev, e.next = q.id, 0, q.head
	if q.head != 0 {
		q.slab.at(q.head).prev = id
	} else {
		q.tail = id
	}
	q.head = id
	q.n++
	q.bytes += e.charge()
}

func (q *queue) remove(id uint32) {
	e := q.slab.at(id)
	if e.prev != 0 {
		q.slab.at(e.prev).next = e.next
	} else {
		q.head = e.next
	}
	if e.next != 0 {
		q.slab.at(e.next).prev = e.prev
	} else {
		q.tail = e.prev
	}
	e.queue, e.prev, e.next = queueNone, 0, 0
	q.n--
	q.bytes -= e.charge()
}
