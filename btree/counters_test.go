package btree

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// counting returns a tree that counts and does nothing else.
func counting(mapped bool) *tree {
	return &tree{counting: vfs.NewCounting(vfs.NewMem()), mapped: mapped, counts: newCounters()}
}

func TestStripesAddUp(t *testing.T) {
	x := counting(false)
	var wg sync.WaitGroup
	const writers, rounds = 8, 100
	for range writers {
		wg.Go(func() {
			for range rounds {
				s := x.counts.stripe()
				s.wrote(2, 1, 30)
				s.got(&lookup{inner: 2, restarts: 1}, 50)
				s.visited(3, 4)
				s.scans.Add(1)
			}
		})
	}
	wg.Wait()
	var m engine.Metrics
	x.readMetrics(&m)
	const n = writers * rounds
	want := engine.UserMetrics{
		Gets: engine.Known(n), Puts: engine.Known(2 * n), Deletes: engine.Known(n), Scans: engine.Known(n),
		Batches: engine.Known(0), BytesIn: engine.Known(30 * n), BytesOut: engine.Known(50 * n),
	}
	if m.User != want {
		t.Errorf("%+v, want %+v", m.User, want)
	}
	if m.Read.RunsProbed.Or(0) != 5*n || m.Read.BlocksTouched.Or(0) != 10*n || m.Read.Restarts.Or(0) != n {
		t.Errorf("%+v", m.Read)
	}
	if got := x.counts.accepted(); got != 30*n {
		t.Errorf("%d bytes accepted", got)
	}
}

func TestStripesDoNotShareCacheLines(t *testing.T) {
	var c counted
	const pair = 128 // bytes that processors fetch together
	if size := unsafe.Sizeof(c); size%pair != 0 {
		t.Errorf("a stripe has %d bytes", size)
	}
	if at := unsafe.Offsetof(c.gets); at%pair != 0 {
		t.Errorf("what lookups do not count begins at byte %d", at)
	}
}

func TestAVisitWithoutALoadIsAHit(t *testing.T) {
	x := counting(false)
	s := x.counts.stripe()
	s.loaded(page.Inner)
	s.loaded(page.Leaf)
	s.loaded(page.Overflow)
	s.visited(5, 3)
	s.overflows.Add(2)
	x.counts.walked(10, 4)
	var m engine.Metrics
	x.readMetrics(&m)
	want := engine.CacheMetrics{
		Hits: engine.Known(21), Misses: engine.Known(3), Inserts: engine.Known(3),
		LeafHits: engine.Known(7), LeafMisses: engine.Known(2), InnerHits: engine.Known(14), InnerMisses: engine.Known(1),
	}
	if m.Cache != want {
		t.Errorf("%+v, want %+v", m.Cache, want)
	}
	if m.Read.RunsProbed.Or(0) != 3 || m.Read.BlocksTouched.Or(0) != 10 {
		t.Errorf("what the writer visits counts as read: %+v", m.Read)
	}
}

func TestHitsDoNotGoDownWhileAPageIsLoaded(t *testing.T) {
	x := counting(false)
	s := x.counts.stripe()
	s.visited(0, 10)
	var before, during, after engine.Metrics
	x.readMetrics(&before)
	s.loaded(page.Leaf)
	x.readMetrics(&during)
	s.visited(0, 2)
	x.readMetrics(&after)
	for i, c := range []struct {
		got  engine.Count
		want uint64
	}{{before.Cache.LeafHits, 10}, {during.Cache.LeafHits, 10}, {after.Cache.LeafHits, 11}} {
		if c.got != engine.Known(c.want) {
			t.Errorf("reading %d: %v hits, want %d", i, c.got, c.want)
		}
	}
}

func TestWhatIsReadInAMappingIsNotKnown(t *testing.T) {
	x := counting(true)
	x.counts.stripe().visited(5, 5)
	var m engine.Metrics
	x.readMetrics(&m)
	for name, c := range map[string]engine.Count{
		"hits": m.Cache.Hits, "leaf hits": m.Cache.LeafHits, "inner hits": m.Cache.InnerHits,
		"reads": m.Read.IOs, "bytes read": m.Read.IOBytes,
	} {
		if n, known := c.Value(); known {
			t.Errorf("%s: %d", name, n)
		}
	}
	if m.Cache.Misses != engine.Known(0) {
		t.Errorf("misses: %v", m.Cache.Misses)
	}
}

func TestHighWaterOnlyRises(t *testing.T) {
	var a atomic.Uint64
	for _, c := range []struct{ n, want uint64 }{{5, 5}, {3, 5}, {5, 5}, {9, 9}, {0, 9}} {
		if got := highWater(&a, c.n); got != c.want {
			t.Errorf("%d: %d, want %d", c.n, got, c.want)
		}
	}
}

func TestFailedSyncsAreCounted(t *testing.T) {
	x := counting(false)
	call := &fs.PathError{Op: "fdatasync", Path: "data", Err: errors.New("EIO")}
	x.countFailure(fmt.Errorf("write the superblock: %w", call))
	x.countFailure(&fs.PathError{Op: "write", Path: "data", Err: errors.New("ENOSPC")})
	x.countFailure(errors.New("no sync at all"))
	if n := x.syncErrors.Load(); n != 1 {
		t.Errorf("%d errors", n)
	}
}

func TestCountersAllocateNothing(t *testing.T) {
	x := counting(false)
	var m engine.Metrics
	q := lookup{inner: 2}
	if n := testing.AllocsPerRun(100, func() {
		x.readMetrics(&m)
		x.brake.metrics(&m)
		x.counts.stripe().got(&q, 10)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
