package wal

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

var errWork = errors.New("work failed")

// puppet is a group whose work ends when the test says so.
type puppet struct {
	*Group
	t      *testing.T
	begun  chan struct{}
	finish chan outcome
}

type outcome struct {
	reached LSN
	err     error
}

func newPuppet(t *testing.T, crowd int) *puppet {
	p := &puppet{t: t, begun: make(chan struct{}), finish: make(chan outcome)}
	p.Group = newGroup(crowd, func() (LSN, error) {
		p.begun <- struct{}{}
		o := <-p.finish
		return o.reached, o.err
	})
	return p
}

// A visitor waits in a goroutine of its own.
type visitor struct {
	cancel context.CancelFunc
	result chan error
}

// leader starts a visitor who leads, and returns when it works.
func (p *puppet) leader(pos LSN) *visitor {
	v := p.start(pos)
	<-p.begun
	return v
}

func (p *puppet) start(pos LSN) *visitor {
	ctx, cancel := context.WithCancel(context.Background())
	v := &visitor{cancel: cancel, result: make(chan error, 1)}
	go func() { v.result <- p.Wait(ctx, pos) }()
	return v
}

// visitors starts one for each position, each in the queue before the next.
func (p *puppet) visitors(positions ...LSN) []*visitor {
	var all []*visitor
	for _, pos := range positions {
		n := p.queued()
		all = append(all, p.start(pos))
		for p.queued() != n+1 {
			runtime.Gosched()
		}
	}
	return all
}

func (p *puppet) queued() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Group.queue.n
}

// got checks what the visitors were told, each once.
func (p *puppet) got(want error, all ...*visitor) {
	p.t.Helper()
	for i, v := range all {
		if err := <-v.result; !errors.Is(err, want) {
			p.t.Fatalf("visitor %d: %v, want %v", i, err, want)
		}
		v.cancel()
	}
}

func (p *puppet) still(v *visitor) {
	p.t.Helper()
	for range 100 {
		runtime.Gosched()
	}
	select {
	case err := <-v.result:
		p.t.Fatalf("a wait ended too early: %v", err)
	default:
	}
}

func (p *puppet) counted(waits, works uint64) {
	p.t.Helper()
	if a, b := p.counts(); a != waits || b != works {
		p.t.Errorf("%d waits and %d works, want %d and %d", a, b, waits, works)
	}
}

func TestTheFirstWhoWaitsDoesTheWork(t *testing.T) {
	n := LSN(0)
	g := newGroup(neverFlusher, func() (LSN, error) { n += 10; return n, nil })
	for _, pos := range []LSN{0, 9, 10, 19} {
		if err := g.Wait(t.Context(), pos); err != nil || !g.Reached(pos) || g.Horizon() != n {
			t.Errorf("wait for %v: %v, horizon %v of %v", pos, err, g.Horizon(), n)
		}
	}
	if waits, works := g.counts(); n != 20 || waits != 2 || works != 2 {
		t.Errorf("%d waits, %d works, up to %v", waits, works, n)
	}
	if err := g.Wait(t.Context(), 30); err == nil {
		t.Error("waited for what the work has not reached")
	}
}

func TestWhoComesMeanwhileIsTheNextGroupAndItsFirstLeads(t *testing.T) {
	p := newPuppet(t, neverFlusher)
	first := p.leader(5)
	all := p.visitors(10, 12, 11, 13)
	p.finish <- outcome{10, nil}
	p.got(nil, first)
	<-p.begun // by the first of all: it alone does not hear that it may stop
	all[2].cancel()
	p.got(context.Canceled, all[2])
	all[0].cancel()
	p.still(all[0])
	p.still(all[1])
	last := p.visitors(99)
	p.finish <- outcome{14, nil}
	p.got(nil, all[0], all[1], all[3])
	<-p.begun
	p.still(last[0])
	p.finish <- outcome{100, nil}
	p.got(nil, last[0])
	p.counted(6, 3)
}

