package pace

import "time"

// Throttled reports whether writes are delayed now: one atomic load. A caller
// may ask before it reads the clock for Admit.
func (c *Controller) Throttled() bool { return c.toll.Load() != 0 }

// Admit takes the turn of a write of so many bytes, and returns how long it
// must sleep before it goes on: 0, or at least Options.Quantum and at most
// Options.MaxDelay. While nothing is throttled it is one atomic load.
//
// Writes of any number of goroutines share the rate by their bytes. The time
// slept, and none else, should be counted for the reason.
func (c *Controller) Admit(bytes int64, now time.Time) (delay time.Duration, why Reason) {
	toll := c.toll.Load()
	if toll == 0 {
		return 0, None
	}
	most := c.o.MaxDelay.Nanoseconds()
	cost := most
	// Compared before it is multiplied, which might not fit.
	if perByte := int64(toll >> 2); bytes < most*1000/max(perByte, 1) {
		cost = (bytes*perByte + 999) / 1000
	}
	at := now.Sub(c.start).Nanoseconds()
	// A turn that was due long ago is worth no more than the sleep that came
	// out too long.
	credit := 4 * c.o.Quantum.Nanoseconds()
	for {
		old := c.turn.Load()
		turn := min(max(old, at-credit)+cost, at+most)
		if !c.turn.CompareAndSwap(old, turn) {
			continue
		}
		if delay = time.Duration(turn - at); delay < c.o.Quantum {
			return 0, None
		}
		return delay, Reason(toll & 3)
	}
}
