package profile

import (
	"cmp"
	"slices"

	"github.com/kvbench/kvbench/workloads/dist"
)

// defaultKeys is how many keys a counter holds before it begins to sample.
const defaultKeys = 1 << 22

// heavyPart is the share of all requests from which on a key is kept although
// it is outside the sample.
const heavyPart = 4096

// counter counts requests by key. It is exact up to a limit of keys. Beyond,
// it keeps the keys whose hash falls into a part of the range that is halved
// whenever the limit is met, so that each of them stands for 2^level keys;
// and besides them the keys that have had 1/4096 of all requests by then.
type counter struct {
	hashes []uint64 // Mix64 of the key, a bijection
	counts []uint64 // 0: empty slot
	used   int
	limit  int
	level  uint
	total  uint64 // requests seen
}

func newCounter(limit int) *counter {
	c := &counter{limit: limit}
	c.resize(min(1<<10, tableSize(limit)))
	return c
}

// tableSize returns the slots that hold so many keys at a load of 1/2.
func tableSize(keys int) int {
	n := 2
	for n < 2*keys {
		n *= 2
	}
	return n
}

func (c *counter) resize(slots int) {
	hashes, counts := c.hashes, c.counts
	c.hashes, c.counts = make([]uint64, slots), make([]uint64, slots)
	for i, n := range counts {
		if n > 0 {
			at := c.slot(hashes[i])
			c.hashes[at], c.counts[at] = hashes[i], n
		}
	}
}

// slot returns where h is or may be put.
func (c *counter) slot(h uint64) int {
	mask := len(c.hashes) - 1
	at := int(h) & mask
	for c.counts[at] != 0 && c.hashes[at] != h {
		at = (at + 1) & mask
	}
	return at
}

// sampled reports whether a key is one of those that stand for others.
func (c *counter) sampled(h uint64) bool { return c.level == 0 || h>>(64-c.level) == 0 }

// add counts a request and reports whether its key is new to the counter.
func (c *counter) add(key uint64) bool {
	c.total++
	h := dist.Mix64(key)
	at := c.slot(h)
	if c.counts[at] != 0 {
		c.counts[at]++
		return false
	}
	if !c.sampled(h) {
		return false
	}
	c.hashes[at], c.counts[at] = h, 1
	c.used++
	if 2*c.used > len(c.hashes) {
		if c.used > c.limit {
			c.thin()
		} else {
			c.resize(2 * len(c.hashes))
		}
	}
	return true
}

// thin halves the sample.
func (c *counter) thin() {
	c.level++
	hashes, counts := c.hashes, c.counts
	c.hashes, c.counts = make([]uint64, len(hashes)), make([]uint64, len(counts))
	c.used = 0
	for i, n := range counts {
		if n > 0 && (c.sampled(hashes[i]) || n*heavyPart >= c.total) {
			at := c.slot(hashes[i])
			c.hashes[at], c.counts[at] = hashes[i], n
			c.used++
		}
	}
}

// distinct estimates how many keys were seen; exactly at level 0.
func (c *counter) distinct() uint64 {
	if c.level == 0 {
		return uint64(c.used)
	}
	n := uint64(0)
	for i, count := range c.counts {
		if count > 0 && c.sampled(c.hashes[i]) {
			n++
		}
	}
	return n << c.level
}

// spectrum returns how the requests are distributed over keys.
func (c *counter) spectrum() Spectrum {
	byCount := map[uint64]float64{}
	for i, n := range c.counts {
		switch {
		case n == 0:
		case c.level == 0 || n*heavyPart >= c.total:
			byCount[n]++
		case c.sampled(c.hashes[i]):
			byCount[n] += float64(uint64(1) << c.level)
		}
	}
	s := Spectrum{Requests: float64(c.total)}
	for n, keys := range byCount {
		s.Steps = append(s.Steps, Step{Count: n, Keys: keys})
	}
	slices.SortFunc(s.Steps, func(a, b Step) int { return cmp.Compare(b.Count, a.Count) })
	return s
}
