package moment

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

const (
	slotBits = 7
	slots    = 1 << slotBits

	// overflowBlock is how many slots the overflow grows by.
	overflowBlock = 256
)

// A slot holds 1 + the number of a live snapshot, or 0.
type slot struct {
	held atomic.Uint64
	_    [lineBytes - 8]byte
}

// An overflow has slots for snapshots that found all others taken. Blocks are
// never taken away.
type overflow struct {
	live   atomic.Int64 // slots that are taken; raised before a slot is set
	blocks atomic.Pointer[[]*block]

	mu   sync.Mutex
	free []*atomic.Uint64
}

type block [overflowBlock]atomic.Uint64

// A Snapshot is a number that is live until Leave. It may be passed on and
// copied as long as Leave is called exactly once. The zero Snapshot is not
// live, and leaving it does nothing.
type Snapshot struct {
	slot *atomic.Uint64
	over *overflow // nil: the slot is none of the overflow
	n    uint64
}

// Enter makes the last published number live. ok is false while a group is
// under way: then the caller takes the tree's lock and calls EnterHeld, or
// tries again later.
func (c *Clock) Enter() (s Snapshot, ok bool) {
	n := c.published.Load()
	if c.started.Load() != n {
		return Snapshot{}, false
	}
	s = c.claim(n)
	if c.started.Load() != n {
		s.Leave()
		return Snapshot{}, false
	}
	return s, true
}

// EnterHeld makes the last published number live. The caller holds the tree's
// lock, and no group is under way.
func (c *Clock) EnterHeld() Snapshot { return c.claim(c.published.Load()) }

// At returns the number of the snapshot: it sees all groups through that one.
func (s *Snapshot) At() uint64 { return s.n }

// Leave ends the snapshot: what only it needed may go from now on. Leaving a
// copy as well would end a snapshot of somebody else.
func (s *Snapshot) Leave() {
	if s.slot == nil {
		return
	}
	s.slot.Store(0)
	if s.over != nil {
		s.over.give(s.slot)
	}
	s.slot = nil
}

// claim raises newest and puts n into a slot.
func (c *Clock) claim(n uint64) Snapshot {
	for {
		newest := c.newest.Load()
		if newest > n || c.newest.CompareAndSwap(newest, n+1) {
			break
		}
	}
	first := here()
	for i := range uint64(slots) {
		held := &c.slots[(first+i)%slots].held
		if held.Load() == 0 && held.CompareAndSwap(0, n+1) {
			return Snapshot{slot: held, n: n}
		}
	}
	return Snapshot{slot: c.over.take(n + 1), over: &c.over, n: n}
}

// here chooses the slot to try first: by the address of the stack that it runs
// on, which differs between goroutines and mostly stays.
func here() uint64 {
	var x byte
	const golden = 0x9E3779B97F4A7C15
	const minStackBits = 11 // no two stacks share 2 KiB
	return uint64(uintptr(unsafe.Pointer(&x))>>minStackBits) * golden >> (64 - slotBits)
}

// take returns a slot that holds v.
func (o *overflow) take(v uint64) *atomic.Uint64 {
	o.live.Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.free) == 0 {
		o.grow()
	}
	slot := o.free[len(o.free)-1]
	o.free = o.free[:len(o.free)-1]
	slot.Store(v)
	return slot
}

// grow adds a block. Who looks at the slots sees it before any slot of it is
// set.
func (o *overflow) grow() {
	var all []*block
	if old := o.blocks.Load(); old != nil {
		all = append(all, *old...)
	}
	b := new(block)
	all = append(all, b)
	o.blocks.Store(&all)
	for i := range b {
		o.free = append(o.free, &b[i])
	}
}

// give takes back a slot that holds 0.
func (o *overflow) give(slot *atomic.Uint64) {
	o.live.Add(-1)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.free = append(o.free, slot)
}
