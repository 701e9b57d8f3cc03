package manifest

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
	"pgregory.net/rapid"
)

func drawTable(t *rapid.T) *version.Table {
	key := rapid.SliceOfN(rapid.Byte(), 0, 20)
	x := &version.Table{
		ID: rapid.Uint64().Draw(t, "id"), Bytes: rapid.Int64Range(0, math.MaxInt64).Draw(t, "bytes"),
		Smallest: key.Draw(t, "smallest"), Largest: key.Draw(t, "largest"),
		LargestExclusive: rapid.Bool().Draw(t, "exclusive"),
	}
	if len(x.Smallest) == 0 {
		x.Smallest = nil
	}
	if len(x.Largest) == 0 {
		x.Largest = nil
	}
	x.MaxSeq = ikey.Seq(rapid.Uint64Range(0, uint64(ikey.MaxSeq)).Draw(t, "max"))
	x.MinSeq = ikey.Seq(rapid.Uint64Range(0, uint64(x.MaxSeq)).Draw(t, "min"))
	for _, at := range []*uint64{&x.Entries, &x.Tombstones, &x.RangeDeletes, &x.KeyBytes, &x.ValueBytes, &x.ExpiringBytes} {
		*at = rapid.Uint64().Draw(t, "number")
	}
	for _, at := range []*int64{&x.Created, &x.OldestTombstone, &x.LastExpiry} {
		*at = rapid.Int64().Draw(t, "time")
	}
	for range rapid.IntRange(0, 3).Draw(t, "blobs") {
		x.Blobs = append(x.Blobs, version.BlobUse{File: rapid.Uint64().Draw(t, "file"), Values: 1, Bytes: rapid.Uint64().Draw(t, "n")})
	}
	return x
}

func TestAnyEditComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &version.Edit{
			LogFrom: wal.LSN(rapid.Uint64().Draw(t, "from")), Through: wal.LSN(rapid.Uint64().Draw(t, "through")),
			LastSeq: ikey.Seq(rapid.Uint64().Draw(t, "seq")), NextID: rapid.Uint64().Draw(t, "id"), NextRun: rapid.Uint64().Draw(t, "run"),
			Note: rapid.StringN(0, 10, -1).Draw(t, "note"),
		}
		level := rapid.IntRange(0, version.Levels-1)
		for range rapid.IntRange(0, 3).Draw(t, "deleted") {
			e.Deleted = append(e.Deleted, version.Place{Level: level.Draw(t, "level"), ID: rapid.Uint64().Draw(t, "id")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "added") {
			e.Added = append(e.Added, version.Placed{Level: level.Draw(t, "level"), Run: rapid.Uint64().Draw(t, "run"), Table: drawTable(t)})
		}
		for range rapid.IntRange(0, 3).Draw(t, "blobs") {
			e.AddedBlobs = append(e.AddedBlobs, &version.Blob{ID: rapid.Uint64().Draw(t, "id"), Bytes: 5, ValueBytes: 3})
		}
		p := appendEdit(nil, e)
		got, err := decodeEdit(p)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("%v: %v\nwant %v", err, got, e)
		}
		clear(p)
		if !reflect.DeepEqual(got, e) {
			t.Fatal("an edit lives in the bytes that it was read from")
		}
	})
}

func TestAnEditCutAnywhereIsFewerFieldsOrDamage(t *testing.T) {
	for _, e := range edits() {
		full := appendEdit(nil, e)
		for n := range full {
			got, err := decodeEdit(full[:n])
			if err == nil && !bytes.Equal(appendEdit(nil, got), full[:n]) {
				t.Fatalf("cut at %d: %v", n, got)
			}
		}
	}
}

func TestDamageOfAnEditIsNamed(t *testing.T) {
	head := []byte{tagAdded, 1, 1, 30, 1}
	with := func(more ...byte) []byte { return append(bytes.Clone(head), more...) }
	max64 := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	for want, p := range map[string][]byte{
		"kind 0: there is no such":                 {0},
		"kind 10: there is no such":                {10},
		"kind 1 after one of kind 2":               append(appendEdit(nil, &version.Edit{Added: edits()[0].Added}), tagDeleted, 1, 1),
		"kind 4 after one of kind 4":               {tagLogFrom, 1, tagLogFrom, 2},
		"kind 9 after one of kind 9":               {tagNote, 1, 'a', tagNote, 1, 'b'},
		"kind 1: 7 is more than 6":                 {tagDeleted, 7, 1},
		"kind 2: 7 is more than 6":                 {tagAdded, 7},
		"kind 1: it ends too early":                {tagDeleted, 1},
		"kind 1: a number is not in its":           {tagDeleted, 1, 0x81, 0x00},
		"kind 8: a number is not in its":           append([]byte{tagNextRun}, append(bytes.Repeat([]byte{0xff}, 9), 0x02)...),
		"kind 3: 18446744073709551615 is":          append([]byte{tagBlob, 1}, max64...),
		"kind 4: it is 0":                          {tagLogFrom, 0},
		"kind 5: it is 0":                          {tagThrough, 0},
		"kind 6: it is 0":                          {tagLastSeq, 0},
		"kind 7: it is 0":                          {tagNextID, 0},
		"kind 8: it is 0":                          {tagNextRun, 0},
		"kind 9: it is empty":                      {tagNote, 0},
		"kind 9: it ends too early":                {tagNote, 2, 'a'},
		"kind 9: 1025 is more than 1024":           append([]byte{tagNote, 0x81, 0x08}, bytes.Repeat([]byte{'n'}, 1025)...),
		"kind 2: table 30: flags are 0x2":          with(2),
		"kind 2: 65536 is more than 65535":         with(0, 0x80, 0x80, 0x04),
		"kind 2: it ends too early":                with(0, 5, 'a'),
		"kind 2: 72057594037927936 is more than 7": with(0, 1, 'a', 1, 'b', 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01),
		"kind 2: 72057594037927935 is more than 7": with(0, 1, 'a', 1, 'b', 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
		"kind 2: it ends too earl":                 with(append([]byte{0, 1, 'a', 1, 'b', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, max64...)...),
	} {
		if _, err := decodeEdit(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// FuzzEdit reads bytes as an edit. What it accepts is written the same.
func FuzzEdit(f *testing.F) {
	for _, e := range edits() {
		f.Add(appendEdit(nil, e))
	}
	f.Add([]byte{tagDeleted, 1, 0x81, 0x00})
	f.Fuzz(func(t *testing.T, p []byte) {
		e, err := decodeEdit(p)
		if err != nil {
			return
		}
		if again := appendEdit(nil, e); !bytes.Equal(again, p) {
			t.Fatalf("%x is written as %x", p, again)
		}
		_, _, _ = version.NewState().Apply(e) // whatever it says
	})
}
