package table

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
)

// userKeys are n keys in order, as YCSB makes them.
func userKeys(n int) [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "user%019d", rng.Uint64()>>1)
	}
	slices.SortFunc(keys, func(a, b []byte) int { return slices.Compare(a, b) })
	keys = slices.CompactFunc(keys, slices.Equal[[]byte])
	// In one piece, as they come out of blocks.
	mem := make([]byte, 0, 23*len(keys))
	for i, k := range keys {
		mem = append(mem, k...)
		keys[i] = mem[len(mem)-len(k):]
	}
	return keys
}

func binaryKeys(n int) [][]byte {
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = binary.BigEndian.AppendUint64(nil, uint64(i)*0x1234567)
	}
	return keys
}

// indexOf is the index of blocks that have one key each.
func indexOf(b *testing.B, keys [][]byte) index {
	b.Helper()
	var s separators
	for i, k := range keys {
		if i+1 < len(keys) {
			s.add(k, keys[i+1])
		} else {
			s.add(k, nil)
		}
	}
	w := Writer{seps: s}
	for range keys {
		w.rows = append(w.rows, indexRow{stored: 100, raw: 95})
	}
	p := w.appendIndex(nil)
	n, err := planIndex(p)
	if err != nil {
		b.Fatal(err)
	}
	x, err := n.fill(p, onHeap(n.bytes()))
	if err != nil {
		b.Fatal(err)
	}
	return x
}

func BenchmarkBlockFor(b *testing.B) {
	for _, kind := range []struct {
		name string
		keys func(int) [][]byte
	}{{"user", userKeys}, {"binary", binaryKeys}} {
		for _, n := range []int{1, 256, 4096, 16384, 32768} {
			b.Run(fmt.Sprintf("keys=%s/blocks=%d", kind.name, n), func(b *testing.B) {
				keys := kind.keys(n)
				r := Reader{index: indexOf(b, keys)}
				rng := rand.New(rand.NewPCG(3, 4))
				rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
				sum := 0
				i := 0
				for b.Loop() {
					if i++; i == len(keys) {
						i = 0
					}
					n, _ := r.BlockFor(keys[i])
					sum += n
				}
				if sum < 0 {
					b.Fatal(sum)
				}
			})
		}
	}
}

const benchValue = 100

// benchTable is a table of so many entries with a cache that holds it.
func benchTable(b *testing.B, entries, blockBytes int, layout block.Layout) (*rig, *Reader, [][]byte) {
	b.Helper()
	g := newRig(b, 1<<30)
	m := newDir(b)
	keys := userKeys(entries)
	all := make([]entry, len(keys))
	value := make([]byte, benchValue)
	for i, k := range keys {
		all[i] = entry{k, ikey.Make(0, ikey.Put), value}
	}
	o := Options{ID: 1, Block: block.Options{Layout: layout}, BlockBytes: blockBytes, Filter: filter.Policy{Kind: filter.Blocked, BitsPerKey: 10}, Cache: g.cache}
	write(b, m, dir, o, all, nil)
	r := open(b, m, dir, 1, g.options(Pread))
	b.Cleanup(func() {
		shut(b, r)
		g.close(b)
	})
	return g, r, keys
}

func BenchmarkLookup(b *testing.B) {
	for _, layout := range []block.Layout{block.Heads, block.Restarts} {
		for _, entries := range []int{10_000, 500_000} {
			b.Run(fmt.Sprintf("layout=%v/entries=%d", layout, entries), func(b *testing.B) {
				g, r, keys := benchTable(b, entries, 0, layout)
				rng := rand.New(rand.NewPCG(3, 4))
				rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if i++; i == len(keys) {
						i = 0
					}
					guard := g.domain.Pin()
					if !r.MayContain(xxh3.Hash(keys[i])) {
						b.Fatal("not in the filter")
					}
					n, _ := r.BlockFor(keys[i])
					data, hit := r.Cached(n)
					if !hit {
						b.Fatal("not in the cache")
					}
					_, _, found, _, err := r.Find(data, keys[i], ikey.MaxSeq)
					if !found || err != nil {
						b.Fatal(found, err)
					}
					guard.Unpin()
				}
			})
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	_, r, _ := benchTable(b, 100_000, 0, block.Heads)
	c := r.cache
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n == r.Blocks() {
			n = 0
		}
		off, _ := r.BlockAt(n)
		c.Erase(cache.Key{File: r.ID(), Offset: uint64(off)})
		h, err := r.Load(n, cache.Normal)
		if err != nil {
			b.Fatal(err)
		}
		h.Release()
	}
}

// sink is a file that forgets.
type sink struct {
	vfs.File
	n int
}

func (s *sink) Write(p []byte) (int, error) { s.n += len(p); return len(p), nil }
func (s *sink) SyncData() error             { return nil }

func BenchmarkWrite(b *testing.B) {
	for _, kind := range []filter.Kind{filter.None, filter.Blocked} {
		b.Run("filter="+kind.String(), func(b *testing.B) {
			keys := userKeys(500_000)
			value := make([]byte, benchValue)
			o := Options{ID: 1, Filter: filter.Policy{Kind: kind, BitsPerKey: 10}}
			w := NewWriter(new(sink), o)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i == len(keys) {
					if _, err := w.Finish(); err != nil {
						b.Fatal(err)
					}
					w.Reset(new(sink), o)
					i = 0
				}
				if err := w.Add(keys[i], ikey.Make(ikey.Seq(i), ikey.Put), value); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	for _, mode := range []string{"cached", "compaction"} {
		b.Run("from="+mode, func(b *testing.B) {
			_, r, _ := benchTable(b, 500_000, 0, block.Heads)
			it := r.NewIter(IterOptions{Compaction: mode == "compaction"})
			defer it.Close()
			b.ReportAllocs()
			for b.Loop() {
				if !it.Next() && !it.First() {
					b.Fatal(it.Err())
				}
			}
		})
	}
}

func BenchmarkSeek(b *testing.B) {
	_, r, keys := benchTable(b, 500_000, 0, block.Heads)
	rng := rand.New(rand.NewPCG(3, 4))
	rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	it := r.NewIter(IterOptions{})
	defer it.Close()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i++; i == len(keys) {
			i = 0
		}
		if !it.SeekGE(keys[i]) {
			b.Fatal(it.Err())
		}
	}
}
