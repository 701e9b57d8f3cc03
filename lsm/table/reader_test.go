package table

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

// everywhere runs f for both layouts, with and without compression, in all
// ways of reading.
func everywhere(t *testing.T, f func(t *testing.T, o Options, io IO)) {
	for _, layout := range []block.Layout{block.Heads, block.Restarts} {
		for _, kind := range []compress.Kind{compress.None, compress.Snappy} {
			for _, io := range []IO{Pread, Mmap, Direct} {
				t.Run(fmt.Sprintf("%v/%v/io=%d", layout, kind, io), func(t *testing.T) {
					f(t, Options{ID: 1, Block: block.Options{Layout: layout}, Compression: kind}, io)
				})
			}
		}
	}
}

// holds fails unless a table has all, by lookups and by walks.
func holds(t *testing.T, g *rig, m vfs.FS, all []entry, io IO) {
	t.Helper()
	r := open(t, m, dir, 1, g.options(io))
	defer shut(t, r)
	for _, e := range all {
		got, found, err := g.get(r, e.key, e.t.Seq())
		if err != nil || !found || !same(got, e) {
			t.Fatalf("%v: %v, %t, %v", e, got, found, err)
		}
	}
	it := r.NewIter(IterOptions{})
	w := walker{it: it, all: all}
	w.both(t)
	it.Init(r, IterOptions{Compaction: true})
	w.on = false
	w.both(t)
	if err := errors.Join(it.Close(), r.Check()); err != nil {
		t.Fatal(err)
	}
}

func TestVersionsOfAKeyFillManyBlocks(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options, io IO) {
		g := newRig(t, 1<<20)
		defer g.close(t)
		var all []entry
		all = append(all, entry{[]byte("key"), ikey.Make(7, ikey.Put), nil})
		for i := range 300 {
			all = append(all, entry{[]byte("key1"), ikey.Make(ikey.Seq(600-2*i), ikey.Put), []byte("value")})
		}
		all = append(all, entry{[]byte("key2"), ikey.Make(9, ikey.Put), nil})
		o.BlockBytes = 128
		m := newDir(t)
		p := write(t, m, dir, o, all, nil)
		if p.Blocks < 10 {
			t.Fatalf("%d blocks", p.Blocks)
		}
		holds(t, g, m, all, io)
		r := open(t, m, dir, 1, g.options(io))
		defer shut(t, r)
		for seq := range ikey.Seq(610) {
			want, there := find(all, []byte("key1"), seq)
			got, found, err := g.get(r, []byte("key1"), seq)
			if err != nil || found != there || found && !same(got, want) {
				t.Fatalf("at %d: %v, %t, %v, want %v, %t", seq, got, found, err, want, there)
			}
		}
	})
}

func TestEntriesMayBeHuge(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options, io IO) {
		g := newRig(t, 1<<20)
		defer g.close(t)
		rng := rand.New(rand.NewPCG(1, 1))
		var all []entry
		for i := range 8 {
			key := bytes.Repeat([]byte{'k'}, MaxKey)
			key[MaxKey-1-i*8000] = 'l'
			value := make([]byte, []int{0, 100, 3 << 20}[i%3])
			for j := range value {
				value[j] = byte(rng.Uint32N(20))
			}
			all = append(all, entry{key, ikey.Make(ikey.Seq(i), ikey.Put), value})
		}
		m := newDir(t)
		write(t, m, dir, o, all, nil)
		holds(t, g, m, all, io)
	})
}

func TestATableMayHaveRangeDeletesOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options, io IO) {
		g := newRig(t, 1<<20)
		defer g.close(t)
		m := newDir(t)
		ranges := tombstone.Build([]tombstone.Range{{Lower: []byte("a"), Upper: []byte("c"), Seq: 5}, {Lower: []byte("b"), Upper: []byte("d"), Seq: 7}})
		p := write(t, m, dir, o, nil, ranges)
		if string(p.Smallest) != "a" || string(p.Largest) != "d" || !p.LargestExclusive || p.MinSeq != 5 || p.MaxSeq != 7 || p.RangeDeletes != 3 {
			t.Errorf("%+v", p)
		}
		holds(t, g, m, nil, io)
		r := open(t, m, dir, 1, g.options(io))
		defer shut(t, r)
		if got := r.Ranges().Covering([]byte("b"), ikey.MaxSeq); got != 7 {
			t.Errorf("b is covered by %d", got)
		}
		it := r.NewIter(IterOptions{})
		if it.SeekGE([]byte("a")) || it.SeekLT([]byte("b")) || it.Next() || it.Prev() || it.Close() != nil {
			t.Error("it has an entry")
		}
	})
}

