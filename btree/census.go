package btree

import (
	"github.com/kvbench/kvbench/btree/page"
)

// A census counts what is in pages.
type census struct {
	height     int
	levels     [maxHeight + 1]levelCount
	fills      [fillSteps]int // leaves, by how full they are
	keys       uint64
	expiring   int
	neighbours int // leaves whose next one is in the next slot
	lost       int

	overflows     int   // pages
	overflowBytes int64 // used in them
	chained       int64 // bytes of large values
}

// fillSteps are those of the histogram of leaves.
const fillSteps = 10

// A levelCount is of the pages of a level.
type levelCount struct {
	pages, entries int
	used           int64
}

func (c *census) overflow(p []byte) {
	c.overflows++
	c.overflowBytes += int64(page.Used(p))
}

// add counts a leaf or an inner page.
func (c *census) add(p []byte) {
	level := min(page.Level(p), maxHeight)
	l := &c.levels[level]
	used := page.Used(p)
	l.pages++
	l.entries += page.Count(p)
	l.used += int64(used)
	if level == 0 {
		c.keys += uint64(page.Count(p))
		c.fills[min(used*fillSteps/len(p), fillSteps-1)]++
	}
}
