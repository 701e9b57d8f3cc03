package hashidx

import (
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// BenchmarkPutBesideSnapshots overwrites keys while so many snapshots are open,
// all of which see the first value of each: the first 100,000 puts are noted.
func BenchmarkPutBesideSnapshots(b *testing.B) {
	const keys = 100_000
	for _, open := range []int{0, 1, 8} {
		b.Run(fmt.Sprintf("engine=hash/snapshots=%d", open), func(b *testing.B) {
			e := benchStore(b, keys, 100, nil)
			for range open {
				newSnapshot(b, e)
			}
			value, key := make([]byte, 100), make([]byte, 8)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if err := e.Put(benchKey(key, i%keys), value, engine.Buffered); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkGetFromSnapshot gets keys of which one half was overwritten.
func BenchmarkGetFromSnapshot(b *testing.B) {
	const keys = 100_000
	e := benchStore(b, keys, 100, nil)
	s := newSnapshot(b, e)
	value, key := make([]byte, 100), make([]byte, 8)
	for i := range keys / 2 {
		if err := e.Put(benchKey(key, i), value, engine.Buffered); err != nil {
			b.Fatal(err)
		}
	}
	for i, name := range []string{"overwritten", "unchanged"} {
		first := i * keys / 2
		b.Run("engine=hash/key="+name, func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 100)
			for i := range b.N {
				if _, err := s.Get(dst, benchKey(key, first+i*7919%(keys/2))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSnapshot opens and closes one.
func BenchmarkSnapshot(b *testing.B) {
	e := benchStore(b, 100_000, 100, nil)
	b.ReportAllocs()
	for range b.N {
		s, err := e.NewSnapshot()
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
