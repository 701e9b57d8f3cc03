package mapping

import (
	"errors"

	"github.com/kvbench/kvbench/engine/offheap"
)

// Errors that callers tell apart.
var (
	// ErrFull: all ids are taken. A tree of larger pages has room.
	ErrFull = errors.New("no page id is left")

	// ErrInUse: what must come first came later.
	ErrInUse = errors.New("the table is in use already")
)

// A Table maps the ids of pages to entries.
//
// Concurrency: Load, CompareAndSwap, Store, Len and Bytes may be called from
// many goroutines at once, beside the writer's calls. All others are the
// writer's: one at a time. Close comes after all.
type Table struct {
	chunks

	// What the writer changes is kept off the line that every Load reads.
	_ [64]byte

	ids ids
}

// New returns a table without pages. It takes memory once ids are taken.
// Regions below 2 MiB are without huge pages whatever o says.
func New(o offheap.Options) *Table {
	return &Table{chunks: chunks{options: o}}
}

// Close gives the memory back. Nothing may use the table any more; a Load that
// comes later finds no page. It goes on after an error and returns the first.
func (t *Table) Close() error {
	t.ids = ids{}
	return t.chunks.free()
}

// Load is the entry of a page; 0 for an id that never was.
func (t *Table) Load(id uint32) Entry {
	if id >= t.limit.Load() {
		return 0
	}
	return Entry(t.word(id).Load())
}

// CompareAndSwap sets the entry of a page if it is still old, and reports
// whether it did.
func (t *Table) CompareAndSwap(id uint32, old, e Entry) bool {
	if id >= t.limit.Load() {
		return false
	}
	return t.word(id).CompareAndSwap(uint64(old), uint64(e))
}

// Store sets the entry of a page that was taken or restored. For other ids it
// does nothing: Load says so.
func (t *Table) Store(id uint32, e Entry) {
	if id == 0 || id >= t.limit.Load() {
		return
	}
	t.word(id).Store(uint64(e))
}

// Durable is the entry that the last checkpoint has for a page; 0: it has no
// such page.
func (t *Table) Durable(id uint32) Entry {
	if id >= t.limit.Load() {
		return 0
	}
	return t.durable[id>>chunkShift][id&chunkMask]
}

// SetDurable sets what Durable returns, for an id that was taken or restored.
// For others it does nothing.
func (t *Table) SetDurable(id uint32, e Entry) {
	if id == 0 || id >= t.limit.Load() {
		return
	}
	t.durable[id>>chunkShift][id&chunkMask] = e
}

// Bytes is what the table takes, mapped or on the Go heap.
func (t *Table) Bytes() int64 {
	return t.mapped.Load() + t.ids.heap.Load()
}
