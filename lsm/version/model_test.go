package version

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
	"pgregory.net/rapid"
)

// A model is a version as a heap of tables, and its rules as the definition
// has them, pair by pair.
type model struct {
	tables []Placed
	blobs  []*Blob
}

// refuses says which rule an edit of sane tables breaks, or "".
func (m *model) refuses(e *Edit) string {
	after, why := m.after(e)
	if why != "" {
		return why
	}
	for _, a := range e.Added {
		newest, known := uint64(0), false
		for _, p := range m.tables {
			if p.Level == a.Level {
				newest = max(newest, p.Run)
				known = known || p.Run == a.Run && (a.Level > 0 || slices.Contains(e.Deleted, Place{0, p.Table.ID}))
			}
		}
		if !known && a.Run <= newest {
			return "an old run"
		}
	}
	for i, a := range after.tables {
		for _, b := range after.tables[:i] {
			switch {
			case a.Table.ID == b.Table.ID:
				return "one ID twice"
			case a.Level != b.Level || !meet(a.Table.Bounds(), b.Table.Bounds()):
			case a.Run == b.Run:
				return "tables of a run overlap"
			case a.Level == 0 && (a.Run > b.Run) != (a.Table.MaxSeq > b.Table.MaxSeq),
				a.Level == 0 && a.Table.MaxSeq == b.Table.MaxSeq:
				return "seqs are out of order"
			}
		}
	}
	return after.refusesBlobs(m)
}

func (m *model) refusesBlobs(before *model) string {
	left := map[uint64]uint64{}
	for _, b := range m.blobs {
		if _, ok := left[b.ID]; ok {
			return "one blob file twice"
		}
		left[b.ID] = b.ValueBytes
	}
	for _, p := range m.tables {
		for _, use := range p.Table.Blobs {
			if n, ok := left[use.File]; !ok || n < use.Bytes {
				return "values that are not there"
			}
			left[use.File] -= use.Bytes
		}
	}
	return ""
}

// after does an edit without looking at rules but those for what is deleted.
func (m *model) after(e *Edit) (*model, string) {
	next := &model{tables: slices.Clone(m.tables), blobs: slices.Concat(m.blobs, e.AddedBlobs)}
	for _, d := range e.Deleted {
		i := slices.IndexFunc(next.tables, func(p Placed) bool { return p.Level == d.Level && p.Table.ID == d.ID })
		if i < 0 {
			return nil, "it is not there"
		}
		for _, a := range e.Added {
			if a.Table.ID == d.ID && a.Table.String() != next.tables[i].Table.String() {
				return nil, "it moves, but is not the same"
			}
		}
		next.tables = slices.Delete(next.tables, i, i+1)
	}
	next.tables = append(next.tables, e.Added...)
	return next, ""
}

// drop takes out blob files without values.
func (m *model) drop() {
	m.blobs = slices.DeleteFunc(m.blobs, func(b *Blob) bool {
		return !slices.ContainsFunc(m.tables, func(p Placed) bool {
			return slices.ContainsFunc(p.Table.Blobs, func(u BlobUse) bool { return u.File == b.ID })
		})
	})
}

// lines is what the model says, in no order.
func (m *model) lines() []string {
	var all []string
	for _, p := range m.tables {
		all = append(all, p.String())
	}
	for _, b := range m.blobs {
		all = append(all, b.String())
	}
	slices.Sort(all)
	return all
}

