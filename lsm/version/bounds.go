package version

import (
	"bytes"
	"sort"
)

// Bounds are a range of keys. Empty Bounds, of a Lower that is not below Upper,
// overlap nothing.
type Bounds struct {
	Lower     []byte // in it
	Upper     []byte // empty: there is no bound
	Exclusive bool   // Upper is not in it
}

// Span returns [lower, upper), where an upper of nil is no bound: the form in
// which users give ranges.
func Span(lower, upper []byte) Bounds { return Bounds{lower, upper, true} }

// Bounds returns the bounds of all that the table says something about.
func (t *Table) Bounds() Bounds { return Bounds{t.Smallest, t.Largest, t.LargestExclusive} }

// Empty reports whether no key can be in b.
func (b Bounds) Empty() bool {
	if len(b.Upper) == 0 {
		return false
	}
	c := bytes.Compare(b.Lower, b.Upper)
	return c > 0 || c == 0 && b.Exclusive
}

// Contains reports whether a key is in b.
func (b Bounds) Contains(key []byte) bool {
	return bytes.Compare(b.Lower, key) <= 0 && !b.below(key)
}

// below reports whether b ends before key.
func (b Bounds) below(key []byte) bool {
	if len(b.Upper) == 0 {
		return false
	}
	c := bytes.Compare(b.Upper, key)
	return c < 0 || c == 0 && b.Exclusive
}

// Before reports whether b ends before c begins.
func (b Bounds) Before(c Bounds) bool { return b.below(c.Lower) }

// Overlaps reports whether some key may be in both.
func (b Bounds) Overlaps(c Bounds) bool {
	return !b.Before(c) && !c.Before(b) && !b.Empty() && !c.Empty()
}

// Union returns the smallest bounds that hold both.
func (b Bounds) Union(c Bounds) Bounds {
	if bytes.Compare(c.Lower, b.Lower) < 0 {
		b.Lower = c.Lower
	}
	switch {
	case len(b.Upper) == 0:
	case len(c.Upper) == 0:
		b.Upper, b.Exclusive = c.Upper, true
	default:
		switch x := bytes.Compare(b.Upper, c.Upper); {
		case x < 0:
			b.Upper, b.Exclusive = c.Upper, c.Exclusive
		case x == 0:
			b.Exclusive = b.Exclusive && c.Exclusive
		}
	}
	return b
}

// UnionOf returns the bounds of tables; of none, empty ones.
func UnionOf(tables []*Table) Bounds {
	if len(tables) == 0 {
		return Bounds{Upper: []byte{0}, Lower: []byte{0}, Exclusive: true}
	}
	b := tables[0].Bounds()
	for _, t := range tables[1:] {
		b = b.Union(t.Bounds())
	}
	return b
}

// Overlap returns the tables of the run that overlap b, in their order: a part
// of r.Tables.
func (r *Run) Overlap(b Bounds) []*Table {
	if b.Empty() {
		return nil
	}
	i := sort.Search(len(r.Tables), func(i int) bool { return !r.Tables[i].Bounds().Before(b) })
	n := sort.Search(len(r.Tables)-i, func(n int) bool { return b.Before(r.Tables[i+n].Bounds()) })
	return r.Tables[i : i+n : i+n]
}

// Find returns the table whose bounds contain key, or nil.
func (r *Run) Find(key []byte) *Table {
	i := sort.Search(len(r.Tables), func(i int) bool { return !r.Tables[i].Bounds().below(key) })
	if i == len(r.Tables) || bytes.Compare(r.Tables[i].Smallest, key) > 0 {
		return nil
	}
	return r.Tables[i]
}

// Overlap returns the tables of a level that overlap [lower, upper): of the
// newest run first, of a run by key. An upper of nil is no bound.
func (v *Version) Overlap(level int, lower, upper []byte) []*Table {
	return v.OverlapBounds(level, Span(lower, upper))
}

// OverlapBounds is Overlap for any bounds.
func (v *Version) OverlapBounds(level int, b Bounds) []*Table {
	var all []*Table
	for i := range v.Levels[level].Runs {
		all = append(all, v.Levels[level].Runs[i].Overlap(b)...)
	}
	return all
}

// NothingBelow reports whether no table of a level below (one with a higher
// number) overlaps [lower, upper). An upper of nil is no bound.
func (v *Version) NothingBelow(level int, lower, upper []byte) bool {
	return v.NothingBelowBounds(level, Span(lower, upper))
}

// NothingBelowBounds is NothingBelow for any bounds.
func (v *Version) NothingBelowBounds(level int, b Bounds) bool {
	for n := level + 1; n < Levels; n++ {
		for i := range v.Levels[n].Runs {
			if len(v.Levels[n].Runs[i].Overlap(b)) > 0 {
				return false
			}
		}
	}
	return true
}
