package epoch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// counts is how many guards each parity holds.
func counts(d *Domain) (n [2]int64) {
	for i := range d.stripes {
		for parity := range n {
			n[parity] += d.stripes[i].pinned[parity].Load()
		}
	}
	return n
}

func TestWhatIsRetiredStaysUntilItsReadersLeave(t *testing.T) {
	d := NewDomain()
	for range 3 { // from epochs of either parity
		g := d.Pin()
		freed := 0
		d.Retire(10, func() { freed++ })
		for range 5 {
			if n := d.Reclaim(); n != 0 || freed != 0 {
				t.Fatalf("freed %d, %d under a reader", n, freed)
			}
		}
		if s := d.Stats(); s.Pinned != 1 || s.Retired != 1 || s.RetiredBytes != 10 {
			t.Errorf("%+v", s)
		}
		g.Unpin()
		if n := d.Reclaim(); n != 1 || freed != 1 {
			t.Fatalf("freed %d, %d after the last reader", n, freed)
		}
		if n := d.Reclaim(); n != 0 || freed != 1 {
			t.Fatalf("freed %d, %d again", n, freed)
		}
		d.advance()
	}
	if s := d.Stats(); s.Pinned != 0 || s.Retired != 0 || s.RetiredBytes != 0 || s.Freed != 3 || s.FreedBytes != 30 {
		t.Errorf("%+v", s)
	}
}

func TestANestedPinHoldsUpAsWell(t *testing.T) {
	d := NewDomain()
	outer := d.Pin()
	d.advance()
	inner := d.Pin()
	d.Retire(1, func() {})
	outer.Unpin()
	if n := d.Reclaim(); n != 0 {
		t.Errorf("freed %d under the inner pin", n)
	}
	inner.Unpin()
	if n := d.Reclaim(); n != 1 {
		t.Errorf("freed %d after both", n)
	}
}

func TestAGuardMayBeUnpinnedByAnotherGoroutine(t *testing.T) {
	d := NewDomain()
	g := d.Pin()
	done := make(chan bool)
	go func() { g.Unpin(); done <- true }()
	<-done
	if n := counts(d); n != [2]int64{} {
		t.Errorf("%v guards are left", n)
	}
}

func TestAReaderWhoCameMuchLaterHoldsUpNothing(t *testing.T) {
	d := NewDomain()
	freed := false
	d.Retire(1, func() { freed = true })
	d.advance()
	defer d.Pin().Unpin()
	if d.Reclaim(); !freed {
		t.Error("not freed")
	}
}

func TestAPinOfAnEpochThatIsOverIsRefused(t *testing.T) {
	d := NewDomain()
	for back := range uint64(4) {
		for range 3 {
			d.advance()
		}
		e := d.epoch.Load() - back
		if g := d.publish(e); (g != Guard{}) != (back == 0) {
			t.Errorf("a pin %d epochs late: %v", back, g)
		} else if back == 0 {
			g.Unpin()
		}
		if n := counts(d); n != [2]int64{} {
			t.Errorf("%d epochs late: %v guards are left", back, n)
		}
	}
}

func TestAReaderInAnyStripeHoldsUpTheSecondAdvance(t *testing.T) {
	d := NewDomain()
	for i := range d.stripes {
		e := d.epoch.Load()
		count := &d.stripes[i].pinned[e&1]
		count.Add(1)
		if !d.advance() || d.epoch.Load() != e+1 {
			t.Fatalf("stripe %d: the first advance is held up", i)
		}
		if d.advance() || d.epoch.Load() != e+1 {
			t.Fatalf("stripe %d: the second advance is not held up", i)
		}
		count.Add(-1)
		if !d.advance() || d.epoch.Load() != e+2 {
			t.Fatalf("stripe %d: held up by nobody", i)
		}
	}
}

func TestAnAdvanceThatLookedLongAgoChangesNothing(t *testing.T) {
	d := NewDomain()
	e := d.epoch.Load()
	if !d.left(e) {
		t.Fatal("a reader in a new domain")
	}
	d.advance()
	d.advance()
	d.move(e)
	if now := d.epoch.Load(); now != e+2 {
		t.Errorf("epoch %d, want %d", now, e+2)
	}
}

func TestWhatIsFreedMayRetireAndPin(t *testing.T) {
	d := NewDomain()
	depth := 0
	var again func()
	again = func() {
		defer d.Pin().Unpin()
		if depth++; depth < 10*dueCount {
			d.Retire(dueBytes, again) // due at once
		}
	}
	d.Retire(1, again)
	d.Close()
	if depth != 10*dueCount {
		t.Errorf("%d were freed", depth)
	}
}

