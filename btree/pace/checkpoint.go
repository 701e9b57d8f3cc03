package pace

import (
	"math"
	"time"
)

// Options say when checkpoints begin and end. They are data, and may be used
// from many goroutines.
type Options struct {
	// LogBytes is the log since the last durable checkpoint at which the next
	// one should have ended. 0: there is no log, or it has no limit.
	LogBytes int64
	// Interval is the longest time from one checkpoint to the next, if
	// anything has changed. 0: any.
	Interval time.Duration
	// Pace is the part of LogBytes and of Interval over which a checkpoint
	// spreads its writes, 0 to 1. 0: it writes as fast as it can.
	Pace float64
	// DirtyShare is the part of the pool, 0 to 1, that changed pages may take
	// before a checkpoint begins for them, and is not paced.
	DirtyShare float64
	// CleanShare is the part of the pool that is to be free or clean.
	CleanShare float64
}

// A Cause is why a checkpoint begins.
type Cause uint8

// The causes, the most pressing last.
const (
	NotDue Cause = iota
	Interval
	Log
	Dirty
	Asked
)

// String returns the cause as events tell it.
func (c Cause) String() string {
	switch c {
	case Interval:
		return "interval"
	case Log:
		return "log"
	case Dirty:
		return "dirty pages"
	case Asked:
		return "asked for"
	}
	return "none"
}

// A State is how things stand while no checkpoint is being written.
type State struct {
	Logged  int64         // bytes of log that recovery would replay
	Elapsed time.Duration // since the last checkpoint froze its state
	Frames  int           // of the pool
	Dirty   int           // of those, changed pages
	Changed bool          // a checkpoint would change anything
	Asked   bool          // somebody waits for one
}

// Due says why a checkpoint should begin now, or NotDue. Who asks gets one even
// if nothing has changed; nobody else does.
func (o *Options) Due(s State) Cause {
	switch {
	case s.Asked:
		return Asked
	case !s.Changed:
		return NotDue
	case o.tooDirty(s.Dirty, s.Frames):
		return Dirty
	case o.LogBytes > 0 && s.Logged >= o.LogBytes-o.spread():
		return Log
	case o.Interval > 0 && s.Elapsed >= o.Interval:
		return Interval
	}
	return NotDue
}

func (o *Options) tooDirty(dirty, frames int) bool {
	return frames > 0 && float64(dirty) >= o.DirtyShare*float64(frames)
}

// spread is how much of the log a checkpoint takes, if it need not hurry.
func (o *Options) spread() int64 { return int64(o.Pace * float64(o.LogBytes)) }

// longest is how long a checkpoint takes while nothing is logged. It never
// takes longer.
func (o *Options) longest() time.Duration {
	most := o.Interval
	if most == 0 {
		most = defaultInterval
	}
	return time.Duration(o.Pace * float64(most))
}

// defaultInterval paces checkpoints that come by their log alone.
const defaultInterval = 15 * time.Second

// A Progress is how far a checkpoint is.
type Progress struct {
	Written, Total int64         // bytes of pages
	Before         int64         // bytes logged since the last durable one, at the freeze
	Logged         int64         // bytes logged since the freeze
	Elapsed        time.Duration // since the freeze
	Frames, Dirty  int           // of the pool
	Urgent         bool          // somebody waits for its end
}

// Allowed is how many bytes more may be written now: 0 to Total-Written.
func (o *Options) Allowed(p Progress) int64 {
	left := max(0, p.Total-p.Written)
	share := o.share(p)
	if share >= 1 {
		return left
	}
	return min(left, max(0, int64(math.Ceil(share*float64(p.Total)))-p.Written))
}

// share is the part of a checkpoint that should be written by now.
func (o *Options) share(p Progress) float64 {
	longest := o.longest()
	if p.Urgent || longest <= 0 || p.Elapsed >= longest || o.tooDirty(p.Dirty, p.Frames) {
		return 1
	}
	byTime := float64(p.Elapsed) / float64(longest)
	if o.LogBytes <= 0 {
		return byTime
	}
	// A part of the spread may have gone before the checkpoint began.
	span := min(o.spread(), o.LogBytes-p.Before)
	if span <= 0 || p.Logged >= span {
		return 1
	}
	return max(byTime, float64(p.Logged)/float64(span))
}

// Wait is how long until so many bytes may be written, if nothing is logged
// meanwhile: the longest that who writes them should sleep before it asks
// again. 0: they may be written now, or are more than is left and all of that
// may.
func (o *Options) Wait(p Progress, bytes int64) time.Duration {
	bytes = min(bytes, p.Total-p.Written)
	if bytes <= 0 || o.Allowed(p) >= bytes {
		return 0
	}
	share := float64(p.Written+bytes) / float64(p.Total)
	until := time.Duration(math.Ceil(share * float64(o.longest())))
	return max(until-p.Elapsed, time.Millisecond)
}

// A Pool is how many frames there are of each kind.
type Pool struct {
	Frames int
	Usable int // free or clean, and those on their way there
	Dirty  int
	Held   int // of the dirty ones, those that would have left if they were clean
}

// heldPart: one part in so many of the pool may be held before that is cleaned,
// so that pages that lie together are written together.
const heldPart = 64

// Clean says how many dirty pages should be written now, so that who needs a
// frame finds one: 0 while CleanShare of the pool is usable, and then enough to
// make it half as much again. Pages that nobody needs but are dirty must not
// crowd out those that are read: they are cleaned, too.
func (o *Options) Clean(p Pool) int {
	n := 0
	if p.Held > p.Frames/heldPart {
		n = p.Held
	}
	if least := int(math.Ceil(o.CleanShare * float64(p.Frames))); p.Usable < least {
		n = max(n, least+least/2-p.Usable)
	}
	return min(p.Dirty, n)
}
