package table

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"github.com/kvbench/kvbench/lsm/version"
)

func drawRanges(t *rapid.T, keys [][]byte) *tombstone.Set {
	key := rapid.SampledFrom(keys)
	var all []tombstone.Range
	for range rapid.SampledFrom([]int{0, 0, 1, 5}).Draw(t, "ranges") {
		r := tombstone.Range{Lower: key.Draw(t, "lower"), Upper: key.Draw(t, "upper"), Seq: ikey.Seq(rapid.IntRange(1, 1000).Draw(t, "seq"))}
		if rapid.IntRange(0, 9).Draw(t, "unbounded") == 0 {
			r.Upper = nil
		}
		all = append(all, r)
	}
	return tombstone.Build(all)
}

func TestATableHasWhatWasAddedToIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newRig(t, rapid.SampledFrom([]int64{-1, 0, 64 << 10, 4 << 20}).Draw(t, "cache"))
		defer g.close(t)
		m := newDir(t)
		all := drawEntries(t, 300)
		keys := keysOf(all)
		ranges := drawRanges(t, keys)
		if len(all) == 0 && ranges == nil {
			return
		}
		o := drawOptions(t, g)
		p := write(t, m, dir, o, all, ranges)
		r := open(t, m, dir, o.ID, g.options(drawIO(t)))
		defer shut(t, r)
		checkReader(t, r, p, all, ranges)
		for range 20 {
			key := rapid.SampledFrom(keys).Draw(t, "key")
			at := ikey.MaxSeq
			if len(all) > 0 && rapid.Bool().Draw(t, "older") {
				at = rapid.SampledFrom(all).Draw(t, "at").t.Seq()
			}
			want, there := find(all, key, at)
			got, found, err := g.get(r, key, at)
			if err != nil || found != there || found && !same(got, want) {
				t.Fatalf("%x at %d: %v, %t, %v, want %v, %t", key, at, got, found, err, want, there)
			}
		}
		it := r.NewIter(IterOptions{})
		w := walker{it: it, all: all}
		w.wander(t, keys)
		w.both(t)
		it.Init(r, IterOptions{Compaction: true})
		w.on = false
		w.both(t)
		w.wander(t, keys)
		if err := errors.Join(it.Close(), r.Check()); err != nil {
			t.Fatal(err)
		}
	})
}

// checkReader compares all but the entries.
func checkReader(t *rapid.T, r *Reader, p Properties, all []entry, ranges *tombstone.Set) {
	t.Helper()
	got := r.Properties()
	if a, b := describe(got), describe(p); a != b {
		t.Fatalf("properties are %s, want %s", a, b)
	}
	if string(r.Ranges().Encode(nil)) != string(ranges.Encode(nil)) {
		t.Fatalf("range deletes are %v", r.Ranges())
	}
	if p.Entries != uint64(len(all)) || p.RangeDeletes != uint64(ranges.Len()) || r.Blocks() != p.Blocks {
		t.Fatalf("properties are %+v", p)
	}
	for _, e := range all {
		b := p.Bounds()
		if !b.Contains(e.key) || e.t.Seq() < p.MinSeq || e.t.Seq() > p.MaxSeq {
			t.Fatalf("%v is not in the bounds of %+v", e, p)
		}
	}
}

func TestARunHasWhatItsTablesHave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newRig(t, rapid.SampledFrom([]int64{-1, 64 << 10, 4 << 20}).Draw(t, "cache"))
		defer g.close(t)
		m := newDir(t)
		all := drawEntries(t, 200)
		keys := keysOf(all)
		o := drawOptions(t, g)
		var tables []*version.Table
		for rest := all; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "entries")
			for n < len(rest) && string(rest[n].key) == string(rest[n-1].key) {
				n++
			}
			p := write(t, m, dir, o, rest[:n], nil)
			tables = append(tables, &p.Table)
			o.ID++
			rest = rest[n:]
		}
		io := drawIO(t)
		readers := make([]*Reader, len(tables))
		x := NewRunIter(tables, func(i int) (*Reader, error) {
			if readers[i] == nil {
				readers[i] = open(t, m, dir, tables[i].ID, g.options(io))
			}
			return readers[i], nil
		}, IterOptions{Compaction: rapid.Bool().Draw(t, "compaction")})
		w := walker{it: x, all: all}
		w.wander(t, keys)
		w.both(t)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		for _, r := range readers {
			if r != nil {
				shut(t, r)
			}
		}
	})
}

func TestFilesOfTheSystemAreReadInAllWays(t *testing.T) {
	for _, io := range []IO{Pread, Mmap, Direct} {
		in := t.TempDir()
		rapid.Check(t, func(t *rapid.T) {
			g := newRig(t, rapid.SampledFrom([]int64{-1, 1 << 20}).Draw(t, "cache"))
			defer g.close(t)
			all := drawEntries(t, 100)
			if len(all) == 0 {
				return
			}
			o := drawOptions(t, g)
			fsys := vfs.OS{}
			defer fsys.Remove(path(in, o.ID))
			write(t, fsys, in, o, all, nil)
			r, err := Open(fsys, path(in, o.ID), o.ID, g.options(io))
			if errors.Is(err, errors.ErrUnsupported) {
				return // direct reads, in a file system that has none
			}
			if err != nil {
				t.Fatal(err)
			}
			defer shut(t, r)
			it := r.NewIter(IterOptions{Compaction: rapid.Bool().Draw(t, "compaction")})
			w := walker{it: it, all: all}
			w.both(t)
			w.wander(t, keysOf(all))
			if err := it.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
