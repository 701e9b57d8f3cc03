package mapping

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine/offheap"
)

// Each entry names its id and counts the swaps that it has seen, so that an
// entry of another id, a lost swap or one that was half done shows.
func TestEntriesAreReadAndSwappedWhileTheTableGrows(t *testing.T) {
	pages := uint32(60_000)
	if offheap.OnHeap || testing.Short() {
		pages = 20_000
	}
	const seed = 7
	table := newTable(t)
	var done atomic.Bool
	var swaps [2]map[uint32]uint32
	var group sync.WaitGroup
	for g := range swaps {
		swaps[g] = map[uint32]uint32{}
		rng := rand.New(rand.NewPCG(seed, uint64(g)))
		group.Go(func() {
			for !done.Load() {
				last := table.Len()
				id := rng.Uint32N(last + 2*chunkIDs)
				e := table.Load(id)
				switch {
				case e == 0:
					if id > 0 && id < last && id%100 != 0 {
						t.Errorf("seed %d: %d of %d has no entry", seed, id, last)
						return
					}
				case e.Slot() != uint64(id):
					t.Errorf("seed %d: %d is %v", seed, id, e)
					return
				case table.CompareAndSwap(id, e, OnDisk(e.Slot(), e.Check()+1)):
					swaps[g][id]++
				}
			}
		})
	}
	for range pages {
		id := take(t, table)
		table.Store(id, OnDisk(uint64(id), 0))
		table.SetDurable(id, Entry(id))
		if id%100 != 0 {
			continue
		}
		// Pages that go: the ids are taken again, by the next that comes.
		for e := table.Load(id); !table.CompareAndSwap(id, e, 0); e = table.Load(id) {
		}
		if !table.Give(id) || take(t, table) != id {
			t.Fatalf("%d was not given back and taken again", id)
		}
		swapsBefore := table.Load(id)
		if swapsBefore != 0 || table.Durable(id) != Entry(id) {
			t.Fatalf("%d is %v, durable %v", id, swapsBefore, table.Durable(id))
		}
	}
	done.Store(true)
	group.Wait()
	var total uint64
	for id := uint32(1); id <= table.Len(); id++ {
		count := swaps[0][id] + swaps[1][id]
		total += uint64(count)
		e := table.Load(id)
		if id%100 == 0 {
			if e != 0 {
				t.Fatalf("seed %d: %d is %v", seed, id, e)
			}
		} else if e != OnDisk(uint64(id), count) {
			t.Fatalf("seed %d: %d is %v after %d swaps", seed, id, e, count)
		}
		if table.Durable(id) != Entry(id) {
			t.Fatalf("seed %d: %d is durable as %v", seed, id, table.Durable(id))
		}
	}
	t.Logf("%d swaps of %d pages", total, pages)
}

// Readers know an id only once it was taken, but a torn page may name any. Most
// of these tables are read at the very moment at which they get their memory.
func TestATableIsReadWhileItGetsItsFirstMemory(t *testing.T) {
	for range 2000 {
		table := New(offheap.Options{})
		var group sync.WaitGroup
		var ready atomic.Bool
		group.Go(func() {
			ready.Store(true)
			for i := 0; table.Load(1) == 0; i++ {
				if i%10_000 == 9999 {
					runtime.Gosched()
				}
			}
		})
		for !ready.Load() {
			runtime.Gosched()
		}
		table.Store(take(t, table), Resident(3))
		group.Wait()
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Two who move the same pages, each from where they believe them: of all who
// try, one succeeds.
func TestOneOfManySwapsSucceeds(t *testing.T) {
	table := newTable(t)
	const pages, movers = 3 * chunkIDs, 4
	for range pages {
		table.Store(take(t, table), OnDisk(1, 0))
	}
	var won [movers]uint32
	var group sync.WaitGroup
	for m := range uint32(movers) {
		group.Go(func() {
			for id := uint32(1); id <= pages; id++ {
				if table.CompareAndSwap(id, OnDisk(1, 0), Resident(m)) {
					won[m]++
				}
			}
		})
	}
	group.Wait()
	var seen [movers]uint32
	for id := uint32(1); id <= pages; id++ {
		e := table.Load(id)
		if !e.Resident() || e.Frame() >= movers {
			t.Fatalf("%d is %v", id, e)
		}
		seen[e.Frame()]++
	}
	if seen != won {
		t.Errorf("won %v, found %v", won, seen)
	}
}
