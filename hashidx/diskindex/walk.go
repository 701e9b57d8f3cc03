package diskindex

import (
	"errors"
	"sync/atomic"

	"github.com/kvbench/kvbench/hashidx/index"
)

// walkPages is how many pages a walk reads at once, and yields under a lock.
const walkPages = 8

// A Walk goes through all entries once, beside writers and merges, in the order
// of ordinals: a range of a stripe at a time.
//
// Concurrency: Next is for one goroutine at a time, Passed for all.
type Walk struct {
	x      *Index
	next   atomic.Uint64 // the first ordinal that was not yielded
	reader *reader       // of the file that was read last
	old    []entry       // of the file
	chain  []index.Entry
	some   []index.Entry

	from, to ordinal // of the range that is being yielded
}

// StartWalk begins a walk. It needs no end.
func (x *Index) StartWalk() *Walk { return &Walk{x: x} }

// Next calls f with the entries of the next range, maybe none; it is false
// without a call at the end, and with an error, after which it may be called
// again. f runs under the lock of its hashes, must not take it, and may keep
// nothing of the slice.
//
// An entry that stays is yielded once; one that is replaced meanwhile once, at
// its old or at its new place, as Passed tells.
func (w *Walk) Next(f func(entries []index.Entry)) (more bool, err error) {
	from := ordinal(w.next.Load())
	if from >= endOfOrdinal {
		return false, nil
	}
	s := &w.x.stripes[from.stripe()]
	g := w.x.domain.Pin()
	defer g.Unpin()
	for {
		// The file is read without the lock: it does not change.
		file := w.x.view.Load().file
		end, err := w.read(file, from)
		if err != nil {
			return false, err
		}
		s.mu.Lock()
		if v := w.x.view.Load(); v.file == file {
			w.from, w.to = from, end
			w.collect(v, from, end)
			f(w.chain)
			w.next.Store(uint64(end))
			s.mu.Unlock()
			return true, nil
		}
		s.mu.Unlock()
	}
}

// read reads entries of the file from an ordinal on, and returns up to where.
func (w *Walk) read(f *file, from ordinal) (end ordinal, err error) {
	w.old = w.old[:0]
	end = ordinal(from.stripe()+1) << stripeShift
	if f == nil {
		return end, nil
	}
	if w.reader == nil || w.reader.file != f {
		w.reader = newReader(f, walkPages)
	}
	first, _ := from.bucketOf(f.buckets)
	last, _ := (end - 1).bucketOf(f.buckets)
	var next uint64
	w.old, next, err = w.reader.buckets(w.old, first, last+1)
	return min(end, firstOf(next, f.buckets)), err
}

// collect makes chain what there is in a range. Its stripe is locked, so that
// the fronts do not change there.
func (w *Walk) collect(v *view, from, end ordinal) {
	w.chain = w.chain[:0]
	in := func(o ordinal) bool { return o >= from && o < end }
	for _, e := range w.old {
		if !in(e.ordinal) {
			continue
		}
		hash := e.ordinal.hash()
		if v.frozen != nil && v.frozen.hides(hash, e.place) || v.active.hides(hash, e.place) {
			continue
		}
		w.chain = append(w.chain, e.index())
	}
	if v.frozen != nil {
		w.some = v.frozen.added.Stripe(w.some[:0], from.stripe())
		for _, e := range w.some {
			if in(ordinalOf(e.Hash)) && !v.active.hides(e.Hash, e.Place) {
				w.chain = append(w.chain, e)
			}
		}
	}
	w.some = v.active.added.Stripe(w.some[:0], from.stripe())
	for _, e := range w.some {
		if in(ordinalOf(e.Hash)) {
			w.chain = append(w.chain, e)
		}
	}
}

// Beside appends the entries of another index whose hashes are in the range that
// Next is yielding. f of Next calls it, and may do so although it takes a lock:
// the other's. So who changes both indexes under the lock of a hash in this
// one, and locks the other for no longer, shows the walk one state.
func (w *Walk) Beside(to []index.Entry, other *index.Index) []index.Entry {
	first := len(to)
	to = other.Stripe(to, int(w.from.stripe()))
	kept := to[:first]
	for _, e := range to[first:] {
		if o := ordinalOf(e.Hash); o >= w.from && o < w.to {
			kept = append(kept, e)
		}
	}
	return kept
}

// Passed reports whether the entries of a hash were yielded. The caller holds
// the Lock of the hash, or of all: then it stays so until the lock ends. What
// was changed under locks that found it false is yielded as changed, and what
// is changed under one that finds it true was yielded as it had been.
func (w *Walk) Passed(hash uint64) bool {
	return uint64(ordinalOf(hash)) < w.next.Load()
}

// All calls f with the entries that are left, some thousands at a time, in the
// order of Next, until it fails, and returns its error. f runs without locks
// and may keep nothing of the slice: its entries have been passed, and may have
// changed.
func (w *Walk) All(f func([]index.Entry) error) error {
	var some []index.Entry
	take := func(entries []index.Entry) { some = append(some[:0], entries...) }
	for {
		more, err := w.Next(take)
		if !more || err != nil {
			return err
		}
		if len(some) > 0 {
			if err := f(some); err != nil {
				return err
			}
		}
	}
}

// Walk calls f with every entry, until it returns false: see Walk.Next. The
// hash has the index.HashBits that are kept; its other bits are 0. f runs
// without locks.
func (x *Index) Walk(f func(index.Entry) bool) error {
	err := x.StartWalk().All(func(some []index.Entry) error {
		for _, e := range some {
			if !f(e) {
				return errEnough
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

var errEnough = errors.New("enough")
