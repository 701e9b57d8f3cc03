package tombstone

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// Build returns the Set of some ranges in any order. It copies their bytes.
func Build(ranges []Range) *Set {
	n := 0
	for _, r := range ranges {
		n += len(r.Lower) + len(r.Upper)
	}
	a := arena{make([]byte, 0, n)}
	var s sweep
	s.edges = make([]edge, 0, 2*len(ranges))
	for _, r := range ranges {
		if !r.Empty() {
			s.add(a.copy(r.Lower), a.copy(r.Upper), r.Seq)
		}
	}
	return newSet(s.fragments(nil))
}

// Merge returns all deletes of some Sets in one. It shares their bytes.
func Merge(sets ...*Set) *Set {
	var s sweep
	var only *Set
	several := false
	for _, set := range sets {
		if set == nil {
			continue
		}
		several = several || only != nil
		only = set
	}
	if !several {
		return only
	}
	for _, set := range sets {
		for _, f := range set.Fragments() {
			s.addFragment(f)
		}
	}
	return newSet(s.fragments(nil))
}

// with returns s and the ranges, whose bytes it keeps. It sorts only what the
// ranges are near to.
func (s *Set) with(ranges []Range) *Set {
	const few = 8
	if len(ranges) > few {
		var w sweep
		for _, f := range s.Fragments() {
			w.addFragment(f)
		}
		for _, r := range ranges {
			w.add(r.Lower, r.Upper, r.Seq)
		}
		return newSet(w.fragments(nil))
	}
	if s == nil {
		s = new(Set)
	}
	room := len(s.fragments) + 2*few
	n := &Set{
		fragments: append(make([]Fragment, 0, room), s.fragments...),
		prefix:    s.prefix,
		heads:     append(make([]uint64, 0, room), s.heads...),
		low:       s.low, high: s.high,
	}
	for _, r := range ranges {
		n.splice(r)
	}
	n.settle()
	return n
}

// splice adds a range to a Set that is not given out yet. The heads of what it
// touches are wrong where the range has another prefix than the Set.
func (s *Set) splice(r Range) {
	// Those that r overlaps or touches.
	from, _ := slices.BinarySearchFunc(s.fragments, r.Lower, func(f Fragment, key []byte) int {
		return compareUpper(f.Upper, key)
	})
	to := from
	for to < len(s.fragments) && compareUpper(r.Upper, s.fragments[to].Lower) >= 0 {
		to++
	}
	var w sweep
	for _, f := range s.fragments[from:to] {
		w.addFragment(f)
	}
	w.add(r.Lower, r.Upper, r.Seq)
	added := w.fragments(nil)
	heads := make([]uint64, len(added))
	for i, f := range added {
		heads[i] = ikey.Head(f.Lower[min(s.prefix, len(f.Lower)):])
	}
	s.fragments = slices.Replace(s.fragments, from, to, added...)
	s.heads = slices.Replace(s.heads, from, to, heads...)
	s.high = max(s.high, r.Seq)
	if s.low == 0 || r.Seq < s.low {
		s.low = r.Seq
	}
}

// settle sets what follows from the first and the last fragment.
func (s *Set) settle() {
	first, last := &s.fragments[0], &s.fragments[len(s.fragments)-1]
	s.lower, s.upper = first.Lower, last.Upper
	prefix := ikey.CommonPrefix(first.Lower, last.Lower)
	if prefix == s.prefix && s.heads != nil {
		return
	}
	s.prefix = prefix
	s.heads = make([]uint64, len(s.fragments))
	for i := range s.fragments {
		s.heads[i] = ikey.Head(s.fragments[i].Lower[prefix:])
	}
}

// compareUpper compares an upper bound, which may be none, with a key.
func compareUpper(upper, key []byte) int {
	if upper == nil {
		return 1
	}
	return bytes.Compare(upper, key)
}

// An arena is bytes for many keys.
type arena struct{ free []byte }

// copy keeps nil nil.
func (a *arena) copy(p []byte) []byte {
	if p == nil {
		return nil
	}
	n := len(a.free)
	a.free = append(a.free, p...)
	return a.free[n:len(a.free):len(a.free)]
}

// A sweep goes over the bounds of ranges in their order, and knows at each
// which of the ranges are open.
type sweep struct {
	edges []edge
	open  []ikey.Seq // falling; one may be there several times
}

// An edge is where a range begins or ends.
type edge struct {
	head   uint64
	key    []byte
	seq    ikey.Seq
	begins bool
}

func (s *sweep) add(lower, upper []byte, seq ikey.Seq) {
	if lower == nil {
		lower = []byte{}
	}
	s.edges = append(s.edges, edge{ikey.Head(lower), lower, seq, true})
	if upper != nil {
		s.edges = append(s.edges, edge{ikey.Head(upper), upper, seq, false})
	}
}

func (s *sweep) addFragment(f Fragment) {
	for _, d := range f.Seqs {
		s.add(f.Lower, f.Upper, d)
	}
}

// fragments appends the fragments of all that was added.
func (s *sweep) fragments(dst []Fragment) []Fragment {
	slices.SortFunc(s.edges, func(a, b edge) int {
		if c := cmp.Compare(a.head, b.head); c != 0 {
			return c
		}
		return bytes.Compare(a.key, b.key)
	})
	var lower []byte
	for i := range s.edges {
		e := &s.edges[i]
		if i == 0 || !bytes.Equal(lower, e.key) {
			dst = s.emit(dst, lower, e.key)
			lower = e.key
		}
		s.pass(e)
	}
	return s.emit(dst, lower, nil)
}

// pass opens or closes a range.
func (s *sweep) pass(e *edge) {
	i, _ := slices.BinarySearchFunc(s.open, e.seq, func(have, want ikey.Seq) int {
		return cmp.Compare(want, have)
	})
	if e.begins {
		s.open = slices.Insert(s.open, i, e.seq)
		return
	}
	s.open = slices.Delete(s.open, i, i+1)
}

// emit appends the fragment between two edges that follow each other.
func (s *sweep) emit(dst []Fragment, lower, upper []byte) []Fragment {
	if len(s.open) == 0 {
		return dst
	}
	return appendFragment(dst, Fragment{lower, upper, slices.Compact(slices.Clone(s.open))})
}

// appendFragment appends one that comes later, or makes the last longer.
func appendFragment(dst []Fragment, f Fragment) []Fragment {
	if n := len(dst) - 1; n >= 0 {
		last := &dst[n]
		if bytes.Equal(last.Upper, f.Lower) && slices.Equal(last.Seqs, f.Seqs) {
			last.Upper = f.Upper
			return dst
		}
	}
	return append(dst, f)
}
