package pool

// A ghost remembers the pages that were added last, as many as its ring is
// long, without what they held. A page that is taken out keeps its place in the
// ring.
type ghost struct {
	ring  []uint32 // page ids, by time of entry; 0 is none
	next  int
	entry map[uint32]uint32 // page id to its place in the ring
}

func newGhost(n int) ghost {
	return ghost{ring: make([]uint32, n), entry: map[uint32]uint32{}}
}

// add remembers a page and forgets the oldest.
func (g *ghost) add(page uint32) {
	if len(g.ring) == 0 || page == 0 {
		return
	}
	if old := g.ring[g.next]; old != 0 && g.entry[old] == uint32(g.next) {
		delete(g.entry, old)
	}
	g.ring[g.next] = page
	g.entry[page] = uint32(g.next)
	g.next = (g.next + 1) % len(g.ring)
}

// take reports whether a page is remembered, and forgets it.
func (g *ghost) take(page uint32) bool {
	_, ok := g.entry[page]
	delete(g.entry, page)
	return ok
}
