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

// A plant is an engine in simulated time: writers that want to write as fast
// as they are let, memtables, sublevels and debt that drain at given rates.
type plant struct {
	c   *Controller
	now time.Duration
	rng *rand.Rand

	writers []time.Duration // when each wakes
	size    func() int64
	offered float64 // bytes per second that all writers together could write

	memtable  float64 // bytes not flushed
	flushRate float64
	sealed    float64 // of memtable, what flushes see
	coarse    bool    // counters move when a flush has ended, not before

	l0        float64 // bytes on level 0
	drainRate float64
	perRun    float64
	inJob     float64 // bytes of a compaction of level 0 that runs

	accepted, flushed, drained float64
	reported                   float64 // of flushed
	slept                      map[Reason]time.Duration
	longest                    time.Duration
	peakMemtable, peakRuns     float64
	rates                      []float64 // bytes accepted in each second
}

func newPlant(o Options, writers int, seed uint64) *plant {
	return &plant{
		c: New(o, epoch), rng: rand.New(rand.NewPCG(seed, 7)),
		writers: make([]time.Duration, writers),
		size:    func() int64 { return 4 << 10 },
		offered: 400 * mib, flushRate: 1e12, drainRate: 1e12, perRun: 4 * mib,
		slept: make(map[Reason]time.Duration),
	}
}

const step = 200 * time.Microsecond

// run goes on for so long.
func (p *plant) run(d time.Duration) {
	end := p.now + d
	for p.now < end {
		p.now += step
		p.drain(step.Seconds())
		p.write()
		if p.now%(20*time.Millisecond) == 0 {
			p.observe()
		}
		if second := int(p.now / time.Second); second >= len(p.rates) {
			p.rates = append(p.rates, -p.accepted)
			if second > 0 {
				p.rates[second-1] += p.accepted
			}
		}
	}
}

func (p *plant) drain(dt float64) {
	// Flushes take memtables of 16 MiB, one at a time.
	if p.sealed <= 0 && p.memtable > 16*mib {
		p.sealed = 16 * mib
	}
	if n := min(p.flushRate*dt, p.sealed); n > 0 {
		p.sealed -= n
		p.memtable -= n
		p.flushed += n
		p.l0 += n
		if !p.coarse || p.sealed <= 0 {
			p.reported = p.flushed
		}
	}
	// Compactions take all of level 0, and its runs go when they are done.
	if p.inJob <= 0 && p.l0 >= 4*p.perRun {
		p.inJob = p.l0
	}
	if p.inJob > 0 {
		n := min(p.drainRate*dt, p.inJob)
		p.inJob -= n
		p.drained += n
		if p.l0 -= n; p.inJob <= 0 {
			p.inJob = 0
		}
	}
	p.peakMemtable = max(p.peakMemtable, p.memtable)
	p.peakRuns = max(p.peakRuns, p.runs())
}

func (p *plant) runs() float64 { return math.Ceil(p.l0 / p.perRun) }

// write lets each writer that is awake write until it must sleep, or has used
// its share of the time.
func (p *plant) write() {
	share := p.offered * step.Seconds() / float64(len(p.writers))
	for i := range p.writers {
		left := share
		for left > 0 && p.writers[i] <= p.now {
			n := p.size()
			delay, why := p.c.Admit(n, epoch.Add(p.now))
			if delay > 0 {
				// A sleep takes up to a millisecond longer.
				late := time.Duration(p.rng.Int64N(int64(time.Millisecond)))
				p.writers[i] = p.now + delay + late
				p.slept[why] += delay
				p.longest = max(p.longest, delay)
			}
			p.accepted += float64(n)
			p.memtable += float64(n)
			left -= float64(n)
		}
		if left < 0 { // it wrote more than its share, and is busy with that
			p.writers[i] = max(p.writers[i], p.now+time.Duration(-left/share*float64(step)))
		}
	}
}

func (p *plant) observe() {
	memtable := p.memtable
	if p.coarse {
		memtable += p.flushed - p.reported
	}
	p.c.Observe(Signals{
		Now: epoch.Add(p.now), MemtableBytes: int64(memtable), L0Sublevels: int(p.runs()),
		Accepted: uint64(p.accepted), Flushed: uint64(p.reported), Drained: uint64(p.drained),
	})
}

// after is the mean rate from a second on, and how far single seconds are off.
func (p *plant) after(from int) (mean, off float64) {
	rates := p.rates[from : len(p.rates)-1]
	for _, r := range rates {
		mean += r / float64(len(rates))
	}
	for _, r := range rates {
		off = max(off, math.Abs(r-mean)/mean)
	}
	return mean, off
}

func TestWritesComeToTheRateOfFlushes(t *testing.T) {
	for _, k := range []struct {
		rate    float64
		writers int
	}{{5 * mib, 8}, {50 * mib, 1}, {50 * mib, 64}, {150 * mib, 8}} {
		for _, coarse := range []bool{false, true} {
			p := newPlant(Options{MemtableHard: 128 * mib}, k.writers, 1)
			p.flushRate, p.coarse = k.rate, coarse
			p.run(30 * time.Second)
			p.compare(t, k.rate)
		}
	}
}

