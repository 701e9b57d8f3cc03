package lsm

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/pace"
	"github.com/kvbench/kvbench/lsm/version"
)

// A brake slows writes down to what flushes and compactions keep up with, and
// counts how long writes have waited for them, and why.
type brake struct {
	control *pace.Controller
	limits  pace.Options
	now     func() time.Time
	sleep   func(ctx context.Context, d time.Duration)

	// What was done, in bytes: of memtables that went to tables, of level 0
	// that went down, of inputs of compactions. They move while jobs run.
	flushed, drained, compacted atomic.Uint64

	// The flush that runs: bytes of its memtables, and of those what tables
	// have by now. 0: there is none.
	group, given atomic.Int64

	// pressed: there is so much to flush, or to take from level 0, that other
	// work should make way.
	pressed atomic.Bool

	// tight: there is too much to flush, and not in level 0.
	tight atomic.Bool

	delays, stalls atomic.Uint64          // writes that waited
	delayed        [reasons]atomic.Uint64 // nanoseconds, by pace.Reason
	stalled        atomic.Uint64          // nanoseconds, for memory
	longest        atomic.Int64           // single wait

	debt  atomic.Int64 // bytes, of the version that was seen last
	known atomic.Bool  // one was

	wake chan struct{} // a memtable is full

	// looking guards what follows: who observes.
	looking sync.Mutex
	seen    *version.Version // that debt is of
	bytes   int64            // its tables
	slowing episode

	// waiting guards the stall that is on.
	waiting sync.Mutex
	waiters int
	since   time.Time
}

// reasons is how many pace has.
const reasons = int(pace.Debt) + 1

// An episode is a time in which writes were slowed down.
type episode struct {
	began   time.Time // zero: there is none
	delays  uint64    // before it
	delayed [reasons]uint64
}

const (
	// look is how often the brake looks while there are writes, and
	// lookSeldom while there are none.
	look       = 20 * time.Millisecond
	lookSeldom = 100 * time.Millisecond

	// episodeLength is after how long an event tells of writes that are slowed
	// down.
	episodeLength = time.Second

	// Sublevels that slow writes down, in trigger values: with 4 of them to
	// start a compaction there may be 16, and at 64 there is hardly any
	// writing.
	l0Soft = 4
	l0Hard = 16

	// Debt that slows writes down, in sizes of the base level. What it takes
	// to write the whole tree anew does not count.
	debtSoft = 32
	debtHard = 256

	// flushTail: so much of a flush is syncs, of which nothing is heard before
	// it ends: one part of so many.
	flushTail = 8

	// leastRate is what is accepted at least, in bytes per second.
	leastRate = 4 << 20
)

