package hashidx

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// BenchmarkGC overwrites half of all keys by chance and collects the garbage:
// only the latter is timed. B/s counts what is copied.
func BenchmarkGC(b *testing.B) {
	const keys, value = 200_000, 100
	b.Run("engine=hash/keys=2e5/value=100", func(b *testing.B) {
		e := benchStore(b, keys, value, map[string]string{"gc": "off", "segment_bytes": "4m"})
		r := rand.New(rand.NewPCG(1, 2))
		var key [8]byte
		p := make([]byte, value)
		before := e.gc.written.Load()
		for range b.N {
			b.StopTimer()
			for range keys / 2 {
				if err := e.Put(benchKey(key[:], r.IntN(keys)), p, engine.Buffered); err != nil {
					b.Fatal(err)
				}
			}
			b.StartTimer()
			if err := e.Compact(context.Background(), nil, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(int64(e.gc.written.Load()-before) / int64(b.N))
	})
}
