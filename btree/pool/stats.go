package pool

import "sync/atomic"

// Counts is how many frames are in which state. While nothing is under way they
// are exact, and Frames is the sum of the others.
type Counts struct {
	Frames int // including those in reserve
	Free, Private, Clean, Dirty, Frozen,
	Limbo int // being unlinked, or retired and not yet free
}

// Counts reads one number after the other.
func (p *Pool) Counts() Counts {
	n := func(s State) int { return int(p.count[s].Load()) }
	return Counts{
		Frames: len(p.frames), Free: n(Free), Private: n(Private), Clean: n(Clean), Dirty: n(Dirty),
		Frozen: n(Frozen), Limbo: n(Leaving) + n(Limbo),
	}
}

// Stats is what the pool did since it was made.
type Stats struct {
	Evictions    int64 // frames that left
	Refusals     int64 // frames that unlink kept
	Looked       int64 // frames that Evict looked at for these
	Returns      int64 // pages that came back soon after they left; s3fifo's
	Held         int   // dirty frames that wait to be cleaned before they leave: now
	ReserveTakes int64 // calls of TakeReserve that took a frame
	Waits        int64 // calls of AwaitFree
	MapFailures  int64 // chunks of memory that were refused
	MappedBytes  int64 // of page memory: now
}

// tally is the part of Stats that needs no lock.
type tally struct {
	evictions, refusals, looked, reserveTakes, waits, mapFailures atomic.Int64
}

// Stats reads one number after the other.
func (p *Pool) Stats() Stats {
	s := Stats{
		Evictions: p.tally.evictions.Load(), Refusals: p.tally.refusals.Load(), Looked: p.tally.looked.Load(),
		ReserveTakes: p.tally.reserveTakes.Load(), Waits: p.tally.waits.Load(), MapFailures: p.tally.mapFailures.Load(),
	}
	p.ordering.Lock()
	s.Returns, s.Held = p.policy.returns(), p.order.queues[held].n
	p.ordering.Unlock()
	p.freeing.Lock()
	s.MappedBytes = int64(p.mapped) << p.pageBits
	p.freeing.Unlock()
	return s
}
