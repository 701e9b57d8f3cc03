package moment

import "sync/atomic"

// lineBytes keeps neighbours apart: two cache lines, since processors prefetch
// in pairs.
const lineBytes = 128

// A Clock numbers groups of writes and snapshots. The package's comment has
// the rules and the proof.
//
// Concurrency: methods that say so are for the holder of the tree's lock, the
// others for everybody. A Clock must not be copied.
type Clock struct {
	published atomic.Uint64 // the last group that has ended
	started   atomic.Uint64 // the last group that has begun
	newest    atomic.Uint64 // 1 + the highest number tried; 0: none
	_         [lineBytes - 24]byte

	slots [slots]slot
	over  overflow

	// seen is what the writer found when it last looked at the slots.
	seen struct {
		newest uint64         // before it looked
		top    uint64         // 1 + the highest live number; 0: none
		slot   *atomic.Uint64 // that held top; nil: none
	}
}

// New returns a clock without snapshots whose last group was published.
func New(published uint64) *Clock {
	c := &Clock{}
	c.published.Store(published)
	c.started.Store(published)
	return c
}

// Begin starts a group and returns its number. From now until End no snapshot
// is granted. The caller holds the tree's lock until End.
func (c *Clock) Begin() (w uint64) {
	w = c.published.Load() + 1
	c.started.Store(w)
	return w
}

// End publishes the group that Begin started: snapshots see it from now on.
// The caller has held the tree's lock since Begin.
func (c *Clock) End() { c.published.Store(c.started.Load()) }

// Published returns the number of the last group that has ended.
func (c *Clock) Published() uint64 { return c.published.Load() }

// Needed reports whether a live snapshot has a number n >= stamp, so that a
// page made at stamp must be left as it is. It may say yes because of a
// snapshot that leaves or gives up at this moment, and never says no wrongly
// until End. The caller is in a group. It costs one load if no snapshot was
// ever taken at stamp or above, or if none is live and none came lately.
func (c *Clock) Needed(stamp uint64) bool {
	newest := c.newest.Load()
	if stamp >= newest {
		return false
	}
	s := &c.seen
	if newest != s.newest || s.slot != nil && s.slot.Load() != s.top {
		c.look(newest)
	}
	return stamp < s.top
}

// look finds the highest live number. newest was read before.
func (c *Clock) look(newest uint64) {
	s := &c.seen
	s.newest, s.top, s.slot = newest, 0, nil
	c.each(func(slot *atomic.Uint64, held uint64) {
		if held > s.top {
			s.top, s.slot = held, slot
		}
	})
}
