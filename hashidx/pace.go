package hashidx

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// GC takes pauses, so that others have the disk and the processors: it works
// for a part of the time that grows with the garbage above its goal.

// longestPause is how long who waits for GC may have to wait for it to notice.
const longestPause = 100 * time.Millisecond

// dutyAt is the part of the time that GC works: least at its goal, all of it
// where garbage is half as much again.
func dutyAt(share, goal, least float64) float64 {
	if goal <= 0 {
		return 1
	}
	return least + (1-least)*min(max((share-goal)/(goal/2), 0), 1)
}

// pause waits as long as is due for some work.
func (e *store) pause(ctx context.Context, worked time.Duration, goal float64) error {
	if e.keeper.hurried.Load() > 0 {
		return ctx.Err()
	}
	duty := dutyAt(garbageOf(e.candidatesNow()).share(), goal, float64(e.settings.GCDuty)/100)
	if duty >= 1 {
		return ctx.Err()
	}
	wait := time.Duration(float64(worked) * (1 - duty) / duty)
	return sleep(ctx, min(wait, longestPause))
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// A brake slows writers when garbage grows faster than GC collects it: by so
// much for each byte that, where nearly all is garbage, they write no more
// than GC gains.
type brake struct {
	perMiB atomic.Int64 // nanoseconds that a MiB of writes costs
	owed   atomic.Int64 // nanoseconds that no writer has waited yet
	rate   atomic.Int64 // bytes per second that GC gains

	stalls, stalled atomic.Uint64 // stalled: nanoseconds
}

const (
	// A share of garbage below brakeFrom, or below twice the goal, slows
	// nobody; at brakeFull writers are held to what GC gains.
	brakeFrom = 0.5
	brakeFull = 0.95

	firstRate = 64 << 20 // until it has been measured
	leastRate = 1 << 20

	// Writers wait for at least leastStall, since a timer is not exact, and
	// never for longer than mostStall at once.
	leastStall = time.Millisecond
	mostStall  = 50 * time.Millisecond
)

// set chooses how hard to brake.
func (b *brake) set(share, goal float64) {
	from := max(brakeFrom, 2*goal)
	if share <= from || from >= brakeFull {
		b.release()
		return
	}
	rate := float64(max(b.rate.Load(), leastRate))
	if b.rate.Load() == 0 {
		rate = firstRate
	}
	hardness := min((share-from)/(brakeFull-from), 1)
	b.perMiB.Store(int64(hardness * float64(time.Second) * (1 << 20) / rate))
}

func (b *brake) release() { b.perMiB.Store(0) }

// measured tells what GC gained in some time.
func (b *brake) measured(bytes int64, took time.Duration) {
	now := float64(bytes) / max(took.Seconds(), 1e-6)
	if was := b.rate.Load(); was > 0 {
		now = 0.7*float64(was) + 0.3*now
	}
	b.rate.Store(int64(min(now, math.MaxInt32*1024)))
}

// slow makes a writer of some bytes wait, if GC needs that. The caller holds
// nothing.
func (e *store) slow(bytes int) {
	b := &e.gc.brake
	price := b.perMiB.Load()
	if price == 0 {
		return
	}
	owed := b.owed.Add(int64(float64(price) * float64(bytes) / (1 << 20)))
	if owed < int64(leastStall) || !b.owed.CompareAndSwap(owed, 0) {
		return
	}
	start := time.Now()
	wait := min(time.Duration(owed), mostStall)
	b.owed.Add(min(owed-int64(wait), int64(mostStall)))
	_ = sleep(e.keeper.ctx, wait) // Close ends it
	b.stalls.Add(1)
	b.stalled.Add(uint64(time.Since(start)))
}
