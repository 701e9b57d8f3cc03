package pogreb

import (
	"context"
	"fmt"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// startBackground does what the library's own worker would, which only logs
// its errors. One goroutine for each interval, woken by its ticker, ended by
// stop, which Close closes.
func (e *store) startBackground() {
	e.stop = make(chan struct{})
	e.every(e.settings.Sync, func() error { return e.sync() })
	e.every(e.settings.Compact, func() error { return e.compact() })
}

func (e *store) every(interval time.Duration, do func() error) {
	if interval <= 0 {
		return
	}
	e.background.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-e.stop:
				return
			case <-tick.C:
			}
			if err := do(); err != nil {
				e.env.Log.Error("pogreb in the background: " + err.Error())
			}
		}
	})
}

// compact rewrites the segments that are half garbage.
func (e *store) compact() error {
	e.compacting.Lock()
	defer e.compacting.Unlock()
	if err := e.writes.Allowed(); err != nil {
		return err
	}
	e.running.Add(1)
	defer e.running.Add(-1)
	start := e.env.Now()
	err := e.rescued(func() error {
		r, err := e.db.Compact()
		if r.CompactedSegments > 0 {
			e.compacted.Add(uint64(r.CompactedSegments))
			e.env.Events.Event(engine.Event{
				Kind: "compaction", Start: start, Duration: e.env.Now().Sub(start),
				Detail: fmt.Sprintf("%d segments, %d bytes reclaimed", r.CompactedSegments, r.ReclaimedBytes),
			})
		}
		return err
	})
	if err != nil {
		return e.writes.Fail("compact", translate(e.path, err))
	}
	return nil
}

// Compact looks for garbage now. The bounds mean nothing to a hash index, and
// segments that are not half garbage stay as they are.
func (e *store) Compact(ctx context.Context, _, _ []byte) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return e.compact()
}

// Settle waits for the compaction that runs, if one does.
func (e *store) Settle(ctx context.Context) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	return adapt.Poll(ctx, func() (settled, busy bool) {
		busy = e.running.Load() > 0
		return !busy, busy
	})
}
