package pebble

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// Settle waits until no memtable waits to be flushed and no level wants a
// compaction. Pebble has no call for it, so that we look again and again.
func (e *store) Settle(ctx context.Context) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if e.writes.ReadOnly {
		return nil
	}
	return adapt.Poll(ctx, func() (settled, busy bool) {
		m := e.db.Metrics()
		busy = m.Compact.NumInProgress > 0 || m.Flush.NumInProgress > 0 || m.MemTable.Count > 1
		settled = !busy
		for i := range m.Levels {
			settled = settled && m.Levels[i].Score == 0
		}
		return settled, busy
	})
}

// Compact rewrites the range down to the last level.
func (e *store) Compact(ctx context.Context, lower, upper []byte) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.writes.Allowed(); err != nil {
		return err
	}
	if upper == nil {
		upper = e.upperEnd
	}
	if lower == nil {
		lower = []byte{}
	}
	if string(lower) >= string(upper) {
		return nil
	}
	err := e.db.Compact(ctx, lower, upper, true)
	if err != nil {
		return fmt.Errorf("compact: %w", e.translate(err))
	}
	return nil
}

// Checkpoint makes hard links to the tables and copies the log.
func (e *store) Checkpoint(dir string) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	err := adapt.Checkpoint(e.env.FS, dir, marker(), e.checkpoint)
	if err != nil {
		return fmt.Errorf("checkpoint pebble to %s: %w", dir, e.translate(err))
	}
	return nil
}

func (e *store) checkpoint(path string) error {
	if e.writes.Allowed() != nil {
		return e.db.Checkpoint(path)
	}
	if e.opts.DisableWAL {
		if err := e.write("flush", e.db.Flush); err != nil {
			return err
		}
	}
	return e.write("checkpoint", func() error {
		return e.db.Checkpoint(path, pebble.WithFlushedWAL())
	})
}
