package version_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/moment"
	"github.com/kvbench/kvbench/btree/version"
)

// more scales a stress test: up, to a duration, for a soak.
func more(t *testing.T, n int) func(i int) bool {
	budget := os.Getenv("KVBENCH_SOAK")
	if budget == "" {
		return func(i int) bool { return i < n }
	}
	d, err := time.ParseDuration(budget)
	if err != nil {
		t.Fatalf("KVBENCH_SOAK: %v", err)
	}
	end := time.Now().Add(d)
	return func(i int) bool { return i%64 != 0 || time.Now().Before(end) }
}

// A toyTree has pages whose content is the group that changed them last. What
// a page was is told by the frame of its version.
type toyTree struct {
	clock *moment.Clock
	old   version.Set
	lock  sync.Mutex // the tree's
	pages [64]struct {
		sync.Mutex
		stamp, value uint64
	}
	added, freed atomic.Int64
}

func (x *toyTree) group(rng *rand.Rand) {
	x.lock.Lock()
	defer x.lock.Unlock()
	w := x.clock.Begin()
	for range rng.IntN(8) {
		id := rng.IntN(len(x.pages))
		p := &x.pages[id]
		p.Lock()
		if x.clock.Needed(p.stamp) {
			x.old.Add(version.Version{
				Page: uint32(id), Stamp: p.stamp, Until: w, Frame: uint32(p.value),
			})
			x.added.Add(1)
			p.stamp = w
		}
		p.value = w
		p.Unlock()
	}
	x.clock.End()
}

// readAt returns what the page was at n.
func (x *toyTree) readAt(id uint32, n uint64) (value uint64, found bool) {
	p := &x.pages[id]
	p.Lock()
	defer p.Unlock()
	if p.stamp <= n {
		return p.value, true
	}
	v, found := x.old.Find(id, n)
	return uint64(v.Frame), found
}

func (x *toyTree) leave(s *moment.Snapshot, buf *[]uint64) {
	s.Leave()
	*buf = x.clock.Live((*buf)[:0])
	x.freed.Add(int64(len(x.old.Prune(*buf, nil))))
}

// A reader reads pages again and again and must find what it found first.
func (x *toyTree) read(t *testing.T, rng *rand.Rand, buf *[]uint64) {
	s, ok := x.clock.Enter()
	if !ok {
		x.lock.Lock()
		s = x.clock.EnterHeld()
		x.lock.Unlock()
	}
	defer x.leave(&s, buf)
	first := map[uint32]uint64{}
	for i := range rng.IntN(100) {
		id := uint32(rng.IntN(len(x.pages)))
		v, found := x.readAt(id, s.At())
		if !found {
			t.Errorf("page %d has no version at %d", id, s.At())
			return
		}
		if before, seen := first[id]; seen && before != v || v > s.At() {
			t.Errorf("page %d at %d is %d, was %d", id, s.At(), v, before)
			return
		}
		first[id] = v
		if i%16 == 0 {
			runtime.Gosched() // let others come
		}
	}
}

func TestSnapshotsSeeTheSameWhilePagesChangeAndVersionsGo(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	x := &toyTree{clock: moment.New(0)}
	long, _ := x.clock.Enter()
	var all sync.WaitGroup
	var stop atomic.Bool
	goOn := more(t, 5_000)
	all.Go(func() {
		rng := rand.New(rand.NewPCG(seed, 0))
		for i := 0; goOn(i); i++ {
			x.group(rng)
			if i%4 == 0 {
				runtime.Gosched()
			}
		}
		stop.Store(true)
	})
	for r := range uint64(4) {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(seed, r+1))
			var buf []uint64
			for !stop.Load() {
				x.read(t, rng, &buf)
			}
		})
	}
	all.Go(func() { // who spills
		var buf []version.Version
		for !stop.Load() {
			buf = x.old.Spillable(buf[:0], 16)
			for _, v := range buf {
				x.old.Written(v.Page, v.Stamp, mapping.OnDisk(1, 1))
			}
			runtime.Gosched()
		}
	})
	all.Wait()
	for id := range uint32(len(x.pages)) {
		if v, found := x.readAt(id, 0); !found || v != 0 {
			t.Errorf("page %d at 0 is %d, %v", id, v, found)
		}
	}
	// Only the long snapshot is left: a version of each page at most.
	x.freed.Add(int64(len(x.old.Prune(x.clock.Live(nil), nil))))
	if n := x.old.Len(); n > len(x.pages) {
		t.Errorf("%d versions for one snapshot of %d pages", n, len(x.pages))
	}
	var buf []uint64
	x.leave(&long, &buf)
	if n := x.old.Len(); n != 0 || x.added.Load() != x.freed.Load() {
		t.Errorf("%d versions left, %d added, %d freed", n, x.added.Load(), x.freed.Load())
	}
	t.Logf("%d groups, %d versions", x.clock.Published(), x.added.Load())
}
