package diskindex

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

func TestEntriesAreThereBeforeAndAfterAMerge(t *testing.T) {
	many := 200_000
	if offheap.OnHeap { // the race detector's build, which is slow
		many = 20_000
	}
	for _, n := range []int{0, 1, fillEntries, 5000, many} {
		m := newDir(t)
		o := options(m)
		x, want := newIndex(t, o), image(n)
		load(t, x, want)
		if got := entries(t, x); !slices.Equal(got, want) {
			t.Fatalf("%d entries: %d before the merge", n, len(got))
		}
		info := merge(t, x, "1")
		if info.Entries != uint64(n) || info.Name != "1" || info.Header != head || info.Previous != "" {
			t.Fatalf("%+v", info)
		}
		if n > 100 && !slices.Equal(info.Numbers, []uint16{1, 2, 300, 65535}) {
			t.Fatal(info.Numbers)
		}
		y := reopen(t, options(m), "1")
		if name, h := y.Header(); name != "1" || h != head {
			t.Fatal(name, h)
		}
		for _, x := range []*Index{x, y} {
			if got := entries(t, x); !slices.Equal(got, want) || x.Len() != n {
				t.Fatalf("%d entries: %d, length %d after the merge", n, len(got), x.Len())
			}
			for _, e := range want[:min(n, 3000)] {
				if got := find(t, x, e.Hash); !slices.Contains(got, e.Place) {
					t.Fatalf("%x: %x", e, got)
				}
				if got := find(t, x, e.Hash^1<<20^1<<50); len(got) != 0 {
					t.Fatalf("%x is not there, but at %x", e.Hash, got)
				}
			}
		}
		if found := problems(t, m, "1"); len(found) != 0 {
			t.Fatal(found)
		}
		about, err := Inspect(m, dir, "1")
		if err != nil || about.Header != head || about.Entries != uint64(n) || about.Bytes != info.Bytes || !slices.Equal(about.Numbers, info.Numbers) {
			t.Fatal(about, err)
		}
		if s := x.Stats(); n == many && (s.Load < 0.75 || s.Load > 0.82 || s.Overflow > 3 || s.Bytes != info.Bytes) {
			t.Fatalf("%+v", s)
		}
	}
}

func TestWhatIsInTheFileIsReplacedAndDeleted(t *testing.T) {
	m := newDir(t)
	x := newIndex(t, options(m))
	for i := range uint64(3) {
		load(t, x, []index.Entry{{Hash: 7, Place: 10 + i}, {Hash: 9, Place: 20 + i}})
	}
	merge(t, x, "1")
	for round, name := range []string{"2", "3"} {
		at := uint64(10 + round)
		if ok, err := x.Replace(7, at, 100+at); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if ok, err := x.Replace(7, at, 100); ok || err != nil {
			t.Fatal("replaced twice", err)
		}
		if ok, err := x.Delete(9, 10+at); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if ok, err := x.Delete(9, 10+at); ok || err != nil {
			t.Fatal("deleted twice", err)
		}
		merge(t, x, name)
		if err := x.Discard([]string{"1", "2"}[round]); err != nil {
			t.Fatal(err)
		}
	}
	if got := find(t, x, 7); !slices.Equal(got, []uint64{12, 110, 111}) {
		t.Fatal(got)
	}
	if got := find(t, x, 9); !slices.Equal(got, []uint64{22}) || x.Len() != 4 {
		t.Fatal(got, x.Len())
	}
	if got := entries(t, reopen(t, options(m), "3")); len(got) != 4 {
		t.Fatal(got)
	}
	if names, err := m.List(dir); err != nil || !slices.Equal(names, []string{"3"}) {
		t.Fatal(names, err)
	}
}

func TestOneOfSeveralEqualEntriesIsDeleted(t *testing.T) {
	x := newIndex(t, options(newDir(t)))
	same := index.Entry{Hash: 5, Place: 6}
	load(t, x, []index.Entry{same, same, same, same})
	merge(t, x, "1")
	if ok, err := x.Delete(5, 6); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := x.Replace(5, 6, 8); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for _, name := range []string{"2", "3"} {
		if got := find(t, x, 5); !slices.Equal(got, []uint64{6, 6, 8}) || x.Len() != 3 {
			t.Fatal(got, x.Len())
		}
		merge(t, x, name)
	}
}

func TestEntriesOfDeadSegmentsAreGone(t *testing.T) {
	m := newDir(t)
	x, all := newIndex(t, options(m)), image(3000)
	load(t, x, all)
	merge(t, x, "1")
	y, err := Open(options(m), "1", func(n uint16) bool { return n != 300 })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { y.Close() })
	isDead := func(e index.Entry) bool { return e.Place>>32 == 300 }
	want := slices.DeleteFunc(slices.Clone(all), isDead)
	if got := entries(t, y); !slices.Equal(got, want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for _, e := range all {
		if got := find(t, y, e.Hash); slices.Contains(got, e.Place) == isDead(e) {
			t.Fatalf("%x: %x", e, got)
		}
	}
	info := merge(t, y, "2")
	if info.Dropped != uint64(len(all)-len(want)) || slices.Contains(info.Numbers, 300) || y.Len() != len(want) {
		t.Fatalf("%+v, length %d", info, y.Len())
	}
	// The number may be used again now.
	if err := y.Insert(1, 300<<32|5); err != nil {
		t.Fatal(err)
	}
	if got := find(t, y, 1); !slices.Contains(got, 300<<32|5) {
		t.Fatal(got)
	}
}

