package compaction

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/kvbench/kvbench/lsm/version"
)

// A candidate is a table that could leave its level.
type candidate struct {
	index   int // in its run
	table   *version.Table
	overlap int64 // bytes of the output level that come along
}

// A Movement puts the candidates of a level in the order in which they should
// go. They are given in the order of their keys.
type Movement interface {
	Name() string
	order(t *tree, level int, cs []candidate)
}

var movements = []Movement{minOverlap{}, roundRobin{}, oldest{}, coldest{}, mostTombstones{}, expiredFirst{}}

// least sorts candidates by rising key.
func least[K cmp.Ordered](cs []candidate, key func(c *candidate) K) {
	slices.SortStableFunc(cs, func(a, b candidate) int { return cmp.Compare(key(&a), key(&b)) })
}

// minOverlap: the least written for a byte that goes.
type minOverlap struct{}

func (minOverlap) Name() string { return "min-overlap" }

func (minOverlap) order(_ *tree, _ int, cs []candidate) {
	least(cs, func(c *candidate) float64 { return float64(c.overlap) / float64(max(c.table.Bytes, 1)) })
}

// roundRobin: from where the last one ended, in a circle.
type roundRobin struct{}

func (roundRobin) Name() string { return "round-robin" }

func (roundRobin) order(t *tree, level int, cs []candidate) {
	cursor := t.Cursors[level]
	least(cs, func(c *candidate) int {
		return asInt(cursor != nil && bytes.Compare(c.table.Smallest, cursor) <= 0)
	})
}

// oldest: which holds the oldest entry.
type oldest struct{}

func (oldest) Name() string { return "oldest" }

func (oldest) order(_ *tree, _ int, cs []candidate) {
	least(cs, func(c *candidate) uint64 { return uint64(c.table.MinSeq) })
}

// coldest: whose newest entry is the oldest; nobody wrote there for longest.
type coldest struct{}

func (coldest) Name() string { return "coldest" }

func (coldest) order(_ *tree, _ int, cs []candidate) {
	least(cs, func(c *candidate) uint64 { return uint64(c.table.MaxSeq) })
}

// mostTombstones: of whose entries the most are deletes; then min-overlap.
type mostTombstones struct{}

func (mostTombstones) Name() string { return "most-tombstones" }

func (mostTombstones) order(t *tree, level int, cs []candidate) {
	minOverlap{}.order(t, level, cs)
	least(cs, func(c *candidate) float64 { return -tombstoneRatio(c.table) })
}

// expiredFirst: whose puts have all expired, then whose deletes are oldest
// (what Lethe moves first), then min-overlap.
type expiredFirst struct{}

func (expiredFirst) Name() string { return "expired-first" }

func (expiredFirst) order(t *tree, level int, cs []candidate) {
	minOverlap{}.order(t, level, cs)
	const never = int64(^uint64(0) >> 1)
	least(cs, func(c *candidate) int64 {
		switch x := c.table; {
		case expired(x, t.Now):
			return -1
		case x.OldestTombstone > 0:
			return x.OldestTombstone
		}
		return never
	})
}

func tombstoneRatio(x *version.Table) float64 {
	dead := x.Tombstones + x.RangeDeletes
	if dead == 0 {
		return 0
	}
	return float64(dead) / float64(x.Entries+x.RangeDeletes)
}

func expired(x *version.Table, now int64) bool { return x.LastExpiry > 0 && x.LastExpiry <= now }

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
