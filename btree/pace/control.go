package pace

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A Reason is what writes are slowed down for.
type Reason uint8

// The reasons. There are Reasons of them.
const (
	None Reason = iota
	DirtyCache
	LogSpace
	Reasons
)

// String returns the reason as events tell it.
func (r Reason) String() string {
	switch r {
	case DirtyCache:
		return "dirty_cache"
	case LogSpace:
		return "log_space"
	}
	return "none"
}

// Limits are what writers are held to. What is zero takes its default, but for
// LogSoft and LogHard: without those the log slows nobody.
type Limits struct {
	// LogSoft and LogHard are bytes of log since the last durable checkpoint.
	LogSoft, LogHard int64
	// DirtySoft and DirtyHard are parts of the pool that are neither free nor
	// clean. Default: 0.85 and 1.
	DirtySoft, DirtyHard float64

	// MinRate is what is accepted at least, in bytes per second, short of a
	// stop. Default: 1 MiB.
	MinRate float64
	// Window is how long rates are averaged. Default: 2 s.
	Window time.Duration
	// Quantum is the least that Admit asks to sleep. Default: 1 ms.
	Quantum time.Duration
	// MaxDelay is the most. A write that is worth more than that is let off
	// the rest. It should be long enough for one turn of all writers at
	// MinRate. Default: 500 ms.
	MaxDelay time.Duration
}

// Limits are those that go with options: the log may be half as long again as
// it should be before it slows writers, and twice as long before it stops them.
func (o *Options) Limits() Limits {
	return Limits{
		LogSoft: o.LogBytes + o.LogBytes/2, LogHard: 2 * o.LogBytes,
		DirtySoft: o.DirtyShare, DirtyHard: 1,
	}
}

func (l Limits) withDefaults() Limits {
	def(&l.DirtySoft, 0.85)
	def(&l.DirtyHard, 1)
	def(&l.MinRate, 1<<20)
	def(&l.Window, 2*time.Second)
	def(&l.Quantum, time.Millisecond)
	def(&l.MaxDelay, 500*time.Millisecond)
	return l
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Signals are what a Controller is told. Counters only rise.
type Signals struct {
	Now time.Time

	// Logged is the log since the last durable checkpoint, in bytes.
	Logged int64
	// Left is how many bytes of pages have to be written before the next one
	// is durable, and that part of the log goes.
	Left int64

	// Frames is how many the pool has, and Busy how many of those are neither
	// free nor clean, nor will soon be: changed, or old and not yet written.
	Frames, Busy int

	// Accepted counts bytes of writes; Written bytes of pages that were
	// written; Cleaned frames that stopped being busy.
	Accepted, Written, Cleaned uint64
}

// A Controller sets how much writes are delayed. Its methods may be called from
// many goroutines; Admit takes no lock.
type Controller struct {
	limits Limits
	start  time.Time

	// toll is picoseconds for each byte, shifted left by tollShift, and the
	// Reason. 0: writes are not delayed.
	toll atomic.Uint64
	// turn is when the next write may go, in nanoseconds since start.
	turn atomic.Int64
	// stopped: the log is at its hard limit.
	stopped atomic.Bool

	mu   sync.Mutex
	seen bool
	last Signals

	accepted, written, cleaned, dirtied rate
}

const (
	tollShift = 2
	tollMask  = 1<<tollShift - 1
)

// NewController returns one that does not delay until it has been told of a
// reason to. now is of the clock that is given to Observe and Admit too.
func NewController(l Limits, now time.Time) *Controller {
	return &Controller{limits: l.withDefaults(), start: now}
}

// A rate is a measured one, per second: an average that forgets.
type rate struct{ mean, weight float64 }

func (r *rate) add(n, dt, window float64) {
	a := 1 - math.Exp(-dt/window)
	// The first samples count in full, and not against a mean of nothing.
	r.weight += a * (1 - r.weight)
	r.mean += a / r.weight * (n/dt - r.mean)
}

// Observe tells how things stand, and sets the delay. It should be called some
// ten to a hundred times a second while there are writes, and when a checkpoint
// has ended.
func (c *Controller) Observe(s Signals) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped.Store(c.limits.LogHard > 0 && s.Logged >= c.limits.LogHard)
	if !c.seen {
		c.seen, c.last = true, s
		return
	}
	if dt := s.Now.Sub(c.last.Now).Seconds(); dt > 0 {
		c.measure(s, dt)
		c.last = s
	}
	c.set(s)
}

