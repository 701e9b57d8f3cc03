package memtable

import "github.com/kvbench/kvbench/lsm/ikey"

// Add adds an op. hash is [xxh3.Hash] of key, which is 1 to 65535 bytes long;
// no two ops of a key have the same trailer. Room for it was reserved, so Add
// cannot fail. It copies key and value.
//
// Ops of a key may come in any order; the rising one is the quick one.
func (m *Table) Add(hash uint64, t ikey.Trailer, key, value []byte) {
	if t.Kind() == ikey.Delete {
		m.tombstones.Add(1)
	}
	node, slot := m.find(hash, m.home(hash), key)
	if node == 0 {
		m.addKey(hash, slot, t, key, value)
		return
	}
	v := m.newVersion(t, value)
	m.updates.Add(1)
	m.returned.Add(int64(Need(len(key), len(value)) - align(versionValue+len(value))))
	m.chain(node, v, t)
}

// addKey adds an op whose key was absent when slot was empty.
func (m *Table) addKey(hash uint64, slot uint32, t ikey.Trailer, key, value []byte) {
	node := m.newKey(t, key, value)
	// First pending, then in the index: who finds it there knows that Order
	// will find it, too.
	many := m.push(hash, node)
	for !m.slot(slot).CompareAndSwap(0, hash&tagMask|uint64(node)) {
		var other uint32
		if other, slot = m.find(hash, slot, key); other != 0 {
			m.newest(node).Store(orphan)
			m.updates.Add(1)
			m.returned.Add(leafShare)
			m.chain(other, node+keyVersion, t)
			return
		}
	}
	m.settle(node)
	if many && m.eager.Load() && m.linker.mu.TryLock() {
		m.linker.order(m)
		m.linker.mu.Unlock()
	}
}

// settle makes the version that a node in the index came with its first.
func (m *Table) settle(node uint32) {
	m.newest(node).CompareAndSwap(unsettled, node+keyVersion)
}

// chain puts a version among those of its key, which are in falling order.
func (m *Table) chain(node, v uint32, t ikey.Trailer) {
	newest := m.newest(node)
	first := newest.Load()
	if first == unsettled {
		m.settle(node)
		first = newest.Load()
	}
	for m.trailer(first) < t {
		m.setOlder(v, first)
		if newest.CompareAndSwap(first, v) {
			return
		}
		first = newest.Load()
	}
	for p := first; ; {
		older := m.older(p).Load()
		next := older &^ keyed
		if next != 0 && m.trailer(next) > t {
			p = next
			continue
		}
		m.setOlder(v, next)
		if m.older(p).CompareAndSwap(older, older&keyed|v) {
			return
		}
	}
}

// setOlder sets the older field of a version that nobody knows yet.
func (m *Table) setOlder(v, older uint32) {
	p := (*uint32)(m.at(v + versionOlder))
	*p = *p&keyed | older
}

// push makes a key node pending. It reports whether many are.
func (m *Table) push(hash uint64, node uint32) (many bool) {
	// The lowest bits of the hash have least to say about the line.
	head := &m.pending[hash%shards].head
	for {
		h := head.Load()
		*m.link(node) = uint32(h)
		if head.CompareAndSwap(h, (h>>32+1)<<32|uint64(node)) {
			return h>>32 >= batchKeys/shards
		}
	}
}
