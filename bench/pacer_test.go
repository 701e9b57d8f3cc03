package bench

import (
	"slices"
	"sync"
	"testing"
	"time"
)

func TestEveryStartIsClaimedOnceAndInOrder(t *testing.T) {
	const n = 100_000
	limits := Limits{Rate: 1e6, Operations: n, Arrival: Arrival{Kind: ArrivePoisson}}
	s := newSchedule(limits, 5)
	s.draw = newStarts(limits.Rate, limits.Arrival, 5)
	s.filled.Store(0)
	s.start(ringChunk) // it has to be filled again many times
	finished := make(chan struct{})
	var feeder, workers sync.WaitGroup
	feeder.Go(func() { s.feed(finished) })
	claims := make([][]int64, 4)
	for i := range claims {
		workers.Go(func() {
			for {
				at, ok := s.claim()
				if !ok {
					return
				}
				claims[i] = append(claims[i], at)
			}
		})
	}
	workers.Wait()
	close(finished)
	feeder.Wait()
	for i, c := range claims {
		if !slices.IsSorted(c) {
			t.Errorf("worker %d claims a start before one that it has claimed", i)
		}
	}
	all := slices.Concat(claims...)
	slices.Sort(all)
	draw := newStarts(limits.Rate, limits.Arrival, 5)
	want := make([]int64, n)
	for i := range want {
		want[i] = draw.next()
	}
	if !slices.Equal(all, want) {
		t.Errorf("%d claims, not those of the %d starts that the seed draws", len(all), n)
	}
}

func TestAStartThatNobodyHasClaimedIsNotOverwritten(t *testing.T) {
	s := newSchedule(Limits{Rate: 1e9, Operations: 1 << 30}, 1)
	s.fill(ringChunk)
	if got, filled := s.at(0), s.filled.Load(); got != 0 || filled != ringMost {
		t.Errorf("the first of %d starts is now at %d", filled, got)
	}
	s.claim()
	s.fill(ringChunk)
	if got, filled := s.at(0), s.filled.Load(); got != ringMost || filled != ringMost+1 {
		t.Errorf("the slot of the one that was claimed is at %d, of %d starts", got, filled)
	}
}

func TestABacklogIsWhatIsDueAndNotClaimed(t *testing.T) {
	s := newSchedule(Limits{Rate: 1e9, Operations: 3 * ringMost}, 1) // a start a nanosecond
	for range 100 {
		s.claim()
	}
	for now, want := range map[int64]uint64{
		0: 0, 99: 0, 100: 1, 101: 2, 107: 8, 1000: 901, 12345: 12246, ringMost: ringMost - 99,
		2 * ringMost: 2*ringMost - 99,  // by the mean rate
		9 * ringMost: 3*ringMost - 100, // there are no more
	} {
		if got := s.backlog(now); got != want {
			t.Errorf("at %d: %d, want %d", now, got, want)
		}
	}
}

func TestTheScheduleEndsWhereThePhaseDoes(t *testing.T) {
	s := newSchedule(Limits{Rate: 1000, Duration: 50 * time.Millisecond}, 1)
	n := 0
	for _, ok := s.claim(); ok; _, ok = s.claim() {
		n++
	}
	if n != 50 || s.backlog(int64(time.Hour)) != 0 || s.intended(int64(time.Hour)) != 50 {
		t.Errorf("%d starts, backlog %d", n, s.backlog(int64(time.Hour)))
	}
}

func TestThePacerSleepsWhileFarAndYieldsWhenNear(t *testing.T) {
	var now, slept time.Duration
	yields := 0
	p := pacer{
		sleep: func(d time.Duration) {
			d = d.Truncate(time.Millisecond) + 1080*time.Microsecond // as Linux does
			slept += d
			now += d
		},
		yield: func() { yields++; now += time.Microsecond },
	}
	for _, far := range []time.Duration{0, 500 * time.Microsecond, 2 * time.Millisecond, 3500 * time.Microsecond, time.Second} {
		now, slept, yields = 0, 0, 0
		for now < far {
			p.pause(int64(far - now))
		}
		if now > far+time.Microsecond {
			t.Errorf("%s: it comes %s late", far, now-far)
		}
		if far > 2*time.Duration(spinNs) && slept < far-2*time.Duration(spinNs) {
			t.Errorf("%s: it slept for %s only", far, slept)
		}
		if far < time.Duration(spinNs) && slept > 0 {
			t.Errorf("%s: it slept", far)
		}
	}
}
