package moment

import (
	"slices"
	"testing"
)

// group runs an empty group.
func group(c *Clock) uint64 {
	w := c.Begin()
	c.End()
	return w
}

// enter returns a snapshot that has to be granted.
func enter(t *testing.T, c *Clock) Snapshot {
	t.Helper()
	s, ok := c.Enter()
	if !ok {
		t.Fatal("no snapshot, though no group is under way")
	}
	return s
}

// needed asks in a group of its own, in which nothing changes.
func needed(c *Clock, stamp uint64) bool {
	c.Begin()
	defer c.End()
	return c.Needed(stamp)
}

func TestAClockGoesOnFromWhereItWas(t *testing.T) {
	c := New(41)
	if n := c.Published(); n != 41 {
		t.Errorf("published %d, want 41", n)
	}
	if w := c.Begin(); w != 42 {
		t.Errorf("the group is %d, want 42", w)
	}
	if n := c.Published(); n != 41 {
		t.Errorf("published %d before the end of 42", n)
	}
	c.End()
	if n := c.Published(); n != 42 {
		t.Errorf("published %d, want 42", n)
	}
}

func TestASnapshotIsAtTheLastGroupThatEnded(t *testing.T) {
	c := New(7)
	s := enter(t, c)
	group(c)
	u := c.EnterHeld()
	if s.At() != 7 || u.At() != 8 {
		t.Errorf("snapshots at %d and %d, want 7 and 8", s.At(), u.At())
	}
	s.Leave()
	u.Leave()
}

func TestNoSnapshotIsGrantedWhileAGroupIsUnderWay(t *testing.T) {
	c := New(7)
	c.Begin()
	if s, ok := c.Enter(); ok {
		t.Errorf("a snapshot at %d", s.At())
	}
	if n := c.Count(); n != 0 {
		t.Errorf("%d live snapshots after one was refused", n)
	}
	c.End()
	s := enter(t, c)
	s.Leave()
}

func TestAPageIsNeededByLiveSnapshotsFromItsStampOn(t *testing.T) {
	c := New(10)
	for _, stamp := range []uint64{0, 1, 10, 11} {
		if needed(c, stamp) {
			t.Errorf("stamp %d is needed without snapshots", stamp)
		}
	}
	n := c.Published()
	s := enter(t, c)
	later := []Snapshot{}
	for range 3 {
		for _, stamp := range []uint64{0, 1, n, n + 1, c.Published() + 1} {
			if got, want := needed(c, stamp), stamp <= n; got != want {
				t.Errorf("with a snapshot at %d, stamp %d needed: %v", n, stamp, got)
			}
		}
		later = append(later, enter(t, c))
		if !needed(c, later[len(later)-1].At()) {
			t.Error("a snapshot that came lately is not seen")
		}
		last := &later[len(later)-1]
		at := last.At()
		last.Leave()
		if needed(c, at) {
			t.Error("a snapshot is seen after it left")
		}
	}
	s.Leave()
	if needed(c, 0) {
		t.Error("needed after all have left")
	}
}

func TestAnOlderSnapshotIsSeenWhenTheNewestLeaves(t *testing.T) {
	c := New(1)
	a := enter(t, c)
	group(c)
	b := enter(t, c)
	group(c)
	if !needed(c, 2) {
		t.Error("the snapshot at 2 is not seen")
	}
	b.Leave()
	if needed(c, 2) {
		t.Error("nobody is at 2 or above")
	}
	if !needed(c, 1) {
		t.Error("the snapshot at 1 is not seen")
	}
	a.Leave()
}

func TestTwoSnapshotsAtOneNumberAreTwo(t *testing.T) {
	c := New(5)
	a, b := enter(t, c), enter(t, c)
	a.Leave()
	if !needed(c, 5) {
		t.Error("the second is not seen after the first left")
	}
	b.Leave()
	if needed(c, 5) {
		t.Error("seen after both left")
	}
}

func TestLeavingTwiceEndsNobodyElse(t *testing.T) {
	c := New(5)
	a := enter(t, c)
	a.Leave()
	b := enter(t, c)
	a.Leave()
	var zero Snapshot
	zero.Leave()
	if c.Count() != 1 {
		t.Errorf("%d live, want 1", c.Count())
	}
	b.Leave()
}

func TestLiveListsNumbersBelowTheHorizonAndThenTheHorizon(t *testing.T) {
	c := New(3)
	check := func(want ...uint64) {
		t.Helper()
		got := c.Live([]uint64{99})
		if !slices.Equal(got, append([]uint64{99}, want...)) {
			t.Errorf("live %v, want %v", got[1:], want)
		}
	}
	check(3)
	a := enter(t, c)
	check(3) // a snapshot at the horizon is part of it
	group(c)
	check(3, 4)
	b, b2 := enter(t, c), enter(t, c)
	group(c)
	group(c)
	check(3, 4, 6)
	c.Begin()
	check(3, 4, 7)
	c.End()
	if n, ok := c.Oldest(); n != 3 || !ok {
		t.Errorf("the oldest is %d, %v, want 3", n, ok)
	}
	a.Leave()
	check(4, 7)
	b.Leave()
	check(4, 7)
	b2.Leave()
	check(7)
	if n, ok := c.Oldest(); ok {
		t.Errorf("the oldest is %d, want none", n)
	}
}

func TestThousandsOfSnapshotsAreLiveAtOnce(t *testing.T) {
	const count = 5000
	c := New(0)
	for range 2 {
		var all []Snapshot
		first := c.Published()
		for range count {
			all = append(all, enter(t, c))
			group(c)
		}
		if c.Count() != count {
			t.Fatalf("%d live, want %d", c.Count(), count)
		}
		live := c.Live(nil)
		if len(live) != count+1 {
			t.Fatalf("%d numbers, want %d and the horizon", len(live), count)
		}
		for i, n := range live {
			if n != first+uint64(i) {
				t.Fatalf("number %d is %d, want %d", i, n, first+uint64(i))
			}
		}
		for i := len(all) - 1; i >= 0; i-- {
			if n := all[i].At(); i%100 == 0 && (!needed(c, n) || needed(c, n+1)) {
				t.Fatalf("the newest of %d snapshots, at %d, is not seen", i+1, n)
			}
			all[i].Leave()
		}
		if c.Count() != 0 || needed(c, 0) {
			t.Fatalf("%d live after all have left", c.Count())
		}
	}
}

func TestSnapshotsAllocateNothing(t *testing.T) {
	c := New(1)
	keep := enter(t, c)
	defer keep.Leave()
	buf := make([]uint64, 0, 8)
	allocs := testing.AllocsPerRun(100, func() {
		s, _ := c.Enter()
		c.Begin()
		c.Needed(1)
		c.End()
		buf = c.Live(buf[:0])
		s.Leave()
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
