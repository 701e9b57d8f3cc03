package version

import (
	"reflect"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
	"pgregory.net/rapid"
)

func TestTextSaysAllThatAVersionIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 1, 5), rapid.SliceOfN(rapid.SampledFrom([]byte("a ,[]\"#)")), 1, 5))
		number := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 100), rapid.Map(rapid.Uint64Range(0, 9), func(n uint64) uint64 { return n << 30 }))
		x := &Table{ID: rapid.Uint64Range(1, 1<<63).Draw(t, "id"), Bytes: rapid.Int64Range(1, 1<<62).Draw(t, "bytes")}
		x.Smallest, x.Largest = key.Draw(t, "smallest"), key.Draw(t, "largest")
		if rapid.Bool().Draw(t, "from the first") {
			x.Smallest = nil
		}
		if x.LargestExclusive = x.Bounds().Empty() || rapid.Bool().Draw(t, "exclusive"); x.Bounds().Empty() {
			x.Largest = nil
		}
		x.MaxSeq = ikey.Seq(rapid.Uint64Range(0, uint64(ikey.MaxSeq)).Draw(t, "max"))
		x.MinSeq = ikey.Seq(rapid.Uint64Range(0, uint64(x.MaxSeq)).Draw(t, "min"))
		for _, f := range x.fields() {
			switch at := f.at.(type) {
			case *uint64:
				*at = number.Draw(t, f.name)
			case *int64:
				*at = rapid.Int64().Draw(t, f.name)
			}
		}
		x.Tombstones = min(x.Tombstones, x.Entries)
		blob := &Blob{ID: 1 + number.Draw(t, "blob")/2, Bytes: x.Bytes, ValueBytes: 1 + number.Draw(t, "values")/2}
		x.Blobs = []BlobUse{{blob.ID, 1, blob.ValueBytes}}
		v, err := Build([]Placed{{rapid.IntRange(0, Levels-1).Draw(t, "level"), 7, x}}, []*Blob{blob})
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(v.String())
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Fatalf("%v: %v\nwant %v", err, again, v)
		}
	})
}

func TestTextIsAsItIsDrawn(t *testing.T) {
	text := `L0 run 9: 21 [a,m] 16MiB seq 10-20 entries 100 tombstones 5
L1 run 3: 17 ["a b",m) 4097 seq 1-9 blob 5:10:4000
L1 run 3: 18 [m,) 4KiB ranges 1 keys 5 values 1KiB expiring 3GiB created 1 oldest -2 expiry 3
blob 5: 64MiB values 60MiB
`
	v := parse(t, "# a comment\n\n"+strings.ReplaceAll(text, "\n", " # more\n"))
	if v.String() != text {
		t.Errorf("%v", v)
	}
	e := Edit{
		Deleted: []Place{{1, 17}}, Added: v.All()[:1], AddedBlobs: v.Blobs,
		LogFrom: 1<<32 | 5, Through: 2 << 32, LastSeq: 3, NextID: 4, NextRun: 5, Note: "flush",
	}
	want := `- L1 17
+ L0 run 9: 21 [a,m] 16MiB seq 10-20 entries 100 tombstones 5
+ blob 5: 64MiB values 60MiB
log from 1:5
log through 2:0
last seq 3
next id 4
next run 5
note "flush"
`
	if e.String() != want {
		t.Errorf("%v", &e)
	}
}

func TestTextThatMeansNothingIsRefused(t *testing.T) {
	for _, line := range []string{
		"L1", "L1 run 3: 17 [a,m]", "X1 run 3: 17 [a,m] 1", "L1 sun 3: 17 [a,m] 1", "L1 run 3 17 [a,m] 1",
		"Lx run 3: 17 [a,m] 1", "L1 run x: 17 [a,m] 1", "L1 run 3: x [a,m] 1", "L1 run 3: 17 a,m] 1",
		"L1 run 3: 17 [a,m 1", "L1 run 3: 17 [a] 1", "L1 run 3: 17 [a,b,c] 1", "L1 run 3: 17 [a,m] x",
		"L1 run 3: 17 [a,m] 8388608TiB", "L1 run 3: 17 [a,m] 1 seq", "L1 run 3: 17 [a,m] 1 seq 5",
		"L1 run 3: 17 [a,m] 1 seq a-5", "L1 run 3: 17 [a,m] 1 entries x", "L1 run 3: 17 [a,m] 1 cars 5",
		"L1 run 3: 17 [a,m] 1 blob 5:1", "L1 run 3: 17 [a,m] 1 blob 5:1:x", "L1 run 3: 17 [\"a,m] 1",
		"L1 run 3: 17 [a,\"\"\"\"] 1", "blob 5", "blob x: 1", "blob 5: 1 values", "blob 5: 1 value 1", "blob 5: 1 values x",
		"L1 run 3: 17 [a,m] 1 created x", "L1 run 3: 17 [m,a] 1",
	} {
		if v, err := Parse("\n" + line); err == nil {
			t.Errorf("%q is %v", line, v)
		} else if !strings.HasPrefix(err.Error(), "line 2: ") && !strings.Contains(err.Error(), ErrEdit.Error()) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestTotalsAreSums(t *testing.T) {
	v := parse(t, base)
	if s := v.Totals(); s.Tables != 7 || s.Runs != 5 || s.Entries != 160 || s.Tombstones != 5 || s.RangeDeletes != 1 || s.Bytes != 18<<20+4*4096 {
		t.Errorf("%+v", s)
	}
	if s := v.Levels[1].Totals(); s != (Totals{Runs: 1, Tables: 2, Bytes: 8192, Entries: 20}) {
		t.Errorf("%+v", s)
	}
	v = parse(t, "L1 run 3: 18 [m,) 4KiB entries 1 ranges 2 keys 5 values 1KiB expiring 3GiB")
	want := Totals{Runs: 1, Tables: 1, Bytes: 4096, Entries: 1, RangeDeletes: 2, KeyBytes: 5, ValueBytes: 1024, ExpiringBytes: 3 << 30}
	if s := v.Levels[1].Runs[0].Totals(); s != want {
		t.Errorf("%+v", s)
	}
	if level, x, ok := v.Find(18); level != 1 || !ok || x.ID != 18 {
		t.Error(level, x, ok)
	}
	if _, _, ok := v.Find(19); ok {
		t.Error("table 19 was found")
	}
}

// FuzzParse reads text as a version. What it accepts is true, and comes back.
func FuzzParse(f *testing.F) {
	f.Add(base)
	f.Add("L1 run 3: 17 [\"a b\",\"\\xff\") 4097 seq 1-9 blob 5:10:4000\nblob 5: 1 values 1MiB")
	f.Add("L0 run 1: 1 [,) 1 seq 5-5 created -1 # all")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse(text)
		if err != nil {
			return
		}
		if err := v.Check(); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(v.String())
		if err != nil || again.String() != v.String() {
			t.Fatalf("%v: %v, want %v", err, again, v)
		}
	})
}
