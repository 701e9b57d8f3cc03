package hashidx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func benchKey(p []byte, i int) []byte {
	return binary.BigEndian.AppendUint64(p[:0], uint64(i)*0x9E3779B97F4A7C15)
}

func benchStore(b *testing.B, keys, value int, given map[string]string) *store {
	b.Helper()
	return benchStoreIn(b, b.TempDir(), keys, value, given)
}

func benchStoreIn(b *testing.B, dir string, keys, value int, given map[string]string) *store {
	b.Helper()
	e, err := open(dir, given, engine.Env{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	v := make([]byte, value)
	for i := range keys {
		if err := e.Put(benchKey(nil, i), v, engine.Buffered); err != nil {
			b.Fatal(err)
		}
	}
	return e.(*store)
}

// benchFrom is where the keys of a get benchmark lie: settings, and whether
// the engine is opened anew, so that nothing is in the tail.
var benchFrom = []struct {
	name   string
	reopen bool
	given  map[string]string
}{
	{"tail", false, map[string]string{"tail_bytes": "3g"}},
	{"resident", true, map[string]string{"cache_bytes": "4g"}},
	{"cache", true, map[string]string{"cache_bytes": "4g", "tail_bytes": "16k", "resident": "false"}},
	{"file", true, map[string]string{"record_cache": cacheOff, "resident": "false"}},
	{"mmap", true, map[string]string{"io": ioMmap}},
}

// benchGets runs f with an engine of 10^digits keys in each place.
func benchGets(b *testing.B, digits int, f func(b *testing.B, e *store, keys int)) {
	const value = 100
	keys := int(math.Pow10(digits))
	for _, from := range benchFrom {
		b.Run(fmt.Sprintf("engine=hash/keys=1e%d/value=%d/from=%s", digits, value, from.name), func(b *testing.B) {
			given := map[string]string{"durability": "buffered"}
			maps.Copy(given, from.given)
			dir := b.TempDir()
			e := benchStoreIn(b, dir, keys, value, given)
			if from.reopen {
				err := errors.Join(e.hot.Rotate(b.Context()), e.Settle(b.Context()), e.Close())
				if err != nil {
					b.Fatal(err)
				}
				e = benchStoreIn(b, dir, 0, 0, given)
				for i := range keys {
					if _, err := e.Get(nil, benchKey(nil, i)); err != nil {
						b.Fatal(err)
					}
				}
			}
			f(b, e, keys)
		})
	}
}

// BenchmarkGet reads keys that are there. Files are in the page cache.
func BenchmarkGet(b *testing.B) {
	for digits := 5; digits <= 6; digits++ {
		benchGets(b, digits, func(b *testing.B, e *store, keys int) {
			var key [8]byte
			dst := make([]byte, 0, 200)
			r := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Get(dst, benchKey(key[:], r.IntN(keys))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMultiGet reads 100 keys per call; a step is one key.
func BenchmarkMultiGet(b *testing.B) {
	const batch = 100
	benchGets(b, 6, func(b *testing.B, e *store, keys int) {
		wanted, out := make([][]byte, batch), make([]engine.Value, batch)
		for i := range wanted {
			wanted[i], out[i].Data = make([]byte, 0, 8), make([]byte, 0, 200)
		}
		r := rand.New(rand.NewPCG(1, 2))
		b.ReportAllocs()
		b.ResetTimer()
		for n := 0; n < b.N; n += batch {
			for i := range wanted {
				wanted[i] = benchKey(wanted[i], r.IntN(keys))
			}
			if err := e.MultiGet(wanted, out); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkGetMiss reads keys that are absent.
func BenchmarkGetMiss(b *testing.B) {
	b.Run("engine=hash/keys=1e6/value=100", func(b *testing.B) {
		e := benchStore(b, 1e6, 100, nil)
		var key [9]byte
		r := rand.New(rand.NewPCG(1, 2))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Get(nil, append(benchKey(key[:], r.IntN(1e6)), 1)); err != engine.ErrNotFound {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPut overwrites.
func BenchmarkPut(b *testing.B) {
	const keys = 100_000
	for _, level := range []engine.Durability{engine.Buffered, engine.OS, engine.Sync} {
		b.Run(fmt.Sprintf("engine=hash/durability=%v/keys=1e5/value=100", level), func(b *testing.B) {
			e := benchStore(b, keys, 100, nil)
			var key [8]byte
			value := make([]byte, 100)
			r := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Put(benchKey(key[:], r.IntN(keys)), value, level); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