func TestATableCanBeGivenItsNumberLater(t *testing.T) {
	g := newRig(t, 1<<20)
	defer g.close(t)
	m := newDir(t)
	var all []entry
	for i := range 100 {
		all = append(all, entry{fmt.Appendf(nil, "%03d", i), ikey.Make(0, []ikey.Kind{ikey.Put, ikey.Delete}[i%2]), nil})
	}
	ranges := tombstone.Build([]tombstone.Range{{Lower: []byte("x"), Upper: []byte("z"), Seq: 1}})
	write(t, m, dir, Options{ID: 1, BlockBytes: 128}, all, ranges)
	o := g.options(Pread)
	o.Seq = 50
	r := open(t, m, dir, 1, o)
	defer shut(t, r)
	for i := range all {
		all[i].t = ikey.Make(50, all[i].t.Kind())
		if _, found, err := g.get(r, all[i].key, 49); found || err != nil {
			t.Fatalf("%v is there at 49, %v", all[i], err)
		}
		if got, found, err := g.get(r, all[i].key, 50); !found || err != nil || !same(got, all[i]) {
			t.Fatalf("%v at 50: %v, %t, %v", all[i], got, found, err)
		}
	}
	w := walker{it: r.NewIter(IterOptions{}), all: all}
	w.both(t)
	p := r.Properties()
	if p.MinSeq != 50 || p.MaxSeq != 50 || r.Seq() != 50 || r.Ranges().Covering([]byte("y"), 49) != 0 || r.Ranges().Covering([]byte("y"), 50) != 50 {
		t.Errorf("%+v, %v", p, r.Ranges())
	}
	if err := errors.Join(r.Check(), w.it.Close()); err != nil {
		t.Error(err)
	}
}

func TestMemoryOfATableIsAccountedAndGivenBack(t *testing.T) {
	m := newDir(t)
	write(t, m, dir, Options{ID: 1, BlockBytes: 128, Filter: filter.Policy{Kind: filter.Blocked, BitsPerKey: 10}}, puts(1000, 10), nil)
	budget := offheap.NewBudget(0)
	a := offheap.NewAllocator(offheap.Options{Budget: budget})
	r := open(t, m, dir, 1, ReaderOptions{Allocator: a})
	p := r.Properties()
	if got := r.MemoryBytes(); got != budget.Used() || got < p.FilterBytes+16*int64(p.Blocks) || got > 2*p.FilterBytes+100*int64(p.Blocks) {
		t.Errorf("%d bytes, %d of the budget, of %+v", got, budget.Used(), p)
	}
	shut(t, r)
	if budget.Used() != 0 {
		t.Errorf("%d bytes were kept", budget.Used())
	}
	budget.SetLimit(1)
	r = open(t, m, dir, 1, ReaderOptions{Allocator: a})
	if !r.MayContain(xxh3.Hash([]byte("key0000001"))) || budget.Used() != 0 || r.MemoryBytes() == 0 {
		t.Errorf("beyond the budget: %d, %d bytes", budget.Used(), r.MemoryBytes())
	}
	shut(t, r)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoTableIsNotOpened(t *testing.T) {
	m := newDir(t)
	write(t, m, dir, Options{ID: 1}, puts(1, 1), nil)
	if _, err := Open(m, path(dir, 1), 2, ReaderOptions{}); !errors.Is(err, engine.ErrCorrupt) {
		t.Errorf("another's: %v", err)
	}
	if _, err := Open(m, path(dir, 2), 2, ReaderOptions{}); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, engine.ErrCorrupt) {
		t.Errorf("none: %v", err)
	}
}

func TestAReadThatFailsIsNoDamage(t *testing.T) {
	m := newDir(t)
	g := newRig(t, 1<<20)
	defer g.close(t)
	all := puts(1000, 100)
	write(t, m, dir, Options{ID: 1}, all, nil)
	for nth := uint64(1); nth < 6; nth++ {
		fault := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindRead, Nth: nth, Err: syscall.EIO})
		r, err := Open(fault, path(dir, 1), 1, g.options(Pread))
		if err == nil {
			_, _, err = g.get(r, all[10*nth].key, ikey.MaxSeq)
			if _, found, again := g.get(r, all[10*nth].key, ikey.MaxSeq); err != nil && (again != nil || !found) {
				t.Errorf("read %d: then %t, %v", nth, found, again)
			}
			it := r.NewIter(IterOptions{})
			for ok := it.First(); ok; ok = it.Next() {
			}
			if again := it.Close(); err == nil {
				err = again
			}
			shut(t, r)
			g.cache.EraseFile(1)
		}
		if !errors.Is(err, syscall.EIO) || errors.Is(err, engine.ErrCorrupt) {
			t.Errorf("read %d: %v", nth, err)
		}
	}
}

