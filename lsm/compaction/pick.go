package compaction

import (
	"cmp"
	"slices"

	"github.com/kvbench/kvbench/lsm/version"
)

// Pick returns what to do next; Kind None if nothing is due, or, Blocked, if
// running jobs stand in the way of all that is.
func (p *Picker) Pick(s State) Choice {
	t := p.tree(s)
	blocked, kept := false, -1
	for _, n := range t.needs() {
		c, ok := t.choose(&n)
		if ok && !c.touches(kept) {
			return c
		}
		blocked = true
		if n.priority == Level0 {
			// It waits for jobs on the level it goes to. No further one, of
			// less rank, begins there: else it might wait for ever.
			kept = t.next(0)
		}
	}
	return Choice{Blocked: blocked && len(t.busy) > 0}
}

// Scores returns how due each level is, by size and runs: from 1 on it is.
func (p *Picker) Scores(v *version.Version) [version.Levels]float64 {
	t := p.tree(State{Version: v})
	var scores [version.Levels]float64
	if t.layout.Flat() {
		return scores
	}
	scores[0] = max(float64(len(t.runs(0)))/float64(max(t.s.L0Runs, 1)), float64(t.bytes[0])/float64(t.s.L0Bytes))
	for i := 1; i < version.Levels; i++ {
		scores[i] = float64(len(t.runs(i))) / float64(t.cap(i)+1)
		if t.targeted(i) {
			scores[i] = max(scores[i], fullness(float64(t.bytes[i]), float64(t.targets.Bytes[i])))
		}
	}
	return scores
}

// needs returns what is due, what is most so first.
func (t *tree) needs() []need {
	var ns []need
	for _, tr := range t.triggers {
		ns = append(ns, tr.find(t)...)
	}
	slices.SortStableFunc(ns, func(a, b need) int { return cmp.Compare(b.rank(), a.rank()) })
	return ns
}

// choose makes a choice of a need, if no running job stands in its way.
func (t *tree) choose(n *need) (Choice, bool) {
	if n.reason == Expired {
		if gone := t.unneeded(n.tables); len(gone) > 0 {
			return t.drop(n, gone), true
		}
	}
	switch {
	case n.scope == drops:
		return t.drop(n, n.tables), true
	case n.scope == all:
		return t.everything(n)
	case n.level == 0 && t.layout.Flat():
		return Choice{}, false
	case n.level == 0:
		return t.fromLevel0(n)
	case n.scope == rewrites:
		return t.rewrite(n)
	case n.scope == whole || len(t.runs(n.level)) > 1 || t.cap(n.level) > 1 && !t.last(n.level):
		return t.wholeLevel(n)
	case n.scope == seeded && (t.last(n.level) || t.next(n.level) == n.level):
		return t.rewrite(n)
	}
	return t.fromRun(n)
}

// unneeded returns the tables below which nothing older is.
func (t *tree) unneeded(tables []*version.Table) []*version.Table {
	var gone []*version.Table
	for _, x := range tables {
		level, _, _ := t.Version.Find(x.ID)
		in := Input{Level: level, Run: t.runOf(level, x), Tables: []*version.Table{x}}
		if !Bottom(t.Version, &Choice{Inputs: []Input{in}}).Overlaps(x.Bounds()) {
			gone = append(gone, x)
		}
	}
	return gone
}

// runOf is the run that a table of a level is in.
func (t *tree) runOf(level int, x *version.Table) uint64 {
	for _, r := range t.runs(level) {
		if r.Find(x.Smallest) == x {
			return r.ID
		}
	}
	return 0
}

// drop deletes tables.
func (t *tree) drop(n *need, tables []*version.Table) Choice {
	c := n.choice()
	c.Kind = Drop
	for i := range t.Version.Levels {
		for _, in := range t.all(i) {
			in.Tables = slices.DeleteFunc(slices.Clone(in.Tables), func(x *version.Table) bool {
				return !slices.Contains(tables, x)
			})
			if len(in.Tables) > 0 {
				c.Inputs = append(c.Inputs, in)
			}
		}
	}
	c.OutputLevel = c.top()
	c.setBounds()
	return c
}

func (n *need) choice() Choice {
	return Choice{Kind: Merge, Reason: n.reason, Priority: n.priority, Score: n.score}
}

// everything merges all there is into the last level.
func (t *tree) everything(n *need) (Choice, bool) {
	c := n.choice()
	for i := range t.bytes {
		c.Inputs = append(c.Inputs, t.all(i)...)
	}
	last := t.targets.Last
	if in := t.all(last); len(in) > 0 {
		c.OutputRun = in[0].Run
	}
	return t.finish(c, last)
}

// wholeLevel merges all runs of a level into the next. The last level that has
// not grown to its size, and that which has none below it, into itself.
func (t *tree) wholeLevel(n *need) (Choice, bool) {
	c := n.choice()
	c.Inputs = t.all(n.level)
	if len(c.Inputs) == 0 {
		return c, false
	}
	next := t.next(n.level)
	grown := n.reason == Size || t.bytes[n.level] > t.targets.Bytes[n.level]/2
	if next == n.level || t.layout.Top() == 0 && t.last(n.level) && !grown {
		c.OutputRun = c.Inputs[0].Run
		return t.finish(c, n.level)
	}
	return t.down(c, next)
}

