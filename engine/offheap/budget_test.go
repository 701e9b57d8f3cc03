package offheap

import (
	"math"
	"slices"
	"sync"
	"testing"
)

func TestEveryLevelOfABudgetCounts(t *testing.T) {
	all := NewBudget(100)
	cache, index := all.Sub("cache", 80), all.Sub("index", 0)
	blocks := cache.Sub("blocks", 50)
	for _, c := range []struct {
		b    *Budget
		n    int64
		want bool
		why  string
	}{
		{blocks, 50, true, "all have room"},
		{blocks, 1, false, "its own quota is used up"},
		{cache, 31, false, "what is below counts"},
		{cache, 30, true, "it fits exactly"},
		{index, 21, false, "the root is full"},
		{index, 20, true, "no quota of its own, and the root has room"},
		{index, 1, false, "the root is full to the byte"},
		{index, 0, true, "nothing always fits"},
		{index, -1, false, "negative"},
		{index, math.MaxInt64, false, "the sum would overflow"},
	} {
		if got := c.b.Reserve(c.n); got != c.want {
			t.Fatalf("%s reserves %d: %t, though %s", c.b.Name(), c.n, got, c.why)
		}
	}
	want := []Usage{{"all", 100, 100, 100}, {"cache", 80, 80, 80}, {"cache/blocks", 50, 50, 50}, {"index", 20, 20, 0}}
	if got := all.Report(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	blocks.Release(50)
	cache.Release(30)
	index.Release(20)
	for _, u := range all.Report() {
		if u.Used != 0 || u.Peak == 0 {
			t.Errorf("after the releases: %+v", u)
		}
	}
}

func TestWhatIsForcedMustGoBeforeMoreIsReserved(t *testing.T) {
	all := NewBudget(10)
	sub := all.Sub("sub", 0)
	sub.Force(25)
	if all.Used() != 25 || sub.Used() != 25 {
		t.Errorf("used %d and %d", all.Used(), sub.Used())
	}
	if sub.Reserve(0) {
		t.Error("an overdrawn budget reserves")
	}
	sub.Release(16)
	if !sub.Reserve(1) || sub.Reserve(1) {
		t.Error("the limit does not hold after the release")
	}
}

func TestALimitMayChange(t *testing.T) {
	b := NewBudget(-1)
	if b.Limit() != 0 || !b.Reserve(1000) {
		t.Error("a negative limit limits")
	}
	b.SetLimit(100)
	if b.Reserve(1) {
		t.Error("a lowered limit does not hold")
	}
	b.SetLimit(1001)
	if !b.Reserve(1) || b.Reserve(1) {
		t.Error("a raised limit does not hold")
	}
}

func TestRacingReservationsStayWithinTheLimit(t *testing.T) {
	const limit = 10
	all := NewBudget(limit)
	var wg sync.WaitGroup
	for range 4 {
		sub := all.Sub("sub", limit/2)
		wg.Go(func() {
			for range 10_000 {
				if sub.Reserve(3) {
					if used := all.Used(); used > limit {
						t.Errorf("used %d of %d", used, limit)
					}
					sub.Release(3)
				}
			}
		})
	}
	wg.Wait()
	for _, u := range all.Report() {
		if u.Used != 0 || u.Peak > limit {
			t.Errorf("%+v", u)
		}
	}
}

func TestADroppedBudgetIsReportedNoMoreButStillCounts(t *testing.T) {
	all := NewBudget(100)
	first, second := all.Sub("cache", 0), all.Sub("cache", 0)
	if !first.Reserve(60) || !second.Reserve(10) {
		t.Fatal("refused")
	}
	first.Drop()
	first.Drop()
	all.Drop()
	if lines := all.Report(); len(lines) != 2 || lines[0].Used != 70 || lines[1].Used != 10 {
		t.Errorf("after a drop: %+v", lines)
	}
	if second.Reserve(31) {
		t.Error("what a dropped budget holds is forgotten")
	}
	first.Release(60)
	if all.Used() != 10 || !second.Reserve(31) {
		t.Errorf("after its release %d bytes are used", all.Used())
	}
}
