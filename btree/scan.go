package btree

import (
	"context"
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

// scanCheck is after how many rows a scan looks whether it should end.
const scanCheck = 256

// Scan implements engine.UnorderedScanner.
func (t *tree) Scan(ctx context.Context, f func(key, value []byte) error) error {
	if t.closed.Load() {
		return engine.ErrClosed
	}
	return t.scan(ctx, t.newIter(engine.IterOptions{}, nil), f)
}

// scan calls f with each row, and closes the iterator. Close of the tree waits
// for it; it ends when it sees that.
func (t *tree) scan(ctx context.Context, it *iterator, f func(key, value []byte) error) (err error) {
	defer func() {
		if e := it.Close(); err == nil {
			err = e
		}
	}()
	if !t.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if n%scanCheck == 0 && ctx.Err() != nil {
			return fmt.Errorf("scan: %w", context.Cause(ctx))
		}
		n++
		value, err := it.Value()
		if err != nil {
			return err
		}
		if err := f(it.Key(), value); err != nil {
			return err
		}
	}
	return it.Err()
}
