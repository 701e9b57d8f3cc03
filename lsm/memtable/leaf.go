package memtable

import (
	"bytes"
	"math"
	"sync/atomic"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// Offsets of a leaf's fields, as doc.go draws them.
const (
	leafLow    = 0
	leafLowKey = 8
	leafHeight = 12
	leafPerm   = 16
	leafPrev   = 24
	leafNext   = 28
	leafHeads  = 32
	leafKeys   = leafHeads + 8*leafSlots
	leafUpper  = leafKeys + 4*leafSlots

	// leafSlots is how many keys a leaf has at most.
	leafSlots = 14

	// maxHeight is of the first leaf, which has a link at every level.
	maxHeight = 12

	firstLeafBytes = (leafUpper + 4*(maxHeight-1) + 7) &^ 7

	// leafShare is what a key takes of leaves at most: each leaf but the last
	// has leafSlots/2 of them or more, which makes it 28.6 bytes, and 29.7 with
	// towers.
	leafShare = 32

	// towerShare is what the links of a leaf above level 0 may take, in the
	// average of all leaves; they take a third of it.
	towerShare = 8
)

func (m *Table) perm(leaf uint32) *atomic.Uint64 { return m.atomic64(leaf + leafPerm) }
func (m *Table) prev(leaf uint32) *atomic.Uint32 { return m.atomic32(leaf + leafPrev) }

// next is a leaf's link at a level below its height.
func (m *Table) next(leaf uint32, level int) *atomic.Uint32 {
	if level == 0 {
		return m.atomic32(leaf + leafNext)
	}
	return m.atomic32(leaf + leafUpper + 4*uint32(level-1))
}

func (m *Table) headAt(leaf, slot uint32) *atomic.Uint64 {
	return m.atomic64(leaf + leafHeads + 8*slot)
}

func (m *Table) keyAt(leaf, slot uint32) *atomic.Uint32 {
	return m.atomic32(leaf + leafKeys + 4*slot)
}

func (m *Table) lowKey(leaf uint32) uint32 { return *(*uint32)(m.at(leaf + leafLowKey)) }

// A basis is one list of leaves.
type basis struct {
	// first is the leaf that is before all others.
	first uint32
	// prefix is what most keys begin with; heads are of what comes after it.
	prefix []byte
}

// head is the head of a key in the leaves of b. Where heads differ, they have
// the order of their keys; where they do not, keys must be compared.
func (b *basis) head(key []byte) uint64 {
	n := len(b.prefix)
	if len(key) >= n && string(key[:n]) == string(b.prefix) {
		return ikey.Head(key[n:])
	}
	if string(key) < string(b.prefix) {
		return 0
	}
	return math.MaxUint64
}

// A target is a key that is looked for: key, or that of node.
type target struct {
	head uint64
	node uint32
	key  []byte
}

// bytes is the key. Only who must compares it: nodes are far away.
func (t *target) bytes(m *Table) []byte {
	if t.key == nil {
		t.key = m.key(t.node)
	}
	return t.key
}

// begins reports whether t is not below a leaf's low. leaf is not the first.
func (m *Table) begins(leaf uint32, t *target) bool {
	if low := *(*uint64)(m.at(leaf + leafLow)); low != t.head {
		return low < t.head
	}
	return bytes.Compare(m.key(m.lowKey(leaf)), t.bytes(m)) <= 0
}

// seek returns the last leaf whose low is not above t: where t belongs, if
// nobody is splitting it just now.
func (m *Table) seek(b *basis, t *target) uint32 {
	leaf := b.first
	for level := maxHeight - 1; level >= 0; level-- {
		for {
			next := m.next(leaf, level).Load()
			if next == 0 || !m.begins(next, t) {
				break
			}
			leaf = next
		}
	}
	return leaf
}

// A perm says which slots of a leaf are in use, and in which order:
//
//	bits    what
//	0-3     count
//	4-59    14 slots of 4 bits: those in use in their keys' order, then the free
//	60-63   how many times the leaf was split, modulo 16
type perm uint64

const emptyPerm perm = 0x0DCBA9876543210 << 4

func (p perm) count() int        { return int(p & 15) }
func (p perm) slot(i int) uint32 { return uint32(p>>(4+4*i)) & 15 }

// insert puts the first free slot at place i.
func (p perm) insert(i int) perm {
	n := p.count()
	slot := perm(p.slot(n))
	below := perm(1)<<(4+4*i) - 1
	upto := perm(1)<<(4+4*n) - 1
	above := ^(perm(1)<<(8+4*n) - 1)
	return (p&above | p&upto&^below<<4 | slot<<(4+4*i) | p&below) + 1
}

// cut keeps the first n.
func (p perm) cut(n int) perm { return p&^15 + 1<<60 | perm(n) }

// A view is what a leaf had at one moment: all keys from its low to that of
// next.
type view struct {
	leaf, next uint32
	n          int
	keys       [leafSlots]uint32 // nodes, in order
	heads      [leafSlots]uint64
}

// load makes v a view of leaf. doc.go tells why it is one.
func (v *view) load(m *Table, leaf uint32) {
	for {
		next := m.next(leaf, 0).Load()
		p := perm(m.perm(leaf).Load())
		n := p.count()
		for i := range n {
			slot := p.slot(i) % 16
			v.keys[i] = m.keyAt(leaf, slot).Load()
			v.heads[i] = m.headAt(leaf, slot).Load()
		}
		if perm(m.perm(leaf).Load()) == p && m.next(leaf, 0).Load() == next {
			v.leaf, v.next, v.n = leaf, next, n
			break
		}
	}
	if v.next != 0 {
		// A split may have linked the new leaf, and not yet cut the old one.
		low := m.lowKey(v.next)
		for i := range v.n {
			if v.keys[i] == low {
				v.n = i
				break
			}
		}
	}
}

// loadFor makes v a view of the leaf where t belongs, which is leaf unless that
// was split meanwhile; then it is behind.
func (v *view) loadFor(m *Table, leaf uint32, t *target) {
	v.load(m, leaf)
	for v.next != 0 && m.begins(v.next, t) {
		v.load(m, v.next)
	}
}

// loadLast makes v a view of the last leaf, which is leaf or behind.
func (v *view) loadLast(m *Table, leaf uint32) {
	v.load(m, leaf)
	for v.next != 0 {
		v.load(m, v.next)
	}
}

// search returns the place of the first key that is not below t.
func (v *view) search(m *Table, t *target) int {
	i, j := 0, v.n
	for i < j {
		h := (i + j) / 2
		if v.heads[h] < t.head || v.heads[h] == t.head && bytes.Compare(m.key(v.keys[h]), t.bytes(m)) < 0 {
			i = h + 1
		} else {
			j = h
		}
	}
	return i
}
