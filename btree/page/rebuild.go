package page

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// A scratch is what a rebuild reads from, since it writes over the page.
type scratch struct {
	page  [MaxPageBytes]byte
	first []byte // keys
	last  []byte
	mid   []byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// copyOf returns a copy of p, and where its arrays are; false, if it makes no
// sense.
func (s *scratch) copyOf(p []byte) (c []byte, a areas, ok bool) {
	if len(p) > MaxPageBytes {
		return nil, a, false
	}
	c = s.page[:copy(s.page[:], p)]
	return c, a, a.parse(c)
}

// A part is entries [from, to) of a page. In an inner page, children
// [from, to] come with them.
type part struct {
	p        []byte
	a        areas
	from, to int
}

// A plan is what a leaf or an inner page shall become. Its bytes are not in the
// page that is written.
type plan struct {
	kind      Kind
	low, high []byte
	bounded   bool // there is a high fence
	parts     []part
	mid       []byte // between two parts: a separator, if these are inner pages
	most      int    // of the prefix, where cells are whole
	entries   int    // that are about to be added
	spare     int    // bytes that their cells will take

	// What fit finds.
	count, prefix, strip, room, heap int
	first                            []byte // the first key
}

// anyPrefix is a plan's most where nothing bounds the prefix.
const anyPrefix = MaxPageBytes

// fit works out the arrays of a page of so many bytes. It reports whether all
// fits; nothing was written then.
func (l *plan) fit(s *scratch, pageBytes int) bool {
	l.count = 0
	for i := range l.parts {
		l.count += l.parts[i].to - l.parts[i].from
	}
	merged := l.kind == Inner && len(l.parts) == 2
	if merged {
		l.count++
	}
	l.strip = 0
	if l.bounded && len(l.low) > 0 {
		l.strip = common(l.low, l.high)
	}
	l.prefix = l.strip
	cells := 0
	for i := range l.parts {
		n, ok := l.cells(&l.parts[i])
		if !ok {
			return false
		}
		cells += n
	}
	if merged {
		if len(l.mid) < l.strip {
			return false
		}
		cells += innerCell + len(l.mid) - l.strip
	}
	l.heap = pageBytes - len(l.low) - len(l.high) - cells
	each := entryBytes(l.kind)
	free := l.heap - l.spare - arraysAt(l.strip) - firstBytes(l.kind) - each*(l.count+l.entries)
	if free < 0 {
		return false
	}
	if l.strip == 0 && !l.share(s, free) {
		return false
	}
	free -= arraysAt(l.prefix) - arraysAt(l.strip)
	l.room = l.count + l.entries + l.extra(free, cells)
	return true
}

// extra is for how many more entries there should be room, if so many bytes
// are free: as many as fit, if their cells are like those that are there.
func (l *plan) extra(free, cells int) int {
	average := 10 * cellBytes(l.kind)
	if n := l.count + l.entries; n > 0 {
		average = max((cells+l.spare)/n, cellBytes(l.kind))
	}
	return free / (average + entryBytes(l.kind))
}

// cells is the size of the cells of a part, as they will be.
func (l *plan) cells(t *part) (size int, ok bool) {
	grow := t.a.strip - l.strip
	for i := t.from; i < t.to; i++ {
		cell, keyEnd, ok := t.a.span(t.p, i)
		if !ok || keyEnd-t.a.cell+grow < 0 {
			return 0, false
		}
		size += len(cell) + grow
	}
	return size, true
}

// share finds the prefix of a page whose cells are whole: what its first and
// its last key share, but not more than is free.
func (l *plan) share(s *scratch, free int) bool {
	if l.count < 2 || l.most == 0 {
		return true
	}
	var ok1, ok2 bool
	s.first, ok1 = l.end(s.first[:0], &l.parts[0], false)
	s.last, ok2 = l.end(s.last[:0], &l.parts[len(l.parts)-1], true)
	if !ok1 || !ok2 {
		return false
	}
	l.first = s.first
	l.prefix = min(common(s.first, s.last), l.most, free&^3)
	return true
}

// end appends the first or the last key of the plan, of which t is the first or
// the last part.
func (l *plan) end(dst []byte, t *part, last bool) (key []byte, ok bool) {
	switch {
	case t.from < t.to && last:
		return t.a.appendKey(dst, t.p, t.to-1)
	case t.from < t.to:
		return t.a.appendKey(dst, t.p, t.from)
	case l.kind == Inner: // a page with an only child
		return append(dst, l.mid...), true
	}
	for i := range l.parts { // the other one has all the entries
		if o := &l.parts[i]; o.from < o.to {
			return l.end(dst, o, last)
		}
	}
	return dst, false
}

// write makes p what fit found. It leaves what the header says of the page as a
// whole: kind, id, stamp, level, next.
func (l *plan) write(p []byte) {
	put16(p, atCount, l.count)
	put16(p, atRoom, l.room)
	put16(p, atPrefix, l.prefix)
	put16(p, atStrip, l.strip)
	put16(p, atHeap, l.heap)
	put16(p, atGarbage, 0)
	l.fences(p)
	if l.strip > 0 {
		copy(p[HeaderBytes:], l.low[:l.strip])
	} else {
		copy(p[HeaderBytes:], l.first[:l.prefix])
	}
	var a areas
	if !a.parse(p) {
		return // fit does not let this be
	}
	w := writer{p: p, a: a, off: l.heap}
	for n := range l.parts {
		if n > 0 && l.kind == Inner {
			w.separator(l.mid)
		}
		w.part(&l.parts[n])
	}
}

func (l *plan) fences(p []byte) {
	at := len(p) - len(l.low) - len(l.high)
	put16(p, atLow, at)
	put16(p, atLowSize, len(l.low))
	at += copy(p[at:], l.low)
	p[atFlags] = flagNoHigh
	if l.bounded {
		p[atFlags] = 0
	}
	put16(p, atHigh, at)
	put16(p, atHighSize, len(l.high))
	copy(p[at:], l.high)
}

// A writer appends entries to a page, whose header is written.
type writer struct {
	p     []byte
	a     areas
	i     int // the next entry
	child int // the next child
	off   int // where the next cell goes
}

// part appends a part. Cells are copied as they are, if as much is stripped of
// them as before, and heads are, if they follow the same prefix.
func (w *writer) part(t *part) {
	first, heads := w.i, t.a.prefix == w.a.prefix
	before := t.p[HeaderBytes:][:t.a.strip]
	for i := t.from; i < t.to; i++ {
		cell, keyEnd, ok := t.a.span(t.p, i)
		if !ok {
			return
		}
		off := w.off
		if t.a.strip == w.a.strip {
			w.off += copy(w.p[off:], cell)
		} else {
			copy(w.p[off:], cell[:t.a.cell])
			w.key(before, cell[t.a.cell:keyEnd])
			w.off += copy(w.p[w.off:], cell[keyEnd:])
		}
		w.entry(off, heads)
	}
	if heads {
		copy(w.p[w.a.heads+headBytes*first:], t.p[t.a.heads+headBytes*t.from:][:headBytes*(t.to-t.from)])
	}
	if t.a.kind == Inner {
		n := copy(w.p[w.a.children+childBytes*w.child:], t.p[t.a.children+childBytes*t.from:][:childBytes*(t.to-t.from+1)])
		w.child += n / childBytes
	}
}

// separator appends one.
func (w *writer) separator(key []byte) {
	off := w.off
	w.key(nil, key)
	w.entry(off, false)
}

// key appends a cell up to the end of its key, which is in two parts, but
// leaves what is before, except for its size.
func (w *writer) key(before, key []byte) {
	off := w.off
	w.off += w.a.cell
	if n := len(before) - w.a.strip; n >= 0 {
		w.off += copy(w.p[w.off:], before[w.a.strip:])
	} else {
		key = key[-n:]
	}
	w.off += copy(w.p[w.off:], key)
	put16(w.p, off, w.off-off-w.a.cell)
}

// entry appends to the arrays what the cell at off needs there; its head, too,
// unless it is copied.
func (w *writer) entry(off int, copied bool) {
	put16(w.p, w.a.slots+slotBytes*w.i, off)
	if !copied {
		rest, _ := w.a.rest(w.p, w.i)
		put32(w.p, w.a.heads+headBytes*w.i, head(rest))
	}
	w.i++
}

// common is how many bytes two keys share from the beginning.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// Rebuild makes one free area of all that is free in a leaf or an inner page,
// and finds its prefix and the room of its arrays anew.
func Rebuild(p []byte) { rebuild(p, anyPrefix, 0, 0) }

// rebuild is Rebuild with a prefix of at most so many bytes, if cells are
// whole. So many entries, whose cells take so many bytes, will fit then; if
// they cannot, it reports false, and p is unchanged.
func rebuild(p []byte, most, entries, spare int) bool {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	c, a, ok := s.copyOf(p)
	if !ok {
		return false
	}
	low, high, bounded, ok := Fences(c)
	if !ok {
		return false
	}
	l := plan{
		kind: a.kind, low: low, high: high, bounded: bounded,
		parts: []part{{c, a, 0, a.count}},
		most:  most, entries: entries, spare: spare,
	}
	if !l.fit(s, len(p)) {
		return false
	}
	l.write(p)
	return true
}

// SetFences gives a leaf or an inner page other fences, which all its keys are
// within; there is no high fence unless bounded. It reports false if they do
// not fit, or do not fit the keys; p is unchanged then.
func SetFences(p, low, high []byte, bounded bool) bool {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	c, a, ok := s.copyOf(p)
	if !ok {
		return false
	}
	if !bounded {
		high = nil
	}
	s.mid = append(append(s.mid[:0], low...), high...) // they may be of p
	low, high = s.mid[:len(low)], s.mid[len(low):]
	l := plan{
		kind: a.kind, low: low, high: high, bounded: bounded,
		parts: []part{{c, a, 0, a.count}}, most: anyPrefix,
	}
	if !l.fit(s, len(p)) {
		return false
	}
	l.write(p)
	return true
}
