package engine

import (
	"context"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
)

// An Engine is a map from keys to values that lives in one directory.
//
// Keys have 1..Caps().MaxKey bytes and are ordered bytewise. A nil value and
// an empty value are the same, and are not absence.
//
// Concurrency: every method may be called from many goroutines at once. Each
// key is linearizable: a Get that starts after a write has returned sees that
// write or a later one.
//
// Ownership: keys, values and batches belong to the caller again as soon as
// the call returns. What Get returns belongs to the caller.
//
// Durability: a write has survived what its Durability says once the call has
// returned. With Caps().PowerLossPrefix a crash leaves a prefix of the
// acknowledged writes, in their order, that holds everything acknowledged at
// Sync.
//
// Errors: absence is ErrNotFound, damage wraps ErrCorrupt with file and
// offset, what Caps denies is ErrUnsupported. After the first failed write or
// fsync the engine is read-only: every later write wraps ErrReadOnly and that
// first error, because what the page cache then holds is unknown. No call
// panics for anything that a caller or a disk can do.
type Engine interface {
	// Caps describes this opened engine; it does not change while open.
	Caps() Caps

	// Get appends the value of key to dst and returns the result. Absence is
	// the bare ErrNotFound, with dst returned as it came. It does not allocate
	// when dst has room (peers that cannot keep this list an asterisk).
	Get(dst, key []byte) ([]byte, error)

	// Put sets key to value.
	Put(key, value []byte, d Durability) error

	// Delete makes key absent. It is blind: deleting an absent key is no error.
	Delete(key []byte, d Durability) error

	// Apply performs the ops of b in order: of two ops on one key the later
	// wins. It is atomic iff Caps().AtomicBatch. An empty batch is no error. A
	// batch that is refused (limits, unsupported ops) has had no effect.
	Apply(b *Batch, d Durability) error

	// Sync makes everything acknowledged so far survive what Sync-level writes
	// survive, whatever level it was written with. Engines that are not
	// Persistent return nil.
	Sync() error

	// Metrics fills m with this engine's counters since Open and leaves what
	// it does not know unknown. It does not allocate.
	Metrics(m *Metrics)

	// Close releases everything, after running calls have ended. What was
	// acknowledged at Buffered or above is then in the directory, and what was
	// written at None as well. It is idempotent and closes nothing that is
	// still in use: iterators and snapshots are to be closed before. Every
	// call after it returns ErrClosed (Caps and Metrics still answer).
	Close() error
}

// IterOptions bound an iterator to the keys in [Lower, Upper). A nil bound is
// none; below an upper bound that is empty, but not nil, there is no key. The
// iterator keeps its own copy of them.
type IterOptions struct {
	Lower, Upper []byte
}

// Iterator walks the keys of a Scanner in bytewise order.
//
// It is born unpositioned. A positioning call returns whether it now stands on
// a key; when it returns false, Err tells the end (nil) from a failure. From
// an unpositioned or exhausted state Next moves to the first key at birth, and
// stays at the end otherwise; Prev mirrors it. After running off the end, Prev
// returns to the last key, and after running off the front, Next returns to
// the first. Last, SeekLT and Prev need Caps().Reverse; without it they return
// false and Err is ErrUnsupported.
//
// Key and Value are valid until the next positioning call or Close, and must
// not be changed. They may be called only while positioned. An iterator is
// used by one goroutine at a time. Close is idempotent, reports the first
// error, and positioning calls after it return false with Err ErrClosed.
type Iterator interface {
	First() bool
	Last() bool
	SeekGE(key []byte) bool // first key >= key, within the bounds
	SeekLT(key []byte) bool // last key < key, within the bounds
	Next() bool
	Prev() bool
	Key() []byte
	Value() ([]byte, error)
	Err() error
	Close() error
}

// Scanner reads keys in order. With Caps().IterSnapshot an iterator sees the
// engine as it was when NewIter returned; without, it sees each key either
// before or after any concurrent write of that key.
type Scanner interface {
	NewIter(o IterOptions) (Iterator, error)
}

// Snapshotter gives frozen views.
type Snapshotter interface {
	NewSnapshot() (Snapshot, error)
}

// Snapshot is a frozen view of an engine, safe for concurrent use. An ordered
// engine's snapshots are also Scanners, another's UnorderedScanners; use a
// type assertion. Close is idempotent; Get after it is ErrClosed.
type Snapshot interface {
	Get(dst, key []byte) ([]byte, error)
	Close() error
}

// UnorderedScanner visits every live key once, in no promised order. Key and
// value are valid during f only. An error from f ends the scan and is
// returned as it is. Keys written or deleted meanwhile may be seen or not.
type UnorderedScanner interface {
	Scan(ctx context.Context, f func(key, value []byte) error) error
}

// Checkpointer makes a copy of the engine in dir, which must not exist or be
// empty, that Driver.Open opens with the same engine. It is consistent as
// after a crash at one moment during the call, holds everything acknowledged
// before it began, and uses hard links where it can.
type Checkpointer interface {
	Checkpoint(dir string) error
}

// Value is one answer of MultiGet.
type Value struct {
	Data  []byte // reused: MultiGet appends to Data[:0]
	Found bool
}

// MultiGetter looks up many keys at once. len(out) must be len(keys). It is
// not a snapshot: each answer is what Get would have returned at some moment
// during the call.
type MultiGetter interface {
	MultiGet(keys [][]byte, out []Value) error
}

// RangeDeleter makes every key in [lower, upper) absent. lower >= upper is an
// empty range, also when upper is empty but not nil; a nil upper is no bound.
type RangeDeleter interface {
	DeleteRange(lower, upper []byte, d Durability) error
}

// BulkLoader takes keys in strictly increasing order on a fast path.
type BulkLoader interface {
	NewBulkLoad() (BulkLoad, error)
}

// BulkLoad is one load in progress. Nothing of it is visible before Finish,
// which makes all of it visible and durable at once; Abort leaves no trace.
// One of them must be called. A key out of order is ErrInvalid.
type BulkLoad interface {
	Add(key, value []byte) error
	Finish() error
	Abort() error
}

// Expirer writes values that are absent from the moment expire on, by the
// clock in Env. Later writes of the key replace value and expiry.
type Expirer interface {
	PutTTL(key, value []byte, expire time.Time, d Durability) error
}

// LSN is a position in an engine's log: later batches have higher ones.
type LSN uint64

// AsyncWriter separates a write's visibility from its durability: ApplyAsync
// returns once b is visible, WaitDurable once everything up to l is at Sync.
type AsyncWriter interface {
	ApplyAsync(b *Batch) (LSN, error)
	WaitDurable(ctx context.Context, l LSN) error
}

// Settler waits until background work that earlier writes have caused is done
// (flushes, compactions, checkpoints, merges), or ctx ends.
type Settler interface {
	Settle(ctx context.Context) error
}

// FileCounter says what the engine has done to its files since it was opened,
// by what the bytes were for: as counted where they are handed to the file
// system, whatever else the process writes. Only an engine whose every file
// goes through one counting file system has the role. It is safe for
// concurrent use.
type FileCounter interface {
	FileCounts(class vfs.Class) vfs.Counts
}

// Compactor rewrites the keys in [lower, upper) into the engine's densest
// form; nil bounds mean no bound.
type Compactor interface {
	Compact(ctx context.Context, lower, upper []byte) error
}
