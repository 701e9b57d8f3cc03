package compaction

import (
	"cmp"
	"slices"

	"github.com/kvbench/kvbench/lsm/version"
)

// dropOldest needs tables dropped, the oldest first, for as long as drop says
// so of a table and the bytes that are left. A table is only dropped if all
// older ones that overlap it are: else what it hides would come back.
func (t *tree) dropOldest(reason Reason, drop func(x *version.Table, left int64) bool) []need {
	var tables, kept []*version.Table
	var left int64
	for i := range t.Version.Levels {
		for _, r := range t.runs(i) {
			for _, x := range r.Tables {
				if !t.busy[x.ID] {
					left += x.Bytes
				}
				tables = append(tables, x)
			}
		}
	}
	slices.SortStableFunc(tables, func(a, b *version.Table) int { return cmp.Compare(a.MaxSeq, b.MaxSeq) })
	n := need{reason: reason, priority: Bound, score: 1, scope: drops}
	for _, x := range tables {
		if t.busy[x.ID] {
			break // not before what is older has gone
		}
		hides := slices.ContainsFunc(kept, func(k *version.Table) bool { return k.Bounds().Overlaps(x.Bounds()) })
		if hides || !drop(x, left) {
			kept = append(kept, x)
			continue
		}
		n.tables = append(n.tables, x)
		left -= x.Bytes
	}
	if len(n.tables) == 0 {
		return nil
	}
	return []need{n}
}
