package lsm

import (
	"sync/atomic"
	"time"
)

// A brake slows writes down.
type brake struct {
	stalls, total, memtable, l0, debt atomic.Uint64
	longest                           atomic.Int64
}

// slow delays a write of so many bytes if there is too much debt.
func (b *brake) slow(t *tree, bytes int) {}

// stalled counts a write that has waited for memory.
func (b *brake) stalled(t *tree, began time.Time) {
	d := time.Since(began)
	b.stalls.Add(1)
	b.total.Add(uint64(d))
	b.memtable.Add(uint64(d))
	for old := b.longest.Load(); old < int64(d) && !b.longest.CompareAndSwap(old, int64(d)); old = b.longest.Load() {
	}
}

// observe tells the brake how much there is to do.
func (t *tree) observe() {}
