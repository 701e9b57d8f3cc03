package offheap

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// parallel runs body on 1 and on 2 goroutines, each b.N times: so ns/op is
// what one goroutine waits, and stays the same as long as they are not in each
// other's way.
func parallel(b *testing.B, name string, body func(n int)) {
	for _, goroutines := range []int{1, 2} {
		b.Run(fmt.Sprintf("%s/goroutines=%d", name, goroutines), func(b *testing.B) {
			b.ReportAllocs()
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() { body(b.N) })
			}
			wg.Wait()
		})
	}
}

// benchHeld is how many objects are held at any time: enough to leave the
// first span, few enough for small machines.
const benchHeld = 64

// BenchmarkAllocFree takes an object and frees the oldest of those held.
// "what=make" does it with the Go heap, which also zeroes and collects.
func BenchmarkAllocFree(b *testing.B) {
	for _, size := range []int{64, 256, 1 << 10, 4 << 10, 8 << 10, 16 << 10, 64 << 10, 1 << 20} {
		for _, budget := range []*Budget{nil, NewBudget(1<<40).Sub("cache", 0)} {
			a := NewAllocator(Options{Budget: budget})
			name := fmt.Sprintf("what=offheap/size=%d", size)
			if budget != nil {
				name = fmt.Sprintf("what=offheap-budget/size=%d", size)
			}
			parallel(b, name, func(n int) {
				var held [benchHeld][]byte
				for i := range n + benchHeld {
					if old := held[i%benchHeld]; old != nil {
						if err := a.Free(old); err != nil {
							b.Error(err)
						}
						held[i%benchHeld] = nil
					}
					if i < n {
						x, err := a.Alloc(size)
						if err != nil {
							b.Error(err)
						}
						held[i%benchHeld] = x
					}
				}
			})
			if err := a.Close(); err != nil {
				b.Error(err)
			}
		}
		parallel(b, fmt.Sprintf("what=make/size=%d", size), func(n int) {
			var held [benchHeld][]byte
			for i := range n {
				held[i%benchHeld] = make([]byte, size)
			}
			runtime.KeepAlive(&held)
		})
	}
}

// BenchmarkArenaAlloc takes 40 bytes at a time, as a node of a skip list.
func BenchmarkArenaAlloc(b *testing.B) {
	a, err := NewArena(16<<20, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Free()
	var mu sync.Mutex
	parallel(b, "size=40", func(n int) {
		for range n {
			if _, ok := a.Alloc(40, 8); !ok {
				mu.Lock()
				if a.Used() > a.Size()/2 { // no other reset it just now
					a.used.Store(arenaWord) // Reset, racing with Alloc
				}
				mu.Unlock()
			}
		}
	})
}

// BenchmarkMap is what a new arena costs before it is touched.
func BenchmarkMap(b *testing.B) {
	for _, size := range []int{4 << 10, 16 << 20} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			for b.Loop() {
				r, err := Map(size, Options{})
				if err != nil {
					b.Fatal(err)
				}
				if err := r.Free(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const (
	gcTotal  = 1 << 30
	gcObject = 1 << 10
)

// fullGC measures runtime.GC from call to return, and how long it stopped the
// world.
func fullGC(b *testing.B) {
	runtime.GC()
	runtime.GC() // nothing of what prepared it is left to sweep
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cycles := 0
	for b.Loop() {
		runtime.GC()
		cycles++
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.PauseTotalNs-before.PauseTotalNs)/float64(cycles), "pause-ns/op")
}

func BenchmarkFullGCWithNothing(b *testing.B) { fullGC(b) }

func BenchmarkFullGCWith1GiBOffHeap(b *testing.B) {
	if OnHeap {
		b.Skip("this build has everything on the Go heap")
	}
	a := NewAllocator(Options{})
	for range gcTotal / gcObject {
		x, err := a.Alloc(gcObject)
		if err != nil {
			b.Fatal(err)
		}
		x[0] = 1
	}
	fullGC(b)
	for _, c := range a.pages.chunks() { // nobody kept the slices
		if err := c.mapped.unmap(); err != nil {
			b.Error(err)
		}
		if err := c.slack.unmap(); err != nil {
			b.Error(err)
		}
	}
}

func BenchmarkFullGCWith1GiBOnHeap(b *testing.B) {
	held := make([][]byte, gcTotal/gcObject)
	for i := range held {
		held[i] = make([]byte, gcObject)
		held[i][0] = 1
	}
	fullGC(b)
	runtime.KeepAlive(held)
}
