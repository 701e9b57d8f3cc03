//go:build rocksdb

package rocksdb

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/linxGnu/grocksdb"

	"github.com/kvbench/kvbench/engine"
)

// settlePoll is how often Settle looks; RocksDB 7.8 has no call that waits.
const settlePoll = 10 * time.Millisecond

// settleQuiet is how many looks in a row must find nothing to do, because a
// flush that ends may start a compaction a moment later.
const settleQuiet = 3

// Settle waits until no flush or compaction runs or is due. The newest
// memtable stays in memory.
func (e *store) Settle(ctx context.Context) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	if e.settings.ReadOnly {
		return nil
	}
	tick := time.NewTicker(settlePoll)
	defer tick.Stop()
	for quiet := 0; quiet < settleQuiet; {
		if e.busy() {
			quiet = 0
		} else {
			quiet++
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("settle rocksdb: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
	return e.backgroundError()
}

func (e *store) busy() bool {
	for _, property := range []string{
		"rocksdb.mem-table-flush-pending", "rocksdb.num-running-flushes",
		"rocksdb.compaction-pending", "rocksdb.num-running-compactions",
	} {
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
		return e.fail("background work", fmt.Errorf("%d errors; RocksDB's LOG has them", n))
	}
	return nil
}

// Compact rewrites [lower, upper) into the last level. A ctx that ends makes
// RocksDB give up at the next file.
func (e *store) Compact(ctx context.Context, lower, upper []byte) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	if err := e.healthy(); err != nil {
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

// Checkpoint flushes, links the tables and writes the marker last, so that a
// directory that a crash left half done is not taken for an engine.
func (e *store) Checkpoint(dir string) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	if err := e.checkpoint(dir); err != nil {
		return fmt.Errorf("checkpoint rocksdb to %s: %w", dir, err)
	}
	return nil
}

func (e *store) checkpoint(dir string) error {
	if e.settings.ReadOnly {
		return fmt.Errorf("%w: a checkpoint flushes", engine.ErrReadOnly)
	}
	if err := e.fs.MkdirAll(dir); err != nil {
		return err
	}
	names, err := e.fs.List(dir)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: the directory is not empty: it holds %s", engine.ErrInvalid, names[0])
	}
	c, err := e.db.NewCheckpoint()
	if err != nil {
		return e.translate(err)
	}
	defer c.Destroy()
	target := filepath.Join(dir, dataDir)
	if err := c.CreateCheckpoint(target, 0); err != nil {
		e.fs.RemoveAll(target)
		return e.translate(err)
	}
	return engine.WriteMarker(e.fs, dir, e.settings.marker())
}
