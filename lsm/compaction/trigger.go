package compaction

import (
	"math"

	"github.com/kvbench/kvbench/lsm/version"
)

// A need is something that is due.
type need struct {
	level    int
	reason   Reason
	priority Priority
	score    float64
	// what of the level; tables: any of these will do.
	scope  scope
	tables []*version.Table
}

type scope uint8

const (
	some     scope = iota // as granularity and movement say
	seeded                // around one of the tables
	whole                 // all runs of the level
	all                   // all runs of all levels down to the last
	rewrites              // tables where they are
	drops                 // the tables
)

// rank is the order of needs: by score, but level 0, for which flushes wait,
// goes before all that is less than twice as large as it should be. It does not
// go before more: it would have to be merged into that. A promise that is kept
// too late by a twentieth goes before level 0.
func (n *need) rank() float64 {
	switch n.priority {
	case Level0:
		return 2 + n.score/1000
	case Bound:
		return 1.9 * n.score
	case Lowest:
		return n.score / 1000
	}
	return n.score
}

// A Trigger finds what is due.
type Trigger interface {
	Name() string
	find(t *tree) []need
}

var triggers = []Trigger{
	sizes{}, runs{}, spaceAmp{}, stale{}, tombstoneAge{}, garbage{}, expiredPuts{}, blobGarbage{}, full{},
}

// sizes: a level against its target; level 0 against L0Bytes.
type sizes struct{}

func (sizes) Name() string { return "size" }

func (sizes) find(t *tree) []need {
	var ns []need
	if t.layout.Flat() {
		return nil
	}
	if score := float64(t.leaving(0)) / float64(t.s.L0Bytes); score >= 1 {
		ns = append(ns, need{level: 0, reason: L0Runs, priority: Level0, score: score})
	}
	for i := 1; i < version.Levels; i++ {
		size, target := float64(t.leaving(i)), float64(t.targets.Bytes[i])
		switch {
		case t.targeted(i):
			if size > target {
				ns = append(ns, need{level: i, reason: Size, priority: Deep, score: fullness(size, target)})
			}
		case t.layout.Top() == 0 && i == t.targets.Last && i < version.Levels-1 && t.cap(i) == 1:
			// The last level of a tree that grows has become too large for one
			// run to be merged into: it becomes the next level.
			if size > target {
				ns = append(ns, need{level: i, reason: Size, priority: Deep, score: size / target, scope: whole})
			}
		}
	}
	return ns
}

// fullness is a size against a target. A level that should be empty is due, but
// there is no hurry.
func fullness(size, target float64) float64 {
	switch {
	case size == 0:
		return 0
	case target == 0:
		return 1.5
	}
	return size / target
}

// leaving is the size of a level without what is on its way down.
func (t *tree) leaving(level int) int64 {
	n := t.bytes[level]
	for _, c := range t.Running {
		for _, in := range c.Inputs {
			if in.Level == level && c.OutputLevel > level {
				n -= bytesOf(in.Tables)
			}
		}
	}
	return n
}

// runs: a level of more runs than it may have at rest.
type runs struct{}

func (runs) Name() string { return "runs" }

func (runs) find(t *tree) []need {
	var ns []need
	if t.layout.Flat() {
		return nil
	}
	if n := t.sublevels(); n >= t.s.L0Runs {
		ns = append(ns, need{reason: L0Runs, priority: Level0, score: float64(n) / float64(t.s.L0Runs)})
	} else if n > 0 && t.Idle && t.joins(t.next(0)) && t.idleMerges() {
		ns = append(ns, need{reason: Idle, priority: Lowest, score: float64(n)})
	}
	for i := 1; i < version.Levels; i++ {
		if n, most := len(t.runs(i)), t.cap(i); n > most {
			ns = append(ns, need{
				level: i, reason: Runs, priority: Deep, scope: whole,
				score: float64(n) / float64(most+1),
			})
		}
	}
	return ns
}

// idleMerges: in a tree that grows downwards level 1 may be the last one, and
// large; merging each flush into it is no idle work.
func (t *tree) idleMerges() bool { return t.layout.Top() > 0 }

// sublevels is how many runs level 0 has that no running job takes away.
func (t *tree) sublevels() int {
	n := 0
	for _, r := range t.runs(0) {
		for _, x := range r.Tables {
			if !t.busy[x.ID] {
				n++
				break
			}
		}
	}
	return n
}

// spaceAmp: what is above the oldest run, against it. Only where levels are
// tiered: of the others, targets bound it.
type spaceAmp struct{}

func (spaceAmp) Name() string { return "space-amp" }

func (spaceAmp) find(t *tree) []need {
	last := t.targets.Last
	n := len(t.runs(last))
	if t.s.SpaceAmp <= 0 || t.layout.Top() > 0 || t.layout.Flat() || n == 0 {
		return nil
	}
	var sum int64
	for _, b := range t.bytes {
		sum += b
	}
	oldest := bytesOf(t.runs(last)[n-1].Tables)
	ratio := float64(sum-oldest) / float64(max(oldest, 1))
	if ratio <= t.s.SpaceAmp {
		return nil
	}
	return []need{{reason: SpaceAmp, priority: Deep, score: ratio / t.s.SpaceAmp, scope: all}}
}

