package offheap

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// An index finds the chunk of an address: two levels of tables over the 48
// bits that addresses of user memory have. Reading it takes no lock.
type index struct {
	top [1 << indexTopBits]atomic.Pointer[indexTable]
}

type indexTable [1 << indexTableBits]atomic.Pointer[chunk]

const (
	indexTopBits   = 12
	indexTableBits = 14
	chunkBits      = 22
)

// Chunks and their table agree.
var _ = [1]struct{}{}[chunkBytes-1<<chunkBits]

// slots splits an address. Addresses beyond all tables have a top that is too
// large.
func slots(addr uintptr) (top uint64, slot int) {
	n := uint64(addr) >> chunkBits
	return n >> indexTableBits, int(n & (1<<indexTableBits - 1))
}

// find returns the chunk that addr lies in, or nil.
func (x *index) find(addr uintptr) *chunk {
	top, slot := slots(addr)
	if top >= uint64(len(x.top)) {
		return nil
	}
	table := x.top[top].Load()
	if table == nil {
		return nil
	}
	return table[slot].Load()
}

// set and clear are called by one goroutine at a time.
func (x *index) set(addr uintptr, c *chunk) error {
	top, slot := slots(addr)
	if top >= uint64(len(x.top)) {
		return fmt.Errorf("address %#x has %d bits, which is more than any known system uses", addr, bits.Len64(uint64(addr)))
	}
	table := x.top[top].Load()
	if table == nil {
		table = new(indexTable)
		x.top[top].Store(table)
	}
	table[slot].Store(c)
	return nil
}

func (x *index) clear(addr uintptr) {
	top, slot := slots(addr)
	x.top[top].Load()[slot].Store(nil)
}
