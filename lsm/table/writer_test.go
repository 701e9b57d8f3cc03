package table

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/blob"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"github.com/kvbench/kvbench/lsm/version"
)

// puts are n entries in order, with values of so many bytes.
func puts(n, valueBytes int) []entry {
	all := make([]entry, n)
	for i := range all {
		all[i] = entry{fmt.Appendf(nil, "key%07d", i), ikey.Make(ikey.Seq(1+i), ikey.Put), bytes.Repeat([]byte{byte(i)}, valueBytes)}
	}
	return all
}

func TestPropertiesSayWhatAManifestNeeds(t *testing.T) {
	o, all, ranges := sample(Options{})
	got := write(t, newDir(t), dir, o, all, ranges)
	want := version.Table{
		ID: 7, Bytes: got.Bytes,
		Smallest: []byte("b"), Largest: []byte("user9"),
		MinSeq: 90, MaxSeq: 130,
		Entries: 12, Tombstones: 1, RangeDeletes: 1,
		KeyBytes: 9*8 + 3*5, ValueBytes: 9*24 + 13 + 1000,
		Created: o.Created, OldestTombstone: o.OldestTombstone,
		LastExpiry: 0, ExpiringBytes: 5 + 13,
		Blobs: []version.BlobUse{{File: 3, Values: 1, Bytes: 1000}},
	}
	if !reflect.DeepEqual(got.Table, want) {
		t.Errorf("%+v, want\n%+v", got.Table, want)
	}
}

func TestATableExpiresWithItsLastPut(t *testing.T) {
	m := newDir(t)
	for i, c := range []struct {
		kinds []ikey.Kind
		want  int64
	}{
		{[]ikey.Kind{ikey.PutTTL, ikey.PutBlobTTL}, 11},
		{[]ikey.Kind{ikey.PutBlobTTL, ikey.PutTTL}, 11},
		{[]ikey.Kind{ikey.PutTTL, ikey.Delete}, 10},
		{[]ikey.Kind{ikey.PutTTL, ikey.PutBlob}, 0},
		{[]ikey.Kind{ikey.Put, ikey.PutTTL}, 0},
		{[]ikey.Kind{ikey.Delete, ikey.Delete}, 0},
	} {
		var all []entry
		for j, kind := range c.kinds {
			var value []byte
			if kind.Expires() {
				value = ikey.AppendExpiry(value, int64(10+j))
			}
			if kind.Separate() {
				value = blob.Pointer{File: uint64(9 - j), Length: 1}.Append(value)
			}
			all = append(all, entry{[]byte{byte(j + 1)}, ikey.Make(1, kind), value})
		}
		p := write(t, m, dir, Options{ID: uint64(i)}, all, nil)
		if p.LastExpiry != c.want {
			t.Errorf("%v: expires at %d, want %d", c.kinds, p.LastExpiry, c.want)
		}
	}
}

func TestBlobFilesAreListedByNumber(t *testing.T) {
	var all []entry
	for i, file := range []uint64{5, 5, 2, 9, 2, 5} {
		p := blob.Pointer{File: file, Offset: 1, Length: uint64(10 + i)}
		all = append(all, entry{[]byte{byte(i + 1)}, ikey.Make(1, ikey.PutBlob), p.Append(nil)})
	}
	p := write(t, newDir(t), dir, Options{ID: 1}, all, nil)
	if want := []version.BlobUse{{File: 2, Values: 2, Bytes: 26}, {File: 5, Values: 3, Bytes: 36}, {File: 9, Values: 1, Bytes: 13}}; !reflect.DeepEqual(p.Blobs, want) {
		t.Errorf("%+v, want %+v", p.Blobs, want)
	}
}

