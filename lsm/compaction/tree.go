package compaction

import (
	"bytes"
	"slices"
	"sort"

	"github.com/kvbench/kvbench/lsm/version"
)

// A span is the keys from lower to upper; open: without upper itself. A nil
// lower is below all keys; endless: there is no upper.
type span struct {
	lower, upper  []byte
	open, endless bool
}

func spanOf(t *version.Table) span {
	return span{lower: t.Smallest, upper: t.Largest, open: t.LargestExclusive}
}

// before reports whether all of a is below all of b.
func (a span) before(b span) bool {
	if a.endless {
		return false
	}
	c := bytes.Compare(a.upper, b.lower)
	return c < 0 || c == 0 && a.open
}

func (a span) overlaps(b span) bool { return !a.before(b) && !b.before(a) }

// ends compares where two spans end.
func (a span) ends(b span) int {
	switch {
	case a.endless || b.endless:
		return asInt(a.endless) - asInt(b.endless)
	default:
		if c := bytes.Compare(a.upper, b.upper); c != 0 {
			return c
		}
		return asInt(b.open) - asInt(a.open)
	}
}

func (a span) contains(b span) bool {
	return bytes.Compare(a.lower, b.lower) <= 0 && a.ends(b) >= 0
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hull is the least span around tables, of which there is at least one.
func hull(inputs []Input) span {
	var h span
	first := true
	for _, in := range inputs {
		for _, t := range in.Tables {
			s := spanOf(t)
			if first {
				h, first = s, false
				continue
			}
			if bytes.Compare(s.lower, h.lower) < 0 {
				h.lower = s.lower
			}
			if h.ends(s) < 0 {
				h.upper, h.open = s.upper, s.open
			}
		}
	}
	return h
}

// within returns the tables of a run that overlap s.
func within(tables []*version.Table, s span) []*version.Table {
	i := sort.Search(len(tables), func(i int) bool { return !spanOf(tables[i]).before(s) })
	j := i + sort.Search(len(tables)-i, func(j int) bool { return s.before(spanOf(tables[i+j])) })
	return tables[i:j:j]
}

func bytesOf(tables []*version.Table) int64 {
	var n int64
	for _, t := range tables {
		n += t.Bytes
	}
	return n
}

func levelBytes(l *version.Level) int64 {
	var n int64
	for i := range l.Runs {
		n += bytesOf(l.Runs[i].Tables)
	}
	return n
}

// A tree is a state as a picker sees it.
type tree struct {
	*Picker
	State
	busy    map[uint64]bool // all of them
	bytes   [version.Levels]int64
	targets Targets
}

func (p *Picker) tree(s State) *tree {
	t := &tree{Picker: p, State: s, busy: make(map[uint64]bool, len(s.Busy))}
	for id := range s.Busy {
		t.busy[id] = true
	}
	for _, c := range s.Running {
		for _, in := range c.Inputs {
			for _, table := range in.Tables {
				t.busy[table.ID] = true
			}
		}
	}
	for i := range t.bytes {
		t.bytes[i] = levelBytes(&s.Version.Levels[i])
	}
	t.targets = p.Targets(s.Version)
	return t
}

func (t *tree) runs(level int) []version.Run { return t.Version.Levels[level].Runs }

// cap is how many runs a level may have at rest.
func (t *tree) cap(level int) int { return t.layout.Runs(&t.s, level, t.targets.Last) }

// joins reports whether merges into a level join its one run.
func (t *tree) joins(level int) bool { return t.cap(level) == 1 && len(t.runs(level)) <= 1 }

// next is the level that a level's tables go to; itself, if there is none.
func (t *tree) next(level int) int {
	if level == version.Levels-1 || t.layout.Flat() {
		return level
	}
	if t.layout.Top() == 0 || level+1 < t.layout.Top() || level+1 >= t.targets.Base {
		return level + 1
	}
	for i := level + 1; i < t.targets.Base; i++ {
		if t.bytes[i] > 0 {
			return i
		}
	}
	return t.targets.Base
}

// last reports whether level is the deepest that holds data.
func (t *tree) last(level int) bool {
	for i := level + 1; i < version.Levels; i++ {
		if t.bytes[i] > 0 {
			return false
		}
	}
	return true
}

func (t *tree) free(tables []*version.Table) bool {
	return !slices.ContainsFunc(tables, func(x *version.Table) bool { return t.busy[x.ID] })
}

// elidable reports whether the deletes of a table go when it is written anew
// with nothing older below.
func (t *tree) elidable(x *version.Table) bool {
	return x.Tombstones+x.RangeDeletes > 0 && (t.Snapshot == 0 || x.MaxSeq <= t.Snapshot)
}

// all returns the runs of a level as inputs.
func (t *tree) all(level int) []Input {
	var in []Input
	for _, r := range t.runs(level) {
		if len(r.Tables) > 0 {
			in = append(in, Input{Level: level, Run: r.ID, Tables: r.Tables})
		}
	}
	return in
}
