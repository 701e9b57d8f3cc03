package memtable

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
)

// A linker puts keys into leaves. There is one at work at a time.
type linker struct {
	// first is the leaf that is before all others. It never changes.
	first uint32

	mu sync.Mutex // of what follows

	low    uint32 // where leaves end; they are taken downwards
	spare  int    // bytes that towers may take
	random uint64 // for heights
	batch  []item

	// finger is, of each level, the last leaf that is not beyond the last key.
	finger [maxHeight]uint32
	at     view // of finger[0], as the linker last left it
}

// An item is a key that is to be ordered.
type item struct {
	head uint64
	node uint32
}

// keptItems is how large a batch's memory may stay.
const keptItems = 1 << 14

// begin makes l that of a new table.
func (l *linker) begin(m *Table) {
	l.low = uint32(len(m.region.Bytes())) &^ 7
	l.random = 1
	l.spare = fixedBytes / 4
	l.first, _ = l.leaf(m, maxHeight)
	*(*uint32)(m.at(l.first + leafLowKey)) = 0
	for level := range maxHeight {
		m.next(l.first, level).Store(0)
	}
	m.prev(l.first).Store(0)
	m.perm(l.first).Store(uint64(emptyPerm))
}

// reset gives up the batch's memory.
func (l *linker) reset() { l.batch = nil }

// Order puts in order all keys that were added before.
func (m *Table) Order() {
	m.linker.mu.Lock()
	m.linker.order(m)
	m.linker.mu.Unlock()
}

// order links what is pending.
func (l *linker) order(m *Table) {
	l.take(m)
	if len(l.batch) == 0 {
		return
	}
	slices.SortFunc(l.batch, func(a, b item) int {
		if c := cmp.Compare(a.head, b.head); c != 0 {
			return c
		}
		return bytes.Compare(m.key(a.node), m.key(b.node))
	})
	for level := range l.finger {
		l.finger[level] = l.first
	}
	l.at.load(m, l.first)
	for _, it := range l.batch {
		l.insert(m, it)
	}
	if l.batch = l.batch[:0]; cap(l.batch) > keptItems {
		l.batch = nil
	}
}

// take makes all pending keys the batch, but those that are unsettled: nobody
// whose Add has returned needs them.
func (l *linker) take(m *Table) {
	for i := range m.pending {
		for node := uint32(m.pending[i].head.Swap(0)); node != 0; {
			next := *m.link(node)
			switch m.newest(node).Load() {
			case unsettled:
				m.push(uint64(i), node)
			case orphan:
			default:
				l.batch = append(l.batch, item{m.head(m.key(node)), node})
			}
			node = next
		}
	}
}

// insert puts a key into its leaf. Keys of a batch come in their order.
func (l *linker) insert(m *Table, it item) {
	key := m.key(it.node)
	if l.at.next != 0 && m.begins(l.at.next, it.head, key) {
		l.move(m, it.head, key)
	}
	i := l.at.search(m, it.head, key)
	if l.at.n < leafSlots {
		l.put(m, i, it)
		return
	}
	if i == leafSlots && l.at.next == 0 {
		// Keys that come in order leave full leaves behind.
		l.split(m, leafSlots, it)
	} else {
		l.split(m, leafSlots/2, item{l.at.heads[leafSlots/2], l.at.keys[leafSlots/2]})
		if m.begins(l.at.next, it.head, key) {
			l.move(m, it.head, key)
		}
		l.put(m, l.at.search(m, it.head, key), it)
		return
	}
	l.move(m, it.head, key)
	l.put(m, 0, it)
}

// put puts a key at place i of the leaf, which has a free slot.
func (l *linker) put(m *Table, i int, it item) {
	leaf := l.at.leaf
	p := perm(m.perm(leaf).Load())
	slot := p.slot(l.at.n)
	m.headAt(leaf, slot).Store(it.head)
	m.keyAt(leaf, slot).Store(it.node)
	m.perm(leaf).Store(uint64(p.insert(i)))
	copy(l.at.heads[i+1:], l.at.heads[i:l.at.n])
	copy(l.at.keys[i+1:], l.at.keys[i:l.at.n])
	l.at.heads[i], l.at.keys[i] = it.head, it.node
	l.at.n++
}

// split moves the leaf's keys from place n on into a new leaf behind it, whose
// low is that of it.
func (l *linker) split(m *Table, n int, it item) {
	left := l.at.leaf
	right, height := l.leaf(m, l.height())
	*(*uint64)(m.at(right + leafLow)) = it.head
	*(*uint32)(m.at(right + leafLowKey)) = it.node
	p := emptyPerm
	for i := n; i < l.at.n; i++ {
		m.headAt(right, uint32(i-n)).Store(l.at.heads[i])
		m.keyAt(right, uint32(i-n)).Store(l.at.keys[i])
		p = p.insert(i - n)
	}
	m.perm(right).Store(uint64(p))
	m.prev(right).Store(left)
	for level := range height {
		m.next(right, level).Store(m.next(l.finger[level], level).Load())
	}
	if old := l.at.next; old != 0 {
		m.prev(old).Store(right)
	}
	// The leaf is linked before what it takes over is cut off: see view.load.
	for level := range height {
		m.next(l.finger[level], level).Store(right)
	}
	if n < leafSlots {
		m.perm(left).Store(uint64(perm(m.perm(left).Load()).cut(n)))
		l.at.n = n
	}
	l.at.next = right
}

// move moves the finger on to the leaf of a key that is beyond the current one.
func (l *linker) move(m *Table, head uint64, key []byte) {
	level := 0
	for level < maxHeight-1 {
		next := m.next(l.finger[level+1], level+1).Load()
		if next == 0 || !m.begins(next, head, key) {
			break
		}
		level++
	}
	leaf := l.finger[level]
	for ; level >= 0; level-- {
		for {
			next := m.next(leaf, level).Load()
			if next == 0 || !m.begins(next, head, key) {
				break
			}
			leaf = next
		}
		l.finger[level] = leaf
	}
	l.at.load(m, leaf)
}

// height draws the height of a new leaf: 1 in 4 is higher than the last.
func (l *linker) height() int {
	x := l.random
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	l.random = x
	h := 1
	for h < maxHeight && x>>60&3 == 0 {
		x <<= 2
		h++
	}
	return h
}

// leaf takes memory for a leaf. It is lower than asked for where others have
// used up what is there for towers.
func (l *linker) leaf(m *Table, height int) (leaf uint32, got int) {
	l.spare += towerShare
	for align(leafUpper+4*(height-1))-leafUpper > l.spare {
		height--
	}
	n := align(leafUpper + 4*(height-1))
	l.spare -= n - leafUpper
	l.low -= uint32(n)
	*(*uint32)(m.at(l.low + leafHeight)) = uint32(height)
	return l.low, height
}
