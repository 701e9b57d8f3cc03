package tombstone

import (
	"bytes"
	"slices"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// Clip returns what s deletes of the keys with lower <= key < upper. A nil
// upper is no bound, a lower of length 0 neither. It shares the bytes of s and
// keeps the bounds.
func (s *Set) Clip(lower, upper []byte) *Set {
	if s == nil || bytes.Compare(lower, s.lower) <= 0 && compareUppers(s.upper, upper) <= 0 {
		return s
	}
	from, _ := slices.BinarySearchFunc(s.fragments, lower, func(f Fragment, key []byte) int {
		if compareUpper(f.Upper, key) <= 0 {
			return -1
		}
		return 1
	})
	to := from
	for to < len(s.fragments) && compareUpper(upper, s.fragments[to].Lower) > 0 {
		to++
	}
	if from == to {
		return nil
	}
	kept := slices.Clone(s.fragments[from:to])
	if first := &kept[0]; bytes.Compare(first.Lower, lower) < 0 {
		first.Lower = bytes.Clone(lower)
	}
	last := &kept[len(kept)-1]
	if compareUppers(last.Upper, upper) > 0 {
		last.Upper = bytes.Clone(upper)
	}
	if compareUpper(last.Upper, last.Lower) <= 0 {
		return nil // lower is not below upper
	}
	return newSet(kept)
}

// compareUppers compares upper bounds, of which none is the highest.
func compareUppers(a, b []byte) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return bytes.Compare(a, b)
}

// Keep returns what a compaction whose inputs have the deletes s must write:
// of each fragment the newest delete per stripe between snapshots, which are
// rising. bottom says that nothing older than the inputs can lie below them in
// the bounds of s: then those of the oldest stripe go. The package comment
// says why.
func (s *Set) Keep(snapshots []ikey.Seq, bottom bool) *Set {
	return s.KeepWhere(snapshots, func(_, _ []byte) bool { return bottom })
}

// KeepWhere is Keep, where bottom answers for the bounds of each fragment.
func (s *Set) KeepWhere(snapshots []ikey.Seq, bottom func(lower, upper []byte) bool) *Set {
	if s == nil {
		return nil
	}
	var kept []Fragment
	for _, f := range s.fragments {
		f.Seqs = keep(f.Seqs, snapshots, bottom(f.Lower, f.Upper))
		if len(f.Seqs) > 0 {
			kept = appendFragment(kept, f)
		}
	}
	return newSet(kept)
}

// keep returns the highest of each stripe.
func keep(seqs, snapshots []ikey.Seq, bottom bool) []ikey.Seq {
	var kept []ikey.Seq
	n := len(snapshots) // stripe i ends at snapshots[i]
	last := n + 1
	for _, d := range seqs {
		for n > 0 && d <= snapshots[n-1] {
			n--
		}
		if n == last {
			continue
		}
		last = n
		if n > 0 || !bottom {
			kept = append(kept, d)
		}
	}
	return kept
}