// each calls f with all tables that are free, newest level first.
func (t *tree) each(f func(level int, x *version.Table)) {
	for i := range t.Version.Levels {
		for _, r := range t.runs(i) {
			for _, x := range r.Tables {
				if !t.busy[x.ID] {
					f(i, x)
				}
			}
		}
	}
}

// due collects tables by level; score is 0 where a table is not due.
func (t *tree) due(reason Reason, priority Priority, score func(level int, x *version.Table) float64) []need {
	byLevel := make([]need, version.Levels)
	t.each(func(level int, x *version.Table) {
		if s := score(level, x); s > 0 {
			n := &byLevel[level]
			n.tables, n.score = append(n.tables, x), max(n.score, s)
		}
	})
	var ns []need
	for i, n := range byLevel {
		if len(n.tables) == 0 {
			continue
		}
		n.level, n.reason, n.priority, n.scope = i, reason, priority, seeded
		if i == 0 && priority == Deep {
			n.score = min(n.score, 1)
		}
		ns = append(ns, n)
	}
	return ns
}

// stale: tables older than TTL go down; layout fifo drops them.
type stale struct{}

func (stale) Name() string { return "stale" }

func (stale) find(t *tree) []need {
	if t.s.TTL <= 0 {
		return nil
	}
	score := func(level int, x *version.Table) float64 {
		if age := t.Now - x.Created; x.Created > 0 && age > int64(t.s.TTL) && (t.layout.Flat() || !t.last(level)) {
			return float64(age) / float64(t.s.TTL)
		}
		return 0
	}
	if t.layout.Flat() {
		return t.dropOldest(Stale, func(x *version.Table, _ int64) bool { return score(0, x) > 0 })
	}
	return t.due(Stale, Deep, score)
}

// tombstoneAge: deletes that stay on their level for longer than its share of
// TombstoneAge. Shares grow by T from level to level, as the levels do, so
// that each has as much time for its size (Lethe, section 4.1.2).
type tombstoneAge struct{}

func (tombstoneAge) Name() string { return "tombstone-age" }

func (tombstoneAge) find(t *tree) []need {
	if t.s.TombstoneAge <= 0 || t.layout.Flat() {
		return nil
	}
	limits := t.ageLimits()
	return t.due(TombstoneAge, Bound, func(level int, x *version.Table) float64 {
		age := t.Now - x.OldestTombstone
		if x.OldestTombstone == 0 || age <= limits[level] || t.last(level) && !t.elidable(x) {
			return 0
		}
		return float64(age) / float64(max(limits[level], 1))
	})
}

// ageLimits is how old a delete may be on each level.
func (t *tree) ageLimits() [version.Levels]int64 {
	var used []int
	for i := range t.bytes {
		if i == 0 || t.bytes[i] > 0 || t.targets.Bytes[i] > 0 && i <= t.targets.Last {
			used = append(used, i)
		}
	}
	ratio := float64(t.s.SizeRatio)
	// Data leaves the last level but by merging into it: the others share.
	parts := math.Pow(ratio, float64(max(len(used)-1, 1))) - 1
	var limits [version.Levels]int64
	for i, level := range used {
		share := (math.Pow(ratio, float64(i+1)) - 1) / parts
		limits[level] = int64(float64(t.s.TombstoneAge) * min(share, 1))
	}
	return limits
}

// garbage: tables that are mostly deletes.
type garbage struct{}

func (garbage) Name() string { return "garbage" }

func (garbage) find(t *tree) []need {
	if t.s.TombstoneRatio <= 0 || t.layout.Flat() {
		return nil
	}
	return t.due(Garbage, Deep, func(level int, x *version.Table) float64 {
		r := tombstoneRatio(x)
		if level == 0 || r < t.s.TombstoneRatio || t.last(level) && !t.elidable(x) {
			return 0
		}
		return 1
	})
}

// expiredPuts: tables whose puts have all expired. With nothing older below
// they are dropped; otherwise they go down until nothing is.
type expiredPuts struct{}

func (expiredPuts) Name() string { return "expired" }

func (expiredPuts) find(t *tree) []need {
	return t.due(Expired, Deep, func(_ int, x *version.Table) float64 {
		return float64(asInt(expired(x, t.Now)))
	})
}

// blobGarbage: the tables that the engine says should write their separated
// values anew, so that a blob file that is mostly garbage goes.
type blobGarbage struct{}

func (blobGarbage) Name() string { return "blob-garbage" }

func (blobGarbage) find(t *tree) []need {
	if len(t.BlobVictims) == 0 {
		return nil
	}
	victims := make(map[uint64]bool, len(t.BlobVictims))
	for _, id := range t.BlobVictims {
		victims[id] = true
	}
	ns := t.due(BlobGarbage, Deep, func(level int, x *version.Table) float64 {
		return float64(asInt(level > 0 && victims[x.ID]))
	})
	for i := range ns {
		ns[i].scope = rewrites
	}
	return ns
}

// full: layout fifo holds more than MaxBytes.
type full struct{}

func (full) Name() string { return "full" }

func (full) find(t *tree) []need {
	if !t.layout.Flat() || t.s.MaxBytes == 0 {
		return nil
	}
	return t.dropOldest(Full, func(_ *version.Table, left int64) bool { return left > t.s.MaxBytes })
}
