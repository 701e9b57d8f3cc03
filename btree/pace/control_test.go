package pace

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

const mib = 1 << 20

var epoch = time.Unix(1e9, 0)

const step = 200 * time.Microsecond

// A plant is a tree in simulated time: writers that want to write as fast as
// they are let, a log, and pages that become dirty and are written at a rate.
type plant struct {
	o   Options
	c   *Controller
	now time.Duration
	rng *rand.Rand

	writers  []time.Duration // when each wakes
	offered  float64         // bytes per second that all could write together
	perWrite int64

	diskRate float64 // bytes of pages per second
	spreads  float64 // bytes of pages that a byte of writes makes dirty
	frames   float64 // of 8 KiB
	most     float64 // frames that can be dirty: the data are no more

	logged, froze, durable float64
	dirty, old             float64 // frames; old are of the checkpoint that runs
	p                      *Progress
	began                  time.Duration

	accepted, written, cleaned float64
	slept                      map[Reason]time.Duration
	longest                    time.Duration
	peakLog, peakBusy          float64
	stops, checkpoints         int
}

const framed = 8 << 10

func newPlant(o Options, writers int, seed uint64) *plant {
	return &plant{
		o: o, c: NewController(o.Limits(), epoch), rng: rand.New(rand.NewPCG(seed, 7)),
		writers: make([]time.Duration, writers), offered: 200 * mib, perWrite: 4 << 10,
		diskRate: 400 * mib, spreads: 1, frames: 1 << 20, most: 1 << 19,
		slept: make(map[Reason]time.Duration),
	}
}

func (p *plant) run(d time.Duration) {
	end := p.now + d
	for p.now < end {
		p.now += step
		p.write()
		p.checkpoint()
		if p.now%(20*time.Millisecond) == 0 {
			p.observe()
		}
	}
}

// write lets each writer that is awake write until it must sleep, or has used
// its share of the time.
func (p *plant) write() {
	share := p.offered * step.Seconds() / float64(len(p.writers))
	for i := range p.writers {
		for left := share; left > 0 && p.writers[i] <= p.now; left -= float64(p.perWrite) {
			if p.c.Stopped() {
				p.stops++
				p.writers[i] = p.now + time.Millisecond
				break
			}
			delay, why := p.c.Admit(p.perWrite, epoch.Add(p.now))
			if delay > 0 { // a sleep takes up to a millisecond longer
				p.writers[i] = p.now + delay + time.Duration(p.rng.Int64N(int64(time.Millisecond)))
				p.slept[why] += delay
				p.longest = max(p.longest, delay)
			}
			n := float64(p.perWrite)
			p.accepted += n
			p.logged += n
			p.dirty = min(p.most, p.dirty+n*p.spreads/framed)
		}
	}
}

// checkpoint writes what is due and the disk can do.
func (p *plant) checkpoint() {
	log := int64(p.logged - p.durable)
	busy := int(p.dirty + p.old)
	if p.p == nil {
		if p.o.Due(State{Logged: log, Elapsed: p.now - p.began, Frames: int(p.frames), Dirty: busy, Changed: p.dirty > 0}) == NotDue {
			return
		}
		p.p = &Progress{Total: int64(p.dirty) * framed, Before: log}
		p.old, p.dirty = p.dirty, 0
		p.froze, p.began = p.logged, p.now
	}
	x := p.p
	x.Logged, x.Elapsed = int64(p.logged-p.froze), p.now-p.began
	x.Frames, x.Dirty = int(p.frames), busy
	n := min(p.o.Allowed(*x), int64(p.diskRate*step.Seconds()))
	x.Written += n
	p.written += float64(n)
	p.cleaned += float64(n) / framed
	p.old = max(0, p.old-float64(n)/framed)
	if x.Written >= x.Total {
		p.p, p.durable, p.old = nil, p.froze, 0
		p.checkpoints++
		p.observe()
	}
}

