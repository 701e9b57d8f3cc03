package lsm

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// commits puts writes in order. Under mu a write gets its sequence numbers, its
// place in the log and its room in a memtable, so that these three agree. What
// takes long comes after it: many writes are put into memtables at once, while
// the log is being written and synced. They become visible in order, each when
// all before it are in their memtables: so a reader at visible finds all ops
// up to it, and half of a batch never.
type commits struct {
	mu      sync.Mutex
	nextSeq ikey.Seq // of the next op; guarded by mu
	tickets uint64   // writes so far; guarded by mu

	visible   atomic.Uint64 // the Seq up to which readers see
	published atomic.Uint64 // tickets that are visible
	ring      [commitRing]commitSlot

	sleepers atomic.Int32 // in await
	sleep    sync.Mutex
	wake     sync.Cond
}

// commitRing is how many writes may be under way.
const commitRing = 1024

// A commitSlot belongs to a ticket until that is published.
type commitSlot struct {
	last    atomic.Uint64 // Seq of its last op
	applied atomic.Uint64 // its ticket + 1, once its ops are in memtables
}

// init begins behind last, the highest number there was. That of an empty tree
// counts as 1: a snapshot at 0 would be none to the picker.
func (c *commits) init(last ikey.Seq) {
	last = max(last, 1)
	c.nextSeq = last + 1
	c.visible.Store(uint64(last))
	c.wake.L = &c.sleep
}

// take gives a write of n ops its first sequence number and its ticket. mu is
// held. It waits where the ring is full; those ahead need no lock to go on.
func (c *commits) take(n int) (seq ikey.Seq, ticket uint64) {
	ticket = c.tickets
	if ticket >= commitRing {
		c.await(ticket - commitRing)
	}
	seq = c.nextSeq
	c.nextSeq += ikey.Seq(n)
	c.tickets++
	c.ring[ticket%commitRing].last.Store(uint64(c.nextSeq - 1))
	return seq, ticket
}

// publish says that the ops of a ticket are in memtables, and makes visible
// all whose turn has come.
func (c *commits) publish(ticket uint64) {
	c.ring[ticket%commitRing].applied.Store(ticket + 1)
	moved := false
	for {
		p := c.published.Load()
		slot := &c.ring[p%commitRing]
		if slot.applied.Load() != p+1 {
			break
		}
		// Before published moves on: then the slot may be another's, and who
		// awaits the ticket reads visible.
		last := slot.last.Load()
		if c.published.Load() != p {
			continue
		}
		c.show(last)
		if c.published.CompareAndSwap(p, p+1) {
			moved = true
		}
	}
	if moved && c.sleepers.Load() > 0 {
		c.sleep.Lock()
		c.wake.Broadcast()
		c.sleep.Unlock()
	}
}

// show raises visible.
func (c *commits) show(seq uint64) {
	for {
		v := c.visible.Load()
		if v >= seq || c.visible.CompareAndSwap(v, seq) {
			return
		}
	}
}

// awaitLooks is how often await looks before it sleeps.
const awaitLooks = 64

// await returns when a ticket is visible.
func (c *commits) await(ticket uint64) {
	for range awaitLooks {
		if c.published.Load() > ticket {
			return
		}
		runtime.Gosched()
	}
	c.sleepers.Add(1)
	c.sleep.Lock()
	for c.published.Load() <= ticket {
		c.wake.Wait()
	}
	c.sleep.Unlock()
	c.sleepers.Add(-1)
}

// at is what a reader that begins now may see.
func (c *commits) at() ikey.Seq { return ikey.Seq(c.visible.Load()) }
