package compaction

import (
	"sort"

	"github.com/kvbench/kvbench/lsm/version"
)

// A Bottom knows whether something older than a choice's inputs can exist for
// a key. It stays right while the job runs, though the version it was made of
// gets old: what is older only moves further down, and what is newer does not
// count.
//
// It belongs to one goroutine, and is quickest if keys rise.
type Bottom struct {
	runs []olderRun
}

type olderRun struct {
	tables []*version.Table
	at     int // the first that does not end before the last key asked for
}

// NewBottom returns that of a choice made of v.
func NewBottom(v *version.Version, c *Choice) *Bottom {
	inputs := make(map[uint64]bool)
	for _, in := range c.Inputs {
		for _, t := range in.Tables {
			inputs[t.ID] = true
		}
	}
	b := &Bottom{}
	seen := false // an input: all that comes from here on may be older than one
	for i := range v.Levels {
		for _, r := range v.Levels[i].Runs {
			var older []*version.Table
			for _, t := range r.Tables {
				if inputs[t.ID] {
					seen = true
				} else {
					older = append(older, t)
				}
			}
			if seen && len(older) > 0 {
				b.runs = append(b.runs, olderRun{tables: older})
			}
		}
	}
	return b
}

// Key reports whether nothing older than the inputs exists for key.
func (b *Bottom) Key(key []byte) bool {
	s := span{lower: key, upper: key}
	for i := range b.runs {
		r := &b.runs[i]
		if r.at > 0 && !spanOf(r.tables[r.at-1]).before(s) {
			r.at = 0 // the keys went back
		}
		if r.at < len(r.tables) && spanOf(r.tables[r.at]).before(s) {
			rest := r.tables[r.at:]
			r.at += sort.Search(len(rest), func(i int) bool { return !spanOf(rest[i]).before(s) })
		}
		if r.at < len(r.tables) && !s.before(spanOf(r.tables[r.at])) {
			return false
		}
	}
	return true
}

// Range reports the same of all keys in [lower, upper); upper nil: no bound.
func (b *Bottom) Range(lower, upper []byte) bool {
	return b.span(span{lower: lower, upper: upper, open: true, endless: upper == nil})
}

func (b *Bottom) span(s span) bool {
	for i := range b.runs {
		if len(within(b.runs[i].tables, s)) > 0 {
			return false
		}
	}
	return true
}
