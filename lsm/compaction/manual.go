package compaction

import "github.com/kvbench/kvbench/lsm/version"

// PickRange returns the next step of compacting all that is in [lower, upper)
// down to the deepest level that holds something there, so that its deletes
// go; upper nil: no bound. Kind None: it is done; or, Blocked, running jobs
// must be waited for.
func (p *Picker) PickRange(s State, lower, upper []byte) Choice {
	t := p.tree(s)
	if t.layout.Flat() {
		return Choice{}
	}
	want := version.Span(lower, upper)
	deepest := -1
	for i := range t.Version.Levels {
		if t.meets(i, want) {
			deepest = i
		}
	}
	deepest = t.reach(deepest, want)
	n := need{reason: Manual, priority: Deep, score: 1}
	for i := 0; i <= deepest; i++ {
		if !t.meets(i, want) {
			continue
		}
		n.level = i
		c, due, ok := t.step(&n, want, i == deepest)
		if due && !ok {
			return Choice{Blocked: true}
		}
		if due {
			return c
		}
	}
	return Choice{}
}

// reach is the deepest level that has something under those tables of level
// deepest which have deletes in the range: written anew above that they would
// keep them, and be written anew for ever.
func (t *tree) reach(deepest int, want version.Bounds) int {
	if deepest <= 0 {
		return deepest
	}
	for i := len(t.Version.Levels) - 1; i > deepest; i-- {
		for _, r := range t.runs(deepest) {
			for _, x := range within(r.Tables, want) {
				if t.elidable(x) && t.meets(i, x.Bounds()) {
					return i
				}
			}
		}
	}
	return deepest
}

func (t *tree) meets(level int, b version.Bounds) bool {
	for _, r := range t.runs(level) {
		if len(within(r.Tables, b)) > 0 {
			return true
		}
	}
	return false
}

// step brings a level's part of the range one level on; on the deepest there
// is only to merge runs, and to write anew what has deletes.
func (t *tree) step(n *need, want version.Bounds, deepest bool) (c Choice, due, ok bool) {
	switch {
	case n.level == 0:
		c, ok = t.rangeOf0(n, want)
		return c, true, ok
	case len(t.runs(n.level)) > 1 || t.cap(n.level) > 1 && !deepest:
		if deepest {
			c = n.choice()
			c.Inputs = t.all(n.level)
			c.OutputRun = c.Inputs[0].Run
			c, ok = t.finish(c, n.level)
			return c, true, ok
		}
		c, ok = t.wholeLevel(n)
		return c, true, ok
	}
	run := t.runs(n.level)[0]
	for _, x := range within(run.Tables, want) {
		if !deepest || t.elidable(x) {
			n.tables = append(n.tables, x)
		}
	}
	if len(n.tables) == 0 {
		return c, false, false
	}
	if deepest {
		c, ok = t.rewrite(n)
		return c, true, ok
	}
	c, ok = t.part(n, run)
	return c, true, ok
}

// part takes the first of the tables, up to JobBytes.
func (t *tree) part(n *need, run version.Run) (Choice, bool) {
	to, size := 0, int64(0)
	for to < len(n.tables) && (to == 0 || size+n.tables[to].Bytes <= t.s.JobBytes) {
		size += n.tables[to].Bytes
		to++
	}
	c := n.choice()
	c.Inputs = []Input{{Level: n.level, Run: run.ID, Tables: n.tables[:to:to]}}
	return t.down(c, t.next(n.level))
}

// rangeOf0 takes what level 0 has in the range, and all that is older and
// overlaps that.
func (t *tree) rangeOf0(n *need, want version.Bounds) (Choice, bool) {
	for {
		grown := want
		for _, r := range t.runs(0) {
			if in := within(r.Tables, want); len(in) > 0 {
				grown = grown.Union(version.UnionOf(in))
			}
		}
		if covers(want, grown) {
			break
		}
		want = grown
	}
	in := t.closed(want.Overlaps)
	if len(in) == 0 {
		return Choice{}, false
	}
	c := n.choice()
	c.Inputs = in
	return t.down(c, t.next(0))
}
