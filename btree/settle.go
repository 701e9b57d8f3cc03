package btree

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// Settle implements engine.Settler: it merges leaves that are nearly empty,
// makes all changes durable and the file as short as it gets.
func (t *tree) Settle(ctx context.Context) error {
	if t.closed.Load() {
		return engine.ErrClosed
	}
	if t.readOnly {
		return nil
	}
	if err := t.failed(); err != nil {
		return err
	}
	if !t.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	ctx, stop := t.untilClosed(ctx)
	defer stop()
	t.work.settling.Add(1)
	defer t.work.settling.Add(-1)
	err := t.mergeAll(ctx)
	if err == nil {
		err = t.shorten(ctx)
	}
	return endedBy(ctx, err)
}

// untilClosed is ctx, which also ends when the tree is being closed: Close waits
// for what its caller may have asked for.
func (t *tree) untilClosed(ctx context.Context) (until context.Context, stop func()) {
	until, cancel := context.WithCancelCause(ctx)
	after := context.AfterFunc(t.work.ctx, func() { cancel(engine.ErrClosed) })
	return until, func() {
		after()
		cancel(nil)
	}
}

// endedBy is err, or ErrClosed if that is why ctx has ended.
func endedBy(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), engine.ErrClosed) {
		return engine.ErrClosed
	}
	return err
}

// shorten writes checkpoints until the file does not become shorter by them. At
// least one is durable when it returns.
func (t *tree) shorten(ctx context.Context) error {
	// The first one may make it longer, by pages that were dirty.
	vain, before := 0, uint64(math.MaxUint64)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := t.checkpointNow(ctx); err != nil {
			return err
		}
		if err := t.cut(ctx); err != nil {
			return err
		}
		end := t.end()
		if end < before {
			vain, before = 0, end
		} else if vain++; vain > vainRounds {
			return nil
		}
		if !t.shrinkable() {
			return nil
		}
	}
}

// vainRounds is how often the file may not become shorter before shorten gives
// up: what the cleaner is writing may be at its end.
const vainRounds = 3

// cut cuts off what the checkpoint has left at the end of the file, once nobody
// looks at it any more where it is mapped.
func (t *tree) cut(ctx context.Context) error {
	t.pruneVersions() // they may hold slots
	if t.mapped {
		t.domain.Retire(0, func() {})
		if err := t.domain.Drain(ctx); err != nil {
			return err
		}
	}
	t.work.exclusive.Lock()
	defer t.work.exclusive.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cutHeld(0, time.Now())
}

// end is where the file could be cut.
func (t *tree) end() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.takeDropped()
	return t.slots.End()
}
