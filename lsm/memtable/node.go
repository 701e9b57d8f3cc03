package memtable

import (
	"sync/atomic"
	"unsafe"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// Offsets of fields, as doc.go draws them.
const (
	keyNewest  = 0  // of a key node
	keyPending = 4  //
	keyVersion = 8  // its own version
	keyLength  = 24 //
	keyBytes   = 26 //

	versionTrailer = 0 // of a version
	versionOlder   = 4 + 4
	versionLength  = 12
	versionValue   = 16

	// keyed is the bit of a version's older field that says that a key node's
	// length and key come before its value.
	keyed = 1

	// versionKey is where a keyed version has the length of its key.
	versionKey = keyLength - keyVersion

	// A key node's newest field is unsettled until its key is known to be in
	// the index, and orphan if another node of the key came first. Else it is
	// the offset of a version, a multiple of 8.
	unsettled = 0
	orphan    = 1
)

// align rounds up to a word.
func align(n int) int { return (n + 7) &^ 7 }

// Need returns the most that an op takes of a table's capacity.
func Need(keyLen, valueLen int) int {
	return align(keyBytes+keyLen+valueLen) + leafShare
}

// at is the address of a byte. Offsets come from nodes, leaves and the index
// of m only, which lie within its region.
func (m *Table) at(offset uint32) unsafe.Pointer { return unsafe.Add(m.base, uintptr(offset)) }

func (m *Table) atomic32(offset uint32) *atomic.Uint32 { return (*atomic.Uint32)(m.at(offset)) }
func (m *Table) atomic64(offset uint32) *atomic.Uint64 { return (*atomic.Uint64)(m.at(offset)) }

func (m *Table) newest(key uint32) *atomic.Uint32 { return m.atomic32(key + keyNewest) }
func (m *Table) older(v uint32) *atomic.Uint32    { return m.atomic32(v + versionOlder) }

// link is the field that links pending key nodes. It belongs to whoever has
// the node's list.
func (m *Table) link(key uint32) *uint32 { return (*uint32)(m.at(key + keyPending)) }

// key is the key of a key node.
func (m *Table) key(node uint32) []byte {
	n := *(*uint16)(m.at(node + keyLength))
	return unsafe.Slice((*byte)(m.at(node+keyBytes)), n)
}

func (m *Table) trailer(v uint32) ikey.Trailer {
	return *(*ikey.Trailer)(m.at(v + versionTrailer))
}

// value is the value of a version whose older field is older.
func (m *Table) value(v, older uint32) []byte {
	n := *(*uint32)(m.at(v + versionLength))
	begin := v + versionValue
	if older&keyed != 0 {
		begin += 2 + uint32(*(*uint16)(m.at(v + versionKey)))
	}
	return unsafe.Slice((*byte)(m.at(begin)), n)
}

// alloc takes n bytes, a multiple of 8, for an op. They were reserved.
func (m *Table) alloc(n int) uint32 {
	end := uint32(m.used.Add(1<<32 | uint64(n)/8))
	return end*8 - uint32(n)
}

// newKey writes a key node that nobody knows yet.
func (m *Table) newKey(t ikey.Trailer, key, value []byte) uint32 {
	node := m.alloc(align(keyBytes + len(key) + len(value)))
	m.newest(node).Store(unsettled)
	m.writeVersion(node+keyVersion, t, keyed, len(value))
	*(*uint16)(m.at(node + keyLength)) = uint16(len(key))
	to := unsafe.Slice((*byte)(m.at(node+keyBytes)), len(key)+len(value))
	copy(to[copy(to, key):], value)
	return node
}

// newVersion writes a version that nobody knows yet.
func (m *Table) newVersion(t ikey.Trailer, value []byte) uint32 {
	v := m.alloc(align(versionValue + len(value)))
	m.writeVersion(v, t, 0, len(value))
	copy(unsafe.Slice((*byte)(m.at(v+versionValue)), len(value)), value)
	return v
}

func (m *Table) writeVersion(v uint32, t ikey.Trailer, older uint32, valueLen int) {
	*(*ikey.Trailer)(m.at(v + versionTrailer)) = t
	*(*uint32)(m.at(v + versionOlder)) = older
	*(*uint32)(m.at(v + versionLength)) = uint32(valueLen)
}
