package version

// Totals are sums over tables. Those of KeyBytes and the like are as the tables
// have them: entries that newer ones hide count.
type Totals struct {
	Runs, Tables  int
	Bytes         int64
	Entries       uint64
	Tombstones    uint64
	RangeDeletes  uint64
	KeyBytes      uint64
	ValueBytes    uint64
	ExpiringBytes uint64
}

func (s *Totals) add(t *Table) {
	s.Tables++
	s.Bytes += t.Bytes
	s.Entries += t.Entries
	s.Tombstones += t.Tombstones
	s.RangeDeletes += t.RangeDeletes
	s.KeyBytes += t.KeyBytes
	s.ValueBytes += t.ValueBytes
	s.ExpiringBytes += t.ExpiringBytes
}

// Sum returns the totals of tables. Runs is 0.
func Sum(tables []*Table) Totals {
	var s Totals
	for _, t := range tables {
		s.add(t)
	}
	return s
}

// Totals returns the sums over the run.
func (r *Run) Totals() Totals {
	s := Sum(r.Tables)
	s.Runs = 1
	return s
}

// Totals returns the sums over the level.
func (l *Level) Totals() Totals {
	s := Totals{Runs: len(l.Runs)}
	for i := range l.Runs {
		for _, t := range l.Runs[i].Tables {
			s.add(t)
		}
	}
	return s
}

// Totals returns the sums over all levels. Blob files are not in Bytes.
func (v *Version) Totals() Totals {
	var s Totals
	for n := range v.Levels {
		s.Runs += len(v.Levels[n].Runs)
		for i := range v.Levels[n].Runs {
			for _, t := range v.Levels[n].Runs[i].Tables {
				s.add(t)
			}
		}
	}
	return s
}

// Find returns a table by its ID.
func (v *Version) Find(id uint64) (level int, t *Table, ok bool) {
	for n := range v.Levels {
		for _, r := range v.Levels[n].Runs {
			for _, t := range r.Tables {
				if t.ID == id {
					return n, t, true
				}
			}
		}
	}
	return 0, nil, false
}
