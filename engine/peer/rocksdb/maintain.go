//go:build rocksdb

package rocksdb

import (
	"context"
	"fmt"

	"github.com/linxGnu/grocksdb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// Settle waits until no flush or compaction runs or is due. RocksDB 7.8 has no
// call that waits. The newest memtable stays in memory.
func (e *store) Settle(ctx context.Context) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if e.writes.ReadOnly {
		return nil
	}
	err := adapt.Poll(ctx, func() (settled, busy bool) {
		running := e.anyOf("rocksdb.num-running-flushes", "rocksdb.num-running-compactions")
		due := e.anyOf("rocksdb.mem-table-flush-pending", "rocksdb.compaction-pending")
		return !running && !due, running
	})
	if err != nil {
		return fmt.Errorf("settle rocksdb: %w", err)
	}
	return e.backgroundError()
}

// anyOf reports whether one of these properties is above zero.
func (e *store) anyOf(properties ...string) bool {
	for _, property := range properties {
		if n, ok := e.db.GetIntProperty(property); ok && n > 0 {
			return true
		}
	}
	return false
}

// backgroundError says that flushes or compactions have failed; it makes the
// engine read-only.
func (e *store) backgroundError() error {
	if n, ok := e.db.GetIntProperty("rocksdb.background-errors"); ok && n > 0 {
		return e.writes.Fail("background work", fmt.Errorf("%d errors; RocksDB's LOG has them", n))
	}
	return nil
}

// Compact rewrites [lower, upper) into the last level. A ctx that ends makes
// RocksDB give up at the next file.
func (e *store) Compact(ctx context.Context, lower, upper []byte) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.writes.Allowed(); err != nil {
		return err
	}
	e.compacting.Lock()
	defer e.compacting.Unlock()
	if ctx.Err() == nil {
		e.compact(ctx, lower, upper)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("compact rocksdb: %w", context.Cause(ctx))
	}
	return e.backgroundError()
}

func (e *store) compact(ctx context.Context, lower, upper []byte) {
	o := grocksdb.NewCompactRangeOptions()
	defer o.Destroy()
	o.SetBottommostLevelCompaction(grocksdb.KForceOptimized)
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		e.db.DisableManualCompaction()
		close(stopped)
	})
	e.db.CompactRangeOpt(grocksdb.Range{Start: lower, Limit: upper}, o)
	if !cancel() {
		<-stopped
		e.db.EnableManualCompaction()
	}
}

// Checkpoint flushes and links the tables.
func (e *store) Checkpoint(dir string) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if e.writes.ReadOnly {
		return fmt.Errorf("checkpoint rocksdb: %w: it flushes", engine.ErrReadOnly)
	}
	err := adapt.Checkpoint(e.fs, dir, e.settings.marker(), func(path string) error {
		c, err := e.db.NewCheckpoint()
		if err != nil {
			return e.translate(err)
		}
		defer c.Destroy()
		if err := c.CreateCheckpoint(path, 0); err != nil {
			return e.translate(err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("checkpoint rocksdb to %s: %w", dir, err)
	}
	return nil
}
