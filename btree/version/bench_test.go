package version_test

import (
	"testing"

	"github.com/kvbench/kvbench/btree/version"
)

// longReader has 100,000 versions that the snapshot at 1 needs.
func longReader() *version.Set {
	s := &version.Set{}
	for p := range uint32(100_000) {
		s.Add(version.Version{Page: p, Stamp: 1, Until: 2, Frame: p})
	}
	s.Prune([]uint64{1, 2}, nil)
	return s
}

func BenchmarkFind(b *testing.B) {
	s := longReader()
	b.ReportAllocs()
	for p := uint32(0); b.Loop(); p++ {
		s.Find(p*7919%200_000, 1)
	}
}

func BenchmarkFindParallel(b *testing.B) {
	s := longReader()
	b.RunParallel(func(pb *testing.PB) {
		for p := uint32(0); pb.Next(); p++ {
			s.Find(p*7919%200_000, 1)
		}
	})
}

// A short snapshot closes beside a long one with 100,000 versions.
func BenchmarkPruneNothing(b *testing.B) {
	s := longReader()
	var dst []version.Version
	for n := uint64(3); b.Loop(); n++ {
		dst = s.Prune([]uint64{1, n}, dst[:0])
	}
}

// A short snapshot needs ten versions and closes, beside a long one.
func BenchmarkAddAndPruneTen(b *testing.B) {
	s := longReader()
	var dst []version.Version
	b.ReportAllocs()
	for n := uint64(3); b.Loop(); n++ {
		for p := range uint32(10) {
			s.Add(version.Version{Page: p, Stamp: n - 1, Until: n, Frame: p})
		}
		dst = s.Prune([]uint64{1, n - 1, n}, dst[:0])
		dst = s.Prune([]uint64{1, n}, dst[:0])
	}
	if s.Len() != 100_000 {
		b.Errorf("%d versions", s.Len())
	}
}

// The long snapshot closes.
func BenchmarkPruneAll(b *testing.B) {
	dst := make([]version.Version, 0, 100_000)
	for b.Loop() {
		b.StopTimer()
		s := longReader()
		b.StartTimer()
		dst = s.Prune([]uint64{2}, dst[:0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/version")
}
