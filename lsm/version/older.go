package version

import "slices"

// Older is what lies below a compaction: tables that may hold older entries
// than its inputs, and are none of them. It belongs to one goroutine.
type Older struct {
	runs []Run
	at   []int // tables before have ended before the key asked for last
}

// Older returns what is older than a run of a level (in level 0 one as in
// Flushed), except for inputs. For a compaction the run is that of its newest
// input: what lies between its inputs counts, too.
func (v *Version) Older(level int, run uint64, inputs []*Table) *Older {
	skip := make(map[uint64]struct{}, len(inputs))
	for _, t := range inputs {
		skip[t.ID] = struct{}{}
	}
	if level == 0 {
		for _, p := range v.Flushed {
			if p.Run >= run {
				skip[p.Table.ID] = struct{}{}
			}
		}
	}
	var o Older
	for n := level; n < Levels; n++ {
		for _, r := range v.Levels[n].Runs {
			if n == level && n > 0 && r.ID >= run {
				continue
			}
			tables := slices.Clone(r.Tables)
			tables = slices.DeleteFunc(tables, func(t *Table) bool { _, ok := skip[t.ID]; return ok })
			if len(tables) > 0 {
				o.runs = append(o.runs, Run{ID: r.ID, Tables: tables})
			}
		}
	}
	o.at = make([]int, len(o.runs))
	return &o
}

// Has reports whether some older table may say something about key. From call
// to call keys must not fall.
func (o *Older) Has(key []byte) bool {
	has := false
	for i, r := range o.runs {
		at := o.at[i]
		for at < len(r.Tables) && r.Tables[at].Bounds().below(key) {
			at++
		}
		o.at[i] = at
		if at < len(r.Tables) && r.Tables[at].Bounds().Contains(key) {
			has = true
			break
		}
	}
	return has
}

// Overlaps reports whether some older table overlaps b.
func (o *Older) Overlaps(b Bounds) bool {
	return slices.ContainsFunc(o.runs, func(r Run) bool { return len(r.Overlap(b)) > 0 })
}
