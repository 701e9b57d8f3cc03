package wal

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// A Group is group commit: many goroutines wait for positions, and one at a
// time does for all of them what must be done.
//
// The first who waits leads: it does the work inline. Who comes meanwhile
// queues. When the work is done the leader wakes the first whom it did not
// serve, which leads next, and then all whom it did serve. No lock is held
// while the work is done: waiters of a mutex that is held across an fdatasync
// are woken one by one, which costs most of the gain of grouping.
//
// Where more than crowd waiters are left over, a goroutine of the group's owner
// (see flush) leads instead of a waiter.
type Group struct {
	// work makes progress for everything that was appended before the call
	// and returns the position below which it is now done. It is called by
	// one goroutine at a time. Its first error is final.
	work func() (LSN, error)

	// horizon is the position below which the work is done. It only grows.
	horizon atomic.Uint64

	// looks is how often a waiter looks whether the leader is done before it
	// queues. Being woken takes microseconds: where the work takes no longer,
	// looking is quicker.
	looks int
	busy  atomic.Bool // led, for who looks

	crowd int           // more waiters than this are flush's
	call  chan struct{} // wakes flush; capacity 1

	mu    sync.Mutex
	led   bool // somebody leads, or has been told to
	queue waiters
	err   error // of the first work that failed
	works uint64
	waits uint64 // that had to queue or lead
}

// Values of crowd.
const (
	neverFlusher  = math.MaxInt
	alwaysFlusher = -1
)

func newGroup(crowd int, work func() (LSN, error)) *Group {
	return &Group{work: work, crowd: crowd, call: make(chan struct{}, 1)}
}

// Horizon returns the position below which the work is done.
func (g *Group) Horizon() LSN { return LSN(g.horizon.Load()) }

// Reached reports whether the work is done for what was appended at pos.
func (g *Group) Reached(pos LSN) bool { return LSN(g.horizon.Load()) > pos }

// Wait returns when the work is done for what was appended at pos, doing it if
// nobody else does. Who leads finishes the work also when ctx has ended.
func (g *Group) Wait(ctx context.Context, pos LSN) error {
	for i := 0; i < g.looks && g.busy.Load() && !g.Reached(pos); i++ {
	}
	if g.Reached(pos) {
		return nil
	}
	g.mu.Lock()
	if g.Reached(pos) || g.err != nil {
		err := g.err
		g.mu.Unlock()
		if g.Reached(pos) {
			return nil
		}
		return err
	}
	g.waits++
	if !g.led && g.crowd != alwaysFlusher {
		g.led = true
		g.busy.Store(true)
		g.mu.Unlock()
		return g.leadFor(pos)
	}
	w := newWaiter(pos)
	g.queue.push(w)
	if !g.led {
		g.led = true
		g.busy.Store(true)
		g.call <- struct{}{}
	}
	g.mu.Unlock()
	return g.await(ctx, w)
}

// await waits for w's turn and returns it to the pool.
func (g *Group) await(ctx context.Context, w *waiter) error {
	var lead bool
	select {
	case lead = <-w.turn:
	case <-ctx.Done():
		g.mu.Lock()
		left := g.queue.remove(w)
		g.mu.Unlock()
		if left {
			releaseWaiter(w)
			return ctx.Err()
		}
		lead = <-w.turn // it was served, or told to lead, just now
	}
	pos, err := w.pos, w.err
	releaseWaiter(w)
	if lead {
		return g.leadFor(pos)
	}
	return err
}

func (g *Group) leadFor(pos LSN) error {
	err := g.lead()
	if err == nil && !g.Reached(pos) {
		return fmt.Errorf("wait for position %v: nothing was appended there yet", pos)
	}
	return err
}

// lead does the work once and hands on. The caller has been told to lead.
func (g *Group) lead() error {
	reached, err := g.work()
	g.mu.Lock()
	g.works++
	if err == nil {
		g.horizon.Store(max(g.horizon.Load(), uint64(reached)))
	} else if g.err == nil {
		g.err = err
	}
	served := g.queue.take(LSN(g.horizon.Load()), g.err)
	next := g.next()
	g.mu.Unlock()
	if next != nil {
		next.turn <- true // first: it has the most to do
	}
	wake(served)
	return err
}

// wake tells waiters, linked, that they were served.
func wake(served *waiter) {
	for served != nil {
		w := served
		served = w.next // before the send: w is the receiver's after it
		w.turn <- false
	}
}

// next decides who leads: a waiter, which it returns, or flush, or nobody.
// mu is held.
func (g *Group) next() *waiter {
	switch {
	case g.queue.n == 0:
		g.led = false
		g.busy.Store(false)
		return nil
	case g.queue.n > g.crowd:
		g.call <- struct{}{}
		return nil
	}
	return g.queue.pop()
}

// flush leads whenever it is called to, until stop is closed. Who waits then
// is served by end.
func (g *Group) flush(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-g.call:
			g.lead() // the waiters are told of an error
		}
	}
}

// end makes err the answer to every wait that nobody has served, now or later:
// flush may have been told to lead and have ended instead.
func (g *Group) end(err error) {
	g.mu.Lock()
	if g.err == nil {
		g.err = err
	}
	left := g.queue.take(g.Horizon(), g.err)
	g.mu.Unlock()
	wake(left)
}

// counts returns how many waited, and how often the work was done.
func (g *Group) counts() (waits, works uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waits, g.works
}

// A waiter is in the queue of a group, or in the pool.
type waiter struct {
	pos  LSN
	err  error
	next *waiter
	turn chan bool // true: lead; false: served, see err
}

var waiterPool = sync.Pool{New: func() any { return &waiter{turn: make(chan bool, 1)} }}

func newWaiter(pos LSN) *waiter {
	w := waiterPool.Get().(*waiter)
	w.pos = pos
	return w
}

func releaseWaiter(w *waiter) {
	w.err, w.next = nil, nil
	waiterPool.Put(w)
}

// waiters is a queue in order of arrival.
type waiters struct {
	head, tail *waiter
	n          int
}

func (q *waiters) push(w *waiter) {
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
	q.n++
}

func (q *waiters) pop() *waiter {
	w := q.head
	q.head, w.next = w.next, nil
	if q.head == nil {
		q.tail = nil
	}
	q.n--
	return w
}

// take removes those below horizon, or all when there is an error to tell, and
// returns them linked in order.
func (q *waiters) take(horizon LSN, err error) *waiter {
	var served, left waiters
	for q.head != nil {
		w := q.pop()
		switch {
		case w.pos < horizon:
			served.push(w)
		case err != nil:
			w.err = err
			served.push(w)
		default:
			left.push(w)
		}
	}
	*q = left
	return served.head
}

func (q *waiters) remove(w *waiter) bool {
	var left waiters
	found := false
	for q.head != nil {
		x := q.pop()
		if x == w {
			found = true
		} else {
			left.push(x)
		}
	}
	*q = left
	return found
}
