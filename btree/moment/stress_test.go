package moment

import (
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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

// A writer owns one page, which groups change in place unless a snapshot needs
// it, and then it begins a new page. Readers must find in their page what was
// in it when they came. The page is plain memory: the race detector reports a
// reader that was overlooked even if it saw the right number.
func TestNoPageChangesUnderASnapshot(t *testing.T) {
	type page struct{ stamp, value uint64 }
	const readers = 4
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := New(0)
	var lock sync.Mutex // the tree's
	var current atomic.Pointer[page]
	current.Store(&page{})

	var writing, reading sync.WaitGroup
	var stop atomic.Bool
	var copies, granted, held int64
	goOn := more(t, 20_000)
	writing.Go(func() {
		for i := 0; goOn(i); i++ {
			lock.Lock()
			w := c.Begin()
			for range i % 3 {
				p := current.Load()
				if c.Needed(p.stamp) {
					p = &page{stamp: w}
					current.Store(p)
					copies++
				}
				p.value = w
			}
			c.End()
			lock.Unlock()
			if i%4 == 0 {
				runtime.Gosched()
			}
		}
	})
	var counting sync.Mutex
	for r := range uint64(readers) {
		reading.Go(func() {
			rng := rand.New(rand.NewPCG(seed, r))
			var fast, slow int64
			for !stop.Load() {
				s, ok := c.Enter()
				if ok {
					fast++
				} else {
					lock.Lock()
					s = c.EnterHeld()
					lock.Unlock()
					slow++
				}
				// What is current now may be newer than the snapshot; with the
				// same stamp or a lower one it is the one of the snapshot.
				if p := current.Load(); p.stamp <= s.At() {
					first := p.value
					for i := range 2 + rng.IntN(100) {
						if i == 1 {
							runtime.Gosched() // let the writer come
						}
						if p.value != first {
							t.Errorf("%d became %d under a snapshot at %d", first, p.value, s.At())
							break
						}
					}
					if first > s.At() {
						t.Errorf("a snapshot at %d sees group %d", s.At(), first)
					}
				}
				s.Leave()
			}
			counting.Lock()
			granted, held = granted+fast, held+slow
			counting.Unlock()
		})
	}
	writing.Wait()
	stop.Store(true)
	reading.Wait()
	if c.Count() != 0 {
		t.Errorf("%d live after all have left", c.Count())
	}
	t.Logf("%d groups, %d copies, %d snapshots without the lock, %d with", c.Published(), copies, granted, held)
}