func TestABucketMayHaveManyPages(t *testing.T) {
	m := newDir(t)
	x := newIndex(t, options(m))
	var want []index.Entry
	for i := range uint64(5000) {
		want = append(want, index.Entry{Hash: 77, Place: i + 1})
		want = append(want, index.Entry{Hash: i % 3 << 50, Place: i + 1})
	}
	load(t, x, want)
	for _, name := range []string{"1", "2"} {
		merge(t, x, name)
		if got := find(t, x, 77); len(got) != 5000 || got[0] != 1 || got[4999] != 5000 {
			t.Fatal(len(got))
		}
		if got := entries(t, x); !slices.Equal(got, inOrder(want)) {
			t.Fatal(len(got))
		}
		if found := problems(t, m, name); len(found) != 0 {
			t.Fatal(found)
		}
		if s := x.Stats(); s.Overflow == 0 {
			t.Fatalf("%+v", s)
		}
	}
	if ok, err := x.Delete(77, 4321); !ok || err != nil {
		t.Fatal(ok, err)
	}
}

func TestTheFrontIsFullAfterSoManyChanges(t *testing.T) {
	o := options(newDir(t))
	o.FrontBytes = 2000 * bytesPerChange
	x := newIndex(t, o)
	if load(t, x, image(999)); x.Full() {
		t.Fatal("full after 999 of 1000")
	}
	load(t, x, image(1))
	if !x.Full() {
		t.Fatal("not full after 1000 of 1000")
	}
	merge(t, x, "1")
	if x.Full() {
		t.Fatal("full after a merge")
	}
	o.FrontBytes = 1
	if newIndex(t, o).Full() {
		t.Fatal("nothing to merge, but full")
	}
}

func TestDirectReadsFindTheSame(t *testing.T) {
	for _, cacheBytes := range []int64{0, 1 << 20} {
		o := options(newDir(t))
		o.Direct, o.CacheBytes = true, cacheBytes
		x, want := newIndex(t, o), image(3000)
		load(t, x, want)
		merge(t, x, "1")
		merge(t, x, "2")
		for _, e := range want {
			if got := find(t, x, e.Hash); !slices.Contains(got, e.Place) {
				t.Fatalf("%x: %x", e, got)
			}
		}
	}
}

func TestNamesAndPlacesThatCannotBeAreRefused(t *testing.T) {
	m := newDir(t)
	x := newIndex(t, options(m))
	merge(t, x, "1")
	if _, err := x.Merge(ctx, "1", head); !errors.Is(err, ErrName) {
		t.Error(err)
	}
	if err := x.Discard("1"); !errors.Is(err, ErrName) {
		t.Error(err)
	}
	if err := x.Discard("absent"); err != nil {
		t.Error(err)
	}
	for _, place := range []uint64{0, 1 << 48} {
		if err := x.Insert(1, place); !errors.Is(err, index.ErrPlace) || x.Len() != 0 {
			t.Error(err)
		}
	}
	if _, err := Inspect(m, dir, "absent"); !errors.Is(err, ErrUnusable) {
		t.Error(err)
	}
	if _, err := Open(options(m), "absent", nil); !errors.Is(err, ErrUnusable) || !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := New(Options{FS: vfs.NewMem()}); !errors.Is(err, index.ErrDomain) {
		t.Error(err)
	}
}

func TestAMergeKeepsTheCacheWarm(t *testing.T) {
	f := vfs.NewFault(newDir(t))
	o := options(f)
	o.CacheBytes = 4 << 20
	x, all := newIndex(t, o), image(50_000)
	load(t, x, all)
	merge(t, x, "1")
	// Half of the hashes, by the bits that order them.
	half := slices.DeleteFunc(all, func(e index.Entry) bool { return e.Hash&512 == 0 })
	for range 3 {
		for _, e := range half {
			find(t, x, e.Hash)
		}
		load(t, x, image(20_000))
		merge(t, x, x.view.Load().file.name+"+")
		before, stats := f.Calls(), x.Stats()
		for _, e := range half {
			if got := find(t, x, e.Hash); !slices.Contains(got, e.Place) {
				t.Fatalf("%x: %x", e, got)
			}
		}
		after := f.Calls()
		if n := after.Of(vfs.KindRead) - before.Of(vfs.KindRead); n > 1 {
			t.Fatalf("%d reads of pages that had been in the cache", n)
		}
		now := x.Stats()
		if hits := now.CacheHits - stats.CacheHits; hits < uint64(len(half))-1 || now.CacheMisses-stats.CacheMisses > 1 {
			t.Fatalf("before %+v, after %+v", stats, now)
		}
		if pages := uint64(now.CachePages); pages < now.Pages/2 || pages > now.Pages/2+2 {
			t.Fatalf("%d pages of %d are in the cache", pages, now.Pages)
		}
	}
}

func TestALookupThatBeganBeforeAMergeEndsWell(t *testing.T) {
	m := newDir(t)
	x := newIndex(t, options(m))
	load(t, x, []index.Entry{{Hash: 7, Place: 8}})
	merge(t, x, "1")
	load(t, x, []index.Entry{{Hash: 7, Place: 9}})
	g := x.domain.Pin()
	old := x.view.Load().file
	c := x.Find(7)
	info := merge(t, x, "2")
	if err := x.Discard(info.Previous); err != nil {
		t.Fatal(err)
	}
	if ok, err := x.Delete(7, 8); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if got, err := drain(c); err != nil || !slices.Equal(got, []uint64{8, 9}) {
		t.Fatal(got, err)
	}
	g.Unpin()
	if err := x.domain.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if _, ok := x.cache.Get(cache.Key{File: old.id, Offset: 1}); ok {
		t.Fatal("the cache has a page of a file that is gone")
	}
	if got := find(t, x, 7); !slices.Equal(got, []uint64{9}) {
		t.Fatal(got)
	}
}
