package hashidx

import (
	"fmt"
	"math"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/vfs"
)

func TestTheTailIsAPartOfTheCacheBytes(t *testing.T) {
	const m = 1 << 20
	for _, c := range []struct {
		s             settings
		tail, records int64
	}{
		{settings{CacheBytes: 256 * m}, 64 * m, 192 * m},
		{settings{CacheBytes: 256 * m, TailBytes: 16 * m}, 16 * m, 240 * m},
		{settings{CacheBytes: 8 * m, TailBytes: 16 * m}, 16 * m, 0},
		{settings{}, minTailBytes, 0},
		{settings{CacheBytes: 80 << 10}, 20 << 10, 60 << 10},
		{settings{TailBytes: 1}, minTailBytes, 0},
		{settings{CacheBytes: 256 * m, RecordCache: cacheOff}, 64 * m, 0},
		{settings{CacheBytes: 256 * m, RecordCache: cacheAuto, IO: ioMmap}, 64 * m, 0},
		{settings{CacheBytes: 256 * m, RecordCache: cacheAuto, IO: ioDirect}, 64 * m, 192 * m},
		{settings{CacheBytes: 256 * m, RecordCache: cacheOn, IO: ioMmap}, 64 * m, 192 * m},
	} {
		if tail, records := c.s.tailBytes(), c.s.recordBytes(); tail != c.tail || records != c.records {
			t.Errorf("%+v: %d for the tail and %d for records, want %d and %d", c.s, tail, records, c.tail, c.records)
		}
	}
}

func TestARecordIsReadOnce(t *testing.T) {
	fsys := vfs.NewMem()
	e := openIn(t, fsys, nil)
	if err := e.Put([]byte("key"), []byte(valueOf(20)), engine.Default); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, map[string]string{"resident": "false"})
	var before, after engine.Metrics
	e.Metrics(&before)
	for range 5 {
		wantValue(t, e, "key", valueOf(20))
	}
	e.Metrics(&after)
	moved := after.Since(&before)
	if n := moved.Read.IOs.Or(0); n != 1 {
		t.Errorf("%d reads, want 1", n)
	}
	c := moved.Cache
	if c.Misses.Or(0) != 1 || c.Hits.Or(0) != 4 || c.Inserts.Or(0) != 1 || c.Bytes.Or(0) == 0 {
		t.Errorf("cache %+v, want 1 miss, 4 hits, 1 insert", c)
	}
	if n := moved.Read.RunsProbed.Or(0); n != 5 {
		t.Errorf("%d records were looked at, want 5", n)
	}
}

func TestCollisionsOfCodesAreCounted(t *testing.T) {
	e := openIn(t, vfs.NewMem(), smallest())
	if err := e.Put([]byte("a"), []byte("1"), engine.Default); err != nil {
		t.Fatal(err)
	}
	c := e.index.Find(e.hash([]byte("a")))
	place, _ := c.Next()
	if err := e.index.mem.Insert(e.hash([]byte("b")), place); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		e.Get(nil, []byte("b"))
		e.Get(nil, []byte("a"))
		e.Get(nil, []byte("absent"))
	}
	var m engine.Metrics
	e.Metrics(&m)
	if n := m.Read.FilterFalsePositives.Or(0); n != 3 {
		t.Errorf("%d collisions, want 3", n)
	}
	if n := m.Read.RunsProbed.Or(0); n != 6 {
		t.Errorf("%d records looked at, want 6", n)
	}
}

func TestAFrameThatIsTooLongIsNotKept(t *testing.T) {
	fsys := vfs.NewMem()
	given := map[string]string{"cache_bytes": "1m"}
	long := make([]byte, 100_000)
	e := openIn(t, fsys, given)
	if err := e.Put([]byte("long"), long, engine.Default); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, given)
	for range 2 {
		wantValue(t, e, "long", string(long))
	}
	if st := e.records.cache.Stats(); st.Blocks != 0 {
		t.Errorf("%d records are kept", st.Blocks)
	}
}

