package compaction

import (
	"bytes"
	"slices"

	"github.com/kvbench/kvbench/lsm/version"
)

// hull is the least bounds around inputs.
func hull(inputs []Input) version.Bounds {
	var h version.Bounds
	first := true
	for _, in := range inputs {
		if len(in.Tables) == 0 {
			continue
		}
		if b := version.UnionOf(in.Tables); first {
			h, first = b, false
		} else {
			h = h.Union(b)
		}
	}
	return h
}

// covers reports whether all of b is in a.
func covers(a, b version.Bounds) bool {
	u := a.Union(b)
	return bytes.Equal(u.Lower, a.Lower) && bytes.Equal(u.Upper, a.Upper) && u.Exclusive == a.Exclusive
}

// within returns the tables of a run that overlap b.
func within(tables []*version.Table, b version.Bounds) []*version.Table {
	r := version.Run{Tables: tables}
	return r.Overlap(b)
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

// elidable reports whether the deletes of a table, or what has expired, go when
// it is written anew with nothing older below.
func (t *tree) elidable(x *version.Table) bool {
	return (x.Tombstones+x.RangeDeletes > 0 || expired(x, t.Now)) && (t.Snapshot == 0 || x.MaxSeq <= t.Snapshot)
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
