package pace

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A Reason is what writes are slowed down for.
type Reason uint8

const (
	None Reason = iota
	Memtable
	L0
	Debt
)

// String returns the reason's name.
func (r Reason) String() string {
	return [...]string{"none", "memtable", "l0", "debt"}[r&3]
}

// Options are the limits. What is zero takes its default.
type Options struct {
	// MemtableSoft and MemtableHard are bytes in memtables. The hard limit is
	// where the owner of the memory stops writers. Default: 32 and 64 MiB.
	MemtableSoft, MemtableHard int64
	// L0Soft and L0Hard are sublevels. Default: 12 and 48.
	L0Soft, L0Hard int
	// DebtSoft and DebtHard are bytes. Default: 1 and 8 GiB.
	DebtSoft, DebtHard int64

	// MinRate is what is accepted at least, in bytes per second, so that a
	// drain of nothing does not end writing. Default: 1 MiB.
	MinRate float64
	// Smooth is how long sublevels and debt are averaged while they fall, and
	// four times as long as while they rise: compactions take them away in
	// large pieces. Default: 1 s.
	Smooth time.Duration
	// Window is how long drains are averaged: it should be longer than what a
	// job takes, if progress is only seen when jobs are done. Default: 4 s.
	Window time.Duration

	// Quantum is the least that Admit asks to sleep. Default: 1 ms.
	Quantum time.Duration
	// MaxDelay is the most. A write that is worth more than that is let off
	// the rest. Default: 100 ms.
	MaxDelay time.Duration
}

func (o Options) withDefaults() Options {
	def(&o.MemtableHard, 64<<20)
	def(&o.MemtableSoft, o.MemtableHard/2)
	def(&o.L0Soft, 12)
	def(&o.L0Hard, 4*o.L0Soft)
	def(&o.DebtSoft, 1<<30)
	def(&o.DebtHard, 8*o.DebtSoft)
	def(&o.MinRate, 1<<20)
	def(&o.Smooth, time.Second)
	def(&o.Window, 4*time.Second)
	def(&o.Quantum, time.Millisecond)
	def(&o.MaxDelay, 100*time.Millisecond)
	return o
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Signals are what the controller is told. Counters only rise.
type Signals struct {
	Now time.Time

	// MemtableBytes is what is in memtables and has not been flushed. Better
	// without what a flush that is under way has written already.
	MemtableBytes int64
	L0Sublevels   int
	DebtBytes     int64 // what compactions have to write until nothing is due

	// Accepted counts bytes that went into memtables; Flushed those that left
	// them; Drained bytes of level 0 that compactions have read to take them
	// down; Compacted bytes that compactions have written. The oftener the
	// last three move while jobs run, the better.
	Accepted, Flushed, Drained, Compacted uint64
}

// A Controller sets the rate of writes. Its methods may be called from many
// goroutines; Admit takes no lock.
type Controller struct {
	o     Options
	start time.Time

	// toll is picoseconds for each byte, shifted left by two, and the Reason.
	// 0: writes are not delayed.
	toll atomic.Uint64
	// turn is when the next write may go, in nanoseconds since start.
	turn atomic.Int64

	mu       sync.Mutex
	seen     bool
	last     Signals
	l0, debt float64 // u of each, averaged

	accepted, flushed, drained, compacted, owed rate
}

// New returns a controller that does not delay until it has been told of a
// reason to. now is the clock that is given to Observe and Admit too.
func New(o Options, now time.Time) *Controller {
	return &Controller{o: o.withDefaults(), start: now}
}

// A rate is a measured one, in bytes per second.
type rate struct {
	mean   float64
	known  bool
	weight float64 // of what has been seen: until it is 1 the mean is of less
	waited float64 // seconds without a byte, before the first one
}

// add takes n more bytes in dt seconds.
func (r *rate) add(n, dt, window float64) {
	if !r.known {
		// The first job has not got anywhere: that says nothing of its rate.
		if r.waited += dt; n <= 0 {
			return
		}
		r.known, dt = true, r.waited
	}
	a := 1 - math.Exp(-dt/window)
	// The first samples count in full, and not against a mean of nothing.
	r.weight += a * (1 - r.weight)
	r.mean += a / r.weight * (n/dt - r.mean)
}

// Observe tells how things stand, and sets the rate. It should be called some
// ten to a hundred times a second while there are writes, and when a job ends.
func (c *Controller) Observe(s Signals) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen {
		c.seen, c.last = true, s
		c.l0, c.debt = c.pressures(s)
		return
	}
	dt := s.Now.Sub(c.last.Now).Seconds()
	if dt <= 0 {
		return
	}
	c.measure(s, dt)
	c.last = s
	l0, debt := c.pressures(s)
	c.l0 = c.smooth(c.l0, l0, dt)
	c.debt = c.smooth(c.debt, debt, dt)
	c.set(s)
}

