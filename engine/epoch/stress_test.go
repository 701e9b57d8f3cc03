package epoch

import (
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A page is what the stress test shares. Its fields are plain: under the race
// detector a reader that was missed is reported even if it saw no poison.
type page struct {
	a, b, c uint64
	next    *page
}

const dead = 0xDEADDEADDEADDEAD

func newPage(x uint64) *page { return &page{a: x, b: x, c: ^x} }

func (p *page) intact() bool { return p.a == p.b && p.c == ^p.a && p.a != dead }

// rounds scales a stress test: up, to a duration, for a soak.
func rounds(t *testing.T, n int) func(i int) bool {
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

func TestNobodyReadsWhatIsFreed(t *testing.T) {
	const (
		slots   = 8
		readers = 4
		writers = 2
	)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	more := rounds(t, 20_000)
	d := NewDomain()
	var table [slots]atomic.Pointer[page]
	for i := range table {
		table[i].Store(newPage(uint64(i)))
	}
	var freed atomic.Int64
	free := func(p *page) func() {
		return func() {
			if !p.intact() {
				t.Error("freed twice")
			}
			p.a, p.b, p.c = dead, dead, dead
			freed.Add(1)
		}
	}
	var writing, reading sync.WaitGroup
	var retired, stop atomic.Int64
	for w := range uint64(writers) {
		writing.Go(func() {
			rng := rand.New(rand.NewPCG(seed, w))
			for i := 0; more(i); i++ {
				old := table[rng.IntN(slots)].Swap(newPage(rng.Uint64() >> 1))
				d.Retire(24, free(old))
				retired.Add(1)
				if rng.IntN(100) == 0 {
					d.Reclaim()
				}
			}
		})
	}
	for r := range uint64(readers) {
		reading.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 100+r))
			for stop.Load() == 0 {
				g := d.Pin()
				p := table[rng.IntN(slots)].Load()
				inner := d.Pin()
				q := table[rng.IntN(slots)].Load()
				if rng.IntN(8) == 0 {
					runtime.Gosched()
				}
				if !q.intact() {
					t.Error("a reader with an inner pin saw a freed page")
				}
				inner.Unpin()
				if !p.intact() {
					t.Error("a reader saw a freed page")
				}
				g.Unpin()
			}
		})
	}
	writing.Wait()
	stop.Store(1)
	reading.Wait()
	d.Close()
	if freed.Load() != retired.Load() {
		t.Errorf("retired %d, freed %d", retired.Load(), freed.Load())
	}
	if n := counts(d); n != [2]int64{} {
		t.Errorf("%v guards are left", n)
	}
}

// TestListsShrinkUnderTheirReaders walks chains whose links are cut meanwhile:
// a reader reaches a page through one that was itself unlinked.
func TestListsShrinkUnderTheirReaders(t *testing.T) {
	const length = 16
	more := rounds(t, 500)
	d := NewDomain()
	var head atomic.Pointer[page]
	build := func(x uint64) *page {
		var p *page
		for range length {
			q := newPage(x)
			q.next, p = p, q
		}
		return p
	}
	head.Store(build(0))
	var stop atomic.Bool
	var reading sync.WaitGroup
	for range 2 {
		reading.Go(func() {
			for !stop.Load() {
				g := d.Pin()
				n := 0
				for p := head.Load(); p != nil; p = p.next {
					if !p.intact() {
						t.Error("a reader saw a freed page")
					}
					n++
				}
				if n != length {
					t.Errorf("%d pages in a list", n)
				}
				g.Unpin()
				runtime.Gosched()
			}
		})
	}
	for i := 0; more(i); i++ {
		for next := head.Swap(build(uint64(i))); next != nil; {
			p := next
			next = p.next // before Retire, which may free p at once
			d.Retire(32, func() { p.a, p.next = dead, nil })
		}
	}
	stop.Store(true)
	reading.Wait()
	d.Close()
}
