package tombstone

import (
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
)

func BenchmarkCovering(b *testing.B) {
	for _, n := range []int{1, 1000} {
		s := many(n)
		for _, c := range []struct{ where, key string }{{"inside", fmt.Sprintf("user%012d", n)}, {"outside", "zebra"}} {
			key := []byte(c.key)
			b.Run(fmt.Sprintf("n=%d/%s", n, c.where), func(b *testing.B) {
				for b.Loop() {
					s.Covering(key, ikey.MaxSeq)
				}
			})
		}
	}
	b.Run("n=0", func(b *testing.B) {
		var l List
		key := []byte("user")
		for b.Loop() {
			l.Set().Covering(key, ikey.MaxSeq)
		}
	})
}

// BenchmarkList adds n ranges, with a Set after each or only in the end.
func BenchmarkList(b *testing.B) {
	const n = 5000
	for _, c := range []struct {
		name  string
		every int
	}{{"reads", 1}, {"noreads", n}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				var l List
				for i := range n {
					k := i * 7919 % n
					l.Add(Range{fmt.Appendf(nil, "%08d", 2*k), fmt.Appendf(nil, "%08d", 2*k+3), ikey.Seq(i + 1)})
					if (i+1)%c.every == 0 {
						l.Set()
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/add")
		})
	}
}