func (b *brake) init(s *settings) {
	// Where a memtable is full that many there are, at least 2, writes wait.
	hard := max(2, s.MemoryBytes/s.MemtableBytes) * s.MemtableBytes
	b.limits = pace.Options{
		MemtableSoft: hard / 2, MemtableHard: hard,
		L0Soft: l0Soft * s.L0Runs, L0Hard: l0Hard * s.L0Runs,
		DebtSoft: debtSoft * s.BaseBytes, DebtHard: debtHard * s.BaseBytes,
		MinRate: leastRate,
	}
	b.now, b.sleep = time.Now, sleep
	b.control = pace.New(b.limits, b.now())
	b.wake = make(chan struct{}, 1)
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// slow delays a write of so many bytes if there is too much to do. The caller
// holds nothing.
func (b *brake) slow(t *tree, bytes int) {
	if b.control.Throttled() {
		b.delay(t.work.ctx, int64(bytes))
	}
}

func (b *brake) delay(ctx context.Context, bytes int64) {
	began := b.now()
	d, why := b.control.Admit(bytes, began)
	if d == 0 {
		return
	}
	b.sleep(ctx, d)
	took := b.now().Sub(began)
	b.delays.Add(1)
	b.delayed[why].Add(uint64(took))
	b.noteLongest(took)
}

func (b *brake) noteLongest(d time.Duration) {
	for {
		old := b.longest.Load()
		if old >= int64(d) || b.longest.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// stall begins a wait for memory, and returns what ends it.
func (b *brake) stall(t *tree) (end func()) {
	began := b.now()
	b.waiting.Lock()
	if b.waiters == 0 {
		b.since = began
	}
	b.waiters++
	b.waiting.Unlock()
	return func() {
		took := b.now().Sub(began)
		b.stalls.Add(1)
		b.stalled.Add(uint64(took))
		b.noteLongest(took)
		b.waiting.Lock()
		b.waiters--
		last, since := b.waiters == 0, b.since
		b.waiting.Unlock()
		if last { // one event for all who waited
			t.env.Events.Event(engine.Event{
				Kind: "stall", Start: since, Duration: b.now().Sub(since),
				Detail: "writes waited for memory, reason memtable",
			})
		}
	}
}

// poke has the brake look at once.
func (b *brake) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// pacer is the goroutine that looks how things stand while there are writes.
func (t *tree) pacer() {
	b := &t.brake
	tick := time.NewTicker(look)
	defer tick.Stop()
	last, idle := uint64(0), false
	for {
		select {
		case <-t.work.ctx.Done():
			return
		case <-b.wake:
		case <-tick.C:
		}
		now := t.commits.published.Load()
		still := last == now && !b.control.Throttled()
		last = now
		if !still {
			t.observe()
		}
		if still == idle {
			continue
		}
		if idle = still; idle {
			tick.Reset(lookSeldom)
		} else {
			tick.Reset(look)
		}
	}
}

// observe tells the brake how much there is to do.
func (t *tree) observe() {
	b := &t.brake
	if t.readOnly {
		return
	}
	b.looking.Lock()
	defer b.looking.Unlock()
	if s, ok := t.signals(); ok && t.settings.Throttle == throttleSmooth {
		b.control.Observe(s)
		b.tell(t, s.Now)
	}
}

// signals measures how things stand. It is false for a tree that is closed.
func (t *tree) signals() (s pace.Signals, ok bool) {
	b := &t.brake
	v := t.acquire()
	if v == nil {
		return s, false
	}
	defer v.release()
	if x := v.levels.version; b.seen != x {
		b.seen, b.bytes = x, x.Totals().Bytes
		b.debt.Store(t.work.picker.Debt(x))
		b.known.Store(true)
	}
	used := min(v.fresh.table.Bytes(), v.fresh.bytes)
	for _, m := range v.frozen {
		used += m.bytes
	}
	s = pace.Signals{
		Now: b.now(), MemtableBytes: b.memory(used),
		DebtBytes: max(0, b.debt.Load()-b.bytes),
		Accepted:  t.counts.accepted(),
		Flushed:   b.flushed.Load(), Drained: b.drained.Load(), Compacted: b.compacted.Load(),
	}
	if !t.settings.flat() {
		s.L0Sublevels = len(v.levels.version.Levels[0].Runs)
	}
	memory, level0 := s.MemtableBytes > b.limits.MemtableSoft, s.L0Sublevels > b.limits.L0Soft
	b.pressed.Store(memory || level0)
	b.tight.Store(memory && !level0)
	return s, true
}

// flat reports whether nothing is ever merged: then runs of level 0 are no
// work that is left to do.
func (s *settings) flat() bool { return s.Layout == "fifo" }

// memory is how full memory is to be taken for, if so much of it is in use. A
// flush frees all of its memtables when it ends. Hence it counts what has not
// been written yet; and what room there is should last for that. With room for
// as many bytes as are still to be written, writes may be as fast as the flush:
// to the controller that is half-way between its limits.
func (b *brake) memory(used int64) int64 {
	soft, hard := b.limits.MemtableSoft, b.limits.MemtableHard
	group := b.group.Load()
	left := max(group-b.given.Load(), group/flushTail)
	net := max(0, used-group+left)
	if used <= soft || left == 0 {
		return net
	}
	room := max(0, hard-used)
	u := float64(left) / float64(left+room)
	return max(net, soft+int64(u*float64(hard-soft)))
}

// tell sends an event for each second in which writes were slowed down, and for
// the rest of one. looking is held.
func (b *brake) tell(t *tree, now time.Time) {
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
	if n := next.delays - e.delays; n > 0 {
		t.env.Events.Event(engine.Event{
			Kind: "stall", Start: e.began, Duration: now.Sub(e.began),
			Detail: fmt.Sprintf("%d writes were slowed down%s", n, next.since(e)),
		})
	}
	if *e = next; !on {
		e.began = time.Time{}
	}
}

// episode is one that begins now.
func (b *brake) episode(now time.Time) episode {
	e := episode{began: now, delays: b.delays.Load()}
	for i := range b.delayed {
		e.delayed[i] = b.delayed[i].Load()
	}
	return e
}

// since says for how long writes were delayed since old, and for what reasons.
func (e *episode) since(old *episode) (text string) {
	for i := range e.delayed {
		if d := time.Duration(e.delayed[i] - old.delayed[i]); d > 0 {
			text += fmt.Sprintf(", by %v, reason %v", d, pace.Reason(i))
		}
	}
	return text
}

// A progress tells the brake how far a job is.
type progress struct {
	entries uint64 // of all that the job reads
	parts   []part
	given   *atomic.Int64 // as parts[0].given; nil: nobody asks
}

// A part of a progress is a counter, and what the job adds to it in all.
type part struct {
	counter      *atomic.Uint64
	total, given uint64
}

// at says that so many entries have been read.
func (p *progress) at(read uint64) {
	if p.entries > 0 {
		p.to(min(1, float64(read)/float64(p.entries)))
	}
}

// to says which part of the job is done.
func (p *progress) to(share float64) {
	for i := range p.parts {
		x := &p.parts[i]
		if now := uint64(share * float64(x.total)); now > x.given {
			x.counter.Add(now - x.given)
			x.given = now
		}
	}
	if p.given != nil {
		p.given.Store(int64(p.parts[0].given))
	}
}

// flushes makes the progress of a flush of memtables.
func (b *brake) flushes(group []*memory) (p progress) {
	var bytes int64
	for _, m := range group {
		bytes += m.bytes
		p.entries += uint64(m.table.Entries())
	}
	p.parts = []part{{counter: &b.flushed, total: uint64(bytes)}}
	p.given = &b.given
	b.given.Store(0)
	b.group.Store(bytes)
	return p
}

// flushEnds says that no flush runs.
func (b *brake) flushEnds() {
	b.group.Store(0)
	b.given.Store(0)
}

// compacts makes the progress of a compaction.
func (b *brake) compacts(inputs []*version.Table, fromLevel0, all int64) (p progress) {
	for _, x := range inputs {
		p.entries += x.Entries
	}
	p.parts = []part{{counter: &b.drained, total: uint64(fromLevel0)}, {counter: &b.compacted, total: uint64(all)}}
	return p
}
