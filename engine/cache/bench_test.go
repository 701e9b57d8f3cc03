package cache

import (
	"container/list"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// The benchmarks compare the cache, by policy, with what one would write in
// an afternoon: sharded maps under an RWMutex, with a list for LRU.
//
//	go test -run '^$' -bench . -cpu 1,2 ./engine/cache

// benchTarget is one of them.
type benchTarget interface {
	get(k Key) ([]byte, bool)
	put(k Key, n int)
}

type benchCache struct{ c *Cache }

func (b benchCache) get(k Key) ([]byte, bool) {
	g := b.c.domain.Pin()
	v, ok := b.c.Get(k)
	if ok {
		sink(v)
	}
	g.Unpin()
	return v, ok
}

func (b benchCache) put(k Key, n int) {
	h, err := b.c.Insert(k, n, Normal, noFill)
	if err == nil {
		h.Release()
	}
}

func noFill([]byte) error { return nil }

// sink reads from a block, as a user would.
func sink(b []byte) {
	if b[0] == 0 && b[len(b)-1] == 1 {
		runtime.Gosched()
	}
}

// mapCache is the baseline.
type mapCache struct {
	shards [8]struct {
		mu    sync.RWMutex
		at    map[Key]*list.Element
		order list.List
		bytes int
		_     [lineBytes]byte
	}
	limit int // per shard
}

type mapBlock struct {
	key   Key
	bytes []byte
}

func newMapCache(bytes int) *mapCache {
	m := &mapCache{limit: bytes / 8}
	for i := range m.shards {
		m.shards[i].at = map[Key]*list.Element{}
	}
	return m
}

// get takes the read lock to find the block, and tries for the other one to
// move it to the front.
func (m *mapCache) get(k Key) ([]byte, bool) {
	s := &m.shards[k.hash()%8]
	s.mu.RLock()
	e := s.at[k]
	s.mu.RUnlock()
	if e == nil {
		return nil, false
	}
	if s.mu.TryLock() {
		s.order.MoveToFront(e)
		s.mu.Unlock()
	}
	b := e.Value.(*mapBlock).bytes
	sink(b)
	return b, true
}

func (m *mapCache) put(k Key, n int) {
	b := &mapBlock{k, make([]byte, n)}
	s := &m.shards[k.hash()%8]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at[k] != nil {
		return
	}
	s.at[k] = s.order.PushFront(b)
	s.bytes += n
	for s.bytes > m.limit {
		old := s.order.Remove(s.order.Back()).(*mapBlock)
		delete(s.at, old.key)
		s.bytes -= len(old.bytes)
	}
}

func benchTargets(b *testing.B, bytes int, f func(b *testing.B, t benchTarget)) {
	for _, p := range Policies() {
		b.Run("cache="+p, func(b *testing.B) {
			c, err := New(Options{Bytes: int64(bytes), Policy: p, Shards: 8})
			if err != nil {
				b.Fatal(err)
			}
			f(b, benchCache{c})
			b.StopTimer()
			if err := c.Close(); err != nil {
				b.Error(err)
			}
		})
	}
	b.Run("cache=map", func(b *testing.B) { f(b, newMapCache(bytes)) })
}

// benchKeys draws keys ahead of time.
func benchKeys(dist string, n int) []Key {
	r := rand.New(rand.NewPCG(1, 1))
	z := newZipf(n, 0.99)
	keys := make([]Key, 1<<17)
	for i := range keys {
		k := r.Uint64N(uint64(n))
		if dist == "zipf" {
			k = z.draw(r)
		}
		keys[i] = Key{1, k << 12}
	}
	return keys
}

// BenchmarkHit gets blocks of 4 KiB that are all there: 32 MiB of them.
func BenchmarkHit(b *testing.B) {
	const blocks = 8192
	for _, dist := range []string{"zipf", "uniform"} {
		keys := benchKeys(dist, blocks)
		b.Run("keys="+dist, func(b *testing.B) {
			benchTargets(b, 64<<20, func(b *testing.B, t benchTarget) {
				for i := range uint64(blocks) {
					t.put(Key{1, i << 12}, 4096)
				}
				var start atomic.Uint64
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					i := start.Add(31337)
					for pb.Next() {
						if _, ok := t.get(keys[i%uint64(len(keys))]); !ok {
							b.Error("not there")
							return
						}
						i++
					}
				})
			})
		})
	}
}

// BenchmarkMiss looks for what is not there.
func BenchmarkMiss(b *testing.B) {
	benchTargets(b, 64<<20, func(b *testing.B, t benchTarget) {
		for i := range uint64(8192) {
			t.put(Key{1, i << 12}, 4096)
		}
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for i := uint64(0); pb.Next(); i++ {
				if _, ok := t.get(Key{2, i % 8192 << 12}); ok {
					b.Error("found")
					return
				}
			}
		})
	})
}

// BenchmarkReplace misses, inserts a block and thereby evicts another, without
// filling it.
func BenchmarkReplace(b *testing.B) {
	benchTargets(b, 16<<20, func(b *testing.B, t benchTarget) {
		var next atomic.Uint64
		for range 8192 {
			t.put(Key{1, next.Add(1) << 12}, 4096)
		}
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				k := Key{1, next.Add(1) << 12}
				if _, ok := t.get(k); !ok {
					t.put(k, 4096)
				}
			}
		})
	})
}

// BenchmarkSample shows what the miss ratio curve costs a hit.
func BenchmarkSample(b *testing.B) {
	keys := benchKeys("zipf", 8192)
	for _, rate := range []struct {
		name string
		rate float64
	}{{"0", 0}, {"0.001", 0.001}, {"0.01", 0.01}, {"0.1", 0.1}} {
		b.Run("rate="+rate.name, func(b *testing.B) {
			c, err := New(Options{Bytes: 64 << 20, Shards: 8, SampleRate: rate.rate})
			if err != nil {
				b.Fatal(err)
			}
			t := benchCache{c}
			for i := range uint64(8192) {
				t.put(Key{1, i << 12}, 4096)
			}
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					t.get(keys[i%len(keys)])
				}
			})
			b.StopTimer()
			if err := c.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

// BenchmarkTrace replays the traces and reports hit ratios.
func BenchmarkTrace(b *testing.B) {
	for _, tr := range traces() {
		b.Run("trace="+tr.name, func(b *testing.B) {
			benchTargets(b, 8<<20, func(b *testing.B, t benchTarget) {
				hits, n := 0, 0
				for i := 0; b.Loop(); i++ {
					r := tr.refs[i%len(tr.refs)]
					if _, ok := t.get(simulatedKey(r)); ok {
						hits++
					} else {
						t.put(simulatedKey(r), r.size)
					}
					n++
				}
				b.ReportMetric(float64(hits)/float64(n), "hits/ref")
			})
		})
	}
}

// BenchmarkCount shows what counting is of a hit.
func BenchmarkCount(b *testing.B) {
	c := new(counters)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.hit(Data)
		}
	})
}
