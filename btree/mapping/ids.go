package mapping

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// Ids says which of the ids below the end are free: a bitmap, and above it one
// bit for each of its words that is not zero.
type ids struct {
	last    atomic.Uint32 // the highest that was taken
	heap    atomic.Int64  // bytes
	free    []uint64      // bit id
	summary []uint64      // bit of a word of free
	low     int           // words of summary below are zero
	count   uint32        // bits of free
}

// Len is the highest id that was ever taken, since Trim at least.
func (t *Table) Len() uint32 { return t.ids.last.Load() }

// Free is how many ids up to Len are free.
func (t *Table) Free() uint32 { return t.ids.count }

// Take returns the lowest id that is free; its entry is 0. Errors wrap
// [ErrFull] or are those of offheap.Map; nothing is taken then.
func (t *Table) Take() (uint32, error) {
	if id, ok := t.ids.lowest(); ok {
		t.ids.remove(id)
		return id, nil
	}
	last := t.ids.last.Load()
	if last >= maxID {
		return 0, fmt.Errorf("mapping: take a page id: %w", ErrFull)
	}
	id := last + 1
	if err := t.reach(id); err != nil {
		return 0, fmt.Errorf("mapping: take page id %d: %w", id, err)
	}
	t.ids.last.Store(id)
	return id, nil
}

// Give takes an id back whose entry is 0 and which nobody will look for. What
// Durable says of it stays, and stays until somebody sets it, even once the id
// is taken again. It reports whether the id was taken back: not if it is free
// already, was never taken, or has an entry. Nothing changes then.
func (t *Table) Give(id uint32) bool {
	if id == 0 || id > t.Len() || t.ids.holds(id) || t.Load(id) != 0 {
		return false
	}
	t.ids.add(id)
	return true
}

// Trim forgets the free ids at the end, so that Len is the highest id that is
// taken, and returns Len. What Durable says of them stays.
func (t *Table) Trim() uint32 {
	last := t.ids.last.Load()
	for last > 0 && t.ids.holds(last) {
		t.ids.remove(last)
		last--
	}
	t.ids.last.Store(last)
	return last
}

// Restore makes a new table have the ids 1 to n, all taken, with no entries.
// Errors wrap [ErrInUse] if ids were taken before, [ErrFull] or are those of
// offheap.Map.
func (t *Table) Restore(n uint32) error {
	err := error(nil)
	switch {
	case t.Len() != 0:
		err = ErrInUse
	case n > maxID:
		err = ErrFull
	case n > 0:
		err = t.reach(n)
	}
	if err != nil {
		return fmt.Errorf("mapping: restore %d page ids: %w", n, err)
	}
	t.ids.last.Store(n)
	return nil
}

// FreeZero makes all ids up to Len free that have no entry.
func (t *Table) FreeZero() {
	for id := uint32(1); id <= t.Len(); id++ {
		if t.Load(id) == 0 && !t.ids.holds(id) {
			t.ids.add(id)
		}
	}
}

func (s *ids) holds(id uint32) bool {
	w := int(id >> 6)
	return w < len(s.free) && s.free[w]>>(id&63)&1 != 0
}

// add makes an id free that is not.
func (s *ids) add(id uint32) {
	w := int(id >> 6)
	if w >= len(s.free) {
		s.grow(w + 1)
	}
	s.free[w] |= 1 << (id & 63)
	s.summary[w>>6] |= 1 << (w & 63)
	s.low = min(s.low, w>>6)
	s.count++
}

func (s *ids) grow(words int) {
	words = max(words, 2*len(s.free), 8)
	s.free = append(s.free, make([]uint64, words-len(s.free))...)
	s.summary = append(s.summary, make([]uint64, (words+63)/64-len(s.summary))...)
	s.heap.Store(int64(cap(s.free)+cap(s.summary)) * wordBytes)
}

// remove makes an id that is free taken.
func (s *ids) remove(id uint32) {
	w := int(id >> 6)
	s.free[w] &^= 1 << (id & 63)
	if s.free[w] == 0 {
		s.summary[w>>6] &^= 1 << (w & 63)
	}
	s.count--
}

// lowest is the lowest id that is free.
func (s *ids) lowest() (id uint32, ok bool) {
	if s.count == 0 {
		s.low = len(s.summary)
		return 0, false
	}
	for s.summary[s.low] == 0 {
		s.low++
	}
	w := s.low<<6 + bits.TrailingZeros64(s.summary[s.low])
	return uint32(w<<6 + bits.TrailingZeros64(s.free[w])), true
}
