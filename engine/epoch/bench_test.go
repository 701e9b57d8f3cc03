package epoch

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// parallel runs body on 1 and on 2 goroutines, each b.N times: so ns/op is
// what one goroutine waits, and stays the same as long as they are not in each
// other's way.
func parallel(b *testing.B, what string, body func(n int)) {
	for _, goroutines := range []int{1, 2} {
		b.Run(fmt.Sprintf("what=%s/goroutines=%d", what, goroutines), func(b *testing.B) {
			b.ReportAllocs()
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() { body(b.N) })
			}
			wg.Wait()
		})
	}
}

// BenchmarkPin compares what makes one read safe, there and back.
func BenchmarkPin(b *testing.B) {
	d := NewDomain()
	parallel(b, "epoch", func(n int) {
		for range n {
			d.Pin().Unpin()
		}
	})
	parallel(b, "epoch-twice-nested", func(n int) {
		for range n {
			outer := d.Pin()
			d.Pin().Unpin()
			outer.Unpin()
		}
	})
	var mu sync.RWMutex
	parallel(b, "rwmutex", func(n int) {
		for range n {
			mu.RLock()
			//lint:ignore SA2001 its cost is what is measured
			mu.RUnlock()
		}
	})
	var count atomic.Int64
	parallel(b, "refcount", func(n int) {
		for range n {
			count.Add(1)
			count.Add(-1)
		}
	})
}

// BenchmarkRetire includes the frees and the advances.
func BenchmarkRetire(b *testing.B) {
	d := NewDomain()
	free := func() {}
	parallel(b, "epoch", func(n int) {
		for range n {
			d.Retire(64, free)
		}
	})
}

// BenchmarkAdvance is one look at all stripes.
func BenchmarkAdvance(b *testing.B) {
	d := NewDomain()
	for b.Loop() {
		d.advance()
	}
}
