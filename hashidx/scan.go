package hashidx

import (
	"context"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/hashidx/index"
)

// Scan implements engine.UnorderedScanner. f runs without locks and pins.
func (e *store) Scan(ctx context.Context, f func(key, value []byte) error) error {
	if !e.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer e.scans.RUnlock()
	defer e.pinFiles()() // places outlive the pins of an epoch
	if e.closed.Load() {
		return engine.ErrClosed
	}
	e.counts.of(0).scans.Add(1)
	var buf []byte
	err := ctx.Err()
	if err != nil {
		return err
	}
	return e.index.StartWalk().All(func(some []index.Entry) error {
		for _, entry := range some {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := e.visit(entry, &buf, f); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *store) visit(entry index.Entry, buf *[]byte, f func(key, value []byte) error) error {
	var s *scratch
	g := e.domain.Pin()
	if e.closed.Load() {
		g.Unpin()
		return engine.ErrClosed
	}
	op, _, err := e.view(entry.Place, &s)
	live := err == nil && !e.expired(&op)
	split := len(op.Key)
	if live {
		*buf = append(append((*buf)[:0], op.Key...), op.Value...)
	}
	g.Unpin()
	e.release(s)
	if !live {
		return err
	}
	e.counts.of(0).bytesOut.Add(uint64(len(*buf) - split))
	return f((*buf)[:split:split], (*buf)[split:])
}