func TestWhoComesMeanwhileAndIsServedNeedsNoWork(t *testing.T) {
	p := newPuppet(t, neverFlusher)
	first := p.leader(1)
	all := p.visitors(2, 30, 3, 4)
	p.finish <- outcome{5, nil}
	p.got(nil, first, all[0], all[2], all[3])
	<-p.begun
	p.finish <- outcome{31, nil}
	p.got(nil, all[1])
	p.counted(5, 2)
}

func TestTheHorizonNeverFalls(t *testing.T) {
	p := newPuppet(t, neverFlusher)
	v := p.leader(5)
	p.finish <- outcome{10, nil}
	p.got(nil, v)
	v = p.leader(20)
	p.finish <- outcome{3, nil}
	if err := <-v.result; err == nil || p.Horizon() != 10 {
		t.Errorf("%v, horizon %v", err, p.Horizon())
	}
}

func TestOneWhoGivesUpLeavesTheOthers(t *testing.T) {
	p := newPuppet(t, neverFlusher)
	for _, gone := range []int{0, 1, 2} {
		base := p.Horizon()
		first := p.leader(base)
		all := p.visitors(base+1, base+2, base+3)
		all[gone].cancel()
		p.got(context.Canceled, all[gone])
		if p.queued() != 2 {
			t.Fatal(p.queued(), "are left")
		}
		p.finish <- outcome{base + 1, nil}
		p.got(nil, first)
		<-p.begun
		p.finish <- outcome{base + 4, nil}
		p.got(nil, slices.Delete(all, gone, gone+1)...)
	}
}

func TestWhenTheOnlyOneGivesUpTheNextLeads(t *testing.T) {
	p := newPuppet(t, neverFlusher)
	first := p.leader(1)
	only := p.visitors(2)
	only[0].cancel()
	p.got(context.Canceled, only...)
	p.finish <- outcome{2, nil}
	p.got(nil, first)
	next := p.leader(2)
	p.finish <- outcome{3, nil}
	p.got(nil, next)
}

// One that gives up at the very moment at which it is told to lead either
// leads or was not told.
func TestLeadershipIsNotLostToOneWhoGivesUp(t *testing.T) {
	p := newPuppet(t, neverFlusher)
	led := 0
	for i := range 3000 {
		base := p.Horizon()
		first := p.leader(base)
		all := p.visitors(base+1, base+1)
		now := make(chan struct{})
		go func() {
			<-now
			for range i % 8 {
				runtime.Gosched()
			}
			all[0].cancel()
		}()
		close(now)
		for range i / 8 % 8 {
			runtime.Gosched()
		}
		p.finish <- outcome{base + 1, nil}
		<-p.begun
		p.finish <- outcome{base + 2, nil}
		p.got(nil, first, all[1])
		if err := <-all[0].result; err == nil {
			led++
		} else if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	t.Logf("%d of 3000 led themselves", led)
}

func TestAnErrorReachesAllWhoWaitAndAllLater(t *testing.T) {
	for _, crowd := range []int{neverFlusher, 1, alwaysFlusher} {
		p := newPuppet(t, crowd)
		stop := make(chan struct{})
		if crowd != neverFlusher {
			var done sync.WaitGroup
			done.Go(func() { p.flush(stop) })
			defer done.Wait()
			defer close(stop)
		}
		first := p.leader(1)
		p.finish <- outcome{5, nil}
		p.got(nil, first)
		first = p.leader(6)
		all := p.visitors(7, 8, 9)
		p.finish <- outcome{100, errWork}
		p.got(errWork, first)
		p.got(errWork, all...)
		p.got(errWork, p.start(6), p.start(1000))
		p.got(nil, p.start(4))
		if p.Horizon() != 5 {
			t.Errorf("crowd %d: a failed work has moved the horizon to %v", crowd, p.Horizon())
		}
		_, works := p.counts()
		if works != 2 {
			t.Errorf("crowd %d: %d works, none may follow an error", crowd, works)
		}
	}
}

func TestTheFlusherLeadsAlways(t *testing.T) {
	p := newPuppet(t, alwaysFlusher)
	all := p.visitors(1, 2)
	select {
	case <-p.begun:
		t.Fatal("a waiter leads")
	default:
	}
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() { p.flush(stop) })
	<-p.begun
	all[0].cancel() // it need not stay: it does not lead
	p.got(context.Canceled, all[0])
	more := p.visitors(5)
	p.finish <- outcome{3, nil}
	p.got(nil, all[1])
	<-p.begun
	p.finish <- outcome{6, nil}
	p.got(nil, more...)
	next := p.leader(7)
	p.finish <- outcome{8, nil}
	p.got(nil, next)
	close(stop)
	done.Wait()
	p.counted(4, 3)
}

