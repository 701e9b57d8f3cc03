package index

import (
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
)

func TestStripesHaveAllEntriesOnce(t *testing.T) {
	const n = 50_000
	x := newIndex(t, Options{Domain: epoch.NewDomain()})
	for i := range uint64(n) {
		insert(t, x, scramble(i), i+1)
	}
	seen := make([]bool, n)
	var some []Entry
	for order := range stripeCount {
		some = x.Stripe(some[:0], order)
		for _, e := range some {
			if LockOrder(e.Hash) != order || codeOf(e.Hash) != codeOf(scramble(e.Place-1)) {
				t.Fatalf("stripe %d has %x", order, e)
			}
			if seen[e.Place-1] {
				t.Fatalf("entry %d is there twice", e.Place-1)
			}
			seen[e.Place-1] = true
		}
	}
	for i, ok := range seen {
		if !ok {
			t.Fatalf("entry %d is in no stripe", i)
		}
	}
}
