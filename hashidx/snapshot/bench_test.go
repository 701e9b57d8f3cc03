package snapshot

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

func benchIndex(b *testing.B, o index.Options) *index.Index {
	b.Helper()
	o.Domain = epoch.NewDomain()
	x, err := index.New(o)
	if err != nil {
		b.Fatal(err)
	}
	return x
}

// scramble is a bijection that makes hashes out of numbers.
func scramble(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// BenchmarkSnapshot writes and opens snapshots of an index that has grown.
func BenchmarkSnapshot(b *testing.B) {
	for _, n := range []uint64{1e6, 1e7} {
		b.Run(fmt.Sprintf("keys=%.0e", float64(n)), func(b *testing.B) {
			from := benchIndex(b, index.Options{})
			for i := range n {
				if err := from.Insert(scramble(i), i<<8|1); err != nil {
					b.Fatal(err)
				}
			}
			fsys, dir := vfs.OS{}, b.TempDir()
			b.Run("op=write", func(b *testing.B) {
				for b.Loop() {
					w := from.StartWalk()
					if _, err := Write(fsys, dir, name, Header{Buckets: w.Buckets()}, w.All); err != nil {
						b.Fatal(err)
					}
				}
				perEntry(b, n)
			})
			if err := from.Close(); err != nil {
				b.Fatal(err)
			}
			for _, op := range []string{"load", "fill"} {
				for workers := 1; workers <= 2; workers++ {
					for _, huge := range []bool{false, true} {
						b.Run(fmt.Sprintf("op=%s/workers=%d/huge=%v", op, workers, huge), func(b *testing.B) {
							for b.Loop() {
								r, err := Open(fsys, dir, name)
								if err != nil {
									b.Fatal(err)
								}
								o := index.Options{HugePages: huge, Keys: int(n)}
								if op == "fill" {
									o.Buckets = r.Buckets()
								}
								x := benchIndex(b, o)
								if op == "fill" {
									_, err = r.Fill(workers, nil, x)
								} else {
									_, err = r.Load(workers, nil, x.Load)
								}
								b.StopTimer()
								if err = errors.Join(err, r.Close(), x.Close()); err != nil {
									b.Fatal(err)
								}
								b.StartTimer()
							}
							perEntry(b, n)
						})
					}
				}
			}
		})
	}
}

func perEntry(b *testing.B, n uint64) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
}