func (p *plant) observe() {
	log := p.logged - p.durable
	p.peakLog = max(p.peakLog, log)
	p.peakBusy = max(p.peakBusy, (p.dirty+p.old)/p.frames)
	left := int64(p.dirty) * framed
	if p.p != nil {
		left = p.p.Total - p.p.Written
	}
	p.c.Observe(Signals{
		Now: epoch.Add(p.now), Logged: int64(log), Left: left,
		Frames: int(p.frames), Busy: int(p.dirty + p.old),
		Accepted: uint64(p.accepted), Written: uint64(p.written), Cleaned: uint64(p.cleaned),
	})
}

func TestNothingIsDelayedWhileCheckpointsEndInTime(t *testing.T) {
	p := newPlant(usual(), 8, 1)
	p.offered, p.diskRate = 40*mib, 400*mib
	p.run(40 * time.Second)
	if len(p.slept) > 0 || p.stops > 0 {
		t.Errorf("writes sleep for %v", p.slept)
	}
	if p.peakLog > 1.05*float64(p.o.LogBytes) || p.checkpoints < 3 {
		t.Errorf("%d checkpoints, and %.0f MiB of log", p.checkpoints, p.peakLog/mib)
	}
	if rate, why := p.c.Rate(); rate != 0 || why != None || p.c.Throttled() {
		t.Errorf("rate %f for %v", rate, why)
	}
}

// Each byte makes more than one byte of pages dirty, and the disk is slow: the
// log grows until writers are held to what checkpoints do.
func TestALogThatGrowsTooFastSlowsWritersAndStopsNone(t *testing.T) {
	for _, writers := range []int{1, 8, 64} {
		o := usual()
		o.LogBytes = 64 * mib
		p := newPlant(o, writers, uint64(writers))
		p.diskRate, p.spreads, p.most = 60*mib, 20, 1<<17
		p.run(60 * time.Second)
		t.Logf("%d writers: %.1f MiB/s, log %.0f MiB, slept %v, longest %v, %d stops, %d checkpoints",
			writers, p.accepted/60/mib, p.peakLog/mib, p.slept, p.longest, p.stops, p.checkpoints)
		if p.peakLog >= 2*float64(o.LogBytes) || p.stops > 0 {
			t.Errorf("the log reaches %.0f MiB, and %d writes are stopped", p.peakLog/mib, p.stops)
		}
		if p.slept[LogSpace] == 0 || p.checkpoints == 0 {
			t.Errorf("slept %v, %d checkpoints", p.slept, p.checkpoints)
		}
	}
}

func TestDirtyPagesComeToRestBelowTheWholePool(t *testing.T) {
	o := usual()
	o.LogBytes, o.Interval = 0, 0
	p := newPlant(o, 8, 3)
	// 400 MiB of pages in memory, of much more data, written at 100 MiB/s.
	p.frames, p.most = 50<<10, math.MaxInt32
	p.diskRate, p.spreads = 100*mib, 10
	p.run(60 * time.Second)
	t.Logf("%.1f MiB/s, busy %.2f, slept %v, longest %v", p.accepted/60/mib, p.peakBusy, p.slept, p.longest)
	if p.peakBusy >= 1 {
		t.Errorf("%.2f of the pool is dirty", p.peakBusy)
	}
	if got := p.accepted / 60; math.Abs(got-10*mib) > 2*mib {
		t.Errorf("%.1f MiB/s are accepted, where pages are written at 10 times 10", got/mib)
	}
	if p.slept[DirtyCache] == 0 || p.slept[LogSpace] > 0 {
		t.Errorf("slept %v", p.slept)
	}
}

// settled returns a controller that has seen a second of writes, all cleaned.
func settled(l Limits, s Signals) *Controller {
	c := NewController(l, epoch)
	first := s
	first.Now, first.Accepted, first.Written, first.Cleaned = epoch, 0, 0, 0
	c.Observe(first)
	s.Now = epoch.Add(time.Second)
	c.Observe(s)
	return c
}

// nanoseconds is the delay of a byte.
func (c *Controller) nanoseconds() float64 {
	rate, why := c.Rate()
	if why == None {
		return 0
	}
	return 1e9 / rate
}

