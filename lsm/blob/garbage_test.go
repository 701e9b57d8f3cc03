package blob

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/lsm/version"
)

// uses makes the version of some tables, which have 1000 bytes each, and of
// blob files 11, 12 and 13 with 1000 bytes of values each.
func uses(t *testing.T, tables ...version.Placed) *version.Version {
	t.Helper()
	var blobs []*version.Blob
	for id := range uint64(3) {
		blobs = append(blobs, &version.Blob{ID: id + 11, Bytes: 1100, ValueBytes: 1000})
	}
	v, err := version.Build(tables, blobs)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// table is one of level 2 with so many bytes in blob file 11, 12, 13.
func table(id uint64, bytes ...uint64) version.Placed {
	key := fmt.Appendf(nil, "%03d", id)
	x := &version.Table{
		ID: id, Bytes: 1000, Smallest: key, Largest: key, MinSeq: 1, MaxSeq: 1, Entries: 9, KeyBytes: 1, ValueBytes: 1,
	}
	for i, n := range bytes {
		if n > 0 {
			x.Blobs = append(x.Blobs, version.BlobUse{File: uint64(i) + 11, Values: 1, Bytes: n})
		}
	}
	return version.Placed{Level: 2, Run: 1, Table: x}
}

func TestGarbageIsWhatNoTableRefersTo(t *testing.T) {
	v := uses(t, table(1, 500, 100), table(2, 300, 100, 1000), table(3))
	var got []string
	for _, u := range Garbage(v) {
		got = append(got, fmt.Sprintf("%d: %d %d %.1f", u.Blob.ID, u.Live.Bytes, u.Garbage(), u.Ratio()))
	}
	if want := []string{"12: 200 800 0.8", "11: 800 200 0.2", "13: 1000 0 0.0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if Garbage(new(version.Version)) == nil || len(Victims(new(version.Version), 0, 0).Tables) > 0 {
		t.Error("an empty version")
	}
	if r := (Use{Blob: new(version.Blob)}).Ratio(); r != 0 {
		t.Errorf("ratio %v of nothing", r)
	}
}

func TestVictimsEmptyTheWorstFiles(t *testing.T) {
	a, b, c, d := table(1, 300, 10), table(2, 100, 20), table(3, 0, 30, 400), table(4, 0, 0, 400)
	v := uses(t, a, b, c, d, table(5)) // garbage: 11 0.6, 12 0.94, 13 0.2
	for _, x := range []struct {
		ratio float64
		most  int64
		files []uint64
		ids   []uint64
		bytes int64
	}{
		{0.95, 0, nil, []uint64{}, 0},
		{0.94, 0, nil, []uint64{}, 0}, // not more than
		{0.9, 0, []uint64{12}, []uint64{1, 2, 3}, 3060},
		{0.5, 0, []uint64{12, 11}, []uint64{1, 2, 3}, 3460},
		{0, 0, []uint64{12, 11, 13}, []uint64{1, 2, 3, 4}, 5260},
		{0, 5260, []uint64{12, 11, 13}, []uint64{1, 2, 3, 4}, 5260},
		{0, 5259, []uint64{12, 11}, []uint64{1, 2, 3}, 3460},
		{0, 3459, []uint64{12}, []uint64{1, 2, 3}, 3060},
		{0, 3059, []uint64{12}, []uint64{2, 3}, 2050},
		{0, 2049, []uint64{12}, []uint64{3}, 1030},
		{0, 1, []uint64{12}, []uint64{3}, 1030},
	} {
		got := Victims(v, x.ratio, x.most)
		if !slices.Equal(got.Files, x.files) || !slices.Equal(got.IDs(), x.ids) || got.Bytes != x.bytes {
			t.Errorf("ratio %v, at most %d: files %v, tables %v, %d bytes; want %v", x.ratio, x.most, got.Files, got.IDs(), got.Bytes, x)
		}
	}
	got := Victims(v, 0.9, 0).Tables
	if want := []version.Placed{a, b, c}; !reflect.DeepEqual(got, want) {
		t.Errorf("tables are %v", got)
	}
}

// A job that writes its live values into a new file, repeated, ends, and then
// no file has more garbage than the ratio.
func TestRepeatedJobsComeToAnEnd(t *testing.T) {
	v := uses(t, table(1, 300, 10), table(2, 100, 20), table(3, 0, 30, 400), table(4, 0, 0, 400))
	next := uint64(20)
	for _, most := range []int64{1, 2100, 0} {
		v := v
		jobs := 0
		for ; jobs < 20; jobs++ {
			c := Victims(v, 0.5, most)
			if len(c.Tables) == 0 {
				break
			}
			v = rewrite(t, v, c, &next)
		}
		if jobs == 0 || jobs == 20 {
			t.Errorf("at most %d bytes: %d jobs", most, jobs)
		}
		for _, u := range Garbage(v) {
			if u.Ratio() > 0.5 {
				t.Errorf("at most %d bytes: blob file %d is still there with %v", most, u.Blob.ID, u.Ratio())
			}
		}
	}
}

// rewrite does what a job does.
func rewrite(t *testing.T, v *version.Version, c Choice, next *uint64) *version.Version {
	t.Helper()
	*next++
	fresh := &version.Blob{ID: *next, Bytes: 1}
	var e version.Edit
	for _, p := range c.Tables {
		*next++
		x := *p.Table
		x.ID, x.Blobs = *next, nil
		moved := version.BlobUse{File: fresh.ID}
		for _, u := range p.Table.Blobs {
			if !slices.Contains(c.Files, u.File) {
				x.Blobs = append(x.Blobs, u)
				continue
			}
			moved.Values += u.Values
			moved.Bytes += u.Bytes
		}
		if moved.Values > 0 {
			x.Blobs = append(x.Blobs, moved)
			fresh.ValueBytes += moved.Bytes
		}
		e.Deleted = append(e.Deleted, version.Place{Level: p.Level, ID: p.Table.ID})
		e.Added = append(e.Added, version.Placed{Level: p.Level, Run: p.Run, Table: &x})
	}
	fresh.Bytes = int64(fresh.ValueBytes)
	e.AddedBlobs = []*version.Blob{fresh}
	v, _, err := v.Apply(&e)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