// measure takes rates. What pages are written at says what can be done only
// while there is much to write: else it is what was wanted.
func (c *Controller) measure(s Signals, dt float64) {
	w := c.limits.Window.Seconds()
	delta := func(now, then uint64) float64 { return float64(now) - float64(min(then, now)) }
	c.accepted.add(delta(s.Accepted, c.last.Accepted), dt, w)
	if written := delta(s.Written, c.last.Written); written > 0 && s.Left > 0 {
		c.written.add(written, dt, w)
	}
	cleaned := delta(s.Cleaned, c.last.Cleaned)
	c.cleaned.add(cleaned, dt, w)
	c.dirtied.add(max(0, cleaned+float64(s.Busy-c.last.Busy)), dt, w)
}

// set makes the toll of the larger delay.
func (c *Controller) set(s Signals) {
	dirty, log := c.dirtyDelay(s), c.logDelay(s)
	worst, why := dirty, DirtyCache
	if log > dirty {
		worst, why = log, LogSpace
	}
	toll := uint64(min(worst, 1/c.limits.MinRate) * 1e12)
	if toll == 0 {
		c.toll.Store(0)
		return
	}
	c.toll.Store(toll<<tollShift | uint64(why))
}

// dirtyDelay is seconds for a byte that changed pages are worth.
func (c *Controller) dirtyDelay(s Signals) float64 {
	if s.Frames == 0 {
		return 0
	}
	u := between(float64(s.Busy)/float64(s.Frames), c.limits.DirtySoft, c.limits.DirtyHard)
	if u == 0 {
		return 0
	}
	// While more is dirtied than cleaned, only a part of the writes could go
	// on for ever.
	drain := c.accepted.mean
	if c.dirtied.mean > 0 {
		drain *= c.cleaned.mean / c.dirtied.mean
	}
	return u / (1 - u) / max(drain, c.limits.MinRate)
}

// logDelay is seconds for a byte that the log is worth.
func (c *Controller) logDelay(s Signals) float64 {
	if c.limits.LogHard <= 0 {
		return 0
	}
	u := between(float64(s.Logged), float64(c.limits.LogSoft), float64(c.limits.LogHard))
	if u == 0 {
		return 0
	}
	pages := c.written.mean
	if pages == 0 {
		pages = firstWriteRate
	}
	// Syncs, and what else comes at the end, take their time as well.
	seconds := max(float64(s.Left), leastLeft) / pages
	room := max(float64(c.limits.LogHard-s.Logged), 1)
	return min(1, logRamp*u) * seconds / room
}

const (
	// firstWriteRate is bytes of pages per second until it has been measured.
	firstWriteRate = 64 << 20
	// leastLeft is what a checkpoint has to write at least, before it ends.
	leastLeft = 1 << 20
	// logRamp: after so small a part of the way from LogSoft to LogHard the
	// log that is left is made to last.
	logRamp = 4
)

// between is how far x is from soft to hard: 0 to 1.
func between(x, soft, hard float64) float64 {
	switch {
	case x <= soft:
		return 0
	case x >= hard:
		return 1
	}
	return (x - soft) / (hard - soft)
}

// Rate returns how many bytes per second are accepted, and why no more; 0 and
// None: as many as come.
func (c *Controller) Rate() (bytesPerSecond float64, why Reason) {
	toll := c.toll.Load()
	if toll == 0 {
		return 0, None
	}
	return 1e12 / float64(toll>>tollShift), Reason(toll & tollMask)
}
