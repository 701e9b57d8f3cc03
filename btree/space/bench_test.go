package space

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// scattered is a map of 1 Mi slots of which every fourth is free, more or less,
// in no order.
func scattered(b *testing.B) *Map {
	const slots = 1 << 20
	m, rng := New(2), rand.New(rand.NewPCG(1, 2))
	for _, s := range m.Take(nil, slots-2) {
		if rng.IntN(4) == 0 {
			must(b, m.Drop(s))
		}
	}
	return m
}

// What 64 slots cost, among free ones that lie scattered; they are given back.
func BenchmarkTake64(b *testing.B) {
	m := scattered(b)
	var dst []uint64
	for b.Loop() {
		dst = m.Take(dst[:0], 64)
		for _, s := range dst {
			must(b, m.Drop(s))
		}
	}
	b.ReportMetric(float64(m.End()), "slots")
}

func BenchmarkTakeRun(b *testing.B) {
	for _, n := range []int{2, 4, 8, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := scattered(b)
			found := 0
			for b.Loop() {
				first, ok := m.TakeRun(n)
				if !ok {
					continue
				}
				found++
				for s := range uint64(n) {
					must(b, m.Drop(first+s))
				}
			}
			b.ReportMetric(float64(found)/float64(b.N), "found/op")
			b.ReportMetric(float64(m.End()), "slots")
		})
	}
}

// Checkpoints of 16 Ki of 256 Ki pages, out of place: how many writes they make
// and how long the file becomes. One op is a checkpoint.
func BenchmarkCheckpoint(b *testing.B) {
	const pages, dirty, batch = 256 << 10, 16 << 10, 64
	changes := []struct {
		name string
		page func(rng *rand.Rand, i int) int
	}{
		{"random", func(rng *rand.Rand, _ int) int { return rng.IntN(pages) }},
		{"skewed", func(rng *rand.Rand, _ int) int { // 80 % to 5 %
			if rng.IntN(5) > 0 {
				return rng.IntN(pages / 20)
			}
			return rng.IntN(pages)
		}},
		{"sequential", func(_ *rand.Rand, i int) int { return i % pages }},
	}
	ways := []struct {
		name  string
		spare float64
		take  func(m *Map, dst []uint64, n int) []uint64
	}{
		{"Take", 0, (*Map).Take},
		{"TakeRun", 0, runs},
		{"TakeRun-spare-8th", 1. / 8, runs},
		{"TakeRun-spare-3rd", 1. / 3, runs},
	}
	for _, c := range changes {
		for _, w := range ways {
			b.Run(c.name+"/"+w.name, func(b *testing.B) {
				f := newFile(b, pages)
				f.m.SetSpare(w.spare)
				at := 0
				next := func() int { at++; return c.page(f.rng, at) }
				for range 100 { // until the file is as fragmented as it gets
					f.checkpoint(dirty/batch, batch, next, w.take)
				}
				writes := 0
				for b.Loop() {
					writes += f.checkpoint(dirty/batch, batch, next, w.take)
				}
				b.ReportMetric(float64(writes)/float64(b.N), "writes/op")
				b.ReportMetric(float64(f.m.End())/pages, "length/pages")
			})
		}
	}
}

// file is what a checkpointer knows of a file of pages.
type file struct {
	b         *testing.B
	m         *Map
	rng       *rand.Rand
	home, new []uint64
	old       []uint64
	dirty     map[int]bool
}

func newFile(b *testing.B, pages int) *file {
	f := &file{b: b, m: New(2), rng: rand.New(rand.NewPCG(1, 2)), dirty: map[int]bool{}}
	f.home = f.m.Take(nil, pages)
	for _, s := range f.home {
		must(b, f.m.Fix(s))
	}
	return f
}

// checkpoint writes the pages that next says, each once, and returns how many
// writes that makes if what lies in a row in a batch is one.
func (f *file) checkpoint(batches, batch int, next func() int, take func(*Map, []uint64, int) []uint64) (writes int) {
	f.old = f.old[:0]
	clear(f.dirty)
	for range batches {
		f.new = take(f.m, f.new[:0], batch)
		for i, s := range f.new {
			if i == 0 || f.new[i-1]+1 != s {
				writes++
			}
			page := next()
			for f.dirty[page] {
				page = next()
			}
			f.dirty[page] = true
			must(f.b, f.m.Drop(f.home[page]))
			must(f.b, f.m.Fix(s))
			f.old = append(f.old, f.home[page])
			f.home[page] = s
		}
	}
	for _, s := range f.old {
		must(f.b, f.m.Unfix(s))
	}
	return writes
}

// runs takes n slots in rows of n, n/2, ... 8, and what then lacks one by one.
func runs(m *Map, dst []uint64, n int) []uint64 {
	for size := n; n > 0; {
		size = min(size, n)
		first, ok := m.TakeRun(size)
		switch {
		case ok:
			for i := range uint64(size) {
				dst = append(dst, first+i)
			}
			n -= size
		case size/2 >= 8:
			size /= 2
		default:
			return m.Take(dst, n)
		}
	}
	return dst
}
