package lsm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/pace"
)

// events keeps what an engine tells.
type events struct {
	mu  sync.Mutex
	all []engine.Event
}

// Event implements engine.EventSink.
func (s *events) Event(e engine.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, e)
}

func (s *events) of(kind string) (found []engine.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.all {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// A rig is a brake in simulated time, without a tree behind it.
type rig struct {
	brake
	at     time.Time
	events events
	tree   *tree
}

func newRig(s settings) *rig {
	r := &rig{at: time.Unix(1e9, 0)}
	r.brake.init(&s)
	r.now = func() time.Time { return r.at }
	r.sleep = func(_ context.Context, d time.Duration) { r.at = r.at.Add(d) }
	r.control = pace.New(r.limits, r.at)
	r.tree = &tree{env: engine.Env{Events: &r.events}}
	return r
}

func rigSettings() settings {
	return settings{MemtableBytes: 16 << 20, MemoryBytes: 64 << 20, L0Runs: 4, BaseBytes: 64 << 20}
}

// pass lets time go by in which so much was accepted, and looks.
func (r *rig) pass(d time.Duration, s pace.Signals) {
	r.at = r.at.Add(d)
	s.Now = r.at
	r.control.Observe(s)
	r.tell(r.tree, r.at)
}

func TestDelaysAreCountedForTheirReasonsAndAddUp(t *testing.T) {
	for _, c := range []struct {
		why  pace.Reason
		full pace.Signals
	}{
		{pace.Memtable, pace.Signals{MemtableBytes: 60 << 20}},
		{pace.L0, pace.Signals{L0Sublevels: 60}},
		{pace.Debt, pace.Signals{DebtBytes: 15 << 30}},
	} {
		r := newRig(rigSettings())
		accepted, slept := uint64(0), time.Duration(0)
		for range 200 {
			for range 20 {
				was := r.at
				if r.control.Throttled() {
					r.delay(t.Context(), 64<<10)
				}
				slept += r.at.Sub(was)
				accepted += 64 << 10
			}
			s := c.full
			s.Accepted, s.Flushed, s.Drained, s.Compacted = accepted, accepted, accepted, accepted
			r.pass(20*time.Millisecond, s)
		}
		var m engine.Metrics
		r.metrics(&m)
		if slept == 0 || m.Stall.Time.Or(0) != uint64(slept) || r.delayed[c.why].Load() != uint64(slept) {
			t.Errorf("%v: slept %v, counted %v, of them %v for the reason", c.why, slept, m.Stall.Time, r.delayed[c.why].Load())
		}
		byReason := map[pace.Reason]engine.Count{pace.Memtable: m.Stall.Memtable, pace.L0: m.Stall.L0, pace.Debt: m.Stall.Debt}
		if byReason[c.why] != m.Stall.Time {
			t.Errorf("%v: %+v", c.why, m.Stall)
		}
		if most := r.longest.Load(); most == 0 || most > int64(100*time.Millisecond) {
			t.Errorf("%v: a delay of %v", c.why, time.Duration(most))
		}
	}
}

func TestEachSecondOfDelaysIsAnEventAndTheRestOfOne(t *testing.T) {
	r := newRig(rigSettings())
	delays := 0
	for i := range 125 { // of 20 ms
		s := pace.Signals{MemtableBytes: 50 << 20, Accepted: uint64(i) << 20, Flushed: uint64(i) << 20}
		if i == 124 {
			s.MemtableBytes = 0
		}
		r.pass(20*time.Millisecond, s)
		r.delays.Add(1)
		r.delayed[pace.Memtable].Add(uint64(time.Millisecond))
		delays++
	}
	all := r.events.of("stall")
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
	if want := "50 writes were slowed down, by 50ms, reason memtable"; all[1].Detail != want {
		t.Errorf("%q, want %q", all[1].Detail, want)
	}
}

func TestWritersThatWaitForMemoryTogetherAreOneEvent(t *testing.T) {
	r := newRig(rigSettings())
	began := r.at
	first := r.stall(r.tree)
	r.at = r.at.Add(time.Second)
	second := r.stall(r.tree)
	r.at = r.at.Add(time.Second)
	first()
	if n := len(r.events.of("stall")); n != 0 {
		t.Fatalf("%d events before the last writer went on", n)
	}
	r.at = r.at.Add(time.Second)
	second()
	all := r.events.of("stall")
	if len(all) != 1 || !all[0].Start.Equal(began) || all[0].Duration != 3*time.Second {
		t.Fatalf("%v", all)
	}
	var m engine.Metrics
	r.metrics(&m)
	if m.Stall.Stalls.Or(0) != 2 || m.Stall.Time.Or(0) != uint64(4*time.Second) || m.Stall.Memtable != m.Stall.Time {
		t.Errorf("%+v", m.Stall)
	}
	if r.longest.Load() != int64(2*time.Second) || m.Stall.Longest.Or(0) != uint64(2*time.Second) {
		t.Errorf("longest %v, as told %v", time.Duration(r.longest.Load()), m.Stall.Longest)
	}
}

func TestMemoryThatAFlushIsAboutToFreeCountsAsFarAsItIsWritten(t *testing.T) {
	r := newRig(rigSettings()) // 32 to 64 MiB
	const mib = 1 << 20
	for _, c := range []struct{ used, group, given, want int64 }{
		{20 * mib, 0, 0, 20 * mib},
		{40 * mib, 0, 0, 40 * mib},
		{30 * mib, 16 * mib, 4 * mib, 26 * mib}, // memory is not tight
		// As much room as is to be written: half-way.
		{48 * mib, 32 * mib, 16 * mib, 48 * mib},
		{56 * mib, 48 * mib, 40 * mib, 48 * mib},
		// No room before the flush ends.
		{64 * mib, 32 * mib, 16 * mib, 64 * mib},
		{70 * mib, 32 * mib, 16 * mib, 64 * mib},
		// All is written, but not yet durable.
		{64 * mib, 32 * mib, 32 * mib, 64 * mib},
		{60 * mib, 32 * mib, 32 * mib, 48 * mib},
		{48 * mib, 32 * mib, 32 * mib, 32*mib + 32*mib/5},
		{60 * mib, 16 * mib, 0, 60 * mib},
	} {
		r.group.Store(c.group)
		r.given.Store(c.given)
		if got := r.memory(c.used); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestAProgressGivesAllInTheEndAndNeverMore(t *testing.T) {
	r := newRig(rigSettings())
	p := progress{entries: 1000, parts: []part{{counter: &r.drained, total: 77}, {counter: &r.compacted, total: 500}}}
	for _, read := range []uint64{0, 1, 500, 400, 999, 2000} {
		p.at(read)
		want := []uint64{0, 0, 38, 38, 76, 77}[map[uint64]int{0: 0, 1: 1, 500: 2, 400: 3, 999: 4, 2000: 5}[read]]
		if got := r.drained.Load(); got != want {
			t.Errorf("%d read: %d, want %d", read, got, want)
		}
	}
	p.to(1)
	if r.drained.Load() != 77 || r.compacted.Load() != 500 {
		t.Errorf("%d and %d", r.drained.Load(), r.compacted.Load())
	}
}

// slowFlushes is a file system whose tables take long to write.
func slowFlushes(t *testing.T) vfs.FS {
	t.Helper()
	fsys := vfs.NewFault(vfs.NewMem(), vfs.Rule{Kind: vfs.KindWrite | vfs.KindSync, Path: "*" + tableSuffix, Delay: 3 * time.Millisecond})
	return fsys
}

// overwrite has writers write so many values of 1000 bytes each.
func overwrite(t *testing.T, e *tree, writers, each int) {
	t.Helper()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			value := make([]byte, 1000)
			for i := range each {
				if err := e.Put(fmt.Appendf(nil, "key%d-%04d", w, i%500), value, engine.Default); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// slow are settings with which memory fills up while a flush runs.
func slow(throttle string) map[string]string {
	return map[string]string{
		"memtable_bytes": "256k", "memory_bytes": "2m", "table_bytes": "256k", "base_bytes": "1m",
		"cache_bytes": "1m", "throttle": throttle, "durability": "none",
	}
}

func TestWritesThatFlushesDoNotKeepUpWithAreSlowedDown(t *testing.T) {
	s := new(events)
	x, err := open("/db", slow(throttleSmooth), engine.Env{FS: slowFlushes(t), Events: s})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	e := x.(*tree)
	for range 50 { // until there were delays
		overwrite(t, e, 4, 1000)
		if e.brake.delays.Load() > 0 {
			break
		}
	}
	var m engine.Metrics
	e.Metrics(&m)
	if e.brake.delays.Load() == 0 || m.Stall.Time.Or(0) == 0 {
		t.Fatalf("%+v", m.Stall)
	}
	if sum := m.Stall.Memtable.Plus(m.Stall.L0).Plus(m.Stall.Debt); sum != m.Stall.Time {
		t.Errorf("the reasons sum to %v of %v", sum, m.Stall.Time)
	}
	if err := e.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e.observe()
	}
	if got := e.brake.memory(0); got != 0 {
		t.Errorf("with nothing in memory it is taken for %d bytes", got)
	}
}

func TestNothingIsDelayedWithThrottleOff(t *testing.T) {
	e := openIn(t, slowFlushes(t), slow(throttleOff))
	overwrite(t, e, 4, 3000)
	if n := e.brake.delays.Load(); n > 0 {
		t.Errorf("%d delays", n)
	}
	if e.brake.stalls.Load() == 0 {
		t.Error("no stall: the test proves nothing")
	}
}

func TestCloseEndsDelays(t *testing.T) {
	e := openIn(t, vfs.NewMem(), map[string]string{"throttle": throttleOff}) // the test says what is observed
	at := e.brake.now()
	for i := range 9 {
		e.brake.control.Observe(pace.Signals{Now: at.Add(time.Duration(i) * time.Second), L0Sublevels: 1000})
	}
	slept := make(chan struct{})
	e.brake.sleep = func(ctx context.Context, _ time.Duration) {
		close(slept)
		sleep(ctx, 24*time.Hour)
	}
	done := make(chan error)
	go func() { done <- e.Put([]byte("k"), make([]byte, 100_000), engine.Default) }()
	<-slept
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a put that was delayed when Close came: %v", err)
	}
}

func TestFlushesAndCompactionsAreEvents(t *testing.T) {
	s := new(events)
	x, err := open("/db", smallest(), engine.Env{FS: vfs.NewMem(), Events: s})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	overwrite(t, x.(*tree), 2, 1000)
	if err := x.(*tree).Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	flushes, compactions := s.of("flush"), s.of("compaction")
	if len(flushes) == 0 || len(compactions) == 0 {
		t.Fatalf("%d flushes, %d compactions", len(flushes), len(compactions))
	}
	for _, e := range flushes {
		if e.BytesIn <= 0 || e.BytesOut <= 0 || e.Duration <= 0 || !strings.Contains(e.Detail, "to L0") {
			t.Errorf("%+v", e)
		}
	}
	for _, e := range compactions {
		moved := strings.HasPrefix(e.Detail, "move")
		if (e.BytesIn == 0) != moved || moved && e.BytesOut > 0 || !strings.Contains(e.Detail, ", reason ") {
			t.Errorf("%+v", e)
		}
	}
}

func TestAFlushTakesNoMoreThanHalfOfMemoryAtOnce(t *testing.T) {
	e := openIn(t, vfs.NewMem(), map[string]string{"memtable_bytes": "1m", "memory_bytes": "8m"})
	of := func(sizes ...int64) (frozen []*memory) {
		for _, n := range sizes {
			frozen = append(frozen, &memory{bytes: n << 20})
		}
		return frozen
	}
	for _, c := range []struct {
		frozen []*memory
		want   int
	}{
		{of(1), 1},
		{of(1, 1, 1), 3},
		{of(1, 1, 1, 1, 1, 1), 4},
		{of(1, 1, 2, 1), 3},
		{of(1, 9), 1},
		{of(9, 1), 1},
	} {
		if got := e.together(c.frozen); got != c.want {
			t.Errorf("%d of %d, want %d", got, len(c.frozen), c.want)
		}
	}
}

func TestACompactionOfLevel0GivesWayToAFlushWhileMemoryIsShort(t *testing.T) {
	e := new(tree)
	for _, c := range []struct {
		flush    int64
		tight    bool
		settling int32
		waits    bool
	}{
		{1 << 20, true, 0, true},
		{0, true, 0, false},
		{1 << 20, false, 0, false},
		{1 << 20, true, 1, false}, // somebody waits for the compaction itself
	} {
		e.brake.group.Store(c.flush)
		e.brake.tight.Store(c.tight)
		e.work.settling.Store(c.settling)
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("stop")
		cancel(stop)
		if err := e.letFlushesGoFirst(ctx); (err != nil) != c.waits || c.waits && !errors.Is(err, stop) {
			t.Errorf("%+v: %v", c, err)
		}
		if err := e.letFlushesGoFirst(t.Context()); err != nil { // not for long
			t.Errorf("%+v: %v", c, err)
		}
	}
}
