package merge

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

// LiveOptions say what a Live shows.
type LiveOptions struct {
	// At is the number that is read at. Of entries with higher ones nothing is
	// shown; so they may come into the sources meanwhile.
	At ikey.Seq

	// Lower and Upper bound the keys: [Lower, Upper). nil: no bound. They must
	// not change while they are in use.
	Lower, Upper []byte

	// Ranges are the range deletes of all sources. Empty ones cost nothing.
	Ranges []*tombstone.Set

	// Now is the time in nanoseconds of Unix time: puts that expire at it or
	// before have expired.
	Now int64

	// SkipAfter is how many entries in a row are passed, of one key or under
	// one range delete, before it seeks past them. 0: DefaultSkipAfter.
	SkipAfter int

	// Older reports that a source has no entry with lower <= key < upper whose
	// number is not lower than seq; a nil upper is no bound. It is asked when
	// SkipAfter entries in a row were under a range delete: a source that has
	// nothing but dead entries under it is moved past it. nil: none is known
	// to be so.
	Older func(source int, lower, upper []byte, seq ikey.Seq) bool
}

// DefaultSkipAfter is where a seek costs about what the steps have cost.
const DefaultSkipAfter = 64

// LiveStats count the entries that were passed, and why they were not shown.
type LiveStats struct {
	Tombstones uint64 // deletes
	Obsolete   uint64 // a newer entry of the key hides them
	Newer      uint64 // newer than At
	Covered    uint64 // under a range delete
	Expired    uint64
	Seeks      uint64 // of sources, past what need not be passed
}

// A Live walks what a user sees of the entries of an Iter: of each key the
// newest version at a number, unless that is a delete, is deleted by a range
// delete, or has expired. It is what ikey.Iterator describes, but of rows.
//
// Key, Kind and Value are valid until the next move. A step forward copies the
// key that it leaves; a step back copies key and value of the row.
type Live struct {
	it     *Iter
	o      LiveOptions
	after  int
	win    window
	ranges bool // that there are any

	on      bool
	reverse bool // the row is saved, and the Iter is before it
	err     error

	last     []byte // forward: the key that is done with, if haveLast. Reverse: that of the row
	haveLast bool
	trailer  ikey.Trailer // of the row
	value    []byte       // of the row, in reverse
	seek     []byte

	versions int // how many of key last were passed in a row
	covered  int // how many under range deletes were

	stats LiveStats
}

// NewLive returns a Live over it, which it owns: Close closes it.
func NewLive(it *Iter, o LiveOptions) *Live {
	l := &Live{}
	l.Init(it, o)
	return l
}

// Init makes l a Live over another Iter, as NewLive does. It does not close
// the one that it had, and keeps the memory that it has.
func (l *Live) Init(it *Iter, o LiveOptions) {
	l.it, l.o, l.after = it, o, o.SkipAfter
	if l.after <= 0 {
		l.after = DefaultSkipAfter
	}
	var set *tombstone.Set
	sets := 0
	for _, s := range o.Ranges {
		if s.Len() > 0 {
			set = s
			sets++
		}
	}
	if sets > 1 {
		set = tombstone.Merge(o.Ranges...)
	}
	l.win.reset(set)
	l.ranges = set != nil
	l.on, l.reverse, l.haveLast, l.err, l.stats = false, false, false, nil, LiveStats{}
	if cap(l.value) > maxKept {
		l.value = nil
	}
}

// maxKept is how much memory for values a Live keeps.
const maxKept = 1 << 20

// First moves to the first row.
func (l *Live) First() bool {
	if len(l.o.Lower) > 0 {
		return l.SeekGE(l.o.Lower)
	}
	l.start(false)
	return l.forward(l.it.First())
}

// Last moves to the last row.
func (l *Live) Last() bool {
	if l.o.Upper != nil {
		return l.SeekLT(l.o.Upper)
	}
	l.start(true)
	return l.backward(l.it.Last())
}

// SeekGE moves to the first row whose key is >= key.
func (l *Live) SeekGE(key []byte) bool {
	l.start(false)
	if compare(key, l.o.Lower) < 0 {
		key = l.o.Lower
	}
	if l.o.Upper != nil && compare(key, l.o.Upper) >= 0 {
		return false
	}
	l.seek = append(l.seek[:0], key...) // it may be a key of a source
	return l.forward(l.it.SeekGE(l.seek))
}

