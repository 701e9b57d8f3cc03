package block

import (
	"bytes"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// restart moves to the entry of restart point i.
func (c *Cursor) restart(i int) bool {
	c.length = 0
	return c.decode(c.restarts.at(c.data, i))
}

// decode moves to the entry at off; the cursor's key is that of the one before.
func (c *Cursor) decode(off int) bool {
	var e entry
	if !e.parse(c.data, off) || e.shared > c.length {
		return c.fail(badEntry(off))
	}
	t := e.trailerIn(c.data)
	if !t.Kind().Valid() {
		return c.fail(badKind(off, t))
	}
	c.length = e.shared + e.trailer - e.suffix
	c.reserve(c.length)
	copy(c.key[e.shared:], c.data[e.suffix:e.trailer])
	c.trailer, c.value, c.valueEnd = t, e.value, e.end
	c.off, c.end, c.on = off, e.end, true
	return true
}

func (c *Cursor) nextShared() bool {
	if c.end == len(c.data) {
		c.on = false
		return false
	}
	return c.decode(c.end)
}

// prevShared goes back to a restart point and forward from there.
func (c *Cursor) prevShared() bool {
	if c.off == c.restarts.entries {
		c.on = false
		return false
	}
	lo, hi := 0, c.restarts.count-1
	for lo < hi {
		mid := int(uint(lo+hi+1) / 2)
		if c.restarts.at(c.data, mid) < c.off {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return c.upTo(lo, c.off)
}

// upTo moves to the entry that ends where another begins, by way of restart
// point i, which is before.
func (c *Cursor) upTo(i, end int) bool {
	if !c.restart(i) {
		return false
	}
	for c.end < end {
		if !c.decode(c.end) {
			return false
		}
	}
	if c.end != end {
		return c.fail(damage(c.off, "an entry ends at %d, not at %d", c.end, end))
	}
	return true
}

func (c *Cursor) seekShared(key []byte) bool {
	off, err := c.restarts.search(c.data, key, ikey.MaxSeq)
	if err != nil {
		return c.fail(err)
	}
	c.length = 0
	for c.decode(off) {
		if bytes.Compare(c.Key(), key) >= 0 {
			return true
		}
		if c.end == len(c.data) {
			c.on = false
			return false
		}
		off = c.end
	}
	return false
}
