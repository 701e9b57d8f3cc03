package page

import (
	"bytes"
	"cmp"
	"slices"
)

// Check reads all of a page, and reports a *DamageError if something is not as
// this package leaves it. It does not look at the checksum, nor at the bodies
// of maps and directories.
func Check(p []byte) error {
	if len(p) < MinPageBytes || len(p) > MaxPageBytes || len(p)&(len(p)-1) != 0 {
		return damage(0, "is %d bytes", len(p))
	}
	kind := KindOf(p)
	switch {
	case kind < Leaf || kind > Directory:
		return damage(atKind, "kind is %d", uint8(kind))
	case IDOf(p) == 0:
		return damage(atID, "id is 0")
	case (kind == Inner) != (Level(p) > 0):
		return damage(atLevel, "%v is at level %d", kind, Level(p))
	case kind == Overflow:
		return checkOverflow(p)
	case kind > Overflow:
		return nil
	}
	c := checker{p: p}
	if err := c.header(); err != nil {
		return err
	}
	if err := c.entries(); err != nil {
		return err
	}
	return c.heap()
}

func checkOverflow(p []byte) error {
	if n := Count(p); n == 0 || n > OverflowRoom(len(p)) {
		return damage(atCount, "a part of %d bytes", n)
	}
	for at := atRoom; at < HeaderBytes; at++ {
		if p[at] != 0 && (at < atNext || at >= atReserved) {
			return damage(at, "a byte that should be 0 is %d", p[at])
		}
	}
	return nil
}

// A checker reads a leaf or an inner page.
type checker struct {
	p         []byte
	a         areas
	low, high []byte
	bounded   bool
	used      []extent // of the heap
}

// An extent is bytes of a page.
type extent struct{ from, to int }

func (c *checker) header() error {
	p, a := c.p, &c.a
	if !a.parse(p) {
		return damage(atCount, "%d entries, room for %d, a prefix of %d and %d stripped do not fit", get16(p, atCount), get16(p, atRoom), get16(p, atPrefix), get16(p, atStrip))
	}
	if heap := get16(p, atHeap); heap < a.end || heap > len(p) {
		return damage(atHeap, "heap is at %d, the arrays end at %d", heap, a.end)
	}
	switch {
	case p[atFlags]&^flagNoHigh != 0 || p[atFlags+1] != 0:
		return damage(atFlags, "flags are %#x", get16(p, atFlags))
	case get32(p, atReserved) != 0:
		return damage(atReserved, "reserved bytes are not 0")
	case a.kind == Inner && Next(p) != 0:
		return damage(atNext, "next of an inner page is %d", Next(p))
	}
	var ok bool
	if c.low, c.high, c.bounded, ok = Fences(p); !ok {
		return damage(atLow, "fences are not in the page")
	}
	switch {
	case len(c.low) > MaxKey(len(p)) || len(c.high) > MaxKey(len(p)):
		return damage(atLowSize, "fences are %d and %d bytes", len(c.low), len(c.high))
	case !c.bounded && get16(p, atHighSize) > 0:
		return damage(atHighSize, "there is no bound above, but a fence of %d bytes", get16(p, atHighSize))
	case c.bounded && bytes.Compare(c.low, c.high) >= 0:
		return damage(atLow, "low fence is not below high fence")
	}
	c.used = append(c.used, extent{get16(p, atLow), get16(p, atLow) + len(c.low)}, extent{get16(p, atHigh), get16(p, atHigh) + len(c.high)})
	return c.prefix()
}

// prefix compares the prefix with the fences.
func (c *checker) prefix() error {
	strip := 0
	if c.bounded && len(c.low) > 0 {
		strip = common(c.low, c.high)
	}
	switch {
	case c.a.prefix > MaxKey(len(c.p)):
		return damage(atPrefix, "prefix is %d bytes", c.a.prefix)
	case c.a.strip != strip:
		return damage(atStrip, "%d bytes are stripped, not %d", c.a.strip, strip)
	case strip > 0 && c.a.prefix != strip:
		return damage(atPrefix, "prefix is %d bytes, fences share %d", c.a.prefix, strip)
	case !bytes.Equal(c.p[HeaderBytes:][:strip], c.low[:strip]):
		return damage(HeaderBytes, "prefix is not that of the fences")
	}
	return nil
}

// entries reads the entries in their order.
func (c *checker) entries() error {
	var key, last []byte
	p, a := c.p, &c.a
	for i := range a.count {
		cell, keyEnd, ok := a.span(p, i)
		if !ok {
			return damage(a.slots+slotBytes*i, "cell of entry %d is not in the page", i)
		}
		c.used = append(c.used, extent{a.slot(p, i), a.slot(p, i) + len(cell)})
		key = append(append(key[:0], p[HeaderBytes:][:a.strip]...), cell[a.cell:keyEnd]...)
		if n := len(key) + len(cell) - keyEnd; len(key) == 0 || len(key) > MaxKey(len(p)) || a.kind == Leaf && n > MaxInline(len(p)) {
			return damage(a.slot(p, i), "entry %d has a key of %d bytes, and is %d", i, len(key), n)
		}
		if !bytes.HasPrefix(key, p[HeaderBytes:][:a.prefix]) {
			return damage(a.slot(p, i), "entry %d has another prefix", i)
		}
		if at := a.heads + headBytes*i; get32(p, at) != head(key[a.prefix:]) {
			return damage(at, "head of entry %d is not that of its key", i)
		}
		switch {
		case i > 0 && bytes.Compare(last, key) >= 0:
			return damage(a.slot(p, i), "entry %d is out of order", i)
		case bytes.Compare(key, c.low) < 0 || c.bounded && bytes.Compare(key, c.high) >= 0:
			return damage(a.slot(p, i), "entry %d is not between the fences", i)
		}
		key, last = last, key
	}
	for i := 0; a.kind == Inner && i <= a.count; i++ {
		if at := a.children + childBytes*i; get32(p, at) == 0 {
			return damage(at, "child %d is 0", i)
		}
	}
	return nil
}

// heap looks whether each byte of the heap belongs to one thing, or is counted
// as garbage.
func (c *checker) heap() error {
	heap := get16(c.p, atHeap)
	slices.SortFunc(c.used, func(a, b extent) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	live, end := 0, heap
	for _, e := range c.used {
		if e.from == e.to {
			continue
		}
		if e.from < end {
			return damage(e.from, "a cell or a fence begins here, something else ends at %d", end)
		}
		live += e.to - e.from
		end = e.to
	}
	if garbage := get16(c.p, atGarbage); len(c.p)-heap-live != garbage {
		return damage(atGarbage, "%d bytes are garbage, not %d", len(c.p)-heap-live, garbage)
	}
	return nil
}
