package mem

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

const benchKeys = 1_000_000

// benchKey has the look of YCSB's: a prefix and hashed digits.
func benchKey(dst []byte, i int) []byte {
	return fmt.Appendf(dst, "user%019d", uint64(i)*0x9e3779b97f4a7c15>>1)
}

func filled(b *testing.B, degree int) *store {
	b.Helper()
	s := newStore(degree)
	value := make([]byte, 100)
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(benchKeys) {
		if err := s.Put(benchKey(nil, i), value, engine.None); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkDegree is what the default of the setting degree was chosen by.
func BenchmarkDegree(b *testing.B) {
	for _, degree := range []int{16, 32, 64} {
		s := filled(b, degree)
		r := rand.New(rand.NewPCG(2, 2))
		value := make([]byte, 100)
		dst, key := make([]byte, 0, 128), make([]byte, 0, 32)
		b.Run(fmt.Sprintf("get/degree=%d", degree), func(b *testing.B) {
			for b.Loop() {
				dst, _ = s.Get(dst[:0], benchKey(key, r.IntN(benchKeys)))
			}
		})
		b.Run(fmt.Sprintf("overwrite/degree=%d", degree), func(b *testing.B) {
			for b.Loop() {
				s.Put(benchKey(key, r.IntN(benchKeys)), value, engine.None)
			}
		})
		b.Run(fmt.Sprintf("scan50/degree=%d", degree), func(b *testing.B) {
			for b.Loop() {
				it, _ := s.NewIter(engine.IterOptions{})
				n := 0
				for ok := it.SeekGE(benchKey(key, r.IntN(benchKeys))); ok && n < 50; ok = it.Next() {
					n++
				}
				it.Close()
			}
		})
		b.Run(fmt.Sprintf("scan50+put/degree=%d", degree), func(b *testing.B) {
			for b.Loop() {
				it, _ := s.NewIter(engine.IterOptions{})
				n := 0
				for ok := it.SeekGE(benchKey(key, r.IntN(benchKeys))); ok && n < 50; ok = it.Next() {
					n++
				}
				it.Close()
				s.Put(benchKey(key, r.IntN(benchKeys)), value, engine.None)
			}
		})
	}
}
