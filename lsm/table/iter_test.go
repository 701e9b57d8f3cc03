package table

import (
	"errors"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"github.com/kvbench/kvbench/lsm/version"
)

func TestALongWalkReadsAheadAndSparesTheCache(t *testing.T) {
	all := puts(60_000, 100) // 6 MiB
	for _, io := range []IO{Pread, Direct} {
		for _, kind := range []compress.Kind{compress.None, compress.LZ4} {
			for _, back := range []bool{false, true} {
				g := newRig(t, 32<<20)
				fsys := vfs.NewCounting(newDir(t))
				write(t, fsys, dir, Options{ID: 1, BlockBytes: 4096, Compression: kind, Codec: g.codec}, all, nil)
				r := open(t, fsys, dir, 1, g.options(io))
				before := fsys.Counts(vfs.Data)
				it := r.NewIter(IterOptions{})
				n := 0
				if back {
					for ok := it.Last(); ok; ok = it.Prev() {
						n++
					}
				} else {
					for ok := it.First(); ok; ok = it.Next() {
						n++
					}
				}
				got := fsys.Counts(vfs.Data).Minus(before)
				// 1, then 16 KiB to 1 MiB, then 1 MiB each.
				if most := uint64(1 + 7 + r.Properties().DataBytes>>20 + 1); n != len(all) || got.Reads > most || got.Reads < 5 {
					t.Errorf("%d entries in %d reads, want at most %d", n, got.Reads, most)
				}
				s := g.cache.Stats()
				given := s.Inserts[cache.Data] + s.ScansRejected
				least, most := uint64(1), uint64(1)
				if io == Direct {
					least, most = 10, uint64(r.Blocks())/2
				}
				if given < least || given > most && r.Properties().DataBytes > 4<<20 {
					t.Errorf("%d of %d blocks were given to the cache", given, r.Blocks())
				}
				if err := it.Close(); err != nil {
					t.Error(err)
				}
				shut(t, r)
				g.close(t)
			}
		}
	}
}

func TestACompactionReadsLargePiecesPastTheCache(t *testing.T) {
	all := puts(60_000, 100)
	for _, io := range []IO{Pread, Mmap, Direct} {
		g := newRig(t, 32<<20)
		fsys := vfs.NewCounting(newDir(t))
		write(t, fsys, dir, Options{ID: 1, BlockBytes: 4096}, all, nil)
		r := open(t, fsys, dir, 1, g.options(io))
		before := fsys.Counts(vfs.Data)
		it := r.NewIter(IterOptions{Compaction: true})
		n := 0
		for ok := it.First(); ok; ok = it.Next() {
			n++
		}
		users, got := fsys.Counts(vfs.Data).Minus(before), fsys.Counts(vfs.Compaction)
		if most := uint64(3 + r.Properties().DataBytes>>20); n != len(all) || users.Reads != 0 || got.Reads > most || got.ReadBytes < uint64(r.Properties().DataBytes) {
			t.Errorf("%d entries in %d reads of %d bytes, want at most %d; for users %d", n, got.Reads, got.ReadBytes, most, users.Reads)
		}
		if s := g.cache.Stats(); s.Blocks != 0 || s.Misses != 0 {
			t.Errorf("the cache was asked: %+v", s)
		}
		if err := it.Close(); err != nil {
			t.Error(err)
		}
		shut(t, r)
		g.close(t)
	}
}

func TestSeeksReadOneBlockEach(t *testing.T) {
	all := puts(10_000, 100)
	g := newRig(t, 32<<20)
	defer g.close(t)
	fsys := vfs.NewCounting(newDir(t))
	write(t, fsys, dir, Options{ID: 1, BlockBytes: 4096}, all, nil)
	r := open(t, fsys, dir, 1, g.options(Pread))
	defer shut(t, r)
	before := fsys.Counts(vfs.Data)
	it := r.NewIter(IterOptions{})
	for i := 100; i < 10_000; i += 1000 {
		for range 2 {
			if !it.SeekGE(all[i].key) || !it.Next() {
				t.Fatal(it.Err())
			}
		}
	}
	if got := fsys.Counts(vfs.Data).Minus(before); got.Reads > 12 || got.ReadBytes > 12*4096 {
		t.Errorf("10 seeks took %d reads, %d bytes", got.Reads, got.ReadBytes)
	}
	if err := it.Close(); err != nil {
		t.Error(err)
	}
}

