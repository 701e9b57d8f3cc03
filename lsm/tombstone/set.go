package tombstone

import (
	"bytes"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// A Range is a range delete: of all entries with Lower <= key < Upper that are
// older than Seq. A nil Upper is no bound.
type Range struct {
	Lower, Upper []byte
	Seq          ikey.Seq
}

// Empty reports whether r deletes nothing, whatever there is.
func (r Range) Empty() bool {
	return r.Seq == 0 || r.Upper != nil && bytes.Compare(r.Lower, r.Upper) >= 0
}

// A Fragment is a range of keys that some range deletes cover wholly, and all
// others not at all.
type Fragment struct {
	Lower, Upper []byte     // a nil Upper is no bound
	Seqs         []ikey.Seq // of the deletes, falling
}

// at returns the highest number that is not above at, or 0.
func (f *Fragment) at(at ikey.Seq) ikey.Seq {
	seqs := f.Seqs
	for len(seqs) > 8 { // they are few, unless somebody overdoes it
		mid := len(seqs) / 2
		if seqs[mid-1] > at {
			seqs = seqs[mid:]
		} else {
			seqs = seqs[:mid]
		}
	}
	for _, d := range seqs {
		if d <= at {
			return d
		}
	}
	return 0
}

// A Set is range deletes, as fragments in the order of their keys. It does not
// change. A nil Set is empty; no empty Set is anything else.
type Set struct {
	fragments []Fragment
	// Where key search begins: all Lowers begin with the first prefix bytes of
	// the first, and heads are those of what follows.
	prefix int
	heads  []uint64

	lower, upper []byte // of all
	low, high    ikey.Seq
}

// newSet takes fragments in canonical form.
func newSet(fragments []Fragment) *Set {
	if len(fragments) == 0 {
		return nil
	}
	s := &Set{fragments: fragments, low: ikey.MaxSeq}
	for i := range fragments {
		seqs := fragments[i].Seqs
		s.high = max(s.high, seqs[0])
		s.low = min(s.low, seqs[len(seqs)-1])
	}
	s.settle()
	return s
}

// Len is the number of fragments.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.fragments)
}

// Fragments returns all fragments, which the caller must not write to.
func (s *Set) Fragments() []Fragment {
	if s == nil {
		return nil
	}
	return s.fragments
}

// Bounds returns the bounds of all fragments together: upper nil is no bound.
// An empty Set has none, and returns nil twice.
func (s *Set) Bounds() (lower, upper []byte) {
	if s == nil {
		return nil, nil
	}
	return s.lower, s.upper
}

// MinSeq is the number of the oldest delete, 0 if there is none.
func (s *Set) MinSeq() ikey.Seq {
	if s == nil {
		return 0
	}
	return s.low
}

// MaxSeq is the number of the newest delete, 0 if there is none.
func (s *Set) MaxSeq() ikey.Seq {
	if s == nil {
		return 0
	}
	return s.high
}

// Covering returns the number of the newest delete that covers key and is not
// newer than at; 0 if there is none. An entry of key is deleted for a reader at
// at if its number is lower.
func (s *Set) Covering(key []byte, at ikey.Seq) ikey.Seq {
	if s == nil || at < s.low || s.outside(key) {
		return 0
	}
	f := &s.fragments[s.find(key)]
	if f.Upper != nil && bytes.Compare(key, f.Upper) >= 0 {
		return 0
	}
	return f.at(at)
}

// CoveringWindow is Covering, and says from where to where the answer is the
// same for this at: for all keys with lower <= key < upper. A nil upper is no
// bound, a lower of length 0 neither.
func (s *Set) CoveringWindow(key []byte, at ikey.Seq) (seq ikey.Seq, lower, upper []byte) {
	switch {
	case s == nil || at < s.low:
		return 0, nil, nil
	case bytes.Compare(key, s.lower) < 0:
		return 0, nil, s.lower
	}
	n := s.find(key)
	f := &s.fragments[n]
	switch {
	case f.Upper == nil || bytes.Compare(key, f.Upper) < 0:
		return f.at(at), f.Lower, f.Upper
	case n+1 < len(s.fragments):
		return 0, f.Upper, s.fragments[n+1].Lower
	}
	return 0, f.Upper, nil
}

// CoveringAll returns the highest number such that each key of lower <= key <
// upper (or <= upper, if inclusive) is covered by a delete with that number or
// a higher one that is not newer than at; 0 if some key is covered by none. All
// entries between these bounds with lower numbers are deleted for a reader at
// at. A nil upper is no bound.
func (s *Set) CoveringAll(lower, upper []byte, inclusive bool, at ikey.Seq) ikey.Seq {
	if s == nil || at < s.low || s.outside(lower) {
		return 0
	}
	inclusive = inclusive && upper != nil
	seq := at
	end := lower
	for n := s.find(lower); n < len(s.fragments); n++ {
		f := &s.fragments[n]
		if bytes.Compare(f.Lower, end) > 0 || compareUpper(f.Upper, end) <= 0 {
			return 0 // a gap
		}
		seq = min(seq, f.at(at))
		c := compareUppers(f.Upper, upper)
		if c > 0 || c == 0 && !inclusive || seq == 0 {
			return seq
		}
		end = f.Upper
	}
	return 0
}

// outside reports whether key is before or behind all fragments.
func (s *Set) outside(key []byte) bool {
	return bytes.Compare(key, s.lower) < 0 || s.upper != nil && bytes.Compare(key, s.upper) >= 0
}

// find returns the last fragment that does not begin behind key, which is not
// before all of them.
func (s *Set) find(key []byte) int {
	n := len(s.heads)
	if len(key) < s.prefix || !bytes.Equal(key[:s.prefix], s.lower[:s.prefix]) {
		return n - 1 // not before the first, hence behind all with its prefix
	}
	head := ikey.Head(key[s.prefix:])
	base := 0
	for n > 1 { // the last head that is not above
		half := n / 2
		if s.heads[base+half] <= head {
			base += half
		}
		n -= half
	}
	if s.heads[base] < head || bytes.Compare(s.fragments[base].Lower, key) <= 0 {
		return base
	}
	// Of equal heads the last begins behind key.
	low, high := 0, base
	for high-low > 1 {
		if mid := (low + high) / 2; bytes.Compare(s.fragments[mid].Lower, key) <= 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}
