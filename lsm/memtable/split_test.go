package memtable

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// splitRounds take seconds with the race detector.
const splitRounds = 8

// Walks back beside the linker: a leaf that prev names must be one that a walk
// from the leaf before it comes to.
func TestWalksBackSeeAllWhileLeavesAreSplit(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8)) // so that the linker is held up anywhere
	const first, later = 2000, 8000
	for round := range splitRounds {
		r := rand.New(rand.NewPCG(uint64(round), 1))
		m := newTable(t, Options{Bytes: 2 << 20})
		fresh := func(i int) {
			put(t, m, string(binary.BigEndian.AppendUint64(nil, r.Uint64())), i+1, "")
		}
		for i := range first {
			fresh(i)
		}
		var over atomic.Bool
		var walks sync.WaitGroup
		for range 3 {
			it := m.NewIter()
			walks.Go(func() {
				for !over.Load() {
					seen, last := 0, ""
					for on := it.Last(); on; on = it.Prev() {
						if key := string(it.Key()); last == "" || key < last {
							last = key
						} else {
							t.Errorf("round %d: %x comes before %x", round, key, last)
							return
						}
						if it.Trailer().Seq() <= first {
							seen++
						}
					}
					if seen != first {
						t.Errorf("round %d: a walk back saw %d keys of %d", round, seen, first)
						return
					}
				}
			})
		}
		for i := range later {
			fresh(first + i)
			if i%16 == 0 {
				m.Order()
			}
		}
		over.Store(true)
		walks.Wait()
	}
}
