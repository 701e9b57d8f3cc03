package moment

import (
	"slices"
	"sync/atomic"
)

// each calls f with every slot that is taken and what it holds: 1 + a number.
// It finds each snapshot that is live all the time while it runs.
func (c *Clock) each(f func(slot *atomic.Uint64, held uint64)) {
	for i := range c.slots {
		slot := &c.slots[i].held
		if held := slot.Load(); held != 0 {
			f(slot, held)
		}
	}
	if c.over.live.Load() == 0 {
		return
	}
	blocks := c.over.blocks.Load()
	if blocks == nil {
		return
	}
	for _, b := range *blocks {
		for i := range b {
			if held := b[i].Load(); held != 0 {
				f(&b[i], held)
			}
		}
	}
}

// Live appends the numbers that are live to dst, ascending and distinct, and
// behind them the horizon x, the number of the last group that had begun when
// Live did. What is live below x is among them; all numbers from x on, which
// snapshots may be granted at meanwhile, have to be taken for live. Beside
// numbers of live snapshots there may be some that left or gave up just now.
func (c *Clock) Live(dst []uint64) []uint64 {
	x := c.started.Load()
	first := len(dst)
	c.each(func(_ *atomic.Uint64, held uint64) {
		if n := held - 1; n < x {
			dst = append(dst, n)
		}
	})
	slices.Sort(dst[first:])
	dst = dst[:first+len(slices.Compact(dst[first:]))]
	return append(dst, x)
}

// Count returns how many snapshots are live.
func (c *Clock) Count() int {
	count := 0
	c.each(func(*atomic.Uint64, uint64) { count++ })
	return count
}

// Oldest returns the lowest number that is live; ok is false if none is.
func (c *Clock) Oldest() (n uint64, ok bool) {
	c.each(func(_ *atomic.Uint64, held uint64) {
		if !ok || held-1 < n {
			n, ok = held-1, true
		}
	})
	return n, ok
}