func TestEntriesThatCannotBeAreRefused(t *testing.T) {
	for want, e := range map[string]entry{
		"key of 0 bytes":          {nil, ikey.Make(9, ikey.Put), nil},
		"key of 65536 bytes":      {make([]byte, 65536), ikey.Make(9, ikey.Put), nil},
		"kind range-delete":       {[]byte("z"), ikey.Make(9, ikey.RangeDelete), nil},
		`"j" 9:put comes after`:   {[]byte("j"), ikey.Make(9, ikey.Put), nil},
		`"k" 5:put comes after`:   {[]byte("k"), ikey.Make(5, ikey.Put), nil},
		`"k" 6:put comes after`:   {[]byte("k"), ikey.Make(6, ikey.Put), nil},
		"no value of kind put-tt": {[]byte("k"), ikey.Make(4, ikey.PutTTL), nil},
		"of kind put-blob":        {[]byte("k"), ikey.Make(4, ikey.PutBlob), []byte("nonsense")},
	} {
		f, err := newDir(t).Create(dir + "/1")
		if err != nil {
			t.Fatal(err)
		}
		w := NewWriter(f, Options{ID: 1})
		if err := w.Add([]byte("k"), ikey.Make(5, ikey.Put), nil); err != nil {
			t.Fatal(err)
		}
		err = w.Add(e.key, e.t, e.value)
		if !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one that says %s", err, want)
		}
		if _, again := w.Finish(); again != err {
			t.Errorf("finished after %v: %v", err, again)
		}
		f.Close()
	}
}

func TestAnEmptyTableIsNone(t *testing.T) {
	f, err := newDir(t).Create(dir + "/1")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := NewWriter(f, Options{})
	if _, err := w.Finish(); !w.Empty() || !errors.Is(err, engine.ErrInvalid) {
		t.Errorf("empty: %t, finished: %v", w.Empty(), err)
	}
}

func TestAWriterIsUsedAgain(t *testing.T) {
	m := newDir(t)
	g := newRig(t, -1)
	defer g.close(t)
	w := new(Writer)
	for i, o := range []Options{
		{ID: 1, BlockBytes: 100, Filter: filter.Policy{Kind: filter.Bloom, BitsPerKey: 10}},
		{ID: 2, Compression: compress.Zstd},
		{ID: 3, Filter: filter.Policy{Kind: filter.Fuse8}, WriteBytes: 10},
	} {
		fresh, all := write(t, m, dir, o, puts(100, 50), nil), puts(100, 50)
		one, err := vfs.ReadFile(m, path(dir, o.ID))
		if err != nil {
			t.Fatal(err)
		}
		f, err := m.Create(path(dir, o.ID+10))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			w = NewWriter(f, o)
		} else {
			w.Reset(f, o)
		}
		for _, e := range all {
			before := w.Size()
			if err := w.AddHashed(e.key, e.t, e.value, xxh3.Hash(e.key)); err != nil {
				t.Fatal(err)
			}
			if w.Size() < before {
				t.Errorf("a table has shrunk from %d to %d bytes", before, w.Size())
			}
		}
		size := w.Size()
		p, err := w.Finish()
		if err != nil || describe(p) != describe(fresh) {
			t.Errorf("%+v, %v, want %+v", p, err, fresh)
		}
		if o.Compression == compress.None && (size < p.Bytes*9/10 || size > p.Bytes*11/10) {
			t.Errorf("estimated %d bytes of %d", size, p.Bytes)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		two, err := vfs.ReadFile(m, path(dir, o.ID+10))
		if err != nil || !bytes.Equal(one, two) {
			t.Errorf("another table was written, %v", err)
		}
	}
}

func TestBlocksAreAboutAsLongAsTheyShall(t *testing.T) {
	for _, size := range []int{128, 1000, 8192} {
		m := newDir(t)
		write(t, m, dir, Options{ID: 1, BlockBytes: size}, puts(2000, 30), nil)
		r := open(t, m, dir, 1, ReaderOptions{})
		for n := range r.Blocks() - 1 {
			if _, got := r.BlockAt(n); int(got) > size+16 || int(got) < size-120 {
				t.Errorf("block %d has %d bytes, want %d", n, got, size)
			}
		}
		shut(t, r)
	}
}