func TestFreesComeInTheOrderOfRetire(t *testing.T) {
	d := NewDomain()
	g := d.Pin()
	const n = 10*queueFloor + 7
	var got, want []int
	for i := range n {
		want = append(want, i)
		d.Retire(1, func() { got = append(got, i) })
	}
	if len(got) > 0 {
		t.Fatalf("%d freed under a reader", len(got))
	}
	g.Unpin()
	if freed := d.Reclaim(); freed != n || !slices.Equal(got, want) {
		t.Errorf("freed %d: %v", freed, got)
	}
}

func TestGarbageIsBoundedWhileReadersComeAndGo(t *testing.T) {
	d := NewDomain()
	most := 0
	for range 100 * dueCount {
		g := d.Pin()
		d.Retire(1, func() {})
		g.Unpin()
		most = max(most, d.Stats().Retired)
	}
	// The pin of the goroutine that retires lets one advance pass per
	// attempt.
	if most > 4*dueCount {
		t.Errorf("up to %d objects waited", most)
	}
	d.Close()
	if s := d.Stats(); s.Retired != 0 || s.Freed != 100*dueCount {
		t.Errorf("%+v", s)
	}
}

func TestABacklogShrinksInBoundedSteps(t *testing.T) {
	d := NewDomain()
	g := d.Pin()
	freed := 0
	const backlog = 20 * dueFrees
	for range backlog {
		d.Retire(1, func() { freed++ })
	}
	if s := d.Stats(); s.Retired != backlog || s.Lag > ripeAfter {
		t.Errorf("%+v", s)
	}
	g.Unpin()
	for left := backlog; left > 4*dueCount; left = d.Stats().Retired {
		for range dueCount {
			before := freed
			d.Retire(1, func() { freed++ })
			if freed-before > dueFrees {
				t.Fatalf("one Retire freed %d", freed-before)
			}
		}
		if now := d.Stats().Retired; now >= left {
			t.Fatalf("the backlog went from %d to %d", left, now)
		}
	}
}

func TestRetireReclaimsForTheSakeOfBytesToo(t *testing.T) {
	d := NewDomain()
	freed := 0
	for range 4 {
		d.Retire(dueBytes, func() { freed++ })
	}
	if freed == 0 {
		t.Error("nothing was freed")
	}
}

func TestOneReclaimsAtATimeAndTheOthersDoNotWait(t *testing.T) {
	d := NewDomain()
	for range dueCount - 1 {
		d.Retire(1, func() {
			if n := d.Reclaim(); n != 0 {
				t.Errorf("a nested Reclaim freed %d", n)
			}
		})
	}
	if n := d.Reclaim(); n != dueCount-1 {
		t.Errorf("freed %d", n)
	}
}

func TestAQueueKeepsItsOrderWhereverItGrows(t *testing.T) {
	for skip := range queueFloor {
		var q queue
		batch := make([]retired, queueFloor)
		for range skip {
			q.push(retired{})
		}
		if n := q.take(ripeAfter, batch[:skip]); n != skip {
			t.Fatalf("took %d of %d", n, skip)
		}
		for i := range uint64(3 * queueFloor) {
			q.push(retired{epoch: i})
		}
		for want := uint64(0); q.n > 0; {
			n := q.take(want+ripeAfter+1, batch)
			if n != 2 || batch[0].epoch != want || batch[1].epoch != want+1 {
				t.Fatalf("after %d: took %d, from epoch %d, want %d", skip, n, batch[0].epoch, want)
			}
			want += 2
		}
	}
}

func TestDrainWaitsForReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDomain()
		g := d.Pin()
		freed := false
		d.Retire(1, func() { freed = true })
		begin := time.Now()
		go func() {
			time.Sleep(time.Second)
			g.Unpin()
		}()
		if err := d.Drain(t.Context()); err != nil || !freed {
			t.Errorf("freed: %t, %v", freed, err)
		}
		if waited := time.Since(begin); waited < time.Second || waited > time.Second+2*drainPause {
			t.Errorf("waited for %v", waited)
		}
		d.Close()
		d.Close()
	})
}

func TestDrainGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDomain()
		g := d.Pin()
		d.Retire(4096, func() {})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := d.Drain(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 retired objects (4096 bytes) wait for 1 pins") {
			t.Errorf("got %v", err)
		}
		g.Unpin()
		if err := d.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestDrainDoesNotWaitForWhatIsRetiredLater(t *testing.T) {
	d := NewDomain()
	d.Retire(1, func() {
		d.Retire(1, func() {})
	})
	d.mu.Lock()
	target := d.retired
	d.mu.Unlock()
	if err := d.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := d.Stats(); s.Freed < target {
		t.Errorf("%+v", s)
	}
}

func TestPinsDoNotAllocate(t *testing.T) {
	d := NewDomain()
	if n := testing.AllocsPerRun(100, func() { d.Pin().Unpin() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	free := func() {}
	if n := testing.AllocsPerRun(1000, func() { d.Retire(1, free) }); n != 0 {
		t.Errorf("%v allocations to retire", n)
	}
}
