package badger

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// Settle waits until one memtable is left and no level wants a compaction.
// Badger has no call for it, so that we look again and again.
func (e *store) Settle(ctx context.Context) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if e.writes.ReadOnly {
		return nil
	}
	var was string
	return adapt.Poll(ctx, func() (settled, busy bool) {
		is := fmt.Sprint(e.db.Levels())
		busy = is != was || e.memtables() > 1
		was = is
		return !busy && e.withinTargets(), busy
	})
}

// memtables counts the logs of memtables, flushed ones excepted.
func (e *store) memtables() (n int) {
	names, err := e.fs.List(e.path)
	if err != nil {
		return 0
	}
	for _, name := range names {
		if filepath.Ext(name) == ".mem" {
			n++
		}
	}
	return n
}

func (e *store) withinTargets() bool {
	for _, l := range e.db.Levels() {
		if l.Score >= 1 && l.Adjusted >= 1 {
			return false
		}
	}
	return true
}

// Compact moves all keys to one level, whatever the bounds: Badger cannot do
// less. It cannot be cancelled once it runs.
func (e *store) Compact(ctx context.Context, _, _ []byte) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.writes.Allowed(); err != nil {
		return err
	}
	e.flattening.Lock()
	defer e.flattening.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := e.db.Flatten(e.settings.Compactors); err != nil {
		return fmt.Errorf("compact: %w", e.translate(err))
	}
	return nil
}

// Metrics knows the block cache and our own syncs: Badger's counters are
// global, one set for all databases of a process.
func (e *store) Metrics(m *engine.Metrics) {
	call := e.gate.Enter()
	if call == nil {
		return
	}
	defer call.Leave()
	if e.settings.Durability != engine.Sync {
		m.Log.Syncs = engine.Known(e.logs.syncs.Load())
		m.Log.SyncTime = engine.Known(e.logs.syncTime.Load())
		m.Health.SyncErrors = engine.Known(e.logs.syncErrors.Load())
	}
	c := e.db.BlockCacheMetrics()
	if c == nil {
		return
	}
	m.Cache.Hits = engine.Known(c.Hits())
	m.Cache.Misses = engine.Known(c.Misses())
	m.Cache.Inserts = engine.Known(c.KeysAdded())
	m.Cache.Evictions = engine.Known(c.KeysEvicted())
	m.Cache.Bytes = engine.Known(c.CostAdded() - min(c.CostAdded(), c.CostEvicted()))
}
