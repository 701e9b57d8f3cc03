package hashidx

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

// A keeper is the goroutine that keeps the directory in order: it seals
// segments, writes images of the index, collects garbage. Settle and Compact
// do the same work in their callers' goroutines; turn is whose turn it is.
type keeper struct {
	wake   chan struct{} // there may be work
	turn   chan struct{} // has one element, which who works takes out
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup

	// hurried is how many wait for garbage to be gone: there are no pauses.
	hurried atomic.Int32
}

func (k *keeper) init() {
	k.wake = make(chan struct{}, 1)
	k.turn = make(chan struct{}, 1)
	k.turn <- struct{}{}
	k.ctx, k.cancel = context.WithCancel(context.Background())
}

// end stops the keeper, and who else works, and waits for it.
func (k *keeper) end() {
	k.cancel()
	k.done.Wait()
	<-k.turn // for ever
}

// poke tells the keeper that there may be work.
func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// take waits for the turn; give ends it.
func (k *keeper) take(ctx context.Context) error {
	select {
	case <-k.turn:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-k.ctx.Done():
		return engine.ErrClosed
	}
}

func (k *keeper) give() { k.turn <- struct{}{} }

// keep is the keeper's goroutine. It ends with Close, or with the first failure
// of a write, after which nothing is written any more.
func (e *store) keep() {
	k := &e.keeper
	timer := time.NewTimer(e.untilExpiry())
	defer timer.Stop()
	for {
		select {
		case <-k.ctx.Done():
			return
		case <-k.wake:
		case <-timer.C:
		}
		if k.take(k.ctx) != nil {
			return
		}
		err := e.work(k.ctx)
		timer.Reset(e.untilExpiry())
		k.give()
		if err == nil {
			continue
		}
		if !errors.Is(err, context.Canceled) {
			e.fail("keep the directory in order", err)
		}
		return
	}
}

// work does what is due.
func (e *store) work(ctx context.Context) error {
	if err := e.tidy(ctx); err != nil {
		return err
	}
	return e.collectGarbage(ctx, e.settings.gcGoal())
}

// tidy does what is due but GC: it is short, and comes between slices of GC.
func (e *store) tidy(ctx context.Context) error {
	e.maintenance.Lock()
	defer e.maintenance.Unlock()
	if err := e.sealAll(ctx); err != nil {
		return err
	}
	if err := e.reside(ctx); err != nil {
		return err
	}
	if e.imageDue(false) {
		return e.writeImage(ctx)
	}
	return nil
}

// sealAll seals what can be. maintenance is held.
func (e *store) sealAll(ctx context.Context) error {
	for _, log := range []manifest.Log{manifest.Hot, manifest.Cold} {
		list := e.unsealed(log)
		if n := len(list); n > 0 { // one sync for all
			if err := e.waitDurable(ctx, list[n-1]); err != nil {
				return err
			}
		}
		for _, s := range list {
			if err := e.seal(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// within returns a context that ends with ctx and with the engine.
func (k *keeper) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(k.ctx, func() { cancel(engine.ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

// Settle implements engine.Settler.
func (e *store) Settle(ctx context.Context) error { return e.workNow(ctx, e.settle) }

// workNow does work in the caller's goroutine, without pauses.
func (e *store) workNow(ctx context.Context, work func(context.Context) error) error {
	if e.closed.Load() {
		return engine.ErrClosed
	}
	if e.readOnly {
		return nil
	}
	if err := e.writable(); err != nil {
		return err
	}
	k := &e.keeper
	k.hurried.Add(1)
	defer k.hurried.Add(-1)
	ctx, cancel := k.within(ctx)
	defer cancel()
	if err := k.take(ctx); err != nil {
		return err
	}
	defer k.give()
	err := work(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		k.poke() // to go on with what was not done
		return context.Cause(ctx)
	}
	return e.fail("keep the directory in order", err)
}