// down adds what the inputs meet on the level they go to, if they join it.
func (t *tree) down(c Choice, out int) (Choice, bool) {
	if !t.joins(out) {
		return t.finish(c, out)
	}
	if rs := t.runs(out); len(rs) == 1 {
		c.OutputRun = rs[0].ID
		if below := within(rs[0].Tables, hull(c.Inputs)); len(below) > 0 {
			c.Inputs = append(c.Inputs, Input{Level: out, Run: rs[0].ID, Tables: below})
		}
	}
	return t.finish(c, out)
}

// fromRun takes from a level of one run, by granularity and movement, or one
// of the tables that are due.
func (t *tree) fromRun(n *need) (Choice, bool) {
	out := t.next(n.level)
	if out == n.level || len(t.runs(n.level)) == 0 {
		return Choice{}, false
	}
	run := t.runs(n.level)[0]
	var below []*version.Table
	if rs := t.runs(out); len(rs) == 1 && t.joins(out) {
		below = rs[0].Tables
	}
	var cs []candidate
	for i, x := range run.Tables {
		if t.busy[x.ID] || n.scope == seeded && !slices.Contains(n.tables, x) {
			continue
		}
		cs = append(cs, candidate{index: i, table: x, overlap: bytesOf(within(below, x.Bounds()))})
	}
	t.movement.order(t, n.level, cs)
	for _, x := range cs {
		from, to := t.granularity.extend(t, run.Tables, x.index, below)
		c, ok := t.piece(n, run, from, to, out)
		if ok && x.overlap == 0 && c.Kind == Merge && to > from+1 {
			// Alone it may be moved.
			if one, ok := t.piece(n, run, x.index, x.index+1, out); ok && one.Kind == Move {
				return one, true
			}
		}
		if ok {
			return c, true
		}
	}
	return Choice{}, false
}

// piece takes run.Tables[from:to] to level out.
func (t *tree) piece(n *need, run version.Run, from, to, out int) (Choice, bool) {
	c := n.choice()
	c.Inputs = []Input{{Level: n.level, Run: run.ID, Tables: run.Tables[from:to:to]}}
	c.Cursor = run.Tables[to-1].Largest
	return t.down(c, out)
}

// rewrite writes tables anew where they are, with their neighbours that are
// due, up to JobBytes.
func (t *tree) rewrite(n *need) (Choice, bool) {
	for _, r := range t.runs(n.level) {
		for i := 0; i < len(r.Tables); i++ {
			to, size := i, int64(0)
			for to < len(r.Tables) && !t.busy[r.Tables[to].ID] && slices.Contains(n.tables, r.Tables[to]) &&
				(to == i || size+r.Tables[to].Bytes <= t.s.JobBytes) {
				size += r.Tables[to].Bytes
				to++
			}
			if to == i {
				continue
			}
			c := n.choice()
			c.Inputs = []Input{{Level: n.level, Run: r.ID, Tables: r.Tables[i:to:to]}}
			c.OutputRun = r.ID
			if c, ok := t.finish(c, n.level); ok {
				return c, true
			}
			i = to - 1
		}
	}
	return Choice{}, false
}

// finish fills in what follows from inputs and output level. ok is false if
// the choice has to wait.
func (t *tree) finish(c Choice, out int) (_ Choice, ok bool) {
	for _, in := range c.Inputs {
		if !t.free(in.Tables) {
			return c, false
		}
	}
	c.OutputLevel = out
	c.setBounds()
	for _, o := range t.Running {
		if c.conflicts(o) {
			return c, false
		}
	}
	c.TableBytes = t.tableBytes(out)
	if g := t.next(out); out > 0 && g > out && t.joins(g) {
		c.GrandparentLevel, c.GrandparentBytes = g, t.s.GrandparentBytes
	}
	if t.movable(&c) {
		c.Kind = Move
	}
	return c, true
}

// tableBytes is the size of tables on a level: twice that of the level above,
// up to 8 times that of the first.
func (t *tree) tableBytes(level int) int64 {
	first := max(t.targets.Base, 1)
	return t.s.TableBytes << min(max(level-first, 0), 3)
}

// movable reports whether the tables can go as they are: they come from
// another level, do not overlap each other or what is where they go, nor too
// much of what is below it; and no delete arrives where it has nothing left to
// hide.
func (t *tree) movable(c *Choice) bool {
	if t.s.NoMoves || c.Reason == BlobGarbage || c.top() == c.OutputLevel {
		return false
	}
	var tables []*version.Table
	deletes := false
	for _, in := range c.Inputs {
		if in.Level == c.OutputLevel {
			return false
		}
		for _, x := range in.Tables {
			if expired(x, t.Now) {
				return false
			}
			deletes = deletes || x.Tombstones+x.RangeDeletes > 0
			tables = append(tables, x)
		}
	}
	if g := c.GrandparentLevel; g > 0 && len(t.runs(g)) == 1 {
		for _, x := range tables {
			if bytesOf(within(t.runs(g)[0].Tables, x.Bounds())) > c.GrandparentBytes {
				return false
			}
		}
	}
	return disjoint(tables) && (!deletes || Bottom(t.Version, c).Overlaps(c.Bounds()))
}
