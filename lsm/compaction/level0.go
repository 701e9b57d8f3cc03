package compaction

import (
	"bytes"
	"slices"

	"github.com/kvbench/kvbench/lsm/version"
)

// disjoint reports whether no two tables overlap.
func disjoint(tables []*version.Table) bool {
	sorted := slices.SortedFunc(slices.Values(tables), func(a, b *version.Table) int {
		return bytes.Compare(a.Smallest, b.Smallest)
	})
	for i := 1; i < len(sorted); i++ {
		if !sorted[i-1].Bounds().Before(sorted[i].Bounds()) {
			return false
		}
	}
	return true
}

// closed returns the tables of level 0 that want says may go and that no older
// table stays behind of which overlaps them: sublevels from the oldest up.
func (t *tree) closed(want func(b version.Bounds) bool) []Input {
	sub := t.runs(0)
	var left []version.Bounds // what stays, of the sublevels so far
	taken := make([]Input, 0, len(sub))
	for i := len(sub) - 1; i >= 0; i-- {
		in := Input{Run: sub[i].ID}
		for _, x := range sub[i].Tables {
			b := x.Bounds()
			if t.busy[x.ID] || !want(b) || slices.ContainsFunc(left, b.Overlaps) {
				left = append(left, b)
				continue
			}
			in.Tables = append(in.Tables, x)
		}
		if len(in.Tables) > 0 {
			taken = append(taken, in)
		}
	}
	slices.Reverse(taken)
	return taken
}

// fromLevel0 takes tables from level 0 down: all that is free, if that is
// small, or goes to a tiered level; else around a table of the oldest sublevel
// so that the most of level 0 goes for what it takes along. While nothing can
// go down it merges sublevels with each other.
func (t *tree) fromLevel0(n *need) (Choice, bool) {
	out := t.next(0)
	if c, ok := t.bestOf0(n, out); ok {
		return c, true
	}
	if n.scope == seeded || n.reason == Manual || n.reason == Idle {
		return Choice{}, false
	}
	return t.within0(n)
}

func (t *tree) bestOf0(n *need, out int) (best Choice, ok bool) {
	everything := t.closed(func(version.Bounds) bool { return true })
	if len(everything) == 0 {
		return Choice{}, false
	}
	join := t.joins(out)
	try := func(in []Input) (Choice, bool) {
		if len(in) == 0 || n.scope == seeded && !holds(in, n.tables) {
			return Choice{}, false
		}
		c := n.choice()
		c.Inputs = in
		return t.down(c, out)
	}
	c, ok := try(everything)
	if ok && (!join || c.Kind == Move || c.Bytes() <= t.s.JobBytes) {
		return c, true
	}
	best, found := c, ok
	if !join {
		return best, found
	}
	for _, seed := range everything[len(everything)-1].Tables {
		around := seed.Bounds()
		if below := t.below(out, around); len(below) > 0 {
			around = around.Union(version.UnionOf(below))
		}
		c, ok := try(t.closed(func(b version.Bounds) bool { return covers(around, b) }))
		if ok && (!found || share0(&c) > 1.1*share0(&best)) {
			best, found = c, true
		}
	}
	return best, found
}

// below is what overlaps b on the one run of a level.
func (t *tree) below(level int, b version.Bounds) []*version.Table {
	if rs := t.runs(level); len(rs) == 1 {
		return within(rs[0].Tables, b)
	}
	return nil
}

// share0 is the part of a choice's inputs that comes from level 0.
func share0(c *Choice) float64 {
	var up int64
	for _, in := range c.Inputs {
		if in.Level == 0 {
			up += bytesOf(in.Tables)
		}
	}
	return float64(up) / float64(max(c.Bytes(), 1))
}

func holds(in []Input, tables []*version.Table) bool {
	for _, i := range in {
		for _, x := range tables {
			if slices.Contains(i.Tables, x) {
				return true
			}
		}
	}
	return false
}

// within0 merges the newest flushes on level 0 into one, once there are twice
// as many sublevels as make it due: as many as are free.
// All of each goes, and of those after each other, so that what is left is
// wholly older, between the keys of outputs too. What was flushed last may be
// small against what was merged already: that waits until there is as much
// above it.
func (t *tree) within0(n *need) (Choice, bool) {
	least := max(2, t.s.L0Runs)
	if t.sublevels() < 2*t.s.L0Runs {
		return Choice{}, false
	}
	c := n.choice()
	c.Reason = IntraL0
	var sum int64
	for _, in := range t.flushes() {
		size := bytesOf(in.Tables)
		if !t.free(in.Tables) || sum+size > t.s.JobBytes || len(c.Inputs) >= least && size > sum {
			break
		}
		c.Inputs = append(c.Inputs, in)
		sum += size
	}
	if len(c.Inputs) < least {
		return Choice{}, false
	}
	c.OutputRun = c.Inputs[0].Run
	return t.finish(c, 0)
}

// flushes returns level 0 as it was flushed, newest first.
func (t *tree) flushes() []Input {
	var fs []Input
	for _, p := range t.Version.Flushed {
		if len(fs) == 0 || fs[len(fs)-1].Run != p.Run {
			fs = append(fs, Input{Run: p.Run})
		}
		f := &fs[len(fs)-1]
		f.Tables = append(f.Tables, p.Table)
	}
	return fs
}