func TestAMappedBlockIsCheckedBeforeItIsUsed(t *testing.T) {
	full := content(t, Options{})
	full[20] ^= 1
	g := newRig(t, 1<<20)
	defer g.close(t)
	r := open(t, put(t, full), dir, 7, g.options(Mmap))
	defer shut(t, r)
	for n := range r.Blocks() {
		if _, ok := r.Cached(n); ok {
			t.Errorf("block %d is used, unchecked", n)
		}
		h, err := r.Load(n, cache.Normal)
		if n == 0 != errors.Is(err, engine.ErrCorrupt) {
			t.Errorf("block %d: %v", n, err)
		}
		data, ok := r.Cached(n)
		if ok != (n > 0) || !bytes.Equal(data, h.Bytes()) {
			t.Errorf("block %d: %t after it was loaded", n, ok)
		}
		h.Release()
	}
	if n := g.cache.Stats().Blocks; n != 0 {
		t.Errorf("%d mapped blocks are in the cache", n)
	}
}

func TestTheFilterKnowsPrefixes(t *testing.T) {
	m := newDir(t)
	write(t, m, dir, Options{ID: 1, FilterPrefix: 4, Filter: filter.Policy{Kind: filter.Bloom, BitsPerKey: 20}}, puts(1000, 0), nil)
	r := open(t, m, dir, 1, ReaderOptions{})
	defer shut(t, r)
	if r.FilterPrefix() != 4 || !r.MayContain(xxh3.Hash([]byte("key0"))) || r.MayContain(xxh3.Hash([]byte("key1"))) {
		t.Error("the filter does not know the prefix key0, or knows key1")
	}
}

func TestManyReadATableAtOnce(t *testing.T) {
	all := puts(2000, 40)
	for _, io := range []IO{Pread, Mmap, Direct} {
		for _, kind := range []compress.Kind{compress.None, compress.Zstd} {
			g := newRig(t, 64<<10)
			m := newDir(t)
			write(t, m, dir, Options{ID: 1, BlockBytes: 1000, Compression: kind, Codec: g.codec}, all, nil)
			r := open(t, m, dir, 1, g.options(io))
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(i), 0))
					for range 300 {
						e := all[rng.IntN(len(all))]
						if got, found, err := g.get(r, e.key, ikey.MaxSeq); err != nil || !found || !same(got, e) {
							t.Errorf("%v: %v, %t, %v", e, got, found, err)
						}
					}
					it := r.NewIter(IterOptions{Compaction: i == 0})
					w := walker{it: it, all: all}
					w.both(t)
					if err := it.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			shut(t, r)
			g.close(t)
		}
	}
}

func TestATableThatIsCutOffWhileItIsOpenIsDamaged(t *testing.T) {
	for _, io := range []IO{Pread, Direct} {
		m := newDir(t)
		g := newRig(t, -1)
		write(t, m, dir, Options{ID: 1}, puts(100, 10), nil)
		r := open(t, m, dir, 1, g.options(io))
		h, err := r.Load(0, cache.Normal)
		if err != nil {
			t.Fatal(err)
		}
		h.Release()
		f, err := m.OpenReadWrite(path(dir, 1))
		if err == nil {
			err = errors.Join(f.Truncate(50), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		// What is left of the last read must not pass for the block.
		if _, err := r.Load(0, cache.Normal); !errors.Is(err, engine.ErrCorrupt) {
			t.Errorf("io %d: %v", io, err)
		}
		shut(t, r)
		g.close(t)
	}
}

func TestAWalkOverAMappingLeavesTheCacheAlone(t *testing.T) {
	m := newDir(t)
	g := newRig(t, 1<<20)
	defer g.close(t)
	all := puts(1000, 100)
	write(t, m, dir, Options{ID: 1}, all, nil)
	r := open(t, m, dir, 1, g.options(Mmap))
	defer shut(t, r)
	w := walker{it: r.NewIter(IterOptions{}), all: all}
	w.both(t)
	if err := w.it.Close(); err != nil {
		t.Error(err)
	}
	if s := g.cache.Stats(); s.Blocks != 0 || s.Misses != 0 {
		t.Errorf("the cache was asked: %+v", s)
	}
}