func (m *model) draw(t *rapid.T, next *uint64) *Edit {
	e := new(Edit)
	for _, p := range m.tables {
		switch rapid.IntRange(0, 5).Draw(t, "fate") {
		case 0:
			e.Deleted = append(e.Deleted, Place{p.Level, p.Table.ID})
		case 1:
			e.Deleted = append(e.Deleted, Place{p.Level, p.Table.ID})
			e.Added = append(e.Added, Placed{min(p.Level+1, Levels-1), rapid.Uint64Range(1, *next).Draw(t, "run"), p.Table})
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "stray") == 0 {
		e.Deleted = append(e.Deleted, Place{rapid.IntRange(0, 2).Draw(t, "level"), rapid.Uint64Range(1, *next).Draw(t, "id")})
	}
	if len(m.tables) > 0 && rapid.IntRange(0, 9).Draw(t, "again") == 0 {
		p := rapid.SampledFrom(m.tables).Draw(t, "which")
		copied := *p.Table
		copied.Entries += rapid.Uint64Range(0, 1).Draw(t, "changed")
		if rapid.Bool().Draw(t, "moves") && !slices.Contains(e.Deleted, Place{p.Level, copied.ID}) {
			e.Deleted = append(e.Deleted, Place{p.Level, copied.ID})
		}
		e.Added = append(e.Added, Placed{2, *next, &copied})
	}
	for range rapid.IntRange(0, 2).Draw(t, "adds") {
		*next++
		b := drawBounds(t, "table")
		for b.Empty() {
			b.Upper, b.Exclusive = nil, true
		}
		x := &Table{ID: *next, Bytes: 1, Smallest: b.Lower, Largest: b.Upper, LargestExclusive: b.Exclusive}
		x.MaxSeq = ikey.Seq(max(int(*next)-rapid.IntRange(0, 1).Draw(t, "seq"), 1))
		if rapid.Bool().Draw(t, "separate") {
			*next++
			e.AddedBlobs = append(e.AddedBlobs, &Blob{ID: *next, Bytes: 9, ValueBytes: 2})
			x.Blobs = []BlobUse{{*next, 1, 1}}
		}
		if len(m.blobs) > 0 && rapid.Bool().Draw(t, "share") {
			x.Blobs = slices.Insert(x.Blobs, 0, BlobUse{m.blobs[0].ID, 1, 1})
		}
		run := uint64(max(1, int(*next)-rapid.IntRange(0, 3).Draw(t, "age")))
		e.Added = append(e.Added, Placed{rapid.IntRange(0, 3).Draw(t, "level"), run, x})
	}
	return e
}

func TestAnyEditDoesWhatTheDefinitionSays(t *testing.T) {
	accepted, refused := 0, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		m, v, next := new(model), new(Version), uint64(1)
		for range rapid.IntRange(1, 12).Draw(t, "edits") {
			e := m.draw(t, &next)
			why := m.refuses(e)
			got, dropped, err := v.Apply(e)
			if (why != "") != errors.Is(err, ErrEdit) {
				t.Fatalf("%v\n%vApply: %v, want %q", v, e, err, why)
			}
			if why != "" {
				refused[why]++
				continue
			}
			accepted++
			before := m
			m, _ = m.after(e)
			m.drop()
			if err := got.Check(); err != nil {
				t.Fatal(err)
			}
			if lines := (&model{got.All(), got.Blobs}).lines(); !slices.Equal(lines, m.lines()) {
				t.Fatalf("%v, want %v", lines, m.lines())
			}
			checkSublevels(t, got)
			checkDropped(t, before, m, e, dropped)
			v = got
		}
	})
	if accepted == 0 || len(refused) < 3 {
		t.Errorf("%d edits were accepted; refused: %v", accepted, refused)
	}
}

// checkSublevels computes each table's by the definition.
func checkSublevels(t *rapid.T, v *Version) {
	want := map[uint64]uint64{}
	for i := len(v.Flushed) - 1; i >= 0; i-- {
		p := v.Flushed[i]
		up := uint64(0)
		for _, o := range v.Flushed[i+1:] {
			if meet(o.Table.Bounds(), p.Table.Bounds()) {
				up = max(up, want[o.Table.ID])
			}
		}
		want[p.Table.ID] = up + 1
	}
	got := map[uint64]uint64{}
	for _, r := range v.Levels[0].Runs {
		for _, x := range r.Tables {
			got[x.ID] = r.ID
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("sublevels %v, want %v", got, want)
	}
}

func checkDropped(t *rapid.T, before, after *model, e *Edit, dropped Dropped) {
	was := (&model{before.tables, slices.Concat(before.blobs, e.AddedBlobs)}).files()
	for f := range after.files() {
		delete(was, f)
	}
	got := map[string]bool{}
	for _, x := range dropped.Tables {
		got[fmt.Sprint("table ", x.ID)] = true
	}
	for _, x := range dropped.Blobs {
		got[fmt.Sprint("blob ", x.ID)] = true
	}
	if !reflect.DeepEqual(got, was) {
		t.Fatalf("dropped %v, want %v", got, was)
	}
}

func (m *model) files() map[string]bool {
	all := map[string]bool{}
	for _, p := range m.tables {
		all[fmt.Sprint("table ", p.Table.ID)] = true
	}
	for _, b := range m.blobs {
		all[fmt.Sprint("blob ", b.ID)] = true
	}
	return all
}
