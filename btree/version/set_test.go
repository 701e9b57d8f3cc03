package version

import (
	"slices"
	"testing"

	"github.com/kvbench/kvbench/btree/mapping"
)

func old(page uint32, stamp, until uint64) Version {
	return Version{Page: page, Stamp: stamp, Until: until, Frame: page + 100}
}

// setOf has the versions, in that order.
func setOf(versions ...Version) *Set {
	s := &Set{}
	for _, v := range versions {
		s.Add(v)
	}
	return s
}

func pages(versions []Version) (list []uint32) {
	for _, v := range versions {
		list = append(list, v.Page)
	}
	slices.Sort(list)
	return list
}

func TestAnEmptySetHasNothing(t *testing.T) {
	var s Set
	if _, found := s.Find(1, 1); found {
		t.Error("found a version")
	}
	if _, found := s.FindCheckpoint(1); found {
		t.Error("found a version for the checkpoint")
	}
	if s.Written(1, 1, 1) || s.Settled(1, 1) || s.Dropped(1, 1) {
		t.Error("changed a version")
	}
	if got := s.Prune(nil, s.Spillable(nil, 10)); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestWhatLiesBetweenTwoLiveNumbersGoes(t *testing.T) {
	s := setOf(old(1, 1, 3), old(2, 3, 4), old(3, 4, 6), old(4, 6, 9))
	// Page 2 was made at 3 and changed at 4, page 4 made at 6.
	got := s.Prune([]uint64{2, 5, 9}, nil)
	if want := []uint32{2, 4}; !slices.Equal(pages(got), want) {
		t.Errorf("pruned %v, want pages %v", got, want)
	}
}

func TestWhatTheListDoesNotReachIsKept(t *testing.T) {
	s := setOf(old(1, 1, 3), old(2, 1, 4))
	if got := s.Prune([]uint64{3}, nil); !slices.Equal(pages(got), []uint32{1}) {
		t.Errorf("pruned %v by a list up to 3", got)
	}
	if got := s.Prune([]uint64{4}, nil); !slices.Equal(pages(got), []uint32{2}) {
		t.Errorf("pruned %v by a list up to 4", got)
	}
}

func TestAnOldListDoesNotEndLaterSnapshots(t *testing.T) {
	s := setOf(old(1, 1, 6))
	if got := s.Prune([]uint64{5, 7}, nil); len(got) != 0 {
		t.Fatalf("pruned %v, which 5 needs", got)
	}
	if got := s.Prune([]uint64{4}, nil); len(got) != 0 {
		t.Errorf("pruned %v by a list from before the snapshot at 5", got)
	}
}

// Witnesses 4 and 5 go at once, and 3 becomes one because of what 5 leaves.
func TestAWitnessThatComesBelowHidesNoneThatGoes(t *testing.T) {
	s := setOf(old(1, 4, 5), old(2, 2, 6))
	if got := s.Prune([]uint64{3, 4, 5, 9}, nil); len(got) != 0 {
		t.Fatalf("pruned %v, which are needed", got)
	}
	if got := s.Prune([]uint64{3, 9}, nil); !slices.Equal(pages(got), []uint32{1}) {
		t.Errorf("pruned %v, want page 1", got)
	}
	if got := s.Prune([]uint64{9}, nil); !slices.Equal(pages(got), []uint32{2}) {
		t.Errorf("pruned %v, want page 2", got)
	}
}

func TestACheckpointKeepsItsVersionUntilItIsSettled(t *testing.T) {
	v := old(1, 5, 8)
	v.Checkpoint = true
	s := setOf(v)
	for range 2 {
		if got := s.Prune(nil, nil); len(got) != 0 {
			t.Fatalf("pruned %v", got)
		}
	}
	if got, found := s.FindCheckpoint(1); !found || got != v {
		t.Errorf("found %v, %v", got, found)
	}
	if !s.Settled(1, 5) {
		t.Error("not there to be settled")
	}
	if _, found := s.FindCheckpoint(1); found {
		t.Error("found after it was settled")
	}
	v.Checkpoint = false
	if got := s.Prune(nil, nil); !slices.Equal(got, []Version{v}) {
		t.Errorf("pruned %v", got)
	}
}

func TestSpillingGoesOnWhereItWas(t *testing.T) {
	s := setOf(old(1, 1, 2), old(2, 1, 2), old(3, 1, 3), old(4, 1, 4))
	check := func(n int, want ...uint32) {
		t.Helper()
		if got := pages(s.Spillable(nil, n)); !slices.Equal(got, want) {
			t.Errorf("spillable %v, want %v", got, want)
		}
	}
	check(1, 1)
	s.Dropped(2, 1) // the next one
	check(1, 3)
	check(1, 4)
	s.Add(old(5, 1, 5))
	check(2, 5)
	s.Dropped(1, 1)
	check(9, 3, 4, 5)
	check(3, 3, 4, 5)
	check(3)
	check(1, 3)
}

func TestGaugesCountFramesAndHomes(t *testing.T) {
	s := setOf(old(1, 1, 2), old(2, 1, 2))
	s.Written(1, 1, mapping.OnDisk(7, 1))
	s.Written(1, 1, mapping.OnDisk(8, 1))
	if s.Len() != 2 || s.Frames() != 2 || s.HeldSlots() != 1 {
		t.Errorf("%d versions, %d frames, %d held, want 2, 2, 1", s.Len(), s.Frames(), s.HeldSlots())
	}
	if !s.Dropped(1, 1) || s.Dropped(1, 1) {
		t.Error("a frame is dropped once")
	}
	if v, found := s.Find(1, 1); !found || v.Frame != NoFrame || v.Home != mapping.OnDisk(8, 1) {
		t.Errorf("found %v, %v", v, found)
	}
	s.Prune(nil, nil)
	if s.Len() != 0 || s.Frames() != 0 || s.HeldSlots() != 0 {
		t.Errorf("%d versions, %d frames, %d held after all went", s.Len(), s.Frames(), s.HeldSlots())
	}
}

func TestMemoryComesBackWhenVersionsGo(t *testing.T) {
	var s Set
	for round := range uint64(2) {
		for p := range uint32(10 * chunkSize) {
			s.Add(old(p, round, round+1))
		}
		full := s.Bytes()
		if full < 10*chunkSize*32 {
			t.Fatalf("%d bytes for %d versions", full, s.Len())
		}
		if got := s.Prune([]uint64{9}, nil); len(got) != 10*chunkSize {
			t.Fatalf("pruned %d", len(got))
		}
		if s.Bytes() > full/9 {
			t.Errorf("%d bytes without versions, %d with", s.Bytes(), full)
		}
	}
}

func TestFindAndPruneOfNothingAllocateNothing(t *testing.T) {
	s := setOf(old(1, 1, 9), old(2, 1, 9))
	live := []uint64{1, 9}
	s.Prune(live, nil)
	if n := testing.AllocsPerRun(100, func() {
		s.Find(1, 5)
		s.Find(3, 5)
		s.Prune(live, nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestManyBatchesGoInOnePrune(t *testing.T) {
	const count = 5 * pruneBatch
	var s Set
	for p := range uint32(count) {
		s.Add(old(p, 1+uint64(p%7), 9))
	}
	if got := s.Prune([]uint64{3, 8, 9}, nil); len(got) != 0 {
		t.Fatalf("pruned %d that 8 needs", len(got))
	}
	later := 0
	for p := range count {
		if 1+p%7 > 3 {
			later++
		}
	}
	if got := s.Prune([]uint64{3, 9}, nil); len(got) != later {
		t.Errorf("pruned %d, want the %d that 3 does not need", len(got), later)
	}
	if got := s.Prune([]uint64{9}, nil); len(got) != count-later || s.Len() != 0 {
		t.Errorf("pruned %d, want %d; %d left", len(got), count-later, s.Len())
	}
}
