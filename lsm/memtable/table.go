package memtable

import (
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

// An Order says when keys are put in order.
type Order uint8

const (
	// Lazy: when somebody wants an iterator. A table that is only written and
	// flushed is sorted once. From the first iterator on, writers order what
	// they add in small batches, so that later iterators find little to do.
	Lazy Order = iota
	// Eager: by writers in small batches, from the beginning.
	Eager
)

// String returns lazy or eager.
func (o Order) String() string {
	if o == Eager {
		return "eager"
	}
	return "lazy"
}

// Options are what a Table is made with.
type Options struct {
	// Bytes is all the memory that the table takes, and that its budget is
	// charged with: less than 4 GiB. [BytesFor] tells how much certain ops
	// need. Pages that nothing is written to are not resident.
	Bytes int

	// Ops is how many different keys there must be room for; the side index is
	// made for them. 0 is right for ops of 90 bytes or more on average,
	// of which Bytes runs out first.
	Ops int

	// Offheap says where the memory comes from.
	Offheap offheap.Options

	// Order says when keys are put in order.
	Order Order
}

const (
	lineBytes = 64
	lineSlots = lineBytes / slotBytes
	slotBytes = 8

	// opBytes is the op that the index is made for, if nobody says how many.
	opBytes = 80

	// The index is full at fullNum/fullDen of its slots.
	fullNum, fullDen = 17, 20

	// maxBytes is the reach of an offset.
	maxBytes = math.MaxUint32 &^ (1<<16 - 1)

	// fixedBytes is for what a table has without any key.
	fixedBytes = 4096

	// shards is how many lists hold keys that are not ordered yet: a writer
	// seldom finds another one at its own.
	shards = 4

	// batchKeys is how many such keys writers let come together.
	batchKeys = 256
)

// A Table is a memtable: the ops since some moment, by key and newest first.
//
// Concurrency: Add, AddRange, Get, Ranges, NewIter, Order and the counts may
// be called from many goroutines at once, and never wait for each other, but
// NewIter and Order for other calls of these. Reserve calls must come one after
// the other, and before the Adds that they are for. Reset and Free must come
// after all other uses, iterators and slices included.
type Table struct {
	// These never change after New.
	base     unsafe.Pointer // of region
	lines    uint64         // of the index
	slots    uint32         // of the index
	capacity int64          // bytes for nodes and leaves
	maxKeys  int64
	order    Order
	region   *offheap.Region

	// reservedBytes and reservedOps are everything that was ever reserved.
	// They belong to the caller of Reserve.
	reservedBytes int64
	reservedOps   int64

	_ [lineBytes]byte

	// used is ops<<32 | (end of nodes)/8.
	used atomic.Uint64
	// updates is how many ops found their key, and returned how many bytes
	// they needed less for it.
	updates  atomic.Int64
	returned atomic.Int64

	_ [lineBytes]byte

	// eager tells writers to order what they add.
	eager      atomic.Bool
	tombstones atomic.Int64
	ranges     tombstone.List

	_       [lineBytes]byte
	pending [shards]shard

	basis  atomic.Pointer[basis]
	linker linker
}

// A shard is a list of key nodes that are not ordered yet, linked by their
// pending fields: count<<32 | first.
type shard struct {
	head atomic.Uint64
	_    [lineBytes - 8]byte
}

// BytesFor returns the least Options.Bytes of a table that has room for as many
// ops, whose Needs add up to needs; Options.Ops must then be ops.
func BytesFor(needs, ops int) int {
	n := needs + linesFor(ops)*lineBytes + fixedBytes
	return n + n/(rebaseShare-1) + 1
}

// linesFor returns how many lines an index of ops keys has.
func linesFor(ops int) int {
	return (ops*fullDen/fullNum + lineSlots) / lineSlots
}

// New returns an empty table. Errors are those of [offheap.Map].
func New(o Options) (*Table, error) {
	if o.Ops == 0 {
		o.Ops = o.Bytes / opBytes * fullNum / fullDen
	}
	if o.Ops < 0 || o.Ops > maxBytes/slotBytes || o.Bytes > maxBytes || o.Bytes < BytesFor(0, o.Ops) {
		return nil, fmt.Errorf("lsm/memtable: a table of %d bytes for %d ops: %w", o.Bytes, o.Ops, offheap.ErrSize)
	}
	r, err := offheap.Map(o.Bytes, o.Offheap)
	if err != nil {
		return nil, fmt.Errorf("lsm/memtable: %w", err)
	}
	lines := linesFor(o.Ops)
	m := &Table{
		base:     unsafe.Pointer(unsafe.SliceData(r.Bytes())),
		lines:    uint64(lines),
		slots:    uint32(lines * lineSlots),
		capacity: int64(o.Bytes - o.Bytes/rebaseShare - linesFor(o.Ops)*lineBytes - fixedBytes),
		maxKeys:  int64(lines) * lineSlots * fullNum / fullDen,
		order:    o.Order,
		region:   r,
	}
	m.begin()
	return m, nil
}

// begin makes m an empty table; its index is zero.
func (m *Table) begin() {
	m.reservedBytes, m.reservedOps = 0, 0
	m.used.Store(m.lines * lineBytes / 8)
	m.updates.Store(0)
	m.returned.Store(0)
	m.eager.Store(m.order == Eager)
	m.tombstones.Store(0)
	for i := range m.pending {
		m.pending[i].head.Store(0)
	}
	m.linker.begin(m)
}

// Reserve takes room for ops whose Needs add up to bytes. If it returns false
// they do not fit, and nothing was taken: because memory is used up, or because
// the index is full, which ops that are small on average come to first.
// What was reserved and is not added is lost until Reset.
func (m *Table) Reserve(bytes, ops int) bool {
	b := m.reservedBytes + int64(bytes)
	n := m.reservedOps + int64(ops)
	if b-m.returned.Load() > m.capacity || n-m.updates.Load() > m.maxKeys {
		return false
	}
	m.reservedBytes, m.reservedOps = b, n
	return true
}

// AddRange adds a range delete. It takes memory of the Go heap, and nothing of
// what was reserved.
func (m *Table) AddRange(r tombstone.Range) { m.ranges.Add(r) }

// Ranges returns all range deletes that were added before.
func (m *Table) Ranges() *tombstone.Set { return m.ranges.Set() }

// Bytes is how much of Capacity is taken by ops that were added.
func (m *Table) Bytes() int64 {
	keys := int64(m.Keys())
	return int64(uint32(m.used.Load()))*8 - int64(m.lines)*lineBytes + keys*leafShare
}

// Capacity is how many bytes ops may need together.
func (m *Table) Capacity() int64 { return m.capacity }

// Entries is how many ops were added, range deletes not counted.
func (m *Table) Entries() int { return int(m.used.Load() >> 32) }

// Keys is how many different keys these have.
func (m *Table) Keys() int {
	// An op is counted in used first, so that is loaded last.
	updates := m.updates.Load()
	return int(int64(m.used.Load()>>32) - updates)
}

// Tombstones is how many of the entries are deletes.
func (m *Table) Tombstones() int { return int(m.tombstones.Load()) }

// Empty reports whether nothing was added, range deletes included.
func (m *Table) Empty() bool { return m.Entries() == 0 && m.ranges.Len() == 0 }

// Reset makes m as it was when it was new. It clears the index, a tenth of the
// memory; pages that were written stay resident.
func (m *Table) Reset() {
	if m.Entries() > 0 {
		clear(m.region.Bytes()[:m.lines*lineBytes])
	}
	m.ranges.Reset()
	m.linker.reset()
	m.begin()
}

// Free gives the memory back. A second call is [offheap.ErrFreed].
func (m *Table) Free() error { return m.region.Free() }

// visible reports whether a reader at at sees an op.
func visible(t ikey.Trailer, at ikey.Seq) bool { return t.Seq() <= at }
