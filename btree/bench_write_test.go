package btree

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

// BenchmarkPut puts to a tree that has keys: new ones in no order, new ones in
// order, or such as are there. Checkpoints are written meanwhile.
func BenchmarkPut(b *testing.B) {
	keys := benchCount()
	b.Run(benchName(keys), func(b *testing.B) {
		t := benchOpen(b, b.TempDir(), nil)
		benchLoad(b, t, keys)
		r := rand.New(rand.NewPCG(1, 2))
		news, highest := keys, 0
		for _, order := range []struct {
			name string
			key  func(p []byte) []byte
		}{
			{"overwrite", func(p []byte) []byte { return benchKey(p, r.IntN(keys)) }},
			{"random", func(p []byte) []byte { news++; return benchKey(p, news) }},
			{"ordered", func(p []byte) []byte { highest++; return orderedKey(p, highest) }},
		} {
			for _, level := range []engine.Durability{engine.Buffered, engine.OS} {
				b.Run(fmt.Sprintf("order=%s/durability=%v", order.name, level), func(b *testing.B) {
					key, value := make([]byte, 0, benchKeyBytes), make([]byte, benchValueBytes)
					b.ReportAllocs()
					for b.Loop() {
						key = order.key(key)
						if err := t.Put(key, value, level); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	})
}

// BenchmarkPutSync has many writers share syncs and groups. A put is durable
// when it returns.
func BenchmarkPutSync(b *testing.B) {
	keys := benchCount()
	b.Run(benchName(keys), func(b *testing.B) {
		t := benchOpen(b, b.TempDir(), nil)
		benchLoad(b, t, keys)
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("durability=sync/writers=%d", writers), func(b *testing.B) {
				b.ReportAllocs()
				var next atomic.Int64
				var all sync.WaitGroup
				for w := range writers {
					all.Go(func() {
						r := rand.New(rand.NewPCG(1, uint64(w)))
						key, value := make([]byte, 0, benchKeyBytes), make([]byte, benchValueBytes)
						for next.Add(1) <= int64(b.N) {
							key = benchKey(key, r.IntN(keys))
							if err := t.Put(key, value, engine.Sync); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
			})
		}
	})
}

// BenchmarkBatch applies batches of 1000 puts, of keys that are there or not; a
// step is one put.
func BenchmarkBatch(b *testing.B) {
	const ops = 1000
	keys := benchCount()
	b.Run(benchName(keys)+fmt.Sprintf("/ops=%d", ops), func(b *testing.B) {
		t := benchOpen(b, b.TempDir(), nil)
		benchLoad(b, t, keys)
		r := rand.New(rand.NewPCG(1, 2))
		for _, order := range []struct {
			name string
			of   int
		}{{"overwrite", keys}, {"random", 1e9}} {
			b.Run("durability=buffered/order="+order.name, func(b *testing.B) {
				key, value := make([]byte, 0, benchKeyBytes), make([]byte, benchValueBytes)
				var batch engine.Batch
				b.ReportAllocs()
				for n := 0; n < b.N; n += ops {
					batch.Reset()
					for range min(ops, b.N-n) {
						key = benchKey(key, r.IntN(order.of))
						batch.Put(key, value)
					}
					if err := t.Apply(&batch, engine.Buffered); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

// BenchmarkLoad loads as many rows as it has steps to an empty tree; the end of
// the load, which waits for the disk, is in it.
func BenchmarkLoad(b *testing.B) {
	b.Run(fmt.Sprintf("engine=btree/value=%d", benchValueBytes), func(b *testing.B) {
		t := benchOpen(b, b.TempDir(), nil)
		key, value := make([]byte, 0, benchKeyBytes), make([]byte, benchValueBytes)
		b.SetBytes(benchKeyBytes + benchValueBytes)
		b.ReportAllocs()
		b.ResetTimer()
		l, err := t.NewBulkLoad()
		if err != nil {
			b.Fatal(err)
		}
		for i := range b.N {
			key = orderedKey(key, i)
			if err := l.Add(key, value); err != nil {
				b.Fatal(err)
			}
		}
		if err := l.Finish(); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkCheckpoint writes a checkpoint, not paced, after puts to keys that
// are there have changed up to so many pages. Bytes are those of pages written.
func BenchmarkCheckpoint(b *testing.B) {
	keys := benchCount()
	b.Run(benchName(keys), func(b *testing.B) {
		t := benchOpen(b, b.TempDir(), map[string]string{"checkpoint_interval": "0", "log_bytes": "64g"})
		benchLoad(b, t, keys)
		r := rand.New(rand.NewPCG(1, 2))
		key, value := make([]byte, 0, benchKeyBytes), make([]byte, benchValueBytes)
		for _, puts := range []int{256, 4096} {
			b.Run(fmt.Sprintf("puts=%d", puts), func(b *testing.B) {
				b.ReportAllocs()
				written := t.work.written.Load()
				for range b.N {
					b.StopTimer()
					for range puts {
						key = benchKey(key, r.IntN(keys))
						if err := t.Put(key, value, engine.Buffered); err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
					if err := t.checkpointNow(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				written = t.work.written.Load() - written
				b.ReportMetric(float64(written)/float64(t.settings.PageBytes)/float64(b.N), "pages/op")
				b.ReportMetric(float64(written)/1e6/b.Elapsed().Seconds(), "MB/s")
			})
		}
	})
}

// BenchmarkOpen opens a directory in which everything is in pages, and one that
// a crash left, whose log has it all. Bytes are those of keys and values.
func BenchmarkOpen(b *testing.B) {
	keys := benchCount() / 4
	settled, logged := benchDirs(b, keys)
	for _, from := range []struct{ name, dir string }{{"pages", settled}, {"log", logged}} {
		b.Run(benchName(keys)+"/from="+from.name, func(b *testing.B) {
			b.SetBytes(int64(keys) * (benchKeyBytes + benchValueBytes))
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

// benchDirs returns directories of trees with keys in pages, and in the log.
func benchDirs(b *testing.B, keys int) (settled, logged string) {
	b.Helper()
	settled, logged = filepath.Join(b.TempDir(), "settled"), filepath.Join(b.TempDir(), "logged")
	t := benchOpen(b, settled, map[string]string{"checkpoint_interval": "0", "log_bytes": "64g"})
	key, value := make([]byte, 0, benchKeyBytes), make([]byte, benchValueBytes)
	for i := range keys {
		key = benchKey(key, i)
		if err := t.Put(key, value, engine.Buffered); err != nil {
			b.Fatal(err)
		}
	}
	if err := t.Sync(); err != nil {
		b.Fatal(err)
	}
	// Nothing is written, so a copy is what a crash would leave.
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
