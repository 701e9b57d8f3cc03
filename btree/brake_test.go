package btree

import (
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/kvbench/kvbench/btree/pace"
	"github.com/kvbench/kvbench/engine"
)

// told keeps what an engine tells.
type told struct {
	mu  sync.Mutex
	all []engine.Event
}

// Event implements engine.EventSink.
func (s *told) Event(e engine.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, e)
}

func (s *told) of(kind string) (found []engine.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.all {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// A brakeRig is a brake in simulated time, of a tree that does nothing.
type brakeRig struct {
	*brake
	tree   *tree
	at     time.Time
	slept  time.Duration
	events told
	said   pace.Signals
	onNap  func() // after each sleep
}

func newBrakeRig(throttle string) *brakeRig {
	r := &brakeRig{tree: &tree{}, at: time.Unix(1e9, 0)}
	r.brake = &r.tree.brake
	s := settings{Mode: modeWAL, Durability: engine.OS, LogBytes: 64 << 20, DirtyShare: 0.6, Throttle: throttle}
	r.init(&s)
	options := s.pacing()
	r.now = func() time.Time { return r.at }
	r.sleep = func(d time.Duration) {
		r.at = r.at.Add(d)
		r.slept += d
		if r.onNap != nil {
			r.onNap()
		}
	}
	r.control = pace.NewController(options.Limits(), r.at)
	return r
}

// pass lets time go by, and tells the brake of as many bytes per second.
func (r *brakeRig) pass(d time.Duration, s pace.Signals) {
	r.at = r.at.Add(d)
	r.said.Accepted += uint64(d.Seconds() * 100 * (1 << 20))
	s.Accepted, s.Written, s.Cleaned = r.said.Accepted, r.said.Accepted, r.said.Accepted/8192
	r.observe(&r.events, s)
}

// Signals for which writes are slowed down, for one reason each.
func dirtySignals() pace.Signals { return pace.Signals{Frames: 1000, Busy: 850, Left: 1 << 20} }

func logSignals() pace.Signals {
	return pace.Signals{Frames: 1000, Logged: 120 << 20, Left: 100 << 20}
}

func TestNobodyWaitsWhileThereIsLittleToDo(t *testing.T) {
	r := newBrakeRig(throttleSmooth)
	for range 100 {
		r.pass(20*time.Millisecond, pace.Signals{Frames: 1000, Busy: 590, Logged: 95 << 20})
		r.slow(r.tree, 1<<20)
	}
	var m engine.Metrics
	r.metrics(&m)
	if r.slept != 0 || m.Stall.Stalls.Or(9) != 0 || m.Stall.Time.Or(9) != 0 || len(r.events.all) != 0 {
		t.Errorf("slept %v, %+v, %v", r.slept, m.Stall, r.events.all)
	}
}

func TestWaitsAreCountedForTheirReasonsAndAddUp(t *testing.T) {
	for _, c := range []struct {
		why     pace.Reason
		signals pace.Signals
	}{{pace.DirtyCache, dirtySignals()}, {pace.LogSpace, logSignals()}} {
		r := newBrakeRig(throttleSmooth)
		for range 100 {
			r.pass(20*time.Millisecond, c.signals)
			for range 20 {
				r.slow(r.tree, 256<<10)
			}
		}
		var m engine.Metrics
		r.metrics(&m)
		if r.slept == 0 || m.Stall.Time.Or(0) != uint64(r.slept) || r.delayed[c.why].Load() != uint64(r.slept) {
			t.Errorf("%v: slept %v, counted %v", c.why, r.slept, m.Stall.Time)
		}
		reason := map[pace.Reason]engine.Count{pace.DirtyCache: m.Stall.DirtyCache, pace.LogSpace: m.Stall.LogSpace}
		if reason[c.why] != m.Stall.Time || m.Stall.Stalls.Or(0) == 0 {
			t.Errorf("%v: %+v", c.why, m.Stall)
		}
		if n := m.Stall.Longest.Or(math.MaxUint64); n == 0 || n > uint64(500*time.Millisecond) {
			t.Errorf("%v: the longest wait is %v", c.why, time.Duration(n))
		}
	}
}

func TestAWriterIsStoppedUntilTheLogHasRoom(t *testing.T) {
	r := newBrakeRig(throttleSmooth)
	r.pass(time.Second, pace.Signals{Logged: 128 << 20})
	naps := 0
	r.onNap = func() {
		if naps++; naps == 10 {
			r.pass(time.Millisecond, pace.Signals{Logged: 1 << 20})
		}
	}
	r.slow(r.tree, 100)
	if naps != 10 {
		t.Errorf("it went on after %d looks", naps)
	}
	var m engine.Metrics
	r.metrics(&m)
	if want := uint64(r.slept + time.Millisecond); m.Stall.LogSpace.Or(0) != want || m.Stall.Stalls.Or(0) != 1 || m.Stall.Longest.Or(0) != want {
		t.Errorf("%+v, slept %v", m.Stall, r.slept)
	}
}

func TestAStoppedWriterGoesOnWhenTheTreeTakesNoMoreWrites(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*brakeRig)
	}{
		{"it failed", func(r *brakeRig) {
			err := errors.New("no space left on device")
			r.tree.failure.Store(&err)
		}},
		{"it is closing", func(r *brakeRig) { r.end() }},
	} {
		r := newBrakeRig(throttleSmooth)
		r.pass(time.Second, pace.Signals{Logged: 1 << 40})
		naps := 0
		r.onNap = func() {
			if naps++; naps == 3 {
				c.end(r)
			}
			if naps > 10 {
				t.Fatalf("%s: the writer waits for ever", c.name)
			}
		}
		r.slow(r.tree, 100)
		if naps != 3 {
			t.Errorf("%s: %d looks", c.name, naps)
		}
	}
}

func TestWithThrottleOffOnlyTheHardLimitHoldsWriters(t *testing.T) {
	r := newBrakeRig(throttleOff)
	for range 50 {
		r.pass(20*time.Millisecond, logSignals())
		r.slow(r.tree, 1<<20)
	}
	if r.slept != 0 {
		t.Errorf("slept %v", r.slept)
	}
	r.pass(20*time.Millisecond, pace.Signals{Logged: 128 << 20})
	r.onNap = func() { r.pass(time.Millisecond, pace.Signals{}) }
	r.slow(r.tree, 1)
	if r.slept != stopLook {
		t.Errorf("at the hard limit it slept %v", r.slept)
	}
}

func TestEachSecondOfWaitsIsAnEventAndTheRestOfOne(t *testing.T) {
	r := newBrakeRig(throttleSmooth)
	for i := range 125 { // of 20 ms
		s := dirtySignals()
		if i == 124 {
			s = pace.Signals{}
		}
		r.pass(20*time.Millisecond, s)
		r.waited(pace.DirtyCache, time.Millisecond)
	}
	all := r.events.of(stallEvent)
	if len(all) != 3 {
		t.Fatalf("%d events: %v", len(all), all)
	}
	var covered time.Duration
	for i, e := range all {
		covered += e.Duration
		if i > 0 && !e.Start.Equal(all[i-1].Start.Add(all[i-1].Duration)) {
			t.Errorf("event %d begins at %v, %v ended at %v", i, e.Start, i-1, all[i-1].Start.Add(all[i-1].Duration))
		}
	}
	if covered < 2400*time.Millisecond || covered > 2500*time.Millisecond {
		t.Errorf("events cover %v of 2.5 s", covered)
	}
	if want := "50 writes were slowed down, by 50ms, reason dirty_cache"; all[1].Detail != want {
		t.Errorf("%q, want %q", all[1].Detail, want)
	}
}
