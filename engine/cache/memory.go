package cache

import (
	"math/bits"

	"github.com/kvbench/kvbench/engine/offheap"
)

// memory is where blocks, entries and tables come from. Everything is charged
// to the allocator's budget.
type memory struct{ *offheap.Allocator }

// alloc returns n bytes, or nil if there is no room for them.
func (m memory) alloc(n int) []byte {
	b, err := m.Alloc(n)
	if err != nil {
		return nil
	}
	return b
}

// free gives back what alloc returned. An error would mean that it was freed
// before or is not the allocator's: then a count is wrong, and Close, which
// reports what is not freed, says so.
func (m memory) free(b []byte) { _ = m.Free(b) }

const (
	chargeStep = 64
	fineCharge = 1 << 10
	maxClass   = 1 << 20
	pageCharge = 4 << 10
)

// chargeOf is what n bytes take from the budget: n rounded up to a multiple of
// 64 up to 1 KiB, to an eighth of a power of two up to 1 MiB, and to pages
// above, as engine/offheap does it. It decides how much to evict; what is
// really taken, the allocator counts.
func chargeOf(n int) int64 {
	step := chargeStep
	switch {
	case n > maxClass:
		step = pageCharge
	case n > fineCharge:
		step = 1 << (bits.Len(uint(n-1)) - 4)
	}
	return int64((n + step - 1) &^ (step - 1))
}
