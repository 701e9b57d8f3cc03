package vfs

import "slices"

// pageSize is the block of the file system: what is allocated, freed and
// copied as a whole. Direct I/O writes whole pages.
const pageSize = DirectAlign

const (
	sectorSize     = 512
	sectorsPerPage = pageSize / sectorSize
	// leafPages is how many pages a leaf holds: 1 MiB.
	leafPages = 256
)

type page = [pageSize]byte

// A tree is the content of a file: pages that may be shared with other trees.
// A page that is absent reads as zeros. A tree is copied by assignment; from
// then on each side changes it under tokens of its own. Whoever changes a
// tree under a token copies first what was made under another one, so that a
// token must never be used again once the tree was copied.
//
// Costs: a change copies the page, the leaf above it (a pointer and a token
// for each page of 1 MiB) and the list of leaves (a pointer for each MiB of
// the file), each once in a token.
type tree struct {
	token  uint64
	leaves []*leaf
}

type leaf struct {
	token uint64
	slots []slot
}

type slot struct {
	page  *page
	token uint64
}

// get returns page n, or nil for zeros. Nobody may change it.
func (t *tree) get(n int64) *page {
	i := n / leafPages
	if i >= int64(len(t.leaves)) || t.leaves[i] == nil {
		return nil
	}
	l, j := t.leaves[i], int(n%leafPages)
	if j >= len(l.slots) {
		return nil
	}
	return l.slots[j].page
}

// own returns page n to be changed under the token.
func (t *tree) own(n int64, token uint64, work *memWork) *page {
	s := t.slot(n, token)
	switch {
	case s.page == nil:
		s.page = new(page)
		work.pagesMade++
	case s.token != token:
		p := *s.page
		s.page = &p
		work.pagesCopied++
	}
	s.token = token
	return s.page
}

// share makes p page n. Its owner must give up the token that it was made
// under.
func (t *tree) share(n int64, p *page, token uint64) {
	*t.slot(n, token) = slot{page: p}
}

func (t *tree) slot(n int64, token uint64) *slot {
	t.ownLeaves(token)
	i := int(n / leafPages)
	if i >= len(t.leaves) {
		t.leaves = append(t.leaves, make([]*leaf, i+1-len(t.leaves))...)
	}
	l := t.ownLeaf(i, token)
	j := int(n % leafPages)
	if j >= len(l.slots) {
		l.slots = append(l.slots, make([]slot, j+1-len(l.slots))...)
	}
	return &l.slots[j]
}

func (t *tree) ownLeaves(token uint64) {
	if t.token != token {
		t.leaves = slices.Clone(t.leaves)
		t.token = token
	}
}

// ownLeaf needs ownLeaves first.
func (t *tree) ownLeaf(i int, token uint64) *leaf {
	l := t.leaves[i]
	switch {
	case l == nil:
		l = &leaf{token: token}
	case l.token != token:
		l = &leaf{token: token, slots: slices.Clone(l.slots)}
	}
	t.leaves[i] = l
	return l
}

// drop makes the pages [first, end) absent.
func (t *tree) drop(first, end int64, token uint64) {
	end = min(end, int64(len(t.leaves))*leafPages)
	if first >= end {
		return
	}
	t.ownLeaves(token)
	for n := first; n < end; {
		i := int(n / leafPages)
		start := int64(i) * leafPages
		stop := min(end, start+leafPages)
		if l := t.leaves[i]; l != nil {
			if n == start && stop-start >= int64(len(l.slots)) {
				t.leaves[i] = nil
			} else {
				slots := t.ownLeaf(i, token).slots
				clear(slots[min(n-start, int64(len(slots))):min(stop-start, int64(len(slots)))])
			}
		}
		n = stop
	}
	last := len(t.leaves)
	for last > 0 && t.leaves[last-1] == nil {
		last--
	}
	t.leaves = t.leaves[:last]
}

// zero makes the bytes of a cut zeros: whole pages go, parts are overwritten.
func (t *tree) zero(c cut, token uint64, work *memWork) {
	first, end := c.freed()
	t.drop(first, end, token)
	for _, n := range c.partial() {
		if n >= 0 && t.get(n) != nil {
			lo, hi := c.within(n*pageSize, pageSize)
			clear(t.own(n, token, work)[lo:hi])
		}
	}
}

// readAt fills dst from the offset on, and does not know the length.
func (t *tree) readAt(dst []byte, off int64) {
	for len(dst) > 0 {
		at := off % pageSize
		n := min(int64(len(dst)), pageSize-at)
		if p := t.get(off / pageSize); p != nil {
			copy(dst[:n], p[at:])
		} else {
			clear(dst[:n])
		}
		dst, off = dst[n:], off+n
	}
}