// compare checks what came of a plant whose flushes are too slow.
func (p *plant) compare(t *testing.T, rate float64) {
	t.Helper()
	mean, off := p.after(15)
	t.Logf("%3.0f MiB/s, %d writers, coarse %t: %.1f MiB/s, off %.2f, peak %.0f MiB, longest %v",
		rate/mib, len(p.writers), p.coarse, mean/mib, off, p.peakMemtable/mib, p.longest)
	if math.Abs(mean-rate)/rate > 0.1 {
		t.Errorf("%.1f MiB/s are accepted, %.1f flushed", mean/mib, rate/mib)
	}
	if p.peakMemtable > 128*mib {
		t.Errorf("memtables reach %.0f MiB", p.peakMemtable/mib)
	}
	most := bound(len(p.writers), rate)
	if p.coarse { // while the rate is not known well
		most *= 3
	}
	if p.longest > most {
		t.Errorf("a write waits for %v, more than %v", p.longest, most)
	}
	if !p.coarse && off > 0.1 {
		t.Errorf("single seconds are %.0f %% off", off*100)
	}
	if p.slept[L0]+p.slept[Debt] > 0 || p.slept[Memtable] == 0 {
		t.Errorf("reasons %v", p.slept)
	}
}

// bound is how long a write should wait at most: a few milliseconds, or until
// all other writers have had their turn, at half the rate.
func bound(writers int, rate float64) time.Duration {
	turn := time.Duration(float64(writers*4<<10) / rate * float64(time.Second))
	return 4*time.Millisecond + 2*turn
}

func TestWritesComeToTheRateOfLevel0(t *testing.T) {
	for _, rate := range []float64{10 * mib, 60 * mib} {
		p := newPlant(Options{L0Soft: 12, L0Hard: 48}, 8, 2)
		p.drainRate, p.perRun = rate, 8*mib
		p.run(60 * time.Second)
		mean, off := p.after(30)
		t.Logf("%3.0f MiB/s: %.1f MiB/s, off %.2f, peak %.0f runs, longest %v", rate/mib, mean/mib, off, p.peakRuns, p.longest)
		if math.Abs(mean-rate)/rate > 0.1 {
			t.Errorf("%.1f MiB/s are accepted, %.1f drained", mean/mib, rate/mib)
		}
		if p.peakRuns > 56 {
			t.Errorf("level 0 reaches %.0f runs", p.peakRuns)
		}
		if p.longest > bound(8, rate) {
			t.Errorf("a write waits for %v", p.longest)
		}
		if p.slept[L0] == 0 {
			t.Errorf("reasons %v", p.slept)
		}
	}
}

func TestNothingIsDelayedWhileTheDrainIsFaster(t *testing.T) {
	p := newPlant(Options{MemtableHard: 128 * mib}, 8, 3)
	p.offered, p.flushRate, p.drainRate = 40*mib, 200*mib, 300*mib
	p.run(20 * time.Second)
	if len(p.slept) > 0 {
		t.Errorf("writes sleep for %v", p.slept)
	}
	if rate, why := p.c.Rate(); rate != 0 || why != None || p.c.Throttled() {
		t.Errorf("rate %f for %v", rate, why)
	}
}

func TestTheRateFollowsTheDrain(t *testing.T) {
	p := newPlant(Options{MemtableHard: 128 * mib}, 4, 4)
	p.flushRate = 100 * mib
	p.run(30 * time.Second)
	p.flushRate = 20 * mib
	p.run(40 * time.Second)
	if mean, _ := p.after(50); math.Abs(mean-20*mib) > 2*mib {
		t.Errorf("%.1f MiB/s after the drain fell to 20", mean/mib)
	}
	p.flushRate = 80 * mib
	p.run(40 * time.Second)
	if mean, _ := p.after(90); math.Abs(mean-80*mib) > 8*mib {
		t.Errorf("%.1f MiB/s after the drain rose to 80", mean/mib)
	}
	if p.peakMemtable > 128*mib {
		t.Errorf("memtables reach %.0f MiB", p.peakMemtable/mib)
	}
}

func TestDebtComesToRestBelowItsLimit(t *testing.T) {
	// Each byte written means 8 that compactions must write, at 160 MiB/s.
	c := New(Options{DebtSoft: 100 * mib, DebtHard: 900 * mib}, epoch)
	var accepted, compacted, debt, late float64
	at := time.Duration(0)
	for second := range 120 {
		for range 1000 {
			at += time.Millisecond
			n := 100.0 * mib / 1000
			if rate, _ := c.Rate(); rate > 0 {
				n = min(n, rate/1000)
			}
			accepted += n
			done := min(160*mib/1000, debt+8*n)
			compacted += done
			debt += 8*n - done
			if second >= 60 {
				late += n / 60
			}
			if at%(10*time.Millisecond) == 0 {
				c.Observe(Signals{
					Now: epoch.Add(at), Accepted: uint64(accepted), Compacted: uint64(compacted), DebtBytes: int64(debt),
				})
			}
		}
		if debt > 900*mib {
			t.Fatalf("second %d: a debt of %.0f MiB", second, debt/mib)
		}
	}
	if math.Abs(late-20*mib) > 2*mib {
		t.Errorf("%.1f MiB/s, not 20", late/mib)
	}
	if _, why := c.Rate(); why != Debt {
		t.Errorf("the reason is %v", why)
	}
}

