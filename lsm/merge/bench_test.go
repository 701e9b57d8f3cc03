package merge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// benchEntries spreads n keys like YCSB's over sources of which each has ten
// times as much as the one before.
func benchEntries(k, n int) [][]entry {
	r := rand.New(rand.NewPCG(1, 2))
	sources := make([][]entry, k)
	for i := range n {
		s := k - 1
		for s > 0 && r.IntN(10) == 0 {
			s--
		}
		sources[s] = append(sources[s], put(fmt.Sprintf("user%019d", r.Uint64()>>1), ikey.Seq(i)))
	}
	return sources
}

// A flatIter walks a slice at the least cost.
type flatIter struct {
	keys     [][]byte
	trailers []ikey.Trailer
	at       int
}

func (s *flatIter) to(i int) bool { s.at = i; return uint(i) < uint(len(s.keys)) }

func (s *flatIter) SeekGE(key []byte) bool {
	i, _ := slices.BinarySearchFunc(s.keys, key, compare)
	return s.to(i)
}

func (s *flatIter) SeekLT(key []byte) bool {
	i, _ := slices.BinarySearchFunc(s.keys, key, compare)
	return s.to(i - 1)
}
func (s *flatIter) First() bool           { return s.to(0) }
func (s *flatIter) Last() bool            { return s.to(len(s.keys) - 1) }
func (s *flatIter) Next() bool            { return s.to(s.at + 1) }
func (s *flatIter) Prev() bool            { return s.to(s.at - 1) }
func (s *flatIter) Key() []byte           { return s.keys[s.at] }
func (s *flatIter) Trailer() ikey.Trailer { return s.trailers[s.at] }
func (s *flatIter) Value() []byte         { return nil }
func (s *flatIter) Err() error            { return nil }
func (s *flatIter) Close() error          { return nil }

func benchSources(b *testing.B, spread func(k, n int) [][]entry, f func(b *testing.B, its []ikey.Iterator)) {
	for _, k := range []int{1, 3, 8} {
		b.Run(fmt.Sprintf("sources=%d", k), func(b *testing.B) {
			var its []ikey.Iterator
			for _, s := range spread(k, 1<<16) {
				slices.SortFunc(s, compareEntries)
				it := &flatIter{}
				for _, e := range s {
					it.keys = append(it.keys, []byte(e.key))
					it.trailers = append(it.trailers, e.t)
				}
				its = append(its, it)
			}
			b.ReportAllocs()
			b.ResetTimer()
			f(b, its)
		})
	}
}

// evenly gives each source as much.
func evenly(k, n int) [][]entry {
	all := slices.Concat(benchEntries(1, n)...)
	sources := make([][]entry, k)
	for i, e := range all {
		sources[i%k] = append(sources[i%k], e)
	}
	return sources
}

func rounds(b *testing.B, w interface {
	First() bool
	Next() bool
},
) {
	for n := 0; n < b.N; {
		for ok := w.First(); ok && n < b.N; ok = w.Next() {
			n++
		}
	}
}

func BenchmarkIter(b *testing.B) {
	for _, s := range []struct {
		name   string
		spread func(k, n int) [][]entry
	}{{"levels", benchEntries}, {"even", evenly}} {
		b.Run("spread="+s.name, func(b *testing.B) {
			benchSources(b, s.spread, func(b *testing.B, its []ikey.Iterator) { rounds(b, New(its)) })
		})
	}
}

func BenchmarkSource(b *testing.B) {
	benchSources(b, func(_, n int) [][]entry { return benchEntries(1, n) },
		func(b *testing.B, its []ikey.Iterator) { rounds(b, its[0]) })
}

func BenchmarkLive(b *testing.B) {
	benchSources(b, benchEntries, func(b *testing.B, its []ikey.Iterator) {
		rounds(b, NewLive(New(its), LiveOptions{At: ikey.MaxSeq}))
	})
}

func BenchmarkLiveBackward(b *testing.B) {
	benchSources(b, benchEntries, func(b *testing.B, its []ikey.Iterator) {
		l := NewLive(New(its), LiveOptions{At: ikey.MaxSeq})
		for n := 0; n < b.N; {
			for ok := l.Last(); ok && n < b.N; ok = l.Prev() {
				n++
			}
		}
	})
}

func BenchmarkLiveSeek(b *testing.B) {
	benchSources(b, benchEntries, func(b *testing.B, its []ikey.Iterator) {
		l := NewLive(New(its), LiveOptions{At: ikey.MaxSeq})
		keys := benchEntries(1, 1<<12)[0]
		for n := range b.N {
			l.SeekGE([]byte(keys[n&(1<<12-1)].key))
		}
	})
}

func BenchmarkFold(b *testing.B) {
	benchSources(b, benchEntries, func(b *testing.B, its []ikey.Iterator) {
		for n := 0; n < b.N; {
			f := NewFold(New(its), FoldOptions{})
			for n < b.N && f.Next() {
				n++
			}
		}
	})
}
