package lsm

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// BenchmarkPut puts keys in no order, most of them new, while memtables are
// flushed and tables compacted.
func BenchmarkPut(b *testing.B) {
	for _, level := range []engine.Durability{engine.Buffered, engine.OS} {
		b.Run(fmt.Sprintf("engine=lsm/durability=%v/value=100", level), func(b *testing.B) {
			t := benchOpen(b, b.TempDir(), nil)
			key, value := make([]byte, 8), make([]byte, benchValue)
			r := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for b.Loop() {
				if err := t.Put(benchKey(key, r.IntN(1e8)), value, level); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBatch applies batches of puts; a step is one put.
func BenchmarkBatch(b *testing.B) {
	for _, ops := range []int{100, 1000} {
		b.Run(fmt.Sprintf("engine=lsm/durability=buffered/ops=%d/value=100", ops), func(b *testing.B) {
			t := benchOpen(b, b.TempDir(), nil)
			key, value := make([]byte, 8), make([]byte, benchValue)
			r := rand.New(rand.NewPCG(1, 2))
			var batch engine.Batch
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += ops {
				batch.Reset()
				for range ops {
					batch.Put(benchKey(key, r.IntN(1e8)), value)
				}
				if err := t.Apply(&batch, engine.Buffered); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPutSync has many writers share syncs. A put is durable when it
// returns.
func BenchmarkPutSync(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("engine=lsm/durability=sync/value=100/writers=%d", writers), func(b *testing.B) {
			t := benchOpen(b, b.TempDir(), nil)
			b.ReportAllocs()
			b.ResetTimer()
			var next atomic.Int64
			var all sync.WaitGroup
			for range writers {
				all.Go(func() {
					key, value := make([]byte, 8), make([]byte, benchValue)
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if err := t.Put(benchKey(key, int(i)), value, engine.Sync); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}

// fillKeys is how many keys a flush and a compaction are measured with.
func fillKeys() int { return benchKeys() / 4 }

// BenchmarkFlush writes a memtable to tables, durably; bytes are those of keys
// and values.
func BenchmarkFlush(b *testing.B) {
	for _, order := range []string{orderLazy, orderEager} {
		keys := fillKeys()
		b.Run(fmt.Sprintf("engine=lsm/keys=%d/value=100/memtable_order=%s", keys, order), func(b *testing.B) {
			t := benchOpen(b, b.TempDir(), map[string]string{
				"memtable_order": order, "l0_runs": "1000", "throttle": throttleOff,
			})
			b.SetBytes(int64(keys) * (8 + benchValue))
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				b.StopTimer()
				benchPut(b, t, i*keys, (i+1)*keys)
				b.StartTimer()
				if err := t.flushAll(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCompact merges the tables of four flushes, all of which overlap;
// bytes are those of keys and values.
func BenchmarkCompact(b *testing.B) {
	const flushes = 4
	for _, pipeline := range []bool{false, true} {
		keys := fillKeys()
		b.Run(fmt.Sprintf("engine=lsm/keys=%d/value=100/pipeline=%v", flushes*keys, pipeline), func(b *testing.B) {
			b.SetBytes(int64(flushes*keys) * (8 + benchValue))
			b.ReportAllocs()
			for range b.N {
				b.StopTimer()
				t := benchOpen(b, b.TempDir(), map[string]string{
					"pipeline": fmt.Sprint(pipeline), "throttle": throttleOff,
				})
				t.work.jobs.Lock() // nobody compacts meanwhile
				for i := range flushes {
					benchPut(b, t, i*keys, (i+1)*keys)
					if err := t.flushAll(b.Context()); err != nil {
						t.work.jobs.Unlock()
						b.Fatal(err)
					}
				}
				b.StartTimer()
				t.work.jobs.Unlock()
				if err := t.Compact(b.Context(), nil, nil); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := t.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkOpen opens a directory in which everything is in tables, and one
// whose log has all that fits into memtables: bytes are those of keys and
// values.
func BenchmarkOpen(b *testing.B) {
	keys := fillKeys()
	settled, logged := benchDirs(b, keys)
	for _, from := range []struct{ name, dir string }{{"tables", settled}, {"log", logged}} {
		b.Run(fmt.Sprintf("engine=lsm/keys=%d/value=100/from=%s", keys, from.name), func(b *testing.B) {
			b.SetBytes(int64(keys) * (8 + benchValue))
			b.ReportAllocs()
			for b.Loop() {
				e, err := open(from.dir, map[string]string{"read_only": "true"}, engine.Env{})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if _, err := e.Get(nil, benchKey(nil, keys-1)); err != nil {
					b.Fatal(err)
				}
				if err := e.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// benchDirs returns directories of trees with keys in tables, and in the log.
func benchDirs(b *testing.B, keys int) (settled, logged string) {
	b.Helper()
	settled, logged = filepath.Join(b.TempDir(), "settled"), filepath.Join(b.TempDir(), "logged")
	t := benchOpen(b, settled, map[string]string{"memtable_bytes": "256m", "memory_bytes": "1g"})
	benchPut(b, t, 0, keys)
	if err := t.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := os.CopyFS(logged, os.DirFS(settled)); err != nil {
		b.Fatal(err)
	}
	if err := t.Settle(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := t.Close(); err != nil {
		b.Fatal(err)
	}
	return settled, logged
}
