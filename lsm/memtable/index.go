package memtable

import (
	"sync/atomic"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// tagMask is the part of a hash that a slot has; the other part chooses its
// line.
const tagMask = ^uint64(1<<32 - 1)

func (m *Table) slot(i uint32) *atomic.Uint64 { return m.atomic64(i * slotBytes) }

// home is the first slot where a key may be.
func (m *Table) home(hash uint64) uint32 {
	return uint32(uint64(uint32(hash))*m.lines>>32) * lineSlots
}

// find looks for a key from slot i on. It returns its node; or, if it is
// absent, 0 and the empty slot where it belongs.
func (m *Table) find(hash uint64, i uint32, key []byte) (node, slot uint32) {
	for {
		e := m.slot(i).Load()
		if e == 0 {
			return 0, i
		}
		if e&tagMask == hash&tagMask && string(m.key(uint32(e))) == string(key) {
			return uint32(e), i
		}
		if i++; i == m.slots {
			i = 0
		}
	}
}

// Get returns the newest op of key that a reader at at sees. hash is
// [xxh3.Hash] of key. ok is false if there is none; range deletes are for the
// caller to look at. value is valid until Reset or Free.
func (m *Table) Get(hash uint64, key []byte, at ikey.Seq) (t ikey.Trailer, value []byte, ok bool) {
	node, _ := m.find(hash, m.home(hash), key)
	if node == 0 {
		return 0, nil, false
	}
	for v := m.newest(node).Load() &^ orphan; v != 0; {
		older := m.older(v).Load()
		if t = m.trailer(v); visible(t, at) {
			return t, m.value(v, older), true
		}
		v = older &^ keyed
	}
	return 0, nil, false
}
