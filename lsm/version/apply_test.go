package version

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// base is what most tests begin with.
const base = `
L0 run 9: 21 [a,m] 16MiB seq 10-20 entries 100 tombstones 5
L0 run 8: 20 [a,c] 1MiB seq 5-9 entries 10
L0 run 8: 19 [d,f) 1MiB seq 5-9 entries 10 ranges 1
L1 run 3: 17 [a,e] 4096 seq 1-4 entries 10 blob 5:10:4KiB
L1 run 3: 18 [f,) 4096 seq 1-4 entries 10
L2 run 7: 11 [k,p] 4096 seq 0-2 entries 10 blob 5:1:1KiB
L2 run 2: 10 [a,z] 4096 entries 10 blob 6:1:2KiB
blob 5: 64MiB values 8KiB
blob 6: 64MiB values 4KiB
`

func parse(t testing.TB, text string) *Version {
	t.Helper()
	v, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// placed reads one line.
func placed(t testing.TB, line string) Placed {
	t.Helper()
	var e Edit
	if err := e.parseLine(line); err != nil || len(e.Added) != 1 {
		t.Fatal(line, err)
	}
	return e.Added[0]
}

// edit reads an edit: lines of a version behind a plus, and "- L0 21".
func edit(t testing.TB, text string) *Edit {
	t.Helper()
	e := new(Edit)
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		sign, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if sign == "+" {
			if err := e.parseLine(rest); err != nil {
				t.Fatal(line, err)
			}
			continue
		}
		p := placed(t, strings.Replace(rest, " ", " run 1: ", 1)+" [a,a] 1")
		e.Deleted = append(e.Deleted, Place{p.Level, p.Table.ID})
	}
	return e
}

func ids(tables []*Table) (all []uint64) {
	for _, t := range tables {
		all = append(all, t.ID)
	}
	return all
}

func TestAnEditReplacesTables(t *testing.T) {
	v := parse(t, base)
	next, dropped, err := v.Apply(edit(t, `
		- L0 20
		- L0 19
		- L1 17
		+ L1 run 3: 30 [a,f) 8KiB seq 1-9 entries 20 blob 5:9:3KiB
	`))
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(dropped.Tables); !slices.Equal(got, []uint64{20, 19, 17}) || len(dropped.Blobs) != 0 {
		t.Error(got, dropped.Blobs)
	}
	if got := ids(next.Levels[1].Runs[0].Tables); !slices.Equal(got, []uint64{30, 18}) {
		t.Error(got)
	}
	if runs := next.Levels[0].Runs; len(runs) != 1 || runs[0].ID != 1 || runs[0].Tables[0].ID != 21 {
		t.Error(runs)
	}
	if &next.Levels[2].Runs[0] != &v.Levels[2].Runs[0] {
		t.Error("a level that did not change was copied")
	}
	if i, ok := next.Blob(5); !ok || next.Live(i) != (BlobUse{5, 10, 4 << 10}) || next.Garbage(i) != 4<<10 {
		t.Error(next.live)
	}
	if v.String() != parse(t, base).String() || v.Check() != nil || next.Check() != nil {
		t.Error(v.Check(), next.Check())
	}
}