// SeekLT moves to the last row whose key is < key.
func (l *Live) SeekLT(key []byte) bool {
	l.start(true)
	if l.o.Upper != nil && compare(key, l.o.Upper) > 0 {
		key = l.o.Upper
	}
	if compare(key, l.o.Lower) <= 0 {
		return false
	}
	l.seek = append(l.seek[:0], key...)
	return l.backward(l.it.SeekLT(l.seek))
}

// Next moves to the next row.
func (l *Live) Next() bool {
	if !l.on {
		return false
	}
	if l.reverse {
		l.seek = append(append(l.seek[:0], l.last...), 0)
		return l.SeekGE(l.seek)
	}
	l.last, l.haveLast = append(l.last[:0], l.it.Key()...), true
	return l.forward(l.it.Next())
}

// Prev moves to the row before.
func (l *Live) Prev() bool {
	if !l.on {
		return false
	}
	if !l.reverse {
		return l.SeekLT(l.it.Key())
	}
	return l.backward(l.it.on)
}

// Key returns the key of the row.
func (l *Live) Key() []byte {
	if l.reverse {
		return l.last
	}
	return l.it.Key()
}

// Kind returns the kind of the row's entry: one of puts.
func (l *Live) Kind() ikey.Kind { return l.trailer.Kind() }

// Trailer returns the trailer of the row's entry.
func (l *Live) Trailer() ikey.Trailer { return l.trailer }

// Value returns the value as it is stored, with its expiry, or its place in a
// blob file: what Kind says.
func (l *Live) Value() []byte {
	if l.reverse {
		return l.value
	}
	return l.it.Value()
}

// Err returns what ended the walk early.
func (l *Live) Err() error {
	if l.err != nil {
		return l.err
	}
	return l.it.Err()
}

// Close closes the Iter, and returns Err.
func (l *Live) Close() error {
	l.on = false
	if err := l.it.Close(); l.err == nil {
		l.err = err
	}
	return l.err
}

// Stats returns the counts since Init.
func (l *Live) Stats() LiveStats { return l.stats }

// start begins a walk from a new position.
func (l *Live) start(reverse bool) {
	l.on, l.reverse, l.haveLast, l.err = false, reverse, false, nil
	l.versions, l.covered = 0, 0
}

// forward moves to the first row from where the Iter is: on an entry if ok.
func (l *Live) forward(ok bool) bool {
	for ok {
		key := l.it.Key()
		if l.haveLast && same(key, l.last) {
			ok = l.passVersion()
			continue
		}
		if l.o.Upper != nil && compare(key, l.o.Upper) >= 0 {
			break
		}
		t := l.it.Trailer()
		switch {
		case t.Seq() > l.o.At:
			l.stats.Newer++
		case l.ranges && l.win.covering(key, l.o.At) > t.Seq():
			ok = l.passCovered(key)
			continue
		case l.shows(t.Kind(), key):
			l.trailer, l.on = t, true
			l.versions, l.covered = 0, 0
			return true
		case l.err != nil:
			ok = false
			continue
		default:
			l.last, l.haveLast = append(l.last[:0], key...), true
			l.versions, l.covered = 0, 0
		}
		ok = l.it.Next()
	}
	l.on = false
	return false
}

// shows reports whether the entry that the Iter is on is a put that has not
// expired; if not it is counted.
func (l *Live) shows(kind ikey.Kind, key []byte) bool {
	switch kind {
	case ikey.Put, ikey.PutBlob:
		return true
	case ikey.Delete:
		l.stats.Tombstones++
		return false
	}
	return l.unexpired(kind, key, l.it.Value())
}

// unexpired is shows of other kinds.
func (l *Live) unexpired(kind ikey.Kind, key, value []byte) bool {
	ok, err := alive(kind, value, l.o.Now)
	switch {
	case err != nil:
		l.err = fmt.Errorf("read %v of key %.32x: %w", kind, key, err)
	case !ok:
		l.stats.Expired++
	}
	return ok
}

// same reports whether keys are equal. Those of neighbours differ near their
// ends.
func same(a, b []byte) bool {
	n := len(a)
	if n != len(b) {
		return false
	}
	if n >= 8 && binary.LittleEndian.Uint64(a[n-8:]) != binary.LittleEndian.Uint64(b[n-8:]) {
		return false
	}
	return bytes.Equal(a, b)
}
