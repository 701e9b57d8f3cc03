package memtable

import "github.com/kvbench/kvbench/lsm/ikey"

// An Iter walks a table: an [ikey.Iterator] that never fails. It sees all ops
// whose Add had returned when it was made, and maybe some of the later ones.
// Its slices are valid until Reset or Free.
type Iter struct {
	m     *Table
	basis *basis

	view
	i       int    // of the key in the view
	version uint32 // 0: on no entry

	// chain is empty, or the key's versions, newest first, of which version is
	// at place. Only a walk backward needs it.
	chain []uint32
	place int
}

var _ ikey.Iterator = (*Iter)(nil)

// NewIter returns an iterator. It first puts in order what is not yet.
func (m *Table) NewIter() *Iter {
	m.Order()
	if !m.eager.Load() {
		m.eager.Store(true)
	}
	return &Iter{m: m, basis: m.basis.Load()}
}

// First implements [ikey.Iterator].
func (it *Iter) First() bool {
	it.load(it.m, it.basis.first)
	it.fetch(0, it.n, it.next)
	return it.enter(0)
}

// SeekGE implements [ikey.Iterator].
func (it *Iter) SeekGE(key []byte) bool {
	i := it.locate(key)
	it.fetch(i, it.n, it.next)
	return it.enter(i)
}

// SeekLT implements [ikey.Iterator].
func (it *Iter) SeekLT(key []byte) bool {
	i := it.locate(key)
	it.fetch(0, i, it.m.prev(it.leaf).Load())
	return it.enterBack(i - 1)
}

// Last implements [ikey.Iterator].
func (it *Iter) Last() bool {
	m := it.m
	leaf := it.basis.first
	for level := maxHeight - 1; level >= 0; level-- {
		for next := m.next(leaf, level).Load(); next != 0; next = m.next(leaf, level).Load() {
			leaf = next
		}
	}
	it.loadLast(m, leaf)
	return it.enterBack(it.n - 1)
}

// locate views the leaf of key, and returns the place of the first key in it
// that is not below.
func (it *Iter) locate(key []byte) int {
	m := it.m
	t := target{head: it.basis.head(key), key: key}
	if key == nil {
		t.key = []byte{}
	}
	it.loadFor(m, m.seek(it.basis, &t), &t)
	return it.search(m, &t)
}

// enter moves to the newest version of the key at place i, or of the first one
// after it.
func (it *Iter) enter(i int) bool {
	for i >= it.n {
		if it.next == 0 {
			it.version = 0
			return false
		}
		it.load(it.m, it.next)
		it.fetch(0, it.n, it.next)
		i = 0
	}
	it.i = i
	it.chain = it.chain[:0]
	it.version = it.m.newest(it.keys[i]).Load()
	return true
}

// fetch announces that the view's nodes from place i to j will be visited, and
// then leaf.
func (it *Iter) fetch(i, j int, leaf uint32) {
	for _, node := range it.keys[i:j] {
		prefetch(it.m.at(node))
	}
	prefetch(it.m.at(leaf))
	prefetch(it.m.at(leaf + 2*lineBytes))
}

// enterBack moves to the oldest version of the key at place i, or of the last
// one before it.
func (it *Iter) enterBack(i int) bool {
	for i < 0 {
		if !it.back() {
			it.version = 0
			return false
		}
		it.fetch(0, it.n, it.m.prev(it.leaf).Load())
		i = it.n - 1
	}
	it.i = i
	it.collect(0)
	it.place = len(it.chain) - 1
	it.version = it.chain[it.place]
	return true
}

// back views the leaf before the current one.
func (it *Iter) back() bool {
	m, right := it.m, it.leaf
	if right == it.basis.first {
		return false
	}
	// Splits may have put leaves between; none ever goes.
	it.load(m, m.prev(right).Load())
	for it.next != right {
		it.load(m, it.next)
	}
	return true
}

// collect makes chain the versions of the key down to last; all if it is 0.
func (it *Iter) collect(last uint32) {
	it.chain = it.chain[:0]
	for v := it.m.newest(it.keys[it.i]).Load(); v != 0; v = it.m.older(v).Load() &^ keyed {
		it.chain = append(it.chain, v)
		if v == last {
			return
		}
	}
}

// Next implements [ikey.Iterator].
func (it *Iter) Next() bool {
	if it.version == 0 {
		return false
	}
	older := it.m.older(it.version).Load() &^ keyed
	if older == 0 {
		return it.enter(it.i + 1)
	}
	it.version = older
	if len(it.chain) > 0 {
		it.place++
		it.chain = append(it.chain[:it.place], older)
	}
	return true
}

// Prev implements [ikey.Iterator].
func (it *Iter) Prev() bool {
	if it.version == 0 {
		return false
	}
	if len(it.chain) == 0 {
		it.collect(it.version)
		it.place = len(it.chain) - 1
	}
	if it.place == 0 {
		return it.enterBack(it.i - 1)
	}
	it.place--
	it.version = it.chain[it.place]
	return true
}

// Key implements [ikey.Iterator].
func (it *Iter) Key() []byte { return it.m.key(it.keys[it.i]) }

// Trailer implements [ikey.Iterator].
func (it *Iter) Trailer() ikey.Trailer { return it.m.trailer(it.version) }

// Value implements [ikey.Iterator].
func (it *Iter) Value() []byte {
	return it.m.value(it.version, it.m.older(it.version).Load())
}

// Err implements [ikey.Iterator]; it is nil.
func (it *Iter) Err() error { return nil }

// Close implements [ikey.Iterator].
func (it *Iter) Close() error {
	it.version, it.chain = 0, nil
	return nil
}