func TestAWalkEndsAtDamage(t *testing.T) {
	m := newDir(t)
	g := newRig(t, 1<<20)
	defer g.close(t)
	write(t, m, dir, Options{ID: 1, BlockBytes: 500}, puts(100, 30), nil)
	r := open(t, m, dir, 1, g.options(Pread))
	defer shut(t, r)
	off, _ := r.BlockAt(5)
	f, err := m.OpenReadWrite(path(dir, 1))
	if err == nil {
		_, err = f.WriteAt([]byte{0xee}, off+50)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []IterOptions{{}, {Compaction: true}} {
		it := r.NewIter(o)
		n := 0
		for ok := it.First(); ok; ok = it.Next() {
			n++
		}
		var found *engine.CorruptionError
		if !errors.As(it.Err(), &found) || found.Offset != off || found.File != path(dir, 1) || n == 0 {
			t.Errorf("after %d entries: %v", n, it.Err())
		}
		if it.Next() || it.Prev() || it.First() || it.SeekGE([]byte("key")) || it.Err() != it.Close() {
			t.Error("the walk goes on")
		}
	}
}

func TestARunOpensOnlyTheTablesOfASeek(t *testing.T) {
	m := newDir(t)
	g := newRig(t, 1<<20)
	defer g.close(t)
	all := puts(100, 10)
	var tables []*version.Table
	for i := range 10 {
		var ranges *tombstone.Set
		if i == 2 { // its bounds end where those of the next begin
			ranges = tombstone.Build([]tombstone.Range{{Lower: []byte("key0000025"), Upper: []byte("key0000030"), Seq: 1}})
		}
		p := write(t, m, dir, Options{ID: uint64(i + 1)}, all[10*i:10*i+10], ranges)
		tables = append(tables, &p.Table)
	}
	// One that has only range deletes, behind the sixth.
	ranges := tombstone.Build([]tombstone.Range{{Lower: []byte("key0000059a"), Upper: []byte("key0000060"), Seq: 1000}})
	p := write(t, m, dir, Options{ID: 11}, nil, ranges)
	tables = slices.Insert(tables, 6, &p.Table)
	var opened []uint64
	readers := map[int]*Reader{}
	x := NewRunIter(tables, func(i int) (*Reader, error) {
		if readers[i] == nil {
			opened = append(opened, tables[i].ID)
			readers[i] = open(t, m, dir, tables[i].ID, g.options(Pread))
		}
		return readers[i], nil
	}, IterOptions{})
	w := walker{it: x, all: all}
	for _, c := range []struct {
		what, key string
		want      []uint64
	}{
		{"ge", "key0000030", []uint64{4}},
		{"ge", "key0000035", nil},
		{"lt", "key0000035", nil},
		{"lt", "key0000030", []uint64{3}},
		{"ge", "key0000059x", []uint64{7}},
		{"lt", "key0000060", []uint64{6}},
		{"ge", "z", nil},
		{"lt", "a", nil},
		{"first", "", []uint64{1}},
		{"last", "", []uint64{10}},
	} {
		opened = nil
		w.move(t, c.what, []byte(c.key))
		if !slices.Equal(opened, c.want) {
			t.Errorf("%s %s opened %v, want %v", c.what, c.key, opened, c.want)
		}
	}
	w.both(t)
	if readers[6] != nil {
		t.Error("a table without entries was opened")
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	for _, r := range readers {
		shut(t, r)
	}
}

func TestATableThatDoesNotOpenEndsTheWalk(t *testing.T) {
	broken := errors.New("broken")
	tables := []*version.Table{{Entries: 1, Smallest: []byte("a"), Largest: []byte("b")}, {Entries: 1, Smallest: []byte("c"), Largest: []byte("d")}}
	x := NewRunIter(tables, func(int) (*Reader, error) { return nil, broken }, IterOptions{})
	for range 2 {
		if x.SeekGE([]byte("a")) || x.Next() || x.Last() || x.SeekLT([]byte("z")) || x.Err() != broken {
			t.Errorf("%v", x.Err())
		}
	}
	for range 2 {
		if err := x.Close(); err != broken {
			t.Errorf("closed: %v", err)
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	all := puts(5000, 100)
	for _, kind := range []compress.Kind{compress.None, compress.Snappy} {
		for _, io := range []IO{Pread, Direct, Mmap} {
			g := newRig(t, 32<<20)
			m := newDir(t)
			write(t, m, dir, Options{ID: 1, Compression: kind, BlockBytes: 1000}, all, nil)
			r := open(t, m, dir, 1, g.options(io))
			it := r.NewIter(IterOptions{})
			it.First()
			n := 0
			allocs := testing.AllocsPerRun(r.Blocks()/2, func() {
				h, err := r.Load(n, cache.Normal)
				if err != nil {
					t.Fatal(err)
				}
				h.Release()
				n++
			})
			// Growing tables of the cache, seldom.
			if allocs >= 1 {
				t.Errorf("%v, io %d: a load makes %v allocations", kind, io, allocs)
			}
			for it.Next() { // all is in the cache
			}
			if allocs := testing.AllocsPerRun(10, func() {
				for ok := it.First(); ok; ok = it.Next() {
				}
			}); allocs > 0 {
				t.Errorf("%v, io %d: a walk makes %v allocations", kind, io, allocs)
			}
			key, guard := all[77].key, g.domain.Pin()
			block, _ := r.BlockFor(key)
			if allocs := testing.AllocsPerRun(10, func() {
				data, ok := r.Cached(block)
				_, _, found, _, err := r.Find(data, key, ikey.MaxSeq)
				if !ok || !found || err != nil {
					t.Fatal(ok, found, err)
				}
			}); allocs > 0 {
				t.Errorf("%v, io %d: a lookup makes %v allocations", kind, io, allocs)
			}
			guard.Unpin()
			if err := it.Close(); err != nil {
				t.Error(err)
			}
			shut(t, r)
			g.close(t)
		}
	}
}

func TestAWalkThatIsBegunAnewForgetsTheDamageOfTheLast(t *testing.T) {
	m := newDir(t)
	g := newRig(t, 1<<20)
	defer g.close(t)
	metas, readers := make([]*version.Table, 2), make([]*Reader, 2)
	for i := range readers {
		id := uint64(i + 1)
		p := write(t, m, dir, Options{ID: id}, puts(10, 30), nil)
		metas[i], readers[i] = &p.Table, open(t, m, dir, id, g.options(Pread))
		defer shut(t, readers[i])
	}
	f, err := m.OpenReadWrite(path(dir, 1))
	if err == nil {
		_, err = f.WriteAt([]byte{0xee}, 50)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	x := NewRunIter(metas[:1], func(int) (*Reader, error) { return readers[0], nil }, IterOptions{})
	if x.First() || !errors.Is(x.Close(), engine.ErrCorrupt) {
		t.Fatalf("damage was not noticed: %v", x.Err())
	}
	for name, walk := range map[string]func() bool{"First": x.First, "Last": x.Last} {
		x.Init(metas[:1], func(int) (*Reader, error) { return readers[0], nil }, IterOptions{})
		x.First()
		x.Init(metas[1:], func(int) (*Reader, error) { return readers[1], nil }, IterOptions{})
		if !walk() || x.Err() != nil {
			t.Errorf("%s of a whole table, after one that is damaged: %v", name, x.Err())
		}
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}
