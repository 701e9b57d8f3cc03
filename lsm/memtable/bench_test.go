package memtable

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// A load is a table's size for benchmarks. Keys have 23 bytes, all with one
// prefix, in random order.
type load struct{ keys, value int }

var loads = []load{{20_000, 100}, {400_000, 100}}

func (l load) String() string { return fmt.Sprintf("keys=%d/value=%d", l.keys, l.value) }

const benchKeyLen = 23

// benchKey writes key number i.
func benchKey(key []byte, i int) {
	x := uint64(i+1) * 0x9E3779B97F4A7C15
	x ^= x >> 32
	x *= 0xD6E8FEB86659FD93
	copy(key, "user")
	for j := 4; j < benchKeyLen; j++ {
		key[j] = '0' + byte(x%10)
		x = x/10 ^ x<<57
	}
}

func (l load) table(b *testing.B, o Order) *Table {
	n := l.keys * Need(benchKeyLen, l.value)
	return newTable(b, Options{Bytes: n + n/7, Order: o})
}

// keys are those of a load, one after the other.
func (l load) keyBytes() []byte {
	keys := make([]byte, l.keys*benchKeyLen)
	for i := range l.keys {
		benchKey(keys[i*benchKeyLen:][:benchKeyLen], i)
	}
	return keys
}

func (l load) fill(m *Table, keys []byte) {
	value := make([]byte, l.value)
	for i := range l.keys {
		binary.LittleEndian.PutUint64(value, uint64(i))
		key := keys[i*benchKeyLen:][:benchKeyLen]
		m.Reserve(Need(len(key), len(value)), 1)
		m.Add(xxh3.Hash(key), ikey.Make(ikey.Seq(i+1), ikey.Put), key, value)
	}
}

// BenchmarkAdd adds different keys. An op reserves, too; tables are reused.
func BenchmarkAdd(b *testing.B) {
	for _, order := range []Order{Lazy, Eager} {
		for _, l := range loads {
			b.Run(fmt.Sprintf("order=%v/%v", order, l), func(b *testing.B) {
				m, keys, value := l.table(b, order), l.keyBytes(), make([]byte, l.value)
				l.fill(m, keys)
				b.ReportAllocs()
				b.ResetTimer()
				for n := 0; n < b.N; n++ {
					i := n % l.keys
					if i == 0 {
						b.StopTimer()
						m.Reset()
						b.StartTimer()
					}
					key := keys[i*benchKeyLen:][:benchKeyLen]
					m.Reserve(Need(len(key), len(value)), 1)
					m.Add(xxh3.Hash(key), ikey.Make(ikey.Seq(i+1), ikey.Put), key, value)
				}
			})
		}
	}
}

// BenchmarkUpdate adds versions of keys that are there.
func BenchmarkUpdate(b *testing.B) {
	for _, l := range loads {
		b.Run(l.String(), func(b *testing.B) {
			keys, value := l.keyBytes(), make([]byte, l.value)
			m := load{2 * l.keys, l.value}.table(b, Lazy)
			b.ResetTimer()
			for n := 0; n < b.N; n++ {
				i := n % l.keys
				if i == 0 {
					b.StopTimer()
					m.Reset()
					l.fill(m, keys)
					b.StartTimer()
				}
				key := keys[i*benchKeyLen:][:benchKeyLen]
				m.Reserve(Need(len(key), len(value)), 1)
				m.Add(xxh3.Hash(key), ikey.Make(ikey.Seq(l.keys+i+1), ikey.Put), key, value)
			}
		})
	}
}

// BenchmarkGet looks keys up at random; hashing is part of it.
func BenchmarkGet(b *testing.B) {
	for _, l := range loads {
		keys := l.keyBytes()
		m := l.table(b, Lazy)
		l.fill(m, keys)
		absent := make([]byte, len(keys))
		for i := range l.keys {
			benchKey(absent[i*benchKeyLen:][:benchKeyLen], l.keys+i)
		}
		for name, from := range map[string][]byte{"hit": keys, "miss": absent} {
			b.Run(name+"/"+l.String(), func(b *testing.B) {
				b.ReportAllocs()
				for n := 0; n < b.N; n++ {
					// Neighbours in the list lie far apart in the index.
					i := n % l.keys
					if name == "hit" {
						i = int(uint32(n) * 2654435761 % uint32(l.keys))
					}
					key := from[i*benchKeyLen:][:benchKeyLen]
					if _, _, ok := m.Get(xxh3.Hash(key), key, ikey.MaxSeq); ok != (name == "hit") {
						b.Fatal(ok)
					}
				}
			})
		}
	}
}

// BenchmarkOrder orders a whole table; ns/entry is what counts.
func BenchmarkOrder(b *testing.B) {
	for _, l := range loads {
		b.Run(l.String(), func(b *testing.B) {
			m, keys := l.table(b, Lazy), l.keyBytes()
			for b.Loop() {
				b.StopTimer()
				m.Reset()
				l.fill(m, keys)
				b.StartTimer()
				m.Order()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*l.keys), "ns/entry")
		})
	}
}

// BenchmarkIterate walks a table that was ordered at once, or bit by bit; it
// reads keys and trailers, and asks for values.
func BenchmarkIterate(b *testing.B) {
	for _, order := range []Order{Lazy, Eager} {
		for _, l := range loads {
			m := l.table(b, order)
			l.fill(m, l.keyBytes())
			it := m.NewIter()
			for name, walk := range map[string][2]func() bool{
				"forward":  {it.First, it.Next},
				"backward": {it.Last, it.Prev},
			} {
				b.Run(fmt.Sprintf("%s/order=%v/%v", name, order, l), func(b *testing.B) {
					b.ReportAllocs()
					on, sum := false, 0
					for n := 0; n < b.N; n++ {
						if on {
							on = walk[1]()
						} else {
							on = walk[0]()
						}
						if on {
							sum += len(it.Key()) + int(it.Trailer()) + len(it.Value())
						}
					}
					if sum == 0 {
						b.Fatal("nothing")
					}
				})
			}
		}
	}
}

// BenchmarkSeek seeks keys at random.
func BenchmarkSeek(b *testing.B) {
	for _, order := range []Order{Lazy, Eager} {
		for _, l := range loads {
			b.Run(fmt.Sprintf("order=%v/%v", order, l), func(b *testing.B) {
				m, keys := l.table(b, order), l.keyBytes()
				l.fill(m, keys)
				it := m.NewIter()
				b.ResetTimer()
				for n := 0; n < b.N; n++ {
					i := int(uint32(n) * 2654435761 % uint32(l.keys))
					if !it.SeekGE(keys[i*benchKeyLen:][:benchKeyLen]) {
						b.Fatal("absent")
					}
				}
			})
		}
	}
}
