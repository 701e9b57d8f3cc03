package vfs

import (
	"bytes"
	"math"
	"slices"
)

// contents is the bytes of one file: what is durable, what is read, and all
// between them that a power loss may leave. The rules are in the comment of
// Mem. Mem's lock guards it.
type contents struct {
	token    uint64 // under which now is changed
	now      tree   // what is read; bytes past size are zeros
	size     int64
	base     tree // what is durable
	baseSize int64

	dirty   map[int64]*dirtyPage // pages written since the last sync
	cuts    []cut                // since the last sync, in order
	lengths []length             // since the last sync, in order
	maps    []*memMapping
}

// A dirtyPage remembers the contents of its sectors since the last sync. The
// newest content of a sector whose bit in live is set is in contents.now, and
// was written when since[sector] cuts had been made.
type dirtyPage struct {
	live  uint8
	since [sectorsPerPage]int32
	old   *[sectorsPerPage][]version
}

// A version is an unsynced content of a sector that was overwritten or cut
// off. cuts is how many cuts had been made when it was written.
type version struct {
	cuts int32
	data *[sectorSize]byte
}

// maxVersions is how many overwritten contents a sector keeps: the first, the
// last and some between, since memory is finite.
const maxVersions = 8

// A cut is a range of bytes that became zeros: a truncation, or a hole.
type cut struct{ lo, hi int64 }

// freed returns the pages [first, end) that lie in c as a whole: their blocks
// are given back.
func (c cut) freed() (first, end int64) {
	first = (c.lo + pageSize - 1) / pageSize
	return first, max(first, c.hi/pageSize)
}

// partial returns the pages of which c covers a part, or -1.
func (c cut) partial() [2]int64 {
	first, last := c.lo/pageSize, c.hi/pageSize
	out := [2]int64{-1, -1}
	if c.lo%pageSize != 0 {
		out[0] = first
	}
	if c.hi%pageSize != 0 && c.hi != math.MaxInt64 && (last != first || out[0] < 0) {
		out[1] = last
	}
	return out
}

// within returns the part [lo, hi) of the n bytes at off that c covers.
func (c cut) within(off, n int64) (lo, hi int64) {
	lo, hi = max(0, c.lo-off), min(n, c.hi-off)
	return min(lo, n), max(hi, min(lo, n))
}

// A length is one that the file had since the last sync.
type length struct {
	size int64
	cuts int  // made before, including the truncation that set this length
	how  grow // how the file came to it
}

type grow uint8

const (
	byWrite    grow = iota // block by block, as data reach the disk
	byTruncate             // at once
	byCut                  // at once, with the cut before it
)

// maxLengths is how many lengths in a row, all grown by writes, are kept.
const maxLengths = 16

func (c *contents) pending() bool {
	return len(c.dirty) > 0 || len(c.cuts) > 0 || len(c.lengths) > 0
}

func (c *contents) write(m *Mem, p []byte, off int64) {
	for _, x := range c.maps {
		x.write(p, off)
	}
	if len(p) == 0 {
		return
	}
	end := off + int64(len(p))
	for len(p) > 0 {
		at := off % pageSize
		n := min(int64(len(p)), pageSize-at)
		c.writePage(m, off/pageSize, at, p[:n])
		p, off = p[n:], off+n
	}
	if end > c.size {
		c.setSize(end, byWrite)
	}
}

func (c *contents) writePage(m *Mem, n, at int64, p []byte) {
	if c.now.get(n) == nil && isZero(p) {
		return // a version that equals what its absence leaves here
	}
	d := c.dirty[n]
	if d == nil {
		if c.dirty == nil {
			c.dirty = map[int64]*dirtyPage{}
		}
		d = &dirtyPage{}
		c.dirty[n] = d
	}
	for s := at / sectorSize; s*sectorSize < at+int64(len(p)); s++ {
		c.keep(m, n, d, s)
		d.live |= 1 << s
		d.since[s] = int32(len(c.cuts))
	}
	copy(c.now.own(n, c.token, &m.work)[at:], p)
}

// keep puts the newest content of a sector, where it is unsynced, among the
// old ones.
func (c *contents) keep(m *Mem, n int64, d *dirtyPage, s int64) {
	if d.live&(1<<s) == 0 {
		return
	}
	data := new([sectorSize]byte)
	if p := c.now.get(n); p != nil {
		copy(data[:], p[s*sectorSize:])
	}
	if d.old == nil {
		d.old = new([sectorsPerPage][]version)
	}
	d.old[s] = thin(append(d.old[s], version{d.since[s], data}), maxVersions)
	m.work.versionsKept++
}

