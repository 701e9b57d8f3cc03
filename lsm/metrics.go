package lsm

import (
	"github.com/kvbench/kvbench/engine"
	"sync/atomic"
	"unsafe"
)

// counters count what callers ask for, in stripes that goroutines which run at
// the same time mostly do not share, so that processors do not wait for each
// other's cache lines.
type counters struct{ stripes []counted }

const countedStripes = 64

type counted struct {
	gets, bytesOut, runs, blocks, negatives, falses atomic.Uint64
	_                                               [80]byte

	puts, deletes, batches, scans, bytesIn, skipped atomic.Uint64
	_                                               [80]byte
}

func newCounters() counters { return counters{make([]counted, countedStripes)} }

// stripe returns that of the caller's goroutine, which its stack tells apart.
func (c *counters) stripe() *counted {
	var here byte
	return &c.stripes[stackHash(uintptr(unsafe.Pointer(&here)))%countedStripes]
}

// stackHash mixes the bits by which stacks differ: they are 2 KiB at least.
func stackHash(p uintptr) uintptr { return p>>11 ^ p>>17 }

// wrote counts the ops of a write.
func (c *counted) wrote(puts, deletes, bytes int) {
	if puts > 0 {
		c.puts.Add(uint64(puts))
	}
	if deletes > 0 {
		c.deletes.Add(uint64(deletes))
	}
	c.bytesIn.Add(uint64(bytes))
}

// got counts a lookup.
func (c *counted) got(q *lookup) {
	c.gets.Add(1)
	if q.runs == 0 {
		return
	}
	c.runs.Add(uint64(q.runs))
	c.negatives.Add(uint64(q.negatives))
	c.blocks.Add(uint64(q.blocks))
	if q.falses > 0 {
		c.falses.Add(uint64(q.falses))
	}
}

// Metrics implements engine.Engine.
func (t *tree) Metrics(m *engine.Metrics) {}
