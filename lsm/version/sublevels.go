package version

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
)

// sublevels makes the runs of level 0, newest first, of tables in the order of
// Flushed.
func sublevels(flushed []Placed) []Run {
	var up []Run // oldest first
	for i := len(flushed) - 1; i >= 0; i-- {
		t := flushed[i].Table
		n := len(up)
		for n > 0 && len(up[n-1].Overlap(t.Bounds())) == 0 {
			n--
		}
		if n == len(up) {
			up = append(up, Run{ID: uint64(n + 1)})
		}
		r := &up[n]
		at := sort.Search(len(r.Tables), func(i int) bool { return bytes.Compare(r.Tables[i].Smallest, t.Smallest) > 0 })
		r.Tables = slices.Insert(r.Tables, at, t)
	}
	slices.Reverse(up)
	return up
}

// compareFlushed orders Flushed.
func compareFlushed(a, b Placed) int {
	return cmp.Or(cmp.Compare(b.Run, a.Run), bytes.Compare(a.Table.Smallest, b.Table.Smallest))
}

// FlushRun returns the run that a table of level 0 was added with.
func (v *Version) FlushRun(id uint64) (run uint64, ok bool) {
	for _, p := range v.Flushed {
		if p.Table.ID == id {
			return p.Run, true
		}
	}
	return 0, false
}