func TestTheDelayForDirtyPagesGrowsWithoutAStep(t *testing.T) {
	last, lastGrown := 0.0, 0.0
	for busy := 0; busy <= 9800; busy += 20 {
		c := settled(Limits{DirtySoft: 0.6, DirtyHard: 1}, Signals{
			Frames: 10000, Busy: busy, Accepted: 100 * mib, Written: 100 * mib, Left: mib, Cleaned: 5000,
		})
		delay := c.nanoseconds()
		if (delay > 0) != (busy > 6000) {
			t.Fatalf("%d of 10000 busy: %f ns a byte", busy, delay)
		}
		if grown := delay - last; grown < lastGrown-0.01 || grown > 50 {
			t.Fatalf("%d of 10000 busy: the delay goes from %f to %f ns", busy, last, delay)
		} else {
			last, lastGrown = delay, grown
		}
	}
	if last < 100 {
		t.Errorf("near the hard limit a byte is delayed by %f ns", last)
	}
}

func TestTheDelayForTheLogGrowsWithoutAStepAndLeavesRoom(t *testing.T) {
	o := usual()
	last := 0.0
	for log := int64(0); log < 2*o.LogBytes; log += mib {
		c := settled(o.Limits(), Signals{
			Frames: 10000, Logged: log, Left: 500 * mib, Accepted: 100 * mib, Written: 250 * mib, Cleaned: 1,
		})
		delay := c.nanoseconds()
		if (delay > 0) != (log > o.LogBytes*3/2) {
			t.Fatalf("%d MiB: %f ns a byte", log/mib, delay)
		}
		if delay < last || log < o.LogBytes*19/10 && delay-last > 5 {
			t.Fatalf("%d MiB: the delay goes from %f to %f ns", log/mib, last, delay)
		}
		last = delay
		// Past the ramp what is left lasts for the 2 s that writing takes.
		rate, why := c.Rate()
		if log >= o.LogBytes*7/4 && 2*rate > 1.01*max(float64(2*o.LogBytes-log), 2*mib) {
			t.Fatalf("%d MiB: %.1f MiB/s for %v", log/mib, rate/mib, why)
		}
		if c.Stopped() {
			t.Fatalf("%d MiB: stopped", log/mib)
		}
	}
	c := settled(o.Limits(), Signals{Logged: 2 * o.LogBytes, Left: mib})
	if !c.Stopped() || !c.Throttled() {
		t.Error("at the hard limit writers go on")
	}
	c.Observe(Signals{Now: epoch.Add(time.Second), Logged: mib})
	if c.Stopped() || c.Throttled() {
		t.Error("a checkpoint that is durable does not let writers go on at once")
	}
}

func TestTheFirstObservationCanStopWriters(t *testing.T) {
	o := usual()
	c := NewController(o.Limits(), epoch)
	c.Observe(Signals{Now: epoch, Logged: 3 * o.LogBytes})
	if !c.Stopped() {
		t.Error("writers go on")
	}
}

func TestWithoutALogNothingIsSlowedForIt(t *testing.T) {
	o := usual()
	o.LogBytes = 0
	c := settled(o.Limits(), Signals{Frames: 10, Logged: 1 << 60, Left: 1 << 60})
	if c.Throttled() {
		_, why := c.Rate()
		t.Errorf("writers are slowed for %v", why)
	}
}

func TestTheLargerDelayIsTheReason(t *testing.T) {
	o := usual()
	calm := Signals{Frames: 1000, Busy: 900, Logged: o.LogBytes * 8 / 5, Left: mib, Accepted: 100 * mib, Written: 100 * mib, Cleaned: 1000}
	if _, why := settled(o.Limits(), calm).Rate(); why != DirtyCache {
		t.Errorf("the reason is %v", why)
	}
	calm.Left = 1 << 40
	if _, why := settled(o.Limits(), calm).Rate(); why != LogSpace {
		t.Errorf("the reason is %v", why)
	}
}

func TestAStandingDiskDoesNotEndWritingBeforeTheHardLimit(t *testing.T) {
	c := settled(Limits{LogSoft: 1, LogHard: 100, MinRate: 2 * mib}, Signals{Frames: 10, Busy: 10, Logged: 99, Left: 1 << 60})
	if rate, _ := c.Rate(); math.Abs(rate-2*mib) > 0.01*mib {
		t.Errorf("%.2f MiB/s", rate/mib)
	}
}

