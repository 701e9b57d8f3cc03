package merge

import (
	"fmt"
	"sort"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

// FoldOptions say what a Fold may drop. The zero value drops versions that a
// newer one hides, and nothing else.
type FoldOptions struct {
	// Lower and Upper bound the keys: [Lower, Upper). nil: no bound.
	Lower, Upper []byte

	// Snapshots that somebody may read at, rising. Whoever reads the output
	// and not at one of these, reads at or above all that is in the inputs.
	Snapshots []ikey.Seq

	// Ranges are the range deletes of all inputs. Those that are to be kept,
	// the caller keeps: Set.Keep.
	Ranges *tombstone.Set

	// Bottom reports that nothing of key that is older than the inputs is
	// outside of them: no entry, and no range delete that covers it. It is
	// asked once per key at most, and for rising keys. nil: there may be.
	Bottom func(key []byte) bool

	// ZeroBelow is the highest number that may be replaced by 0.
	ZeroBelow ikey.Seq

	// Now is the time in nanoseconds of Unix time: puts that expire at it or
	// before have expired.
	Now int64

	// Relocate is called once for each put that is kept, and returns the value
	// and the kind of put to write instead: values move into blob files, or
	// out of them. Whether a put expires must stay as it is. What it returns
	// must be valid until the next call of Next. nil: they stay.
	Relocate func(key []byte, kind ikey.Kind, value []byte) ([]byte, ikey.Kind, error)
}

// FoldStats count entries. Read is the sum of Kept, Obsolete, Covered,
// Tombstones and Expired.
type FoldStats struct {
	Read uint64
	Kept uint64 // what Next returned

	Obsolete   uint64 // dropped: a newer entry of the key hides it
	Covered    uint64 // dropped: a range delete does
	Tombstones uint64 // dropped: deletes with nothing below
	Expired    uint64 // dropped: expired puts with nothing below

	Buried uint64 // expired puts that were kept as deletes
	Zeroed uint64 // kept with number 0
	Moved  uint64 // kept by Relocate as another kind

	ReadBytes uint64 // of keys and values of all that was read
	KeptBytes uint64 // of all that was kept
}

// A Fold is what a flush or a compaction writes: the entries of an Iter
// without those that nobody can see any more. The package comment has the
// rules. It belongs to one goroutine.
//
//	f := merge.NewFold(it, options)
//	for f.Next() {
//		err = w.Add(f.Key(), f.Trailer(), f.Value())
//	}
//	err = f.Err()
type Fold struct {
	it *Iter
	o  FoldOptions

	started, on bool
	err         error
	win         window

	last       []byte // the key of the entry before
	haveLast   bool
	lastStripe int
	bottom     int8 // of the key: 0 unknown, 1 yes, -1 no

	// stripe is that of numbers in (low, high].
	stripe    int
	low, high ikey.Seq

	trailer ikey.Trailer
	value   []byte
	stats   FoldStats
}

// NewFold returns a Fold over it, which the caller closes.
func NewFold(it *Iter, o FoldOptions) *Fold {
	f := &Fold{it: it, o: o}
	f.win.reset(o.Ranges)
	f.find(0)
	return f
}

// Next moves to the next entry that is to be written.
func (f *Fold) Next() bool {
	var ok bool
	switch {
	case f.err != nil || f.started && !f.on:
		return false
	case f.started:
		ok = f.it.Next()
	case len(f.o.Lower) > 0:
		ok = f.it.SeekGE(f.o.Lower)
	default:
		ok = f.it.First()
	}
	f.started, f.on = true, false
	for ; ok; ok = f.it.Next() {
		key := f.it.Key()
		if f.o.Upper != nil && compare(key, f.o.Upper) >= 0 {
			return false
		}
		if f.keep(key) {
			f.on = f.err == nil
			return f.on
		}
	}
	f.err = f.it.Err()
	return false
}

// Key returns the user key of the entry, valid until the next move.
func (f *Fold) Key() []byte { return f.it.Key() }

// Trailer returns the trailer to write.
func (f *Fold) Trailer() ikey.Trailer { return f.trailer }

// Value returns the value to write, valid until the next move.
func (f *Fold) Value() []byte { return f.value }

// Err returns what ended the Fold early: what it wrote is not all then.
func (f *Fold) Err() error { return f.err }

// Stats returns the counts so far.
func (f *Fold) Stats() FoldStats { return f.stats }

// keep reports whether the entry that the Iter is on is kept, or is an error,
// and if so, sets what it becomes.
func (f *Fold) keep(key []byte) bool {
	t, value := f.it.Trailer(), f.it.Value()
	f.stats.Read++
	f.stats.ReadBytes += uint64(len(key) + len(value))
	if seq := t.Seq(); seq > f.high || seq < f.low {
		f.find(seq)
	}
	if !f.haveLast || !same(key, f.last) {
		f.last, f.haveLast, f.bottom = append(f.last[:0], key...), true, 0
	} else if f.stripe == f.lastStripe {
		f.stats.Obsolete++
		return false
	}
	f.lastStripe = f.stripe
	if f.o.Ranges != nil && f.win.covering(key, f.high) > t.Seq() {
		f.stats.Covered++
		return false
	}
	put, err := alive(t.Kind(), value, f.o.Now)
	if err != nil {
		f.err = fmt.Errorf("fold entry %v of key %.32x: %w", t, key, err)
		return true
	}
	if !put {
		return f.keepDelete(key, t)
	}
	if f.stripe == 0 && t.Seq() <= f.o.ZeroBelow && t.Seq() > 0 && f.isBottom(key) && f.uncovered(key) {
		t = ikey.Make(0, t.Kind())
		f.stats.Zeroed++
	}
	return f.keepPut(key, t, value)
}

// keepDelete is keep of a delete, or of a put that has expired.
func (f *Fold) keepDelete(key []byte, t ikey.Trailer) bool {
	expired := t.Kind() != ikey.Delete
	if f.stripe == 0 && f.isBottom(key) {
		if expired {
			f.stats.Expired++
		} else {
			f.stats.Tombstones++
		}
		return false
	}
	if expired {
		f.stats.Buried++
	}
	f.kept(key, ikey.Make(t.Seq(), ikey.Delete), nil)
	return true
}

// keepPut is keep of a put that somebody may see.
func (f *Fold) keepPut(key []byte, t ikey.Trailer, value []byte) bool {
	if f.o.Relocate == nil {
		f.kept(key, t, value)
		return true
	}
	value, kind, err := f.o.Relocate(key, t.Kind(), value)
	switch {
	case err != nil:
		f.err = fmt.Errorf("relocate value of entry %v of key %.32x: %w", t, key, err)
	case kind == ikey.Delete || !kind.Valid() || kind.Expires() != t.Kind().Expires():
		f.err = fmt.Errorf("relocate value of entry %v of key %.32x: became a %v", t, key, kind)
	case kind != t.Kind():
		f.stats.Moved++
	}
	f.kept(key, ikey.Make(t.Seq(), kind), value)
	return true
}

// kept sets what Next returns.
func (f *Fold) kept(key []byte, t ikey.Trailer, value []byte) {
	f.trailer, f.value = t, value
	f.stats.Kept++
	f.stats.KeptBytes += uint64(len(key) + len(value))
}

// isBottom is o.Bottom of the key that the Iter is on.
func (f *Fold) isBottom(key []byte) bool {
	if f.bottom == 0 {
		f.bottom = -1
		if f.o.Bottom != nil && f.o.Bottom(key) {
			f.bottom = 1
		}
	}
	return f.bottom > 0
}

// uncovered reports that no range delete of the oldest stripe covers key. One
// that is older than an entry, and may be written with it, would hide it if
// its number were 0.
func (f *Fold) uncovered(key []byte) bool {
	return f.o.Ranges == nil || f.win.covering(key, f.high) == 0
}

// find sets stripe, low and high for a number.
func (f *Fold) find(seq ikey.Seq) {
	s := f.o.Snapshots
	f.stripe = sort.Search(len(s), func(i int) bool { return s[i] >= seq })
	f.low, f.high = 0, ikey.MaxSeq
	if f.stripe > 0 {
		f.low = s[f.stripe-1] + 1
	}
	if f.stripe < len(s) {
		f.high = s[f.stripe]
	}
}

// alive reports whether an entry is a put that has not expired.
func alive(kind ikey.Kind, value []byte, now int64) (bool, error) {
	switch kind {
	case ikey.Put, ikey.PutBlob:
		return true, nil
	case ikey.Delete:
		return false, nil
	case ikey.PutTTL, ikey.PutBlobTTL:
		expires, _, ok := ikey.Expiry(value)
		if !ok {
			return false, engine.Corrupt("", -1, fmt.Sprintf("%v with a value of %d bytes", kind, len(value)), nil)
		}
		return expires > now, nil
	}
	return false, engine.Corrupt("", -1, fmt.Sprintf("%v among point entries", kind), nil)
}