func TestATableThatMovesIsNotDropped(t *testing.T) {
	v := parse(t, base)
	p := v.Levels[1].Runs[0].Tables[0]
	copied := *p
	next, dropped, err := v.Apply(&Edit{Deleted: []Place{{1, 17}}, Added: []Placed{{2, 30, &copied}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(dropped.Tables) != 0 || next.Levels[2].Runs[0].ID != 30 || next.Levels[2].Runs[0].Tables[0] != p {
		t.Error(next, dropped)
	}
	for i, change := range []func(x *Table){
		func(x *Table) { x.Entries++ },
		func(x *Table) { x.Smallest = []byte("aa") },
		func(x *Table) { x.Largest = []byte("f") },
		func(x *Table) { x.Blobs = []BlobUse{{5, 10, 4<<10 - 1}} },
	} {
		copied := *p
		change(&copied)
		_, _, err = v.Apply(&Edit{Deleted: []Place{{1, 17}}, Added: []Placed{{2, 30, &copied}}})
		if !errors.Is(err, ErrEdit) || !strings.Contains(err.Error(), "it is not what it was") {
			t.Error(i, err)
		}
	}
}

func TestABlobFileFallsOutWithItsLastValue(t *testing.T) {
	v := parse(t, base)
	next, dropped, err := v.Apply(edit(t, `
		- L2 10
		+ L2 run 2: 40 [a,z] 4096 entries 9
		+ blob 41: 1MiB values 1MiB
	`))
	if err != nil {
		t.Fatal(err)
	}
	if len(dropped.Blobs) != 2 || dropped.Blobs[0].ID != 6 || dropped.Blobs[1].ID != 41 {
		t.Error(dropped.Blobs)
	}
	if len(next.Blobs) != 1 || next.Check() != nil {
		t.Error(next)
	}
}

func TestATableOfLevel0IsAboveWhatItOverlaps(t *testing.T) {
	v := parse(t, `
		L0 run 1: 1 [a,c] 1 seq 1-1
		L0 run 1: 2 [e,g] 1 seq 1-1
		L0 run 2: 3 [i,k] 1 seq 2-2
		L0 run 3: 4 [c,d] 1 seq 3-3
		L0 run 4: 5 [d,i) 1 seq 4-4
		L0 run 5: 6 [x,y] 1 seq 5-5
	`)
	want := [][]uint64{{5}, {4}, {1, 2, 3, 6}}
	for i, r := range v.Levels[0].Runs {
		if !slices.Equal(ids(r.Tables), want[i]) || r.ID != uint64(len(want)-i) {
			t.Errorf("sublevel %d: %v", r.ID, ids(r.Tables))
		}
	}
	if run, ok := v.FlushRun(4); !ok || run != 3 {
		t.Error(run)
	}
	if _, ok := v.FlushRun(7); ok {
		t.Error("table 7 has a run")
	}
}

func TestLevel0CanBeCompactedIntoItself(t *testing.T) {
	v := parse(t, base)
	next, _, err := v.Apply(edit(t, `
		- L0 21
		- L0 20
		- L0 19
		+ L0 run 9: 22 [a,m] 20MiB seq 5-20 entries 90
	`))
	if err != nil || len(next.Flushed) != 1 {
		t.Fatal(err)
	}
	_, _, err = v.Apply(edit(t, "- L0 20\n+ L0 run 9: 22 [z,z] 20MiB seq 5-20 entries 90"))
	if !errors.Is(err, ErrEdit) {
		t.Error(err)
	}
}

func TestAnEditThatBreaksARuleIsRefused(t *testing.T) {
	v := parse(t, base)
	s := &State{Version: v, LogFrom: 10, LastSeq: 20, NextID: 22, NextRun: 10}
	before := v.String()
	for want, text := range map[string]string{
		"delete table 17: it is not in level 2":       "- L2 17",
		"delete table 99: it is not in level 0":       "- L0 99",
		"delete 2 tables, but only 1 are":             "- L1 17\n- L1 17",
		"delete table 1: there is no level 7":         "- L7 1",
		"to run 1 of level 7":                         "+ L7 run 1: 30 [a,b] 1",
		"to run 0 of level 1":                         "+ L1 run 0: 30 [a,b] 1",
		"add table 30: twice":                         "+ L1 run 8: 30 [a,b] 1\n+ L1 run 9: 30 [a,b] 1",
		"add table 17: it is in level 1":              "+ L2 run 9: 17 [a,e] 4096 seq 1-4 entries 10",
		"run 9 of level 0, which has run 9":           "+ L0 run 9: 30 [n,o] 1 seq 30-30",
		"run 4 of level 0, which has run 9":           "+ L0 run 4: 30 [n,o] 1 seq 30-30",
		"seqs to 20 is above table 21":                "+ L0 run 10: 30 [m,m] 1 seq 20-20",
		"above table 30, which it overlaps, with seq": "- L0 20\n+ L0 run 8: 30 [a,c] 1 seq 1-25",
		"above table 31, which it overlaps, with seq": "- L0 20\n+ L0 run 8: 31 [a,c] 1 seq 1-20",
		"add run 1, older than run 3":                 "+ L1 run 1: 30 [a,b] 1",
		"add run 5, older than run 7":                 "+ L2 run 5: 30 [a,b] 1",
		"table 17 [a,e] does not end before table 30": "+ L1 run 3: 30 [e,f) 1",
		"table 18 [f,) does not end before table 30":  "+ L1 run 3: 30 [f,g] 1",
		"run 11: table 30 [n,p] does not end before":  "+ L0 run 11: 30 [n,p] 1 seq 30-30\n+ L0 run 11: 31 [o,q] 1 seq 30-30",
		"run 18446744073709551615: that is no ID":     "+ L1 run 18446744073709551615: 30 [a,b] 1",
		"in run 18446744073709551615 of level 0":      "+ L0 run 18446744073709551615: 30 [n,o] 1 seq 30-30",
		"table 0: that is no ID":                      "+ L1 run 9: 0 [a,b] 1",
		"table 18446744073709551615: that is no":      "+ L1 run 9: 18446744073709551615 [a,b] 1",
		"file of 0 bytes":                             "+ L1 run 9: 30 [a,b] 0",
		"bounds of 65536 and 1 bytes":                 "+ L1 run 9: 30 [" + strings.Repeat("a", 65536) + ",b] 1",
		"its largest key is empty":                    "+ L1 run 9: 30 [,] 1",
		"bounds [b,b) are empty":                      "+ L1 run 9: 30 [b,b) 1",
		"bounds [b,a] are empty":                      "+ L1 run 9: 30 [b,a] 1",
		"seqs from 2 to 1":                            "+ L1 run 9: 30 [a,b] 1 seq 2-1",
		"seqs from 0 to 72057594037927936":            "+ L1 run 9: 30 [a,b] 1 seq 0-72057594037927936",
		"3 of 2 entries":                              "+ L1 run 9: 30 [a,b] 1 entries 2 tombstones 3",
		"blob file 5 is out of order":                 "+ L1 run 9: 30 [a,b] 1 blob 6:1:1 blob 5:1:1",
		"blob file 0 is out of order":                 "+ L1 run 9: 30 [a,b] 1 blob 0:1:1",
		"no values in blob file 5":                    "+ L1 run 9: 30 [a,b] 1 blob 5:0:0",
		"blob file 7, which is not there":             "+ L1 run 9: 30 [a,b] 1 blob 7:1:1",
		"8192 bytes of values, tables have 5120+3073": "+ L1 run 9: 30 [a,b] 1 blob 5:1:3073",
		"add blob file 5: it is there already":        "+ blob 5: 1",
		"add blob file 8: it is there already":        "+ blob 8: 1\n+ blob 8: 1",
		"blob file 0: that is no ID":                  "+ blob 0: 1",
		"blob file 8: file of 0 bytes":                "+ blob 8: 0",
	} {
		_, dropped, err := s.Apply(edit(t, text))
		if !errors.Is(err, ErrEdit) || !strings.Contains(err.Error(), want) || dropped.Tables != nil {
			t.Errorf("%s:\n%v, want %q", text, err, want)
		}
	}
	for want, e := range map[string]*Edit{
		"goes back from 0:10 to 0:9": {LogFrom: 9},
		"last seq":                   {LastSeq: ikey.MaxSeq + 1},
		"note of 1025 bytes":         {Note: strings.Repeat("n", MaxNote+1)},
		"table: there is none":       {Added: []Placed{{1, 9, nil}}},
		"blob file: there is none":   {AddedBlobs: []*Blob{nil}},
		"there is no level -1":       {Deleted: []Place{{-1, 17}}},
		"of level -1":                {Added: []Placed{{-1, 9, v.Flushed[0].Table}}},
	} {
		if _, _, err := s.Apply(e); !errors.Is(err, ErrEdit) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if v.String() != before || v.Check() != nil {
		t.Error("a refused edit changed the version")
	}
}

func TestPositionsNeverGoBack(t *testing.T) {
	s, _, err := NewState().Apply(&Edit{
		Added:      []Placed{placed(t, "L0 run 9: 21 [a,m] 1 seq 10-20 blob 40:1:1")},
		AddedBlobs: []*Blob{{ID: 40, Bytes: 1, ValueBytes: 1}},
		LogFrom:    7, Through: 9,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := State{s.Version, 7, 9, 20, 41, 10}
	if *s != want {
		t.Fatal(*s)
	}
	s, _, err = s.Apply(&Edit{Through: 8, LastSeq: 19, NextID: 3, NextRun: 3})
	if err != nil {
		t.Fatal(err)
	}
	if want.Version = s.Version; *s != want {
		t.Fatal(*s)
	}
	s, _, err = s.Apply(&Edit{LogFrom: 8, Through: 10, LastSeq: 30, NextID: 50, NextRun: 60})
	if err != nil || *s != (State{s.Version, 8, 10, 30, 50, 60}) {
		t.Fatal(*s, err)
	}
	again, _, err := NewState().Apply(s.Edit())
	if err != nil || again.Version.String() != s.Version.String() || again.NextRun != 60 || again.LastSeq != 30 {
		t.Fatal(again, err)
	}
}

func TestCheckFindsWhatIsNotTrue(t *testing.T) {
	for want, damage := range map[string]func(v *Version){
		"table 17 is there twice":           func(v *Version) { v.Levels[3].Runs = []Run{{ID: 1, Tables: v.Levels[1].Runs[0].Tables[:1]}} },
		"run 2 is before run 7":             func(v *Version) { slices.Reverse(v.Levels[2].Runs) },
		"run 3 is empty":                    func(v *Version) { v.Levels[1].Runs[0].Tables = nil },
		"does not end before table 17":      func(v *Version) { slices.Reverse(v.Levels[1].Runs[0].Tables) },
		"file of 0 bytes":                   func(v *Version) { v.Levels[1].Runs[0].Tables[0].Bytes = 0 },
		"the sublevels are not":             func(v *Version) { v.Flushed = v.Flushed[1:] },
		"in run 9 of level 1":               func(v *Version) { v.Flushed[0].Level = 1 },
		"seqs to 9 is above table 20":       func(v *Version) { v.Flushed[0].Table.MinSeq, v.Flushed[0].Table.MaxSeq = 9, 9 },
		"live values is wrong":              func(v *Version) { v.live[0].Values++ },
		"blob file 6: the count":            func(v *Version) { v.live = v.live[:1] },
		"blob file 6 is before blob file 5": func(v *Version) { slices.Reverse(v.Blobs) },
		"no table has values in blob file 7": func(v *Version) {
			v.Blobs = append(v.Blobs, &Blob{ID: 7, Bytes: 1})
		},
		"5, which is not there": func(v *Version) { v.Blobs = v.Blobs[1:] },
		"that is no ID":         func(v *Version) { v.Blobs[0].ID = 0 },
	} {
		v := parse(t, base)
		damage(v)
		if err := v.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