func TestTheFlusherLeadsForACrowd(t *testing.T) {
	p := newPuppet(t, 2)
	first := p.leader(1)
	all := p.visitors(10, 11, 12)
	p.finish <- outcome{2, nil}
	p.got(nil, first)
	for _, v := range all { // three are more than two: nobody of them leads
		p.still(v)
	}
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() { p.flush(stop) })
	<-p.begun
	few := p.visitors(20, 21)
	close(stop)
	p.finish <- outcome{13, nil}
	p.got(nil, all...)
	done.Wait() // the flusher is gone: one of the few leads
	<-p.begun
	p.finish <- outcome{22, nil}
	p.got(nil, few...)
	next := p.leader(30)
	p.finish <- outcome{31, nil}
	p.got(nil, next)
}

func TestTheEndIsToldToAllWhoWait(t *testing.T) {
	p := newPuppet(t, alwaysFlusher) // which nobody has started, or has ended
	all := p.visitors(1, 2)
	p.horizon.Store(2)
	p.end(ErrClosed)
	p.got(nil, all[0])
	p.got(ErrClosed, all[1])
	p.got(ErrClosed, p.start(3))
	p.got(nil, p.start(1))

	p = newPuppet(t, neverFlusher)
	v := p.leader(1)
	p.finish <- outcome{2, errWork}
	p.got(errWork, v)
	p.end(ErrClosed)
	p.got(errWork, p.start(3))
}

func TestManyWaitersAreServedOnceEach(t *testing.T) {
	for _, crowd := range []int{neverFlusher, 4, alwaysFlusher} {
		var appended atomic.Uint64
		var working atomic.Bool
		var works uint64
		g := newGroup(crowd, nil)
		g.work = func() (LSN, error) {
			if working.Swap(true) {
				t.Error("two work at once")
			}
			works++
			reached := LSN(appended.Load() + 1)
			runtime.Gosched()
			working.Store(false)
			return reached, nil
		}
		stop := make(chan struct{})
		var flusher, done sync.WaitGroup
		flusher.Go(func() { g.flush(stop) })
		const writers, each = 16, 300
		var served, gaveUp atomic.Int64
		for w := range writers {
			done.Go(func() {
				r := rand.New(rand.NewPCG(7, uint64(w)))
				for range each {
					pos := LSN(appended.Add(1))
					ctx, cancel := context.WithCancel(context.Background())
					if r.IntN(4) == 0 {
						go cancel()
					}
					err := g.Wait(ctx, pos)
					if cancel(); err == nil && !g.Reached(pos) {
						t.Errorf("told of %v at horizon %v", pos, g.Horizon())
					}
					if err == nil {
						served.Add(1)
					} else if errors.Is(err, context.Canceled) {
						gaveUp.Add(1)
					} else {
						t.Error(err)
					}
				}
			})
		}
		done.Wait()
		close(stop)
		flusher.Wait()
		if n := served.Load() + gaveUp.Load(); n != writers*each || served.Load() < n/2 {
			t.Errorf("crowd %d: %d served, %d gave up", crowd, served.Load(), gaveUp.Load())
		}
		waits, counted := g.counts()
		if waits > writers*each || counted != works {
			t.Errorf("crowd %d: counted %d waits and %d works of %d", crowd, waits, counted, works)
		}
	}
}
