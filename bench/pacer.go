package bench

import (
	"math"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// schedule hands out the intended starts of one phase to all its workers, in
// order: a worker that is free claims the next one and waits for it. So an
// operation that takes long holds up none but its own worker, as in a queue
// with many servers, and starts that find no worker free are claimed late.
//
// Starts are drawn ahead into a ring, by a goroutine of their own once the
// first of them are used up. A claim writes to nothing but next; a slot is
// written again only when next has passed it.
type schedule struct {
	ring   []atomic.Int64 // since the start of the phase; a power of two of them
	next   atomic.Uint64  // the first start that nobody has claimed
	filled atomic.Uint64  // the first start that is not drawn yet
	limit  uint64         // how many starts there are at most
	end    int64          // starts from here on do not count, since the start of the phase
	gap    float64        // mean ns between starts
	low    chan struct{}  // asks for more; has room for one

	mu   sync.Mutex // guards draw
	draw *starts
}

const (
	ringMost  = 1 << 20 // starts, 8 MiB: more than a second at a million a second
	ringChunk = 1 << 12 // starts drawn at a time
)

// newSchedule draws the first starts of a phase. It ends with limits.
func newSchedule(limits Limits, seed uint64) *schedule {
	s := &schedule{
		limit: math.MaxUint64, end: math.MaxInt64, gap: 1e9 / limits.Rate, low: make(chan struct{}, 1),
		draw: newStarts(limits.Rate, limits.Arrival, seed),
	}
	expect := math.Inf(1)
	if limits.Operations > 0 {
		s.limit = limits.Operations
		expect = float64(limits.Operations)
	}
	if limits.Duration > 0 {
		s.end = int64(limits.Duration)
		expect = min(expect, 1.1*limits.Duration.Seconds()*limits.Rate+ringChunk)
	}
	size := ringChunk
	for size < ringMost && float64(size) < expect {
		size *= 2
	}
	s.start(size)
	return s
}

// start makes the ring, of a power of two, and fills it.
func (s *schedule) start(size int) {
	s.ring = make([]atomic.Int64, size)
	s.fill(size)
}

// fill draws n more starts at most, as many as the ring has room for.
func (s *schedule) fill(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	filled := s.filled.Load()
	room := int(s.next.Load() + uint64(len(s.ring)) - filled)
	for range min(n, room) {
		s.ring[filled&uint64(len(s.ring)-1)].Store(s.draw.next())
		filled++
	}
	s.filled.Store(filled)
}

// feed draws starts ahead until finished is closed.
func (s *schedule) feed(finished <-chan struct{}) {
	for {
		select {
		case <-finished:
			return
		case <-s.low:
		}
		for s.filled.Load()+ringChunk <= s.next.Load()+uint64(len(s.ring)) {
			s.fill(ringChunk)
			runtime.Gosched()
		}
	}
}

// claim takes the next start; ok is false when there are no more.
func (s *schedule) claim() (at int64, ok bool) {
	for {
		i := s.next.Load()
		if i >= s.limit {
			return 0, false
		}
		if i >= s.filled.Load() {
			s.fill(ringChunk) // the feeder has not kept up
			continue
		}
		if at = s.at(i); at >= s.end {
			return 0, false
		}
		// The slot could be written again only once next had moved on.
		if s.next.CompareAndSwap(i, i+1) {
			if (i+1)%ringChunk == 0 {
				select {
				case s.low <- struct{}{}:
				default:
				}
			}
			return at, true
		}
	}
}

func (s *schedule) at(i uint64) int64 { return s.ring[i&uint64(len(s.ring)-1)].Load() }

// backlog returns how many starts are due at now, since the start of the
// phase, and not claimed. Of more than the ring holds it is an estimate by the
// mean rate.
func (s *schedule) backlog(now int64) uint64 {
	next, filled := s.next.Load(), s.filled.Load()
	now = min(now, s.end-1)
	if next >= filled || s.at(next) > now {
		return 0
	}
	// Doubling steps first: a backlog is mostly short.
	step := uint64(1)
	for next+step < filled && s.at(next+step) <= now {
		step *= 2
	}
	low, high := step/2, min(step, filled-next)
	due := low + uint64(sort.Search(int(high-low), func(i int) bool { return s.at(next+low+uint64(i)) > now }))
	if next+due == filled {
		due += uint64(max(float64(now-s.at(filled-1))/s.gap, 0))
	}
	return min(due, s.limit-next)
}

// intended counts the starts before cut, claimed or not, for a phase that has
// ended; unclaimed starts are used up. Claims at or after cut are the caller's
// to subtract.
func (s *schedule) intended(cut int64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	cut = min(cut, s.end)
	n := s.next.Load()
	for ; n < min(s.filled.Load(), s.limit); n++ {
		if s.at(n) >= cut {
			return n
		}
	}
	for n < s.limit && s.draw.next() < cut {
		n++
	}
	return n
}

// pacer waits for moments. Sleeping is coarse: on Linux, a sleep of less than
// a millisecond takes a millisecond and some more, when nothing else runs. So
// it sleeps while the moment is far and gives way to other goroutines, again
// and again, when it is near.
type pacer struct {
	sleep func(time.Duration)
	yield func()
}

const (
	spinNs  = int64(1200 * time.Microsecond) // from here on it yields
	sleepNs = int64(20 * time.Millisecond)   // the longest sleep, to see the stop flag
)

func newPacer() pacer { return pacer{sleep: time.Sleep, yield: runtime.Gosched} }

// pause waits for a part of the time left, in nanoseconds, as long as it can
// without being late.
func (p pacer) pause(left int64) {
	if left > spinNs {
		p.sleep(time.Duration(min(left-spinNs, sleepNs)))
		return
	}
	p.yield()
}
