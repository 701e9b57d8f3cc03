package index

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
)

var benchSizes = []struct {
	name string
	keys uint64
}{{"1e6", 1e6}, {"1e7", 1e7}}

// A shardedMap is what one would write in an afternoon: Go maps behind locks.
type shardedMap [64]struct {
	sync.RWMutex
	m map[uint64]uint64
	_ [32]byte
}

func (m *shardedMap) put(h, p uint64) {
	s := &m[h%64]
	s.Lock()
	s.m[h] = p
	s.Unlock()
}

func (m *shardedMap) get(h uint64) uint64 {
	s := &m[h%64]
	s.RLock()
	p := s.m[h]
	s.RUnlock()
	return p
}

// share runs f(i) for b.N numbers, drawn from some goroutines.
func share(b *testing.B, goroutines int, f func(i uint64)) {
	var wg sync.WaitGroup
	n := uint64(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for g := range uint64(goroutines) {
		wg.Go(func() {
			for i := g; i < n; i += uint64(goroutines) {
				f(i)
			}
		})
	}
	wg.Wait()
}

var benchSink atomic.Uint64

func BenchmarkFind(b *testing.B) {
	for _, size := range benchSizes {
		b.Run("keys="+size.name, func(b *testing.B) {
			d := epoch.NewDomain()
			x := newIndex(b, Options{Domain: d, Keys: int(size.keys)})
			for i := range size.keys {
				insert(b, x, scramble(i), i+1)
			}
			for _, c := range []struct {
				name string
				from uint64
			}{{"hit", 0}, {"miss", 1 << 40}} {
				for g := 1; g <= 2; g++ {
					b.Run(fmt.Sprintf("kind=%s/goroutines=%d", c.name, g), func(b *testing.B) {
						share(b, g, func(i uint64) {
							guard := d.Pin()
							cur := x.Find(scramble(scramble(i)%size.keys + c.from))
							if p, _ := cur.Next(); p == MaxPlace {
								benchSink.Store(p)
							}
							guard.Unpin()
						})
					})
				}
			}
			for _, batch := range []int{8, 32} {
				b.Run(fmt.Sprintf("kind=batch%d/goroutines=1", batch), func(b *testing.B) {
					hashes := make([]uint64, 0, batch)
					share(b, 1, func(i uint64) {
						hashes = append(hashes, scramble(scramble(i)%size.keys))
						if len(hashes) < cap(hashes) {
							return
						}
						guard := d.Pin()
						x.Touch(hashes)
						for _, h := range hashes {
							cur := x.Find(h)
							if p, _ := cur.Next(); p == MaxPlace {
								benchSink.Store(p)
							}
						}
						guard.Unpin()
						hashes = hashes[:0]
					})
				})
			}
		})
	}
}

func BenchmarkMap(b *testing.B) {
	for _, size := range benchSizes {
		b.Run("keys="+size.name, func(b *testing.B) {
			plain := make(map[uint64]uint64)
			var sharded shardedMap
			for i := range sharded {
				sharded[i].m = map[uint64]uint64{}
			}
			for i := range size.keys {
				plain[scramble(i)] = i + 1
				sharded.put(scramble(i), i+1)
			}
			for g := 1; g <= 2; g++ {
				for name, get := range map[string]func(uint64) uint64{
					"plain":   func(h uint64) uint64 { return plain[h] },
					"sharded": sharded.get,
				} {
					b.Run(fmt.Sprintf("map=%s/kind=hit/goroutines=%d", name, g), func(b *testing.B) {
						share(b, g, func(i uint64) {
							if p := get(scramble(scramble(i) % size.keys)); p == MaxPlace {
								benchSink.Store(p)
							}
						})
					})
				}
			}
		})
	}
}

func BenchmarkFill(b *testing.B) {
	for _, size := range benchSizes {
		for g := 1; g <= 2; g++ {
			b.Run(fmt.Sprintf("into=index/keys=%s/goroutines=%d", size.name, g), func(b *testing.B) {
				for range b.N {
					x, err := New(Options{Domain: epoch.NewDomain()})
					if err != nil {
						b.Fatal(err)
					}
					fill(g, size.keys, func(i uint64) {
						if err := x.Insert(scramble(i), i+1); err != nil {
							b.Error(err)
						}
					})
					b.StopTimer()
					if err := x.Close(); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				perKey(b, size.keys)
			})
			b.Run(fmt.Sprintf("into=sharded/keys=%s/goroutines=%d", size.name, g), func(b *testing.B) {
				for range b.N {
					var m shardedMap
					for i := range m {
						m[i].m = map[uint64]uint64{}
					}
					fill(g, size.keys, func(i uint64) { m.put(scramble(i), i+1) })
				}
				perKey(b, size.keys)
			})
		}
	}
}

func fill(goroutines int, keys uint64, f func(i uint64)) {
	var wg sync.WaitGroup
	for g := range uint64(goroutines) {
		wg.Go(func() {
			for i := g; i < keys; i += uint64(goroutines) {
				f(i)
			}
		})
	}
	wg.Wait()
}

func perKey(b *testing.B, keys uint64) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(keys), "ns/key")
}

// BenchmarkLoad is opening: order=walk from a snapshot, order=log from hints.
func BenchmarkLoad(b *testing.B) {
	for _, size := range benchSizes {
		byLog := make([]Entry, size.keys)
		for i := range byLog {
			byLog[i] = Entry{scramble(uint64(i)), uint64(i) + 1}
		}
		src := newIndex(b, Options{Keys: len(byLog)})
		if err := src.Load(byLog); err != nil {
			b.Fatal(err)
		}
		byWalk := make([]Entry, 0, len(byLog))
		src.Walk(func(e Entry) bool { byWalk = append(byWalk, e); return true })
		for name, entries := range map[string][]Entry{"log": byLog, "walk": byWalk} {
			b.Run(fmt.Sprintf("order=%s/keys=%s", name, size.name), func(b *testing.B) {
				for range b.N {
					x, err := New(Options{Domain: epoch.NewDomain(), Keys: len(entries)})
					if err != nil {
						b.Fatal(err)
					}
					if err := x.Load(entries); err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					if err := x.Close(); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				perKey(b, size.keys)
			})
		}
	}
}