// TestAHitDoesNotAllocate goes through all places that a hit may come from.
func TestAHitDoesNotAllocate(t *testing.T) {
	if raceEnabled { // it makes pools forget
		t.Skip("allocates under the race detector")
	}
	for from, given := range map[string]map[string]string{
		"tail":   {"segment_bytes": "64k"},
		"cache":  {"segment_bytes": "64k"},
		"file":   {"segment_bytes": "64k", "record_cache": cacheOff},
		"mmap":   {"segment_bytes": "64k", "io": ioMmap},
		"direct": {"segment_bytes": "64k", "io": ioDirect, "record_cache": cacheOff},
	} {
		t.Run(from, func(t *testing.T) {
			fsys := vfs.NewMem()
			e := openIn(t, fsys, given)
			const n = 200
			keys, out := make([][]byte, n), make([]engine.Value, n)
			for i := range n {
				keys[i] = fmt.Appendf(nil, "key%d", i)
				out[i].Data = make([]byte, 0, 4000)
				if err := e.Put(keys[i], []byte(valueOf(i)), engine.Default); err != nil {
					t.Fatal(err)
				}
			}
			if from != "tail" {
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				e = openIn(t, fsys, given)
			}
			dst := make([]byte, 0, 4000)
			get := func() {
				for _, key := range keys {
					if _, err := e.Get(dst, key); err != nil {
						t.Fatal(err)
					}
				}
			}
			several := func() {
				if err := e.MultiGet(keys, out); err != nil {
					t.Fatal(err)
				}
			}
			for what, f := range map[string]func(){"Get": get, "MultiGet": several} {
				least := math.Inf(1)
				for range 5 {
					least = min(least, testing.AllocsPerRun(10, f))
				}
				if least > 0 {
					t.Errorf("%s of %d keys: %v allocations", what, n, least)
				}
			}
		})
	}
}

func TestAWriteGivesUpTheRecordThatItReplaces(t *testing.T) {
	fsys := vfs.NewMem()
	const n = 30
	e := fill(t, fsys, n, map[string]string{"segment_bytes": "8k", "resident": "false"})
	for i := range n {
		wantValue(t, e, fmt.Sprintf("key%d", i), valueOf(i))
	}
	kept := func(want int) {
		t.Helper()
		if got := e.records.cache.Stats().Blocks; got != want {
			t.Fatalf("%d records are kept, want %d", got, want)
		}
	}
	kept(n)
	var b engine.Batch
	for i := range n / 3 {
		if err := e.Put(fmt.Appendf(nil, "key%d", 3*i), []byte("new"), engine.Default); err != nil {
			t.Fatal(err)
		}
		if err := e.Delete(fmt.Appendf(nil, "key%d", 3*i+1), engine.Default); err != nil {
			t.Fatal(err)
		}
		b.Put(fmt.Appendf(nil, "key%d", 3*i+2), []byte("newer"))
	}
	kept(n / 3)
	if err := e.Apply(&b, engine.Default); err != nil {
		t.Fatal(err)
	}
	kept(0)
	wantValue(t, e, "key0", "new")
	wantValue(t, e, "key2", "newer")
}

func TestNothingIsKeptOfARemovedSegment(t *testing.T) {
	fsys := vfs.NewMem()
	const n = 300
	e := fill(t, fsys, n, map[string]string{"segment_bytes": "64k", "resident": "false"})
	for i := range n {
		wantValue(t, e, fmt.Sprintf("key%d", i), valueOf(i))
	}
	if kept := e.records.cache.Stats().Blocks; kept != n {
		t.Fatalf("%d records are kept, want %d", kept, n)
	}
	removed := e.segments.list()[0]
	e.records.eraseFile(removed)
	for i := range n {
		c := e.index.Find(e.hash(fmt.Appendf(nil, "key%d", i)))
		place, _ := c.Next()
		seg, off := e.segments.at(place)
		if there := e.records.get(seg, off) != nil; there != (seg != removed) {
			t.Errorf("key%d in %s is kept: %v", i, seg.path, there)
		}
	}
}

func TestAFullCacheKeepsSomeOfWhatIsRead(t *testing.T) {
	for mode, want := range map[string][2]int{ioPread: {3000, 7000}, ioDirect: {10000, 10000}} {
		var r records
		s := settings{CacheBytes: 1 << 20, IO: mode, CachePolicy: "s3fifo", RecordCache: cacheOn}
		d := epoch.NewDomain()
		if err := r.open(d, &s); err != nil {
			t.Fatal(err)
		}
		for i := range s.recordBytes() / (1000 + frameCost) {
			if !r.admits(1000) {
				t.Fatalf("io=%s: frame %d is not kept though there is room", mode, i)
			}
		}
		r.admits(1000)
		kept := 0
		for range 10000 {
			if r.admits(1000) {
				kept++
			}
		}
		if kept < want[0] || kept > want[1] {
			t.Errorf("io=%s: %d of 10000 frames are kept, want %v", mode, kept, want)
		}
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
}
