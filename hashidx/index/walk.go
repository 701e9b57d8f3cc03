package index

import "math/bits"

// Walk calls f with every entry, until it returns false. The hash has the
// HashBits that the index keeps, which is all that Load needs to build the
// same index; its other bits are 0.
//
// It may run beside writers. An entry that stays is yielded once; one that is
// replaced meanwhile once, at its old or at its new place. f runs without
// locks.
func (x *Index) Walk(f func(Entry) bool) {
	var chain []Entry
	first := x.count.Load()
	for b := range first {
		// What b is split into has b's stripe, so under its lock b's entries
		// are where they are.
		s := &x.stripes[b%stripeCount]
		s.mu.Lock()
		chain = x.family(chain[:0], b, first, x.count.Load())
		s.mu.Unlock()
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