func TestObservationsOfOneMomentCountOnce(t *testing.T) {
	c := NewController(Limits{}, epoch)
	s := Signals{Now: epoch, Frames: 10}
	c.Observe(s)
	s.Accepted = 1 << 40
	c.Observe(s)
	s.Now = epoch.Add(-time.Second)
	c.Observe(s)
	if c.accepted.mean != 0 {
		t.Errorf("%f bytes per second in no time", c.accepted.mean)
	}
}

// throttled returns a controller that accepts about so many bytes per second.
func throttled(rate float64) *Controller {
	c := NewController(Limits{}, epoch)
	c.toll.Store(uint64(1e12/rate)<<tollShift | uint64(DirtyCache))
	return c
}

func TestWritesPayForTheirBytes(t *testing.T) {
	c := throttled(10 * mib)
	var written int64
	longest := make(map[int64]time.Duration)
	wake := map[int64]time.Duration{64 << 10: 0, 1 << 10: 0}
	for now := time.Duration(0); now < 20*time.Second; now += step {
		for _, size := range []int64{64 << 10, 1 << 10} {
			for wake[size] <= now {
				d, _ := c.Admit(size, epoch.Add(now))
				wake[size] = max(now+d, now+time.Duration(size)) // 1 ns a byte of its own
				longest[size] = max(longest[size], d)
				written += size
			}
		}
	}
	if got := float64(written) / 20; math.Abs(got-10*mib) > mib/2 {
		t.Errorf("%.2f MiB/s in all", got/mib)
	}
	large := time.Duration(64.0 / 10 / 1024 * float64(time.Second))
	if d := longest[1<<10]; d > large+2*time.Millisecond {
		t.Errorf("a small write waits for %v", d)
	}
}

func TestDelaysAreWorthASleep(t *testing.T) {
	c := throttled(100 * mib)
	asleep := 0
	for range 10000 {
		d, why := c.Admit(100, epoch)
		if d != 0 && d < time.Millisecond || (d > 0) != (why == DirtyCache) {
			t.Fatalf("a delay of %v for %v", d, why)
		}
		if d > 0 {
			asleep++
		}
	}
	if asleep == 0 {
		t.Error("a clock that stands still delays nobody")
	}
}

func TestAHugeWriteWaitsForNoLongerThanMaxDelay(t *testing.T) {
	for _, n := range []int64{mib, 1 << 40, math.MaxInt64} {
		c := throttled(mib)
		if d, _ := c.Admit(n, epoch); d != 500*time.Millisecond {
			t.Errorf("%d bytes wait for %v", n, d)
		}
		if d, _ := c.Admit(1, epoch.Add(500*time.Millisecond)); d > 0 {
			t.Errorf("after %d bytes the next waits for %v", n, d)
		}
	}
}

func TestAdmissionsAndObservationsMayBeSimultaneous(t *testing.T) {
	c := throttled(100 * mib)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				c.Admit(1000, epoch)
			}
		})
	}
	for i := range 100 {
		c.Observe(Signals{Now: epoch.Add(time.Duration(i) * time.Millisecond), Frames: 10, Busy: 10, Accepted: uint64(i) * mib})
		c.Rate()
	}
	wg.Wait()
	if c.turn.Load() == 0 {
		t.Error("nobody took a turn")
	}
}

func TestReasonsAndCausesHaveNames(t *testing.T) {
	seen := make(map[string]bool)
	for r := range Reasons {
		seen["reason "+r.String()] = true
	}
	for c := NotDue; c <= Asked; c++ {
		seen["cause "+c.String()] = true
	}
	if want := int(Reasons) + int(Asked) + 1; len(seen) != want {
		t.Errorf("%d names of %d: %v", len(seen), want, seen)
	}
}

func BenchmarkAdmitFree(b *testing.B) {
	c := NewController(Limits{}, epoch)
	b.ReportAllocs()
	for b.Loop() {
		c.Admit(100, epoch)
	}
}