// smooth averages a pressure. It follows what rises sooner than what falls:
// writes can fill a level faster than compactions empty it.
func (c *Controller) smooth(mean, now, dt float64) float64 {
	tau := c.o.Smooth.Seconds()
	if now > mean {
		tau /= 4
	}
	return mean + (1-math.Exp(-dt/tau))*(now-mean)
}

func (c *Controller) pressures(s Signals) (l0, debt float64) {
	return between(float64(s.L0Sublevels), float64(c.o.L0Soft), float64(c.o.L0Hard)),
		between(float64(s.DebtBytes), float64(c.o.DebtSoft), float64(c.o.DebtHard))
}

// between is how far x is from soft to hard: 0 to 1.
func between(x, soft, hard float64) float64 {
	if hard <= soft {
		hard = soft + 1
	}
	return min(max((x-soft)/(hard-soft), 0), 1)
}

// measure takes rates. A drain says what it can do only while there is more
// than it can do: else the rate is that of the writes.
func (c *Controller) measure(s Signals, dt float64) {
	w := c.o.Window.Seconds()
	delta := func(now, then uint64) float64 { return float64(now) - float64(min(then, now)) }
	c.accepted.add(delta(s.Accepted, c.last.Accepted), dt, w)
	if s.MemtableBytes > c.o.MemtableSoft/2 {
		c.flushed.add(delta(s.Flushed, c.last.Flushed), dt, w)
	}
	if s.L0Sublevels > c.o.L0Soft/2 {
		c.drained.add(delta(s.Drained, c.last.Drained), dt, w)
	}
	if s.DebtBytes > c.o.DebtSoft/2 {
		n := delta(s.Compacted, c.last.Compacted)
		c.compacted.add(n, dt, w)
		c.owed.add(n+float64(s.DebtBytes-c.last.DebtBytes), dt, w)
	}
}

// set makes the toll of the largest delay.
func (c *Controller) set(s Signals) {
	memtable := between(float64(s.MemtableBytes), float64(c.o.MemtableSoft), float64(c.o.MemtableHard))
	worst, reason := 0.0, None
	take := func(u, drain float64, r Reason) {
		if u <= 0 {
			return
		}
		// Nanoseconds for a byte.
		d := 1e9 * u / (1 - u) / max(drain, c.o.MinRate)
		if d = min(d, 1e9/c.o.MinRate); d > worst {
			worst, reason = d, r
		}
	}
	take(memtable, c.drain(&c.flushed), Memtable)
	take(c.l0, c.drain(&c.drained), L0)
	take(c.debt, c.debtDrain(), Debt)
	toll := uint64(worst * 1000)
	if toll == 0 {
		c.toll.Store(0)
		return
	}
	c.toll.Store(toll<<2 | uint64(reason))
}

// drain is a measured one, or what was accepted while it is not known.
func (c *Controller) drain(r *rate) float64 {
	if r.known {
		return r.mean
	}
	return c.accepted.mean
}

// debtDrain is how many bytes could be accepted for debt to stay as it is: of
// what is accepted, the part that compactions write off of what it adds.
func (c *Controller) debtDrain() float64 {
	if !c.owed.known || c.owed.mean <= 0 {
		return c.accepted.mean
	}
	return c.accepted.mean * c.compacted.mean / c.owed.mean
}

// Rate returns how many bytes per second are accepted, and why no more; 0 and
// None: as many as come.
func (c *Controller) Rate() (bytesPerSecond float64, why Reason) {
	toll := c.toll.Load()
	if toll == 0 {
		return 0, None
	}
	return 1e12 / float64(toll>>2), Reason(toll & 3)
}
