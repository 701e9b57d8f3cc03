package vfs

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Crash returns a file system that a power loss at this moment may leave. m
// goes on unchanged, and what is written to one does not show in the other.
// What the new one holds is durable. Nobody holds a lock on it, and handles of
// m stay with m.
//
// The same seed and the same history, one operation after another, give the
// same result. The chance to survive is drawn from the seed, apart for bytes,
// lengths and names, and in half of the crashes for each file: all and
// nothing come up as often as what is between.
func (m *Mem) Crash(seed uint64) *Mem { return m.crash(newDice(seed)) }

// An Image is an extreme of what a crash may leave.
type Image uint8

const (
	// Synced is what the rules promise and nothing else: a power loss from
	// which nothing survives that may be lost.
	Synced Image = iota
	// Written is everything as it is now: what the end of the process leaves,
	// such as by kill -9, or a power loss in luck.
	Written
)

// String names the image in messages of tests.
func (i Image) String() string {
	if i == Synced {
		return "only what was synced"
	}
	return "all that was written"
}

// Image is Crash without chance.
func (m *Mem) Image(i Image) *Mem { return m.crash(i) }

// A chooser decides what survives. It is asked in an order that depends on
// the history alone, and on its own answers.
type chooser interface {
	// name decides whether an operation on names survives.
	name() bool
	// file tells that what follows is about another file.
	file()
	// cuts returns how many of n cuts survive.
	cuts(n int) int
	// length picks one of n lengths, in the order they had; 0 is durable.
	length(n int) int
	// block picks one of n places to end at: 0 is the whole length.
	block(n int) int
	// sector picks from n versions, in the order they had; 0 is durable. It
	// begins as a, and as b from byte at on.
	sector(n int) (a, b, at int)
}

func (m *Mem) crash(ch chooser) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := m.survivingNames(ch)
	out := &Mem{tokens: m.tokens}
	made := map[*inode]*inode{}
	var build func(n *inode) *inode
	build = func(n *inode) *inode {
		if x := made[n]; x != nil {
			return x
		}
		if !n.isDir() {
			ch.file()
			made[n] = &inode{contents: n.survive(m, ch)}
			return made[n]
		}
		dir := newDir()
		made[n] = dir
		of := names(n)
		for _, name := range slices.Sorted(maps.Keys(of)) {
			dir.names[name] = build(of[name])
		}
		dir.synced = maps.Clone(dir.names)
		return dir
	}
	out.root = build(m.root)
	return out
}

// survivingNames decides about names and returns those of each directory.
func (m *Mem) survivingNames(ch chooser) func(dir *inode) map[string]*inode {
	changed := map[*inode]map[string]*inode{}
	names := func(dir *inode) map[string]*inode {
		if x := changed[dir]; x != nil {
			return x
		}
		return dir.synced
	}
	for _, a := range m.atoms {
		if !applies(a, names) || !ch.name() {
			continue
		}
		for _, x := range a {
			if changed[x.dir] == nil {
				changed[x.dir] = maps.Clone(x.dir.synced)
			}
			setName(changed[x.dir], x.name, x.now)
		}
	}
	return names
}

// applies says whether an operation can have survived, given which earlier
// ones did: its names are as it found them, and no directory moves into
// itself.
func applies(a atom, names func(*inode) map[string]*inode) bool {
	for _, x := range a {
		if names(x.dir)[x.name] != x.was {
			return false
		}
	}
	return len(a) < 2 || !movesDir(a) || !within(a[1].now, a[1].dir, names)
}

// survive decides about the bytes and the length of a file. m's lock is held.
func (c *contents) survive(m *Mem, ch chooser) contents {
	token := m.newToken()
	t, size := c.base, c.baseSize
	if c.pending() {
		cuts := ch.cuts(len(c.cuts))
		for _, k := range c.cuts[:cuts] {
			t.zero(k, token, &m.work)
		}
		size = c.survivingLength(cuts, ch)
		for _, n := range slices.Sorted(maps.Keys(c.dirty)) {
			if n*pageSize < size {
				c.survivingPage(m, ch, survivor{n, cuts, size}, &t, token)
			}
		}
		t.zero(cut{size, math.MaxInt64}, token, &m.work)
	}
	return contents{token: m.newToken(), now: t, size: size, base: t, baseSize: size}
}

