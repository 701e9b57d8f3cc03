package hint

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

var benchSizes = []int{10_000, 400_000}

// perRow reports what one op of n costs.
func perRow(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
}

// BenchmarkWrite writes a whole hint: rows, checksums and filter.
func BenchmarkWrite(b *testing.B) {
	for _, n := range benchSizes {
		all := ops(n, 100)
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := write(newDir(b), all); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b, n)
		})
	}
}

// BenchmarkWriteDisk does so in a file system, and waits for it.
func BenchmarkWriteDisk(b *testing.B) {
	for _, n := range benchSizes {
		all := ops(n, 100)
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) {
			fsys, at := vfs.OS{}, b.TempDir()
			for b.Loop() {
				w, err := Create(fsys, at, segment)
				for i := 0; i < n && err == nil; i++ {
					err = w.Add(all[i])
				}
				if err = errors.Join(err, w.Finish()); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b, n)
		})
	}
}

// BenchmarkEach reads all ops of a hint.
func BenchmarkEach(b *testing.B) {
	for _, n := range benchSizes {
		m := put(b, file(b, ops(n, 100)))
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			var (
				sum uint64
				buf Buffer
			)
			for b.Loop() {
				r, err := Open(m, dir, segment)
				if err != nil {
					b.Fatal(err)
				}
				err = r.EachIn(&buf, func(ops []Op) error {
					for i := range ops {
						sum += ops[i].Sequence
					}
					return nil
				})
				if err = errors.Join(err, r.Close()); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b, n)
			b.ReportMetric(float64(len(content(b, m)))/float64(n), "B/row")
		})
	}
}

func BenchmarkFilterAdd(b *testing.B) {
	all := ops(400_000, 100)
	f := NewFilter(len(all))
	i := 0
	for b.Loop() {
		f.Add(all[i].Hash, all[i].Sequence)
		if i++; i == len(all) {
			i = 0
		}
	}
}

func BenchmarkFilterMayHold(b *testing.B) {
	all := ops(400_000, 100)
	f := NewFilter(len(all))
	for _, o := range all {
		f.Add(o.Hash, o.Sequence)
	}
	for _, there := range []bool{true, false} {
		b.Run(fmt.Sprintf("there=%v", there), func(b *testing.B) {
			var flip uint64
			if !there {
				flip = 1 << 60
			}
			i := 0
			for b.Loop() {
				f.MayHold(all[i].Hash^flip, 1<<63)
				if i++; i == len(all) {
					i = 0
				}
			}
		})
	}
}