// thin drops every second element, but not the first and the last, of a list
// that is longer than n. The older ones get rarer.
func thin[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	out := list[:1]
	for i := 2; i < len(list); i += 2 {
		out = append(out, list[i])
	}
	if len(list)%2 == 0 {
		out = append(out, list[len(list)-1])
	}
	clear(list[len(out):])
	return out
}

func isZero(p []byte) bool {
	var zeros page
	for len(p) > pageSize {
		if !bytes.Equal(p[:pageSize], zeros[:]) {
			return false
		}
		p = p[pageSize:]
	}
	return bytes.Equal(p, zeros[:len(p)])
}

func (c *contents) setSize(size int64, how grow) {
	c.size = size
	c.lengths = append(c.lengths, length{size, len(c.cuts), how})
	run := len(c.lengths)
	for run > 0 && c.lengths[run-1].how == byWrite && c.lengths[run-1].cuts == len(c.cuts) {
		run--
	}
	kept := thin(c.lengths[run:], maxLengths)
	c.lengths = c.lengths[:run+len(kept)]
}

func (c *contents) truncate(m *Mem, size int64) {
	switch {
	case size > c.size:
		c.setSize(size, byTruncate)
	case size < c.size:
		c.cut(m, cut{size, math.MaxInt64})
		c.setSize(size, byCut)
	}
}

// cut makes a range zeros. Whole pages are freed; in the others zeros are
// written.
func (c *contents) cut(m *Mem, k cut) {
	c.cuts = append(c.cuts, k)
	first, end := k.freed()
	for n, d := range c.dirty {
		if first <= n && n < end {
			for s := range int64(sectorsPerPage) {
				c.keep(m, n, d, s)
			}
			d.live = 0
		}
	}
	c.now.drop(first, end, c.token)
	var zeros page
	for _, n := range k.partial() {
		if n >= 0 && c.now.get(n) != nil {
			lo, hi := k.within(n*pageSize, pageSize)
			c.writePage(m, n, lo, zeros[lo:hi])
		}
	}
	for _, x := range c.maps {
		x.zero(k)
	}
}

func (c *contents) sync(m *Mem) {
	if !c.pending() {
		return
	}
	c.base, c.baseSize = c.now, c.size
	if len(c.dirty) > 64 {
		c.dirty = nil // clear would cost what the largest one did, for ever
	}
	clear(c.dirty)
	c.cuts, c.lengths = c.cuts[:0], c.lengths[:0]
	c.token = m.newToken()
}

// syncRange makes the pages of [off, off+n) durable, with all cuts, since the
// journal keeps their order, and the length that reading them needs.
func (c *contents) syncRange(m *Mem, off, n int64) {
	c.baseSize = max(c.settledSize(), off+n)
	c.lengths = c.lengths[:0]
	if c.size > c.baseSize {
		c.lengths = append(c.lengths, length{c.size, 0, byWrite})
	}
	token := m.newToken()
	for _, k := range c.cuts {
		c.base.zero(k, token, &m.work)
	}
	for pn, d := range c.dirty {
		c.settle(pn, d)
	}
	c.cuts = c.cuts[:0]
	for pn := off / pageSize; pn*pageSize < off+n; pn++ {
		if p := c.now.get(pn); p != nil {
			c.base.share(pn, p, token)
		} else {
			c.base.drop(pn, pn+1, token)
		}
		delete(c.dirty, pn)
	}
	c.token = m.newToken()
}

// settledSize is the length once all that is pending but growth by writes has
// become durable.
func (c *contents) settledSize() int64 {
	size := c.baseSize
	for _, l := range c.lengths {
		if l.how != byWrite {
			size = l.size
		}
	}
	return size
}

// settle applies all cuts to the versions of a page.
func (c *contents) settle(pn int64, d *dirtyPage) {
	d.since = [sectorsPerPage]int32{}
	if d.old == nil {
		return
	}
	for s := range d.old {
		for i, v := range d.old[s] {
			off := pn*pageSize + int64(s)*sectorSize
			applyCuts(v.data, off, c.cuts[v.cuts:])
			d.old[s][i].cuts = 0
		}
	}
}

func applyCuts(data *[sectorSize]byte, off int64, cuts []cut) {
	for _, k := range cuts {
		lo, hi := k.within(off, sectorSize)
		clear(data[lo:hi])
	}
}

// unsynced counts the sectors that have a content which is not durable.
func (c *contents) unsynced() (sectors int) {
	for _, d := range c.dirty {
		for s := range sectorsPerPage {
			if d.live&(1<<s) != 0 || d.old != nil && len(d.old[s]) > 0 {
				sectors++
			}
		}
	}
	return sectors
}

func (c *contents) unmap(x *memMapping) {
	c.maps = slices.DeleteFunc(c.maps, func(y *memMapping) bool { return x == y })
}