func TestTheFirstFailureOfAFileIsThatOfTheTable(t *testing.T) {
	for n := uint64(1); ; n++ {
		m := newDir(t)
		f, err := m.Create(path(dir, 1))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		fault := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindAny, Nth: n, Err: syscall.EIO})
		f, err = fault.OpenReadWrite(path(dir, 1))
		if err != nil {
			continue
		}
		w := NewWriter(f, Options{ID: 1, WriteBytes: 100})
		var first error
		for _, e := range puts(20, 100) {
			if err := w.Add(e.key, e.t, e.value); err != nil && first == nil {
				first = err
			}
		}
		_, err = w.Finish()
		f.Close()
		switch {
		case first != nil && err != first:
			t.Fatalf("call %d: first %v, then %v", n, first, err)
		case err != nil && !errors.Is(err, syscall.EIO):
			t.Fatalf("call %d: %v", n, err)
		case err == nil && fault.Fired() == 0:
			if n < 4 {
				t.Fatalf("only %d calls", n)
			}
			return
		}
	}
}

func TestAFinishedTableSurvivesACrash(t *testing.T) {
	m := newDir(t)
	if err := m.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	o, all, ranges := sample(Options{})
	write(t, m, dir, o, all, ranges)
	if err := m.SyncDir(dir); err != nil {
		t.Fatal(err)
	}
	g := newRig(t, -1)
	defer g.close(t)
	for seed := range uint64(20) {
		if got, _, err := readAll(m.Crash(seed), g, Pread); err != nil || len(got) != len(all) {
			t.Fatalf("seed %d: %d entries, %v", seed, len(got), err)
		}
	}
}

func TestWhatIsWrittenIsInTheCache(t *testing.T) {
	for _, o := range []Options{{ID: 1}, {ID: 1, Compression: compress.Snappy}} {
		g := newRig(t, 8<<20)
		m := newDir(t)
		o.Cache, o.Admission, o.Codec = g.cache, cache.Normal.For(cache.Data), g.codec
		all := puts(1000, 100)
		write(t, m, dir, o, all, nil)
		r := open(t, m, dir, 1, g.options(Pread))
		guard := g.domain.Pin()
		for n := range r.Blocks() {
			data, ok := r.Cached(n)
			h, err := r.Load(n, cache.Normal)
			if err != nil || !ok || !bytes.Equal(data, h.Bytes()) {
				t.Fatalf("block %d: %t, %v", n, ok, err)
			}
			h.Release()
		}
		guard.Unpin()
		if s := g.cache.Stats(); s.Inserts[cache.Data] != uint64(r.Blocks()) {
			t.Errorf("%d inserts of %d blocks", s.Inserts[cache.Data], r.Blocks())
		}
		shut(t, r)
		g.close(t)
	}
}

func TestARangeDeleteWithoutEndIsBound(t *testing.T) {
	m := newDir(t)
	ranges := tombstone.Build([]tombstone.Range{{Lower: []byte("m"), Seq: 5}})
	p := write(t, m, dir, Options{ID: 1}, nil, ranges)
	q := write(t, m, dir, Options{ID: 2}, puts(3, 1), ranges)
	for id, p := range map[uint64]Properties{1: p, 2: q} {
		r := open(t, m, dir, id, ReaderOptions{})
		if got := r.Properties(); got.Largest != nil || !got.LargestExclusive || describe(got) != describe(p) {
			t.Errorf("%+v, want %+v", got, p)
		}
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		if _, ok := r.BlockFor([]byte("a")); ok != (id == 2) {
			t.Errorf("table %d has a block for a: %t", id, ok)
		}
		shut(t, r)
	}
	if p.Blocks != 0 || string(p.Smallest) != "m" || string(q.Smallest) != "key0000000" || p.MinSeq != 5 || q.MinSeq != 1 {
		t.Errorf("%+v, %+v", p, q)
	}
}
