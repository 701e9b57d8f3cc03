package index

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
)

// Whichever of the two indexes has more buckets, each entry of the other comes
// once, and with its family.
func TestBesideYieldsEachEntryOfTheOtherIndexWithItsFamily(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 2))
	for _, sizes := range [][2]int{{0, 100}, {100, 0}, {100, 50_000}, {50_000, 100}, {30_000, 40_000}, {70_000, 20_000}} {
		domain := epoch.NewDomain()
		x, other := newIndex(t, Options{Domain: domain}), newIndex(t, Options{Domain: domain})
		fill := func(x *Index, n int) map[Entry]int {
			all := map[Entry]int{}
			for i := range n {
				e := Entry{codeOf(r.Uint64()).hash(), uint64(i + 1)}
				all[e]++
				if err := x.Insert(e.Hash, e.Place); err != nil {
					t.Fatal(err)
				}
			}
			return all
		}
		fill(x, sizes[0])
		want, got := fill(other, sizes[1]), map[Entry]int{}
		w := x.StartWalk()
		var beside []Entry
		for bucket := uint64(0); w.Next(func([]Entry) { beside = w.Beside(beside[:0], other) }); bucket++ {
			for _, e := range beside {
				got[e]++
				if b := bucketOf(codeOf(e.Hash), w.Buckets()); b != bucket {
					t.Fatalf("sizes %d, seed %d: an entry of bucket %d comes with %d", sizes, seed, b, bucket)
				}
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("sizes %d, seed %d: %d entries, want %d, or others", sizes, seed, len(got), len(want))
		}
	}
}
