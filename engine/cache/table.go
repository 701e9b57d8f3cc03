package cache

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// A table finds entries by key: open addressing over buckets of one cache
// line. A key belongs to the bucket that its hash chooses, or, where that is
// full, to the next one with room.
//
// Each bucket counts how many keys passed it by because it was full. A search
// ends where nobody passed by, so taking a key out leaves no mark, and there
// is nothing to clean up.
//
// Concurrency: find may run beside everything else, for a pinned reader. The
// other methods need the shard's lock. A key that stays in the table is always
// found: the counts on its way were raised before its slot was written, and
// are lowered after it was cleared.
type table struct {
	buckets []bucket
	mem     []byte
	n       int // keys
}

// bucketSlots: a slot is 8 bytes, tag and number of the entry, or 0.
const bucketSlots = 7

type bucket struct {
	slots  [bucketSlots]atomic.Uint64
	passed atomic.Uint64
}

const (
	bucketBytes = int(unsafe.Sizeof(bucket{}))

	// fullAt is how many keys there may be per bucket on average.
	fullAt = 5
)

// tableBytes is what a table for n keys takes.
func tableBytes(n int) int { return (n/fullAt + 1) * bucketBytes }

// newTable returns an empty table for at least n keys, or nil if memory is
// short.
func newTable(m memory, n int) *table {
	mem := m.alloc(tableBytes(n))
	if mem == nil {
		return nil
	}
	mem = mem[:cap(mem)] // the class may have room for more
	clear(mem)
	first := (*bucket)(unsafe.Pointer(unsafe.SliceData(mem)))
	return &table{buckets: unsafe.Slice(first, len(mem)/bucketBytes), mem: mem}
}

// full reports whether the table should grow before it takes another key.
func (t *table) full() bool { return t.n >= t.most() }

// most is how many keys the table takes.
func (t *table) most() int { return len(t.buckets) * fullAt }

func (t *table) home(hash uint64) int {
	i, _ := bits.Mul64(hash, uint64(len(t.buckets)))
	return int(i)
}

// find returns the entry of the key, and its number; nil if there is none. It
// compares whole keys, so equal hashes do not matter.
func (t *table) find(s *slab, k Key, hash uint64) (*entry, uint32) {
	tag := uint32(hash)
	i := t.home(hash)
	for range t.buckets {
		b := &t.buckets[i]
		for j := range b.slots {
			w := b.slots[j].Load()
			if uint32(w>>32) != tag || w == 0 {
				continue
			}
			if e := s.at(uint32(w)); e.key == k {
				return e, uint32(w)
			}
		}
		if b.passed.Load() == 0 {
			return nil, 0
		}
		if i++; i == len(t.buckets) {
			i = 0
		}
	}
	return nil, 0
}

// add enters a key that the table does not have. The table is not full.
func (t *table) add(hash uint64, id uint32) {
	w := hash<<32 | uint64(id)
	for i := t.home(hash); ; {
		b := &t.buckets[i]
		for j := range b.slots {
			if b.slots[j].Load() == 0 {
				b.slots[j].Store(w)
				t.n++
				return
			}
		}
		b.passed.Add(1)
		if i++; i == len(t.buckets) {
			i = 0
		}
	}
}

// remove takes out entry id, which the table has.
func (t *table) remove(hash uint64, id uint32) {
	w := hash<<32 | uint64(id)
	home := t.home(hash)
	for i := home; ; {
		b := &t.buckets[i]
		for j := range b.slots {
			if b.slots[j].Load() == w {
				b.slots[j].Store(0)
				t.n--
				t.unpass(home, i)
				return
			}
		}
		if i++; i == len(t.buckets) {
			i = 0
		}
	}
}

// unpass lowers the counts from bucket i up to, without, bucket end.
func (t *table) unpass(i, end int) {
	for i != end {
		t.buckets[i].passed.Add(^uint64(0))
		if i++; i == len(t.buckets) {
			i = 0
		}
	}
}

// grownKeys is how many keys the next table is for.
func (t *table) grownKeys() int { return t.most() * 3 / 2 }

// grownBytes is what the next table takes.
func (t *table) grownBytes() int64 { return chargeOf(tableBytes(t.grownKeys())) }

// grown returns a table for half as many keys again with all of t's, or nil if
// memory is short. Readers may go on in t until the caller has replaced it.
func (t *table) grown(m memory, s *slab) *table {
	g := newTable(m, t.grownKeys())
	if g == nil {
		return nil
	}
	for i := range t.buckets {
		for j := range t.buckets[i].slots {
			if id := uint32(t.buckets[i].slots[j].Load()); id != 0 {
				g.add(s.at(id).key.hash(), id)
			}
		}
	}
	return g
}
