package memtable

import (
	"bytes"
	"slices"
	"sync"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// A linker puts keys into leaves. There is one at work at a time.
type linker struct {
	mu sync.Mutex // of what follows

	basis *basis // the table's, or the one that it will have
	keys  int    // in it
	high  uint32 // where its leaves begin; they are taken downwards
	low   uint32 // where they end
	spare int    // bytes that towers may take

	rebaseAt int // when to look at the prefix again
	wasted   int // bytes of leaves of earlier bases

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

const (
	// keptItems is how large a batch's memory may stay.
	keptItems = 1 << 14

	// A basis is replaced, if keys turn out to have another prefix, when there
	// are rebaseKeys of them, and then whenever they are rebaseGrowth times as
	// many. The leaves of earlier ones may take 1/rebaseShare of a table.
	rebaseKeys   = 64
	rebaseGrowth = 16
	rebaseShare  = 128
)

// begin makes l that of a new table.
func (l *linker) begin(m *Table) {
	l.low = uint32(len(m.region.Bytes())) &^ 7
	l.random = 1
	l.spare = fixedBytes / 4
	l.rebaseAt, l.wasted, l.keys = rebaseKeys, 0, 0
	l.rebase(m, nil)
	m.basis.Store(l.basis)
}

// rebase begins a basis without keys.
func (l *linker) rebase(m *Table, prefix []byte) {
	l.high, l.keys = l.low, 0
	first, _ := l.leaf(m, maxHeight)
	*(*uint32)(m.at(first + leafLowKey)) = 0
	for level := range maxHeight {
		m.next(first, level).Store(0)
	}
	m.prev(first).Store(0)
	m.perm(first).Store(uint64(emptyPerm))
	l.basis = &basis{first, prefix}
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
	if n := l.keys + len(l.batch); n >= l.rebaseAt {
		l.rebaseAt = n * rebaseGrowth
		l.reconsider(m)
	}
	for i := range l.batch {
		it := &l.batch[i]
		it.head = l.basis.head(m.key(it.node))
	}
	slices.SortFunc(l.batch, func(a, b item) int {
		if a.head != b.head {
			if a.head < b.head {
				return -1
			}
			return 1
		}
		return bytes.Compare(m.key(a.node), m.key(b.node))
	})
	for level := range l.finger {
		l.finger[level] = l.basis.first
	}
	l.at.load(m, l.basis.first)
	for _, it := range l.batch {
		l.insert(m, it)
	}
	l.keys += len(l.batch)
	m.basis.Store(l.basis)
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
				l.batch = append(l.batch, item{node: node})
			}
			node = next
		}
	}
}

// reconsider begins a new basis, with all keys of the old one in the batch, if
// the prefix of keys has turned out to be another, and there is room for it.
// Iterators stay on the old one.
func (l *linker) reconsider(m *Table) {
	n := int(l.high - l.low)
	if l.keys > 0 && l.wasted+n > len(m.region.Bytes())/rebaseShare-firstLeafBytes {
		return
	}
	old := l.basis
	batch := len(l.batch)
	var v view
	for leaf := old.first; leaf != 0 && l.keys > 0; leaf = v.next {
		v.load(m, leaf)
		for _, node := range v.keys[:v.n] {
			l.batch = append(l.batch, item{node: node})
		}
	}
	prefix := m.key(l.batch[0].node)
	for _, it := range l.batch[1:] {
		prefix = prefix[:ikey.CommonPrefix(prefix, m.key(it.node))]
	}
	if string(prefix) == string(old.prefix) {
		l.batch = l.batch[:batch]
		return
	}
	l.wasted += n
	l.rebase(m, prefix)
}

// insert puts a key into its leaf. Keys of a batch come in their order.
func (l *linker) insert(m *Table, it item) {
	t := target{head: it.head, node: it.node}
	if l.at.next != 0 && m.begins(l.at.next, &t) {
		l.move(m, &t)
	}
	i := l.at.search(m, &t)
	if l.at.n < leafSlots {
		l.put(m, i, it)
		return
	}
	if i == leafSlots && l.at.next == 0 {
		// Keys that come in order leave full leaves behind.
		l.split(m, leafSlots, it)
	} else {
		const half = leafSlots / 2
		l.split(m, half, item{l.at.heads[half], l.at.keys[half]})
	}
	if m.begins(l.at.next, &t) {
		l.move(m, &t)
	}
	l.put(m, l.at.search(m, &t), it)
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
	// The leaf is linked before what it takes over is cut off: see view.load.
	for level := range height {
		m.next(l.finger[level], level).Store(right)
	}
	// And before prev names it: who goes back from right looks for it from left
	// on.
	if old := l.at.next; old != 0 {
		m.prev(old).Store(right)
	}
	if n < leafSlots {
		m.perm(left).Store(uint64(perm(m.perm(left).Load()).cut(n)))
		l.at.n = n
	}
	l.at.next = right
}

// move moves the finger on to the leaf of a key that is beyond the current one.
func (l *linker) move(m *Table, t *target) {
	level := 0
	for level < maxHeight-1 {
		next := m.next(l.finger[level+1], level+1).Load()
		if next == 0 || !m.begins(next, t) {
			break
		}
		level++
	}
	leaf := l.finger[level]
	for ; level >= 0; level-- {
		for {
			next := m.next(leaf, level).Load()
			if next == 0 || !m.begins(next, t) {
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
