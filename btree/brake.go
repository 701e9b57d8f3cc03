package btree

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/btree/pace"
	"github.com/kvbench/kvbench/engine"
)

// A brake slows writers down to what checkpoints keep up with, and counts how
// long they have waited, and why.
type brake struct {
	control *pace.Controller
	off     bool // nothing is slowed down, short of a stop
	now     func() time.Time
	sleep   func(time.Duration)

	// ended: nobody waits any more.
	ended atomic.Bool

	stalls  atomic.Uint64               // writes that waited
	delayed [pace.Reasons]atomic.Uint64 // nanoseconds
	longest atomic.Int64                // single wait

	// telling guards the time that the next event is of.
	telling sync.Mutex
	slowing episode
}

// An episode is a time in which writes were slowed down.
type episode struct {
	began   time.Time // zero: there is none
	stalls  uint64    // before it
	delayed [pace.Reasons]uint64
}

const (
	// episodeLength is after how long an event tells of writes that are slowed
	// down.
	episodeLength = time.Second

	// stopLook is how often a writer that is stopped looks whether it may go
	// on.
	stopLook = 2 * time.Millisecond
)

func (b *brake) init(s *settings) {
	options := s.pacing()
	b.off = s.Throttle == throttleOff
	b.now, b.sleep = time.Now, time.Sleep
	b.control = pace.NewController(options.Limits(), b.now())
}

// slow delays a write of so many bytes if there is too much to do, and stops it
// while the log has no room. The caller holds nothing. It returns at once where
// t takes no more writes.
func (b *brake) slow(t *tree, bytes int) {
	if b.control.Throttled() {
		b.delay(t, int64(bytes))
	}
}

func (b *brake) delay(t *tree, bytes int64) {
	began := b.now()
	var wait time.Duration
	why := pace.None
	if !b.off {
		wait, why = b.control.Admit(bytes, began)
	}
	stopped := b.control.Stopped()
	if stopped {
		why = pace.LogSpace
	}
	if why == pace.None {
		return
	}
	if wait > 0 {
		b.sleep(wait)
	}
	for b.control.Stopped() && !b.ended.Load() && t.writable() == nil {
		t.kick()
		b.sleep(stopLook)
	}
	b.waited(why, b.now().Sub(began))
}

// waited counts a wait. Whoever makes a writer wait for room in the pool calls
// it too, with pace.DirtyCache.
func (b *brake) waited(why pace.Reason, d time.Duration) {
	b.stalls.Add(1)
	b.delayed[why].Add(uint64(max(d, 0)))
	for {
		old := b.longest.Load()
		if old >= int64(d) || b.longest.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// observe tells the brake how things stand: some ten times a second while there
// are writes, and when a checkpoint has ended. s.Now is the brake's to set.
func (b *brake) observe(events engine.EventSink, s pace.Signals) {
	s.Now = b.now()
	b.control.Observe(s)
	b.tell(events, s.Now)
}

// end lets all writers go on, for good: the tree is closing or has failed.
func (b *brake) end() { b.ended.Store(true) }

// tell sends an event for each second in which writes were slowed down, and for
// the rest of one.
func (b *brake) tell(events engine.EventSink, now time.Time) {
	b.telling.Lock()
	defer b.telling.Unlock()
	e := &b.slowing
	on := b.control.Throttled()
	switch {
	case e.began.IsZero() && on:
		*e = b.episode(now)
		return
	case e.began.IsZero() || on && now.Sub(e.began) < episodeLength:
		return
	}
	next := b.episode(now)
	if next.stalls > e.stalls {
		events.Event(next.stall(e))
	}
	if *e = next; !on {
		e.began = time.Time{}
	}
}

// episode is one that begins now.
func (b *brake) episode(now time.Time) episode {
	e := episode{began: now, stalls: b.stalls.Load()}
	for i := range b.delayed {
		e.delayed[i] = b.delayed[i].Load()
	}
	return e
}

// metrics says how long writes have waited.
func (b *brake) metrics(m *engine.Metrics) {
	dirty, log := b.delayed[pace.DirtyCache].Load(), b.delayed[pace.LogSpace].Load()
	m.Stall = engine.StallMetrics{
		Stalls: engine.Known(b.stalls.Load()), Time: engine.Known(dirty + log),
		DirtyCache: engine.Known(dirty), LogSpace: engine.Known(log),
		Longest: engine.Known(uint64(b.longest.Load())),
	}
}
