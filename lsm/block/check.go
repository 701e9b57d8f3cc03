package block

import (
	"math"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// Check reads all of a block, and returns how many entries it has. Other than
// Find and Cursor it notices entries that are out of order, keys that are empty
// or too long, and bytes that belong to nothing. An error is a *DamageError.
func Check(data []byte) (entries int, err error) {
	var c Cursor
	if err := c.Init(data); err != nil {
		return 0, err
	}
	if err := c.gaps(); err != nil {
		return 0, err
	}
	var (
		key  []byte
		last ikey.Trailer
	)
	for ok := c.First(); ok; ok = c.Next() {
		if c.length == 0 || c.length > math.MaxUint16 {
			return entries, damage(0, "key of entry %d is %d bytes", entries, c.length)
		}
		if entries > 0 && ikey.Compare(key, last, c.Key(), c.Trailer()) >= 0 {
			return entries, damage(0, "entry %d is out of order", entries)
		}
		key, last = append(key[:0], c.Key()...), c.Trailer()
		entries++
	}
	return entries, c.Err()
}

// gaps looks for bytes between and behind the entries.
func (c *Cursor) gaps() error {
	data, h := c.data, &c.columns
	if c.shared {
		if at := c.restarts.at(data, 0); at != c.restarts.entries {
			return damage(restartsHeader, "the first entry is at %d, not at %d", at, c.restarts.entries)
		}
		return c.checkRestarts()
	}
	if p := h.pair(data, 0); p.suffix != 0 || p.value != 0 {
		return damage(h.pairs, "the first pair is not 0")
	}
	suffixes, values := h.values-h.suffixes, h.size-h.values
	if p := h.pair(data, h.count-1); p.suffixEnd != suffixes || p.valueEnd != values {
		return damage(h.steps, "suffixes are %d of %d bytes, or values %d of %d", p.suffixEnd, suffixes, p.valueEnd, values)
	}
	if h.kind == manyKinds && h.count%2 == 1 && data[h.suffixes-1]>>4 != 0 {
		return damage(h.suffixes-1, "there is a kind without an entry")
	}
	for i := range h.count {
		at := headsHeader + h.prefix + headBytes*i
		p := h.pair(data, i)
		if !h.holds(p) {
			return h.badPair(i)
		}
		if h.split == 0 && head(data[h.suffixes:][p.suffix:p.suffixEnd]) != headAt(data, at) {
			return damage(at, "head of entry %d is not that of its key", i)
		}
	}
	return nil
}

// checkRestarts looks whether each restart point is an entry whose key is
// whole.
func (c *Cursor) checkRestarts() error {
	i := 0
	for ok := c.First(); ok; ok = c.Next() {
		if i == c.restarts.count || c.off != c.restarts.at(c.data, i) {
			continue
		}
		var e entry
		if !e.parse(c.data, c.off) || e.shared != 0 {
			return damage(c.off, "the key of a restart point is not whole")
		}
		i++
	}
	if c.err == nil && i != c.restarts.count {
		return damage(restartsHeader+4*i, "restart point %d is not an entry", i)
	}
	return c.err
}
