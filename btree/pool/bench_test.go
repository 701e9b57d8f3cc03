package pool

import (
	"fmt"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
)

func benchPool(b *testing.B, policy string, frames int) *Pool {
	return newPool(b, Options{PageBytes: 4096, Frames: frames, Reserve: 64, Policy: policy, Domain: epoch.NewDomain()})
}

// parallel runs body on 1 and on 2 goroutines, each b.N times.
func parallel(b *testing.B, body func(n int)) {
	for _, goroutines := range []int{1, 2} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			b.ReportAllocs()
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() { body(b.N) })
			}
			wg.Wait()
		})
	}
}

// BenchmarkEnterLeave is a read of one byte of a page, all of it in the
// processor's cache.
func BenchmarkEnterLeave(b *testing.B) {
	p := benchPool(b, Clock, 64)
	for i := range uint32(64) {
		admitted(b, p, i+1, Clean)
	}
	parallel(b, func(n int) {
		bad := 0
		for i := range n {
			f := uint32(i) & 63
			v, ok := p.Enter(f)
			if !ok || p.Page(f)[f*64] == 99 || !p.Leave(f, v) {
				bad++
			}
		}
		if bad > 0 {
			b.Errorf("%d reads failed", bad)
		}
	})
}

func BenchmarkTouch(b *testing.B) {
	p := benchPool(b, S3FIFO, 64)
	for i := range uint32(64) {
		admitted(b, p, i+1, Clean)
	}
	parallel(b, func(n int) {
		for i := range n {
			p.Touch(uint32(i) & 63)
		}
	})
}

// BenchmarkTakeRetire is a frame's whole life as a dirty page.
func BenchmarkTakeRetire(b *testing.B) {
	for _, batch := range []int{1, 16} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			p := benchPool(b, Clock, 4096)
			fs := make([]uint32, 0, batch)
			b.ReportAllocs()
			for b.Loop() {
				f, ok := p.Take()
				if !ok {
					b.Fatal("no frame is free")
				}
				p.Admit(f, Dirty, false)
				if fs = append(fs, f); len(fs) == batch {
					p.Retire(fs)
					fs = fs[:0]
				}
			}
			p.Retire(fs)
		})
	}
}

// BenchmarkEvict is a miss without its read: a page leaves, another comes.
func BenchmarkEvict(b *testing.B) {
	for _, policy := range Policies() {
		for _, at := range []int{1, 16} {
			b.Run(fmt.Sprintf("policy=%s/at=%d", policy, at), func(b *testing.B) {
				const frames = 16384
				p := benchPool(b, policy, frames)
				b.ReportAllocs()
				for page := uint32(1); b.Loop(); page++ {
					f, ok := p.Take()
					for !ok {
						p.Evict(at, agree)
						f, ok = p.Take()
					}
					p.Frame(f).Page.Store(page)
					p.Admit(f, Clean, false)
					p.Touch(page * 7919 % frames)
				}
			})
		}
	}
}
