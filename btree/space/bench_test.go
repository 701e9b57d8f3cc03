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

// Checkpoints of 16 Ki of 256 Ki pages, at random, out of place: how many
// writes they make and how long the file becomes. One op is a checkpoint.
func BenchmarkCheckpoint(b *testing.B) {
	const pages, dirty, batch = 256 << 10, 16 << 10, 64
	ways := map[string]func(m *Map, dst []uint64, n int) []uint64{
		"lowest": func(m *Map, dst []uint64, n int) []uint64 { return m.Take(dst, n) },
		"run":    func(m *Map, dst []uint64, n int) []uint64 { return runs(m, dst, n, 64) },
		"runs":   func(m *Map, dst []uint64, n int) []uint64 { return runs(m, dst, n, 8) },
	}
	for _, name := range []string{"lowest", "run", "runs"} {
		b.Run(name, func(b *testing.B) {
			m, rng := New(2), rand.New(rand.NewPCG(1, 2))
			home := m.Take(nil, pages)
			for _, s := range home {
				must(b, m.Fix(s))
			}
			var dst, old []uint64
			checkpoint := func() (writes int) {
				old = old[:0]
				for range dirty / batch {
					dst = ways[name](m, dst[:0], batch)
					for i, s := range dst {
						if i == 0 || dst[i-1]+1 != s {
							writes++
						}
						page := rng.IntN(pages)
						must(b, m.Drop(home[page]))
						if m.Fixed(home[page]) {
							old = append(old, home[page])
						}
						home[page] = s
					}
				}
				for _, s := range old {
					must(b, m.Unfix(s))
				}
				for _, s := range home {
					must(b, m.Fix(s))
				}
				return writes
			}
			for range 100 { // until the file is as fragmented as it gets
				checkpoint()
			}
			writes := 0
			for b.Loop() {
				writes += checkpoint()
			}
			b.ReportMetric(float64(writes)/float64(b.N), "writes/op")
			b.ReportMetric(float64(dirty)*float64(b.N)/float64(writes), "pages/write")
			b.ReportMetric(float64(m.End())/pages, "length/pages")
		})
	}
}

// runs takes n slots in rows of n, n/2, ... least, and what then lacks one by
// one.
func runs(m *Map, dst []uint64, n, least int) []uint64 {
	for size := n; n > 0; {
		size = min(size, n)
		first, ok := m.TakeRun(size)
		switch {
		case ok:
			for i := range uint64(size) {
				dst = append(dst, first+i)
			}
			n -= size
		case size/2 >= least:
			size /= 2
		default:
			return m.Take(dst, n)
		}
	}
	return dst
}