func TestTheDelayOfAByteGrowsWithoutAStep(t *testing.T) {
	o := Options{MemtableSoft: 32 * mib, MemtableHard: 64 * mib}
	last, lastStep := 0.0, 0.0
	for bytes := int64(0); bytes < 56*mib; bytes += mib / 4 {
		c := New(o, epoch)
		c.Observe(Signals{Now: epoch})
		c.Observe(Signals{Now: epoch.Add(time.Second), Accepted: 100 * mib, MemtableBytes: bytes, Flushed: 100 * mib})
		toll := 0.0
		if rate, _ := c.Rate(); rate > 0 {
			toll = 1e9 / rate
		}
		if (toll > 0) != (bytes > 32*mib) {
			t.Fatalf("%d bytes: %f ns a byte", bytes, toll)
		}
		if grown := toll - last; grown < lastStep-0.01 || grown > 10 {
			t.Fatalf("at %.2f MiB the delay of a byte goes from %f to %f ns", float64(bytes)/mib, last, toll)
		} else {
			last, lastStep = toll, grown
		}
	}
}

func TestWritesPayForTheirBytes(t *testing.T) {
	// One writer has writes of 64 KiB, the other of 1 KiB, which waits for one
	// of the large ones at most.
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
	if total := float64(written) / 20; math.Abs(total-10*mib) > 0.05*10*mib {
		t.Errorf("%.2f MiB/s in all", total/mib)
	}
	large := 64.0 / 10 / 1024 * float64(time.Second)
	if d := longest[1<<10]; d > time.Duration(large)+2*time.Millisecond {
		t.Errorf("a small write waits for %v", d)
	}
	// Of as many bytes, 64 small ones move the clock as far as a large one.
	a, b := throttled(10*mib), throttled(10*mib)
	a.Admit(64<<10, epoch)
	for range 64 {
		b.Admit(1<<10, epoch)
	}
	if x, y := a.turn.Load(), b.turn.Load(); y < x || y > x+64 {
		t.Errorf("turns %d and %d", x, y)
	}
}

// throttled returns a controller that accepts about so many bytes per second.
func throttled(rate float64) *Controller {
	c := New(Options{}, epoch)
	c.toll.Store(uint64(1e12/rate)<<2 | uint64(Memtable))
	return c
}

func TestDelaysAreWorthASleep(t *testing.T) {
	c := throttled(100 * mib)
	asleep := 0
	for range 10000 {
		d, why := c.Admit(100, epoch)
		if d != 0 && d < time.Millisecond || (d > 0) != (why == Memtable) {
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
	for _, n := range []int64{1 << 20, 1 << 40, math.MaxInt64} {
		c := throttled(mib)
		if d, _ := c.Admit(n, epoch); d != 100*time.Millisecond {
			t.Errorf("%d bytes wait for %v", n, d)
		}
		if d, _ := c.Admit(1, epoch.Add(100*time.Millisecond)); d > 0 {
			t.Errorf("after %d bytes the next waits for %v", n, d)
		}
	}
}

func TestAStandingDrainDoesNotEndWriting(t *testing.T) {
	c := New(Options{MinRate: 2 * mib}, epoch)
	for i := range 100 {
		c.Observe(Signals{Now: epoch.Add(time.Duration(i) * time.Second), MemtableBytes: 1 << 40, L0Sublevels: 1e6, DebtBytes: 1 << 60})
	}
	if rate, why := c.Rate(); math.Abs(rate-2*mib) > 0.01*mib || why != Memtable {
		t.Errorf("%.2f MiB/s for %v", rate/mib, why)
	}
}

func TestObservationsOfOneMomentCountOnce(t *testing.T) {
	c := New(Options{}, epoch)
	s := Signals{Now: epoch, MemtableBytes: 1 << 40}
	c.Observe(s)
	c.Observe(s)
	s.Now = epoch.Add(-time.Second)
	c.Observe(s)
	if c.Throttled() {
		t.Error("no time has passed")
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
		c.Observe(Signals{Now: epoch.Add(time.Duration(i) * time.Millisecond), MemtableBytes: 40 * mib, Accepted: uint64(i) * mib})
		c.Rate()
	}
	wg.Wait()
	if c.turn.Load() == 0 {
		t.Error("nobody took a turn")
	}
}

func BenchmarkAdmitFree(b *testing.B) {
	c := New(Options{}, epoch)
	b.ReportAllocs()
	for b.Loop() {
		c.Admit(100, epoch)
	}
}

func BenchmarkAdmitThrottled(b *testing.B) {
	c := throttled(1 << 40)
	b.ReportAllocs()
	for b.Loop() {
		c.Admit(100, epoch)
	}
}
