package filter

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func benchPolicies() []Policy {
	return []Policy{{Bloom, 10}, {Blocked, 10}, {Blocked, 16}, {Kind: Fuse8}, {Kind: Fuse16}}
}

func name(p Policy, keys int) string {
	return fmt.Sprintf("kind=%v/bits=%v/keys=%d", p.Kind, p.effective().BitsPerKey, keys)
}

// Absent keys; present ones take as long, but for Bloom.
func BenchmarkMayContain(b *testing.B) {
	for _, keys := range []int{10_000, 1_000_000} {
		for _, p := range benchPolicies() {
			f, _ := build(b, p, randoms(keys, 1))
			b.Run(name(p, keys), func(b *testing.B) {
				r := rand.New(rand.NewPCG(2, 2))
				asked := make([]uint64, 1<<12)
				for i := range asked {
					asked[i] = r.Uint64()
				}
				there, i := 0, uint64(0)
				for b.Loop() {
					// Another hash each time, so that no branch is learnt.
					if f.MayContain(asked[i%uint64(len(asked))] + i) {
						there++
					}
					i++
				}
				b.ReportMetric(float64(there)/float64(b.N), "fpr")
			})
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, keys := range []int{100_000, 1_000_000} {
		for _, p := range benchPolicies() {
			b.Run(name(p, keys), func(b *testing.B) {
				hashes := randoms(keys, 1)
				x := NewBuilder(p)
				var data []byte
				for b.Loop() {
					for _, h := range hashes {
						x.Add(h)
					}
					data = x.Finish(data[:0])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(keys), "ns/key")
				b.ReportMetric(float64(8*len(data))/float64(keys), "bits/key")
			})
		}
	}
}
