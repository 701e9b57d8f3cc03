package hashidx

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// BenchmarkPutSync has many writers share syncs. A put is durable when it
// returns.
func BenchmarkPutSync(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("engine=hash/keys=1e6/value=100/writers=%d", writers), func(b *testing.B) {
			e := benchStore(b, 1e6, 100, nil)
			b.ReportAllocs()
			b.ResetTimer()
			share(b, writers, func(worker, i int, key, value []byte) error {
				return e.Put(benchKey(key, i*writers+worker), value, engine.Sync)
			})
		})
	}
}

// share has workers call f b.N times in all.
func share(b *testing.B, workers int, f func(worker, i int, key, value []byte) error) {
	var next atomic.Int64
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			key, value := make([]byte, 8), make([]byte, 100)
			for i := 0; next.Add(1) <= int64(b.N); i++ {
				if err := f(w, i, key, value); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func benchOverwrite(b *testing.B, e *store, keys, ops int, d engine.Durability) {
	b.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	key, value := make([]byte, 8), make([]byte, 100)
	for range ops {
		binary.BigEndian.PutUint64(value, r.Uint64())
		if err := e.Put(benchKey(key, r.IntN(keys)), value, d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGetBesideGC reads while another goroutine overwrites, so that GC
// runs, or does not where it is off. It reports quantiles of single reads.
func BenchmarkGetBesideGC(b *testing.B) {
	const keys = 1_000_000
	for _, gc := range []string{"off", "cost-benefit"} {
		b.Run(fmt.Sprintf("engine=hash/keys=1e6/value=100/gc=%s", gc), func(b *testing.B) {
			e := benchStore(b, keys, 100, map[string]string{"gc": gc})
			benchOverwrite(b, e, keys, keys/2, engine.Buffered)
			var stop atomic.Bool
			var writer sync.WaitGroup
			writer.Go(func() {
				r := rand.New(rand.NewPCG(5, 6))
				key, value := make([]byte, 8), make([]byte, 100)
				for !stop.Load() {
					if err := e.Put(benchKey(key, r.IntN(keys)), value, engine.Buffered); err != nil {
						b.Error(err)
						return
					}
				}
			})
			took := make([]time.Duration, b.N)
			key, dst := make([]byte, 8), make([]byte, 0, 200)
			r := rand.New(rand.NewPCG(7, 8))
			b.ResetTimer()
			for i := range took {
				start := time.Now()
				if _, err := e.Get(dst, benchKey(key, r.IntN(keys))); err != nil {
					b.Fatal(err)
				}
				took[i] = time.Since(start)
			}
			b.StopTimer()
			stop.Store(true)
			writer.Wait()
			slices.Sort(took)
			for name, q := range map[string]float64{"p50-ns": 0.5, "p99-ns": 0.99, "p99.9-ns": 0.999} {
				b.ReportMetric(float64(took[int(q*float64(len(took)-1))]), name)
			}
			var m engine.Metrics
			e.Metrics(&m)
			b.ReportMetric(float64(m.Work.GCWriteBytes.Or(0))/float64(b.N), "gc-B/op")
		})
	}
}
