package btree

import (
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/space"
)

// counters count what callers ask for and what that takes. What every call
// counts is in stripes, that goroutines which run at the same time mostly do
// not share, so that processors do not wait for each other's cache lines.
type counters struct {
	stripes []counted

	splits, merges atomic.Uint64 // pages made, and pages gone

	// Pages that the writer looked at on its way to leaves; see walked.
	walkInners, walkLeaves atomic.Uint64

	cleaned      atomic.Uint64 // frames that stopped being dirty or old
	checkpointed atomic.Uint64 // bytes of pages that checkpoints wrote
	running      atomic.Int64  // gauge: background jobs

	// Gauges of the file, as the writer saw it last: see placed. toMove is of
	// pages that must move before it can be cut.
	slots, freeSlots, toMove atomic.Uint64
	known                    atomic.Bool

	// The most that was reported: a load is counted before the visit that it
	// was for, and counters do not go down.
	leafHits, innerHits atomic.Uint64
}

const countedStripes = 64

// counted is a stripe: two cache lines for lookups, and two for the rest.
type counted struct {
	lookups  atomic.Uint64 // gets of the present, each of which saw one leaf
	inners   atomic.Uint64 // inner pages visited
	bytesOut atomic.Uint64
	restarts atomic.Uint64
	_        [96]byte

	gets, leaves                           atomic.Uint64 // other gets, and other visits
	puts, deletes, batches, scans, bytesIn atomic.Uint64
	leafMisses, innerMisses, overflows     atomic.Uint64
	_                                      [48]byte
}

func newCounters() counters { return counters{stripes: make([]counted, countedStripes)} }

// stripe returns that of the caller's goroutine, which its stack tells apart.
func (c *counters) stripe() *counted {
	var here byte
	return &c.stripes[stackHash(uintptr(unsafe.Pointer(&here)))%countedStripes]
}

// stackHash mixes the bits by which stacks differ: they are 2 KiB at least.
func stackHash(p uintptr) uintptr { return p>>11 ^ p>>17 }

// wrote counts the ops of a write, of so many bytes of keys and values.
func (c *counted) wrote(puts, deletes, bytes int) {
	if puts > 0 {
		c.puts.Add(uint64(puts))
	}
	if deletes > 0 {
		c.deletes.Add(uint64(deletes))
	}
	c.bytesIn.Add(uint64(bytes))
}

// got counts a get of the present that found so many bytes.
func (c *counted) got(q *lookup, bytes int) {
	c.lookups.Add(1)
	c.inners.Add(uint64(q.inner))
	if bytes > 0 {
		c.bytesOut.Add(uint64(bytes))
	}
	if q.restarts > 0 {
		c.restarts.Add(uint64(q.restarts))
	}
}

// visited counts a way from the root to a leaf: inner pages, and one leaf if
// it got there.
func (c *counted) visited(inners, leaves int) {
	if inners > 0 {
		c.inners.Add(uint64(inners))
	}
	if leaves > 0 {
		c.leaves.Add(uint64(leaves))
	}
}

// loaded counts a page that was not in the pool, and was read.
func (c *counted) loaded(kind page.Kind) {
	if kind == page.Inner {
		c.innerMisses.Add(1)
	} else {
		c.leafMisses.Add(1)
	}
}

// walked counts a descent of the writer, whose pages are visited as those of
// readers are, but for no get. The caller holds mu.
func (c *counters) walked(inners, leaves int) {
	if inners > 0 {
		c.walkInners.Add(uint64(inners))
	}
	c.walkLeaves.Add(uint64(leaves))
}

// accepted is how many bytes were written.
func (c *counters) accepted() (n uint64) {
	for i := range c.stripes {
		n += c.stripes[i].bytesIn.Load()
	}
	return n
}

// placed notes how the slots of the file are used. The caller holds mu.
func (c *counters) placed(s space.Stats) {
	c.slots.Store(s.Slots)
	c.freeSlots.Store(s.Free)
	c.known.Store(true)
}

// highWater raises a to n, and returns the higher of the two.
func highWater(a *atomic.Uint64, n uint64) uint64 {
	for {
		old := a.Load()
		if n <= old {
			return old
		}
		if a.CompareAndSwap(old, n) {
			return n
		}
	}
}

// countFailure counts what should not happen.
func (t *tree) countFailure(err error) {
	var call *fs.PathError
	if errors.As(err, &call) && strings.Contains(call.Op, "sync") {
		t.syncErrors.Add(1)
	}
}
