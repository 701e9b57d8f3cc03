package cache

import (
	"sync/atomic"
	"unsafe"
)

// Stats is a cache at one moment; counts are since New. Shards are read one
// after the other, so under way sums may disagree slightly.
type Stats struct {
	Hits      [Classes]uint64 // by class of the block
	Misses    uint64          // Get and Acquire that found nothing
	Inserts   [Classes]uint64 // blocks that entered
	Evictions [Classes]uint64 // blocks that had to make room; not erased ones

	GhostHits     uint64 // blocks that came back soon after they had left
	ScansRejected uint64 // scanned blocks that were not kept
	Bypassed      uint64 // other blocks that were not kept
	Starved       uint64 // Inserts that found no memory at first, see doc.go

	Blocks      int            // in the table
	BlockBytes  [Classes]int64 // of those, as charged
	MetaBytes   int64          // tables, entries and ghosts
	PinnedBytes int64          // blocks with handles, in the table or not
	HeldBytes   int64          // of those, the ones that are in no table
	LimboBytes  int64          // evicted, but pinned readers may still look
	UsedBytes   int64          // all that is charged to the budget
	LimitBytes  int64          // Options.Bytes, or as resized
}

// Stats returns the present state.
func (c *Cache) Stats() Stats {
	st := Stats{UsedBytes: c.budget.Used(), LimitBytes: c.limit.Load()}
	c.counters.sum(&st)
	for i := range c.shards {
		c.shards[i].add(&st)
	}
	return st
}

func (s *shard) add(st *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range Classes {
		st.Inserts[i] += s.inserts[i]
		st.Evictions[i] += s.evictions[i]
		st.BlockBytes[i] += s.residentBy[i]
	}
	_, returned := s.policy.ghosts()
	st.GhostHits += returned
	st.ScansRejected += s.rejected
	st.Bypassed += s.bypassed
	st.Starved += s.starved
	st.Blocks += s.blocks
	st.MetaBytes += s.meta()
	st.PinnedBytes += s.pinned.Load()
	st.HeldBytes += s.held
	st.LimboBytes += s.limbo
}

// counters count what happens without a lock. Each goroutine mostly has a
// stripe of its own, chosen by where its stack is, so that counting is an
// addition to a word that no other processor writes.
type counters [stripes]stripe

const (
	stripeBits = 6
	stripes    = 1 << stripeBits
)

type stripe struct {
	hits   [Classes]atomic.Uint64
	misses atomic.Uint64
	_      [lineBytes - 8*(Classes+1)]byte
}

func (c *counters) hit(class Class) { c[here()].hits[class].Add(1) }
func (c *counters) miss()           { c[here()].misses.Add(1) }

// here is a number below stripes that differs between most goroutines and
// mostly stays.
func here() uint64 {
	var x byte
	const golden = 0x9E3779B97F4A7C15
	const minStackBits = 11 // no two stacks share 2 KiB
	return uint64(uintptr(unsafe.Pointer(&x))>>minStackBits) * golden >> (64 - stripeBits)
}

func (c *counters) sum(st *Stats) {
	for i := range c {
		for class := range c[i].hits {
			st.Hits[class] += c[i].hits[class].Load()
		}
		st.Misses += c[i].misses.Load()
	}
}
