package offheap

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A chunk is a mapping of 64 units at a multiple of its size. What is known
// about its objects stands on the Go heap, where no stray write to an object
// can reach it.
type chunk struct {
	mapped mapping
	base   uintptr

	// Under pages.mu.
	free   uint64 // a bit per unit that is in no span
	at     int    // in pages.all
	openAt int    // in pages.open; -1: not there

	// heads names each unit's span, so that an address finds it; 0 is none.
	heads [chunkUnits]atomic.Uint32

	// Under the lock of the home that the span belongs to.
	spans [chunkUnits]span // by first unit
	used  [chunkUnits * unitObjects / 64]uint64

	// slack is how much smaller than its class an object was asked for. It
	// has unitObjects bytes per unit, more than the entries of a span need.
	slack mapping
}

// A head is what heads holds: where the span starts and whose it is.
func head(unit, class, shard int) uint32 {
	return 1<<31 | uint32(shard)<<16 | uint32(class)<<8 | uint32(unit)
}

func headUnit(h uint32) int  { return int(h & 0xFF) }
func headClass(h uint32) int { return int(h >> 8 & 0xFF) }
func headShard(h uint32) int { return int(h >> 16 & 0xFF) }

// pages hands out runs of units for spans.
type pages struct {
	huge  bool
	index index

	mu     sync.Mutex
	all    []*chunk
	open   []*chunk // those with free units
	spares int      // those with free units only
}

// keepSpares is how many chunks without spans stay mapped.
const keepSpares = 1

// take returns a run of units, which belong to the caller.
func (p *pages) take(units int) (c *chunk, unit int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		if unit := findRun(c.free, units); unit >= 0 {
			p.claim(c, unit, units)
			return c, unit, nil
		}
	}
	c, err = p.grow()
	if err != nil {
		return nil, 0, err
	}
	p.claim(c, 0, units)
	return c, 0, nil
}

func (p *pages) claim(c *chunk, unit, units int) {
	if c.free == ^uint64(0) {
		p.spares--
	}
	c.free &^= run(unit, units)
	if c.free == 0 {
		last := p.open[len(p.open)-1]
		p.open[c.openAt], last.openAt = last, c.openAt
		p.open[len(p.open)-1] = nil
		p.open = p.open[:len(p.open)-1]
		c.openAt = -1
	}
}

// grow maps a chunk. The caller holds p.mu.
func (p *pages) grow() (*chunk, error) {
	m, err := mapMemory(chunkBytes, chunkBytes, p.huge)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", chunkBytes, err)
	}
	slack, err := mapMemory(chunkUnits*unitObjects, pageBytes(), false)
	if err != nil {
		return nil, fmt.Errorf("map a table: %w", errors.Join(err, m.unmap()))
	}
	c := &chunk{
		mapped: m, slack: slack, free: ^uint64(0),
		base: uintptr(unsafe.Pointer(unsafe.SliceData(m.mem))),
		at:   len(p.all), openAt: len(p.open),
	}
	if err := p.index.set(c.base, c); err != nil {
		return nil, errors.Join(err, m.unmap(), slack.unmap())
	}
	p.all = append(p.all, c)
	p.open = append(p.open, c)
	p.spares++
	return c, nil
}

// give takes units back from a span. Their contents are lost. An error is the
// system's, which kept memory that it was told to take.
func (p *pages) give(c *chunk, unit, units int) error {
	if !p.huge { // to give back a part would break up a huge page
		discard(c.mapped.mem[unit*unitBytes:][:units*unitBytes])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.free == 0 {
		c.openAt = len(p.open)
		p.open = append(p.open, c)
	}
	c.free |= run(unit, units)
	if c.free != ^uint64(0) {
		return nil
	}
	p.spares++
	if p.spares > keepSpares {
		return p.drop(c)
	}
	return nil
}

// drop unmaps a chunk that is in no use. The caller holds p.mu.
func (p *pages) drop(c *chunk) error {
	p.spares--
	last := p.open[len(p.open)-1]
	p.open[c.openAt], last.openAt = last, c.openAt
	p.open[len(p.open)-1] = nil
	p.open = p.open[:len(p.open)-1]

	last = p.all[len(p.all)-1]
	p.all[c.at], last.at = last, c.at
	p.all[len(p.all)-1] = nil
	p.all = p.all[:len(p.all)-1]

	p.index.clear(c.base)
	return errors.Join(c.mapped.unmap(), c.slack.unmap())
}

// trim unmaps all chunks that are in no use.
func (p *pages) trim() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for i := len(p.all) - 1; i >= 0; i-- {
		if c := p.all[i]; c.free == ^uint64(0) {
			err = errors.Join(err, p.drop(c))
		}
	}
	return err
}

// chunks returns those mapped now.
func (p *pages) chunks() []*chunk {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*chunk(nil), p.all...)
}

// run is the bits of units.
func run(unit, units int) uint64 {
	return ^uint64(0) >> (64 - units) << unit
}

// findRun is the first of n set bits in a row, or -1.
func findRun(set uint64, n int) int {
	// Bit i of set says that length bits from i on are set.
	for length := 1; length < n; {
		k := min(length, n-length)
		set &= set >> k
		length += k
	}
	if set == 0 {
		return -1
	}
	return bits.TrailingZeros64(set)
}
