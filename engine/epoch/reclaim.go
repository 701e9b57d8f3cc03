package epoch

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"
)

const (
	// dueCount and dueBytes of new garbage make Retire try to reclaim.
	dueCount = 64
	dueBytes = 1 << 20

	// dueFrees bounds the free functions that one Retire runs. It exceeds
	// dueCount, so that a backlog shrinks.
	dueFrees = 4 * dueCount

	// batchFrees is how many free functions run per turn of the lock.
	batchFrees = 32

	// drainYields and drainPause shape Drain's waiting: first it yields, then
	// it sleeps for twice as long each time, up to drainPause.
	drainYields = 16
	drainPause  = time.Millisecond
)

// Retire hands over an object of the given size that no new reader can reach:
// the caller has unlinked it before. free runs once, after everyone who was
// pinned at the call has unpinned.
//
// Free functions run outside of the domain's locks, on the goroutine of
// whoever calls Retire, Reclaim, Drain or Close, one at a time and in the
// order of their Retire; never in Unpin. Retire runs a bounded number, now and
// then. They may call Pin and Retire. They must not call Drain or Close, nor
// take a lock that a caller of Retire holds.
func (d *Domain) Retire(bytes int, free func()) {
	d.mu.Lock()
	// Read under the lock, so that epochs in the queue never fall.
	d.queue.push(retired{d.epoch.Load(), int64(bytes), free})
	d.retired++
	d.retiredBytes += uint64(bytes)
	d.sinceCount++
	d.sinceBytes += int64(bytes)
	due := d.sinceCount >= dueCount || d.sinceBytes >= dueBytes
	if due {
		d.sinceCount, d.sinceBytes = 0, 0
	}
	d.mu.Unlock()
	if due {
		d.reclaim(dueFrees)
	}
}

// Reclaim frees all that is ripe and returns how many objects that were. It
// waits neither for readers nor for another goroutine that is reclaiming; then
// it returns 0.
func (d *Domain) Reclaim() int { return d.reclaim(math.MaxInt) }

func (d *Domain) reclaim(limit int) int {
	if !d.reclaiming.CompareAndSwap(false, true) {
		return 0
	}
	defer d.reclaiming.Store(false)
	n := d.freeRipe(limit)
	for range ripeAfter {
		if n >= limit || !d.waiting() || !d.advance() {
			break
		}
		n += d.freeRipe(limit - n)
	}
	return n
}

// waiting reports whether something is queued.
func (d *Domain) waiting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queue.n > 0
}

// freeRipe frees up to limit objects that are ripe now. The caller holds
// reclaiming.
func (d *Domain) freeRipe(limit int) int {
	var batch [batchFrees]retired
	epoch := d.epoch.Load()
	total := 0
	for total < limit {
		d.mu.Lock()
		n := d.queue.take(epoch, batch[:min(batchFrees, limit-total)])
		d.mu.Unlock()
		if n == 0 {
			break
		}
		var bytes int64
		for i := range batch[:n] {
			batch[i].free()
			bytes += batch[i].bytes
			batch[i] = retired{}
		}
		d.mu.Lock()
		d.freed += uint64(n)
		d.freedBytes += uint64(bytes)
		d.mu.Unlock()
		total += n
	}
	return total
}

// Drain waits until all that was retired before the call is freed, or until
// ctx ends: then its error says what is left. A caller that is itself pinned
// waits forever.
func (d *Domain) Drain(ctx context.Context) error {
	d.mu.Lock()
	target := d.retired
	d.mu.Unlock()
	return d.drain(ctx, func() uint64 { return target })
}

// Close waits until all that was ever retired is freed, including what free
// functions retire meanwhile. Nobody may use the domain afterwards, apart from
// Stats and a second Close. Guards that are never unpinned make Close wait
// forever.
func (d *Domain) Close() {
	// Without an end of the context there is no error.
	_ = d.drain(context.Background(), func() uint64 { return d.retired })
}

// drain waits until as many objects are freed as target, which is called under
// the lock, says. Objects are freed in the order of their Retire.
func (d *Domain) drain(ctx context.Context, target func() uint64) error {
	pause := time.Microsecond
	for try := 0; ; try++ {
		d.Reclaim()
		d.mu.Lock()
		done := d.freed >= target()
		d.mu.Unlock()
		if done {
			return nil
		}
		if try < drainYields && ctx.Err() == nil {
			runtime.Gosched()
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			s := d.Stats()
			return fmt.Errorf("epoch: drain: %d retired objects (%d bytes) wait for %d pins: %w",
				s.Retired, s.RetiredBytes, s.Pinned, ctx.Err())
		case <-timer.C:
		}
		pause = min(2*pause, drainPause)
	}
}