func (c *contents) survivingLength(cuts int, ch chooser) int64 {
	legal := c.legalLengths(cuts)
	i := ch.length(len(legal))
	size := legal[i].size
	if blocks := blocksBetween(legal, i); blocks > 0 {
		if j := ch.block(blocks + 1); j > 0 {
			size = (legal[i-1].size/pageSize + int64(j)) * pageSize
		}
	}
	return size
}

// legalLengths are those of a crash that so many cuts survive. The first is
// the one that no growth survives.
func (c *contents) legalLengths(cuts int) []length {
	legal := []length{{c.baseSize, 0, byTruncate}}
	for _, l := range c.lengths {
		if l.how == byCut {
			if l.cuts > cuts {
				break
			}
			legal = legal[:0]
		}
		legal = append(legal, l)
	}
	return legal
}

// blocksBetween counts the ends of blocks between length i and the one before
// it, at which the file may end too.
func blocksBetween(legal []length, i int) int {
	if i == 0 || legal[i].how != byWrite {
		return 0
	}
	return int((legal[i].size-1)/pageSize - legal[i-1].size/pageSize)
}

// A survivor is a page in a crash that so many cuts and a length survive.
type survivor struct {
	n    int64
	cuts int
	size int64
}

// survivingPage decides about the sectors of a page and changes them in t.
func (c *contents) survivingPage(m *Mem, ch chooser, at survivor, t *tree, token uint64) {
	var picks [sectorsPerPage]struct {
		versions []version
		a, b, at int
	}
	newest := 0 // sectors that survive as they are
	for s := range picks {
		x := &picks[s]
		if x.versions = c.legalVersions(at, s); len(x.versions) == 0 {
			continue
		}
		m.work.sectorsDecided++
		x.a, x.b, x.at = ch.sector(len(x.versions) + 1)
		last := x.versions[len(x.versions)-1]
		if last.data == nil && x.a == len(x.versions) && x.a == x.b && int(last.cuts) >= at.cuts {
			newest++
		}
	}
	if newest == sectorsPerPage {
		t.share(at.n, c.now.get(at.n), token)
		c.token = m.newToken()
		return
	}
	for s := range picks {
		x := &picks[s]
		if x.a == 0 && x.b == 0 {
			continue
		}
		off := at.n*pageSize + int64(s)*sectorSize
		begin, end := c.version(x.versions, x.a, t, off, at.cuts), c.version(x.versions, x.b, t, off, at.cuts)
		dst := t.own(at.n, token, &m.work)[s*sectorSize:][:sectorSize]
		copy(dst, begin[:])
		copy(dst[x.at:], end[x.at:])
	}
}

// legalVersions are the contents, other than the durable one, that sector s of
// a page may have, in order. The data of the newest are nil: they are in the
// file. A cut that freed the page took what was written before, if it
// survived; if not, what was written later.
func (c *contents) legalVersions(at survivor, s int) []version {
	if at.n*pageSize+int64(s)*sectorSize >= at.size {
		return nil
	}
	first, end := 0, math.MaxInt32
	for i, k := range c.cuts {
		if lo, hi := k.freed(); at.n < lo || hi <= at.n {
			continue
		}
		if i >= at.cuts {
			end = i + 1
			break
		}
		first = i + 1
	}
	d := c.dirty[at.n]
	var legal []version
	if d.old != nil {
		legal = d.old[s]
		i, _ := slices.BinarySearchFunc(legal, first, byCuts)
		j, _ := slices.BinarySearchFunc(legal, end, byCuts)
		legal = legal[i:j:j]
	}
	if since := int(d.since[s]); d.live&(1<<s) != 0 && first <= since && since < end {
		legal = append(legal, version{cuts: d.since[s]})
	}
	return legal
}

func byCuts(v version, cuts int) int { return cmp.Compare(int(v.cuts), cuts) }

// version returns the content i of the sector at off: 0 is what t holds.
func (c *contents) version(versions []version, i int, t *tree, off int64, cuts int) (data [sectorSize]byte) {
	if i == 0 {
		t.readAt(data[:], off)
		return data
	}
	v := versions[i-1]
	if v.data != nil {
		data = *v.data
	} else {
		c.now.readAt(data[:], off)
	}
	if int(v.cuts) < cuts {
		applyCuts(&data, off, c.cuts[v.cuts:cuts])
	}
	return data
}
