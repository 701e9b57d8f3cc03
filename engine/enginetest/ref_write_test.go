package enginetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

func (e *ref) Put(key, value []byte, d engine.Durability) error {
	var b engine.Batch
	b.Put(key, value)
	return e.commit(&b, d)
}

func (e *ref) Delete(key []byte, d engine.Durability) error {
	var b engine.Batch
	b.Delete(key)
	return e.commit(&b, d)
}

func (e *ref) DeleteRange(lower, upper []byte, d engine.Durability) error {
	var b engine.Batch
	b.DeleteRange(lower, upper)
	return e.commit(&b, d)
}

func (e *ref) Apply(b *engine.Batch, d engine.Durability) error {
	if err := e.commit(b, d); err != nil {
		return err
	}
	e.mu.Lock()
	e.counts.batches++
	e.mu.Unlock()
	return nil
}

// commit logs a batch, performs it, and waits for its level.
func (e *ref) commit(b *engine.Batch, d engine.Durability) error {
	caps := refCaps()
	level, err := caps.Durabilities.Resolve(d, e.level)
	if err == nil {
		err = caps.CheckBatch(b)
	}
	if err != nil {
		return err
	}
	at, due, err := e.append(b)
	if err != nil {
		return err
	}
	if level >= engine.OS {
		if err := e.log.Wait(at, level == engine.Sync); err != nil {
			return e.fail("wait for the log", err)
		}
	}
	if due {
		// The write is done, whatever comes of this: a failure shows in the
		// next one.
		e.checkpoint()
	}
	return nil
}

// append logs and performs a batch. due says that a snapshot is.
func (e *ref) append(b *engine.Batch) (at uint64, due bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.writable(); err != nil {
		return 0, false, err
	}
	at, err = e.log.Append(b.Bytes())
	if err != nil {
		return 0, false, e.failed("append to the log", err)
	}
	e.perform(b)
	e.last = at
	e.unsaved += int64(b.Size())
	return at, e.unsaved > e.every, nil
}

// writable says why nothing can be written. mu is held.
func (e *ref) writable() error {
	switch {
	case e.closed:
		return engine.ErrClosed
	case e.readOnly:
		return engine.ErrReadOnly
	case e.failure != nil:
		return fmt.Errorf("%w: %w", engine.ErrReadOnly, e.failure)
	}
	return nil
}

// fail ends all writing. It returns the error with what was done.
func (e *ref) fail(what string, err error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed(what, err)
}

// failed is fail with mu held.
func (e *ref) failed(what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	if e.failure == nil {
		e.failure = err
	}
	return err
}

// perform changes the map. mu is held, or nobody else knows of e yet.
func (e *ref) perform(b *engine.Batch) {
	var op engine.Op
	for r := b.Reader(); r.Next(&op); {
		switch op.Kind {
		case engine.KindPut:
			e.data[string(op.Key)] = append([]byte(nil), op.Value...)
		case engine.KindDelete:
			delete(e.data, string(op.Key))
		case engine.KindDeleteRange:
			for key := range e.data {
				if key >= string(op.Key) && (op.Value == nil || key < string(op.Value)) {
					delete(e.data, key)
				}
			}
		}
	}
}

func (e *ref) Sync() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return engine.ErrClosed
	}
	if e.readOnly {
		e.mu.Unlock()
		return nil
	}
	err := e.writable()
	e.mu.Unlock()
	if err != nil {
		return err
	}
	if err := e.log.Sync(); err != nil {
		return e.fail("sync the log", err)
	}
	return nil
}

// Compact writes a snapshot, whatever the bounds.
func (e *ref) Compact(ctx context.Context, _, _ []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.checkpoint()
}

// checkpoint writes a snapshot and drops the log before it.
func (e *ref) checkpoint() error {
	e.saving.Lock()
	defer e.saving.Unlock()
	e.mu.Lock()
	if err := e.writable(); err != nil {
		e.mu.Unlock()
		return err
	}
	s := snapshot{at: e.last, data: e.data}.copy()
	e.unsaved = 0
	e.mu.Unlock()
	if s.at == 0 { // nothing was ever written
		return nil
	}
	if err := e.log.Sync(); err != nil {
		return e.fail("sync the log for a snapshot", err)
	}
	if err := e.save(e.fsys, e.home.Path(snapshotName), s); err != nil {
		return e.fail("write a snapshot", err)
	}
	if err := e.log.Prune(s.at); err != nil {
		return e.fail("prune the log", err)
	}
	e.mu.Lock()
	e.counts.snapshots++
	e.mu.Unlock()
	return nil
}

// Checkpoint makes a directory that has a snapshot and no log. Its position is
// 0: a log begins behind it.
func (e *ref) Checkpoint(dir string) error {
	if names, err := e.fsys.List(dir); err == nil && len(names) > 0 {
		return fmt.Errorf("checkpoint to %s: %w: it is not empty", dir, engine.ErrInvalid)
	}
	e.mu.RLock()
	closed, s := e.closed, snapshot{data: e.data}.copy()
	e.mu.RUnlock()
	if closed {
		return engine.ErrClosed
	}
	home, err := engine.OpenHome(e.fsys, dir, refMarker(), false)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	err = e.save(e.fsys, home.Path(snapshotName), s)
	return errors.Join(err, home.Close())
}
