package index

import (
	"math/bits"
	"sync/atomic"
)

// A Walk goes through all entries once, beside writers.
//
// It goes by the buckets that there were at its start, in their order, and
// yields with each what that has been split into since: its family.
//
// Concurrency: Next and All are for one goroutine at a time, Passed for all.
type Walk struct {
	x     *Index
	first uint64        // buckets at the start
	next  atomic.Uint64 // the first of them that was not yielded
	chain []Entry
}

// StartWalk begins a walk at the first bucket. It needs no end.
func (x *Index) StartWalk() *Walk {
	return &Walk{x: x, first: x.count.Load()}
}

// Buckets is the number of buckets at the start: what Options.Buckets should be
// for an index that takes the entries in the order of this walk.
func (w *Walk) Buckets() uint64 { return w.first }

// Next calls f with the entries of the next family, maybe none; it is false
// without a call at the end. f runs under the lock of its hashes, must take no
// lock of the index, and may keep nothing of the slice.
//
// An entry that stays is yielded once; one that is replaced meanwhile once, at
// its old or at its new place, as Passed tells.
func (w *Walk) Next(f func(entries []Entry)) bool {
	b := w.next.Load()
	if b >= w.first {
		return false
	}
	// A code is in the family of its bucket among first, however many there
	// are now: so each entry is in one family. They have one stripe, so under
	// its lock none comes, goes or moves, nor is a bucket of the family split.
	s := &w.x.stripes[b%stripeCount]
	s.mu.Lock()
	w.chain = w.x.family(w.chain[:0], b, w.first, w.x.count.Load())
	f(w.chain)
	w.next.Store(b + 1)
	s.mu.Unlock()
	return true
}

// Passed reports whether the bucket of a hash was yielded. The caller holds the
// Lock of the hash, or of all: then it stays so until the lock ends. What was
// changed under locks that found it false is yielded as changed, and what is
// changed under one that finds it true was yielded as it had been.
//
// It is exact because next goes beyond a bucket only while Next holds the lock
// that the caller holds now: either all of that came before, or none of it.
func (w *Walk) Passed(hash uint64) bool {
	return bucketOf(codeOf(hash), w.first) < w.next.Load()
}

// walkBatch is about how many entries All yields at once.
const walkBatch = 4096

// All calls f with the entries that are left, some thousands at a time, in the
// order of Next, until it fails, and returns its error. f runs without locks
// and may keep nothing of the slice: its entries have been passed, and may have
// changed.
func (w *Walk) All(f func([]Entry) error) error {
	some := make([]Entry, 0, walkBatch+walkBatch/8)
	take := func(entries []Entry) { some = append(some, entries...) }
	for more := true; more; {
		some = some[:0]
		for more && len(some) < walkBatch {
			more = w.Next(take)
		}
		if len(some) == 0 {
			continue
		}
		if err := f(some); err != nil {
			return err
		}
	}
	return nil
}

// Walk calls f with every entry, until it returns false. The hash has the
// HashBits that the index keeps, which is all that Load needs to build the
// same index; its other bits are 0.
//
// It may run beside writers: see Walk.Next. f runs without locks.
func (x *Index) Walk(f func(Entry) bool) {
	var chain []Entry
	take := func(entries []Entry) { chain = append(chain[:0], entries...) }
	for w := x.StartWalk(); w.Next(take); {
		for _, e := range chain {
			if !f(e) {
				return
			}
		}
	}
}

// family appends the entries of a bucket and of all that it was split into
// since there were first buckets.
func (x *Index) family(to []Entry, bucket, first, count uint64) []Entry {
	for l := x.home.at(bucket); l != nil; l = x.after(l) {
		for i := range l.slots {
			if w := l.slots[i].Load(); w != 0 {
				to = append(to, Entry{l.code(bucket, i).hash(), w & placeMask})
			}
		}
	}
	for bit := uint64(1) << bits.Len64(bucket); bucket+bit < count; bit <<= 1 {
		if bucket+bit >= first {
			to = x.family(to, bucket+bit, first, count)
		}
	}
	return to
}
