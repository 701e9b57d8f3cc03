package page

import "bytes"

// InitLeaf makes p an empty leaf for keys from low on and, if high is not nil,
// below it. Fences are at most MaxKey; p does not hold them.
func InitLeaf(p []byte, id ID, low, high []byte, next ID) {
	Init(p, Leaf, id)
	SetNext(p, next)
	initFences(p, low, high)
}

func initFences(p, low, high []byte) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	l := plan{kind: KindOf(p), low: low, high: high, bounded: high != nil}
	if l.fit(s, len(p)) {
		l.write(p)
	}
}

// Cell returns entry i of a leaf; payload is a slice of p. If ok is false,
// there is none, or the page makes no sense.
func Cell(p []byte, i int) (flags uint8, payload []byte, ok bool) {
	var a areas
	if !a.parse(p) || a.kind != Leaf || uint(i) >= uint(a.count) {
		return 0, nil, false
	}
	cell, keyEnd, ok := a.span(p, i)
	if !ok {
		return 0, nil, false
	}
	return cell[flagsAt], cell[keyEnd:], true
}

// Insert adds an entry as the i-th of a leaf, where Find says that key belongs.
// Key and payload are at most MaxInline, key at most MaxKey; neither is a slice
// of p. It reports false if there is no room; p is unchanged then.
func Insert(p []byte, i int, key []byte, flags uint8, payload []byte) bool {
	var a areas
	if !a.parse(p) || a.kind != Leaf {
		return false
	}
	off, ok := a.open(p, i, key, len(payload))
	if !ok {
		return false
	}
	key = key[a.strip:]
	cell := p[off:][:leafCell+len(key)+len(payload)]
	put16(cell, 0, len(key))
	put16(cell, 2, len(payload))
	cell[flagsAt] = flags
	copy(cell[leafCell:], key)
	copy(cell[leafCell+len(key):], payload)
	return true
}

// open makes place for entry i: in the arrays, where it writes head and slot,
// and for a cell, which it returns the place of. It may rebuild p, and then
// parses it anew. If it reports false, p is unchanged.
func (a *areas) open(p []byte, i int, key []byte, payload int) (off int, ok bool) {
	if uint(i) > uint(a.count) || !bytes.HasPrefix(key, p[HeaderBytes:][:a.strip]) {
		return 0, false
	}
	size := a.cell + len(key) - a.strip + payload
	heap := get16(p, atHeap)
	if most, anew := a.mostPrefix(p, key); anew || a.count == a.room || heap < a.end+size || heap > len(p) {
		if !rebuild(p, most, 1, size) || !a.parse(p) {
			return 0, false
		}
		heap = get16(p, atHeap)
		if heap < a.end+size || a.count == a.room || len(key) < a.prefix {
			return 0, false // it was damaged
		}
	}
	off = heap - size
	put16(p, atHeap, off)
	put16(p, atCount, a.count+1)
	heads := p[a.heads:][:headBytes*(a.count+1)]
	copy(heads[headBytes*(i+1):], heads[headBytes*i:])
	put32(heads, headBytes*i, head(key[a.prefix:]))
	slots := p[a.slots:][:slotBytes*(a.count+1)]
	copy(slots[slotBytes*(i+1):], slots[slotBytes*i:])
	put16(slots, slotBytes*i, off)
	a.count++
	return off, true
}

// mostPrefix returns how long the prefix can be once key is here, too, and
// whether p has to be rebuilt for it: because it cannot stay, or since a longer
// one is there to be had, which is asked each time that the entries have
// doubled.
func (a *areas) mostPrefix(p, key []byte) (most int, anew bool) {
	if a.strip > 0 {
		return anyPrefix, false
	}
	if a.count == 0 {
		return 0, a.prefix > 0
	}
	first, ok := a.key(p, 0)
	if !ok {
		return 0, true
	}
	most = common(first, key)
	if a.prefix > most {
		return most, true
	}
	if a.count < 4 || a.count&(a.count-1) != 0 {
		return most, false
	}
	last, ok := a.key(p, a.count-1)
	return most, ok && min(common(first, last), most) > a.prefix
}

// close takes entry i out of the arrays, and gives its cell up.
func (a *areas) close(p []byte, i int) {
	cell, _, ok := a.span(p, i)
	if !ok {
		return
	}
	a.drop(p, a.slot(p, i), len(cell))
	heads := p[a.heads:][:headBytes*a.count]
	copy(heads[headBytes*i:], heads[headBytes*(i+1):])
	slots := p[a.slots:][:slotBytes*a.count]
	copy(slots[slotBytes*i:], slots[slotBytes*(i+1):])
	a.count--
	put16(p, atCount, a.count)
}

// drop gives up size bytes at off, of the heap.
func (a *areas) drop(p []byte, off, size int) {
	if heap := get16(p, atHeap); off == heap {
		put16(p, atHeap, heap+size)
		return
	}
	put16(p, atGarbage, get16(p, atGarbage)+size)
}

// Replace gives entry i of a leaf other flags and another payload, which is no
// slice of p. It reports false if there is no room; p is unchanged then.
func Replace(p []byte, i int, flags uint8, payload []byte) bool {
	var a areas
	if !a.parse(p) || a.kind != Leaf || uint(i) >= uint(a.count) {
		return false
	}
	cell, keyEnd, ok := a.span(p, i)
	if !ok {
		return false
	}
	if old := len(cell) - keyEnd; len(payload) <= old {
		put16(cell, 2, len(payload))
		cell[flagsAt] = flags
		copy(cell[keyEnd:], payload)
		put16(p, atGarbage, get16(p, atGarbage)+old-len(payload))
		return true
	}
	return a.move(p, i, flags, payload)
}

// move is Replace where the cell has no place for the payload.
func (a *areas) move(p []byte, i int, flags uint8, payload []byte) bool {
	cell, keyEnd, ok := a.span(p, i)
	if !ok || a.used(p)-len(cell)+keyEnd+len(payload) > len(p) {
		return false
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	if s.mid, ok = a.appendKey(s.mid[:0], p, i); !ok {
		return false
	}
	a.close(p, i)
	return Insert(p, i, s.mid, flags, payload)
}

// used is how much of a page cannot be free: Used without a prefix that can be
// given up.
func (a *areas) used(p []byte) int {
	return arraysAt(a.strip) + firstBytes(a.kind) + entryBytes(a.kind)*a.count + a.live(p)
}

// Delete takes entry i out of a leaf.
func Delete(p []byte, i int) {
	var a areas
	if a.parse(p) && a.kind == Leaf && uint(i) < uint(a.count) {
		a.close(p, i)
	}
}
