package hashidx

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func benchKey(p []byte, i int) []byte {
	return binary.BigEndian.AppendUint64(p[:0], uint64(i)*0x9E3779B97F4A7C15)
}

func benchStore(b *testing.B, keys, value int, given map[string]string) *store {
	b.Helper()
	e, err := open(b.TempDir(), given, engine.Env{})
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

// BenchmarkGet reads keys that are there, from the tail or from files that the
// page cache holds.
func BenchmarkGet(b *testing.B) {
	const keys, value = 100_000, 100
	for name, tail := range map[string]string{"tail": "1g", "file": "16k"} {
		b.Run(fmt.Sprintf("engine=hash/from=%s/keys=1e5/value=%d", name, value), func(b *testing.B) {
			e := benchStore(b, keys, value, map[string]string{"tail_bytes": tail})
			var key [8]byte
			dst := make([]byte, 0, 2*value)
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

// BenchmarkGetMiss reads keys that are absent.
func BenchmarkGetMiss(b *testing.B) {
	b.Run("engine=hash/keys=1e5/value=100", func(b *testing.B) {
		e := benchStore(b, 100_000, 100, nil)
		var key [9]byte
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := e.Get(nil, append(benchKey(key[:], i), 1)); err != engine.ErrNotFound {
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
