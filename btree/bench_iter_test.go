package btree

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// benchRows is how many rows the trees of read benchmarks have, of 16 and 100
// bytes.
const benchRows = 1_000_000

func benchTree(b *testing.B) *tree {
	b.Helper()
	e, err := Driver().Open("/db", map[string]string{"durability": "none", "cache_bytes": "512m"}, engine.Env{FS: vfs.NewMem()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	rng := rand.New(rand.NewPCG(1, 2))
	value := make([]byte, 100)
	var batch engine.Batch
	for _, i := range rng.Perm(benchRows) {
		batch.Put(fmt.Appendf(nil, "%016d", i), value)
		if batch.Len() == 1000 {
			if err := e.Apply(&batch, engine.Default); err != nil {
				b.Fatal(err)
			}
			batch.Reset()
		}
	}
	b.ResetTimer()
	b.ReportAllocs()
	return e.(*tree)
}

func benchIter(b *testing.B, t *tree) engine.Iterator {
	it, err := t.NewIter(engine.IterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { it.Close() })
	return it
}

var benchKeep int

func BenchmarkScanRow(b *testing.B) {
	it := benchIter(b, benchTree(b))
	for range b.N {
		if !it.Next() && !it.First() {
			b.Fatal(it.Err())
		}
		value, _ := it.Value()
		benchKeep += len(it.Key()) + len(value)
	}
}

func BenchmarkScanRowBackwards(b *testing.B) {
	it := benchIter(b, benchTree(b))
	for range b.N {
		if !it.Prev() && !it.Last() {
			b.Fatal(it.Err())
		}
		value, _ := it.Value()
		benchKeep += len(it.Key()) + len(value)
	}
}

func BenchmarkSeek(b *testing.B) {
	it := benchIter(b, benchTree(b))
	rng := rand.New(rand.NewPCG(3, 4))
	key := make([]byte, 0, 16)
	for range b.N {
		key = appendBenchKey(key[:0], rng.IntN(benchRows))
		if !it.SeekGE(key) {
			b.Fatal(it.Err())
		}
		benchKeep += len(it.Key())
	}
}

// BenchmarkScan50 opens an iterator, seeks, walks 50 rows and closes it.
func BenchmarkScan50(b *testing.B) {
	t := benchTree(b)
	rng := rand.New(rand.NewPCG(3, 4))
	key := make([]byte, 0, 16)
	for range b.N {
		it, err := t.NewIter(engine.IterOptions{})
		if err != nil {
			b.Fatal(err)
		}
		key = appendBenchKey(key[:0], rng.IntN(benchRows))
		n := 0
		for ok := it.SeekGE(key); ok && n < 50; ok = it.Next() {
			value, _ := it.Value()
			benchKeep += len(it.Key()) + len(value)
			n++
		}
		it.Close()
	}
}

// BenchmarkMultiGet looks up 64 keys at once; BenchmarkMultiGetByGet one by one.
func BenchmarkMultiGet(b *testing.B) { benchMultiGet(b, (*tree).MultiGet) }

func BenchmarkMultiGetByGet(b *testing.B) {
	benchMultiGet(b, func(t *tree, keys [][]byte, out []engine.Value) (err error) {
		for i := range keys {
			if out[i].Data, err = t.Get(out[i].Data[:0], keys[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func benchMultiGet(b *testing.B, get func(t *tree, keys [][]byte, out []engine.Value) error) {
	t := benchTree(b)
	rng := rand.New(rand.NewPCG(3, 4))
	keys, out := make([][]byte, 64), make([]engine.Value, 64)
	for range b.N {
		for i := range keys {
			keys[i] = appendBenchKey(keys[i][:0], rng.IntN(benchRows))
		}
		if err := get(t, keys, out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/key")
}

func BenchmarkSnapshotGet(b *testing.B) {
	t := benchTree(b)
	s, err := t.NewSnapshot()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	rng := rand.New(rand.NewPCG(3, 4))
	key, value := make([]byte, 0, 16), []byte(nil)
	for range b.N {
		key = appendBenchKey(key[:0], rng.IntN(benchRows))
		if value, err = s.Get(value[:0], key); err != nil {
			b.Fatal(err)
		}
	}
}

// appendBenchKey is fmt's %016d without its cost.
func appendBenchKey(dst []byte, n int) []byte {
	dst = append(dst, "0000000000000000"...)
	for i := len(dst) - 1; n > 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}
