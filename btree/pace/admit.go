package pace

import "time"

// Throttled reports whether writes are delayed or stopped now: two loads. A
// caller may ask before it reads the clock for Admit.
func (c *Controller) Throttled() bool { return c.toll.Load() != 0 || c.stopped.Load() }

// Stopped reports whether writes should not go on at all, because of LogSpace.
func (c *Controller) Stopped() bool { return c.stopped.Load() }

// Admit takes the turn of a write of so many bytes, and returns how long it
// must sleep before it goes on, and what for: 0 and None, or at least
// Limits.Quantum and at most Limits.MaxDelay.
//
// Writes of any number of goroutines share the rate by their bytes. The time
// slept, and none else, should be counted for the reason.
func (c *Controller) Admit(bytes int64, now time.Time) (delay time.Duration, why Reason) {
	toll := c.toll.Load()
	if toll == 0 {
		return 0, None
	}
	most := c.limits.MaxDelay.Nanoseconds()
	cost := most
	if perByte := int64(toll >> tollShift); perByte == 0 || bytes < most*1000/perByte {
		cost = (bytes*perByte + 999) / 1000 // which fits
	}
	at := now.Sub(c.start).Nanoseconds()
	// Turns that are long past are worth no more than what a sleep takes too
	// long.
	past := at - 4*c.limits.Quantum.Nanoseconds()
	for {
		old := c.turn.Load()
		turn := min(max(old, past)+cost, at+most)
		if !c.turn.CompareAndSwap(old, turn) {
			continue
		}
		if delay = time.Duration(turn - at); delay < c.limits.Quantum {
			return 0, None
		}
		return delay, Reason(toll & tollMask)
	}
}
