package bbolt

import (
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// store is an opened bbolt file.
type store struct {
	db       *bbolt.DB
	home     *engine.Home
	path     string // of the file
	env      engine.Env
	caps     engine.Caps
	settings settings

	writes   adapt.Writes
	gate     *adapt.Gate
	views    adapt.Views
	close    sync.Once
	closeErr error
}

var (
	_ engine.Engine       = (*store)(nil)
	_ engine.Scanner      = (*store)(nil)
	_ engine.Snapshotter  = (*store)(nil)
	_ engine.Checkpointer = (*store)(nil)
)

func (e *store) Caps() engine.Caps { return e.caps }

func (e *store) Get(dst, key []byte) ([]byte, error) {
	call := e.gate.Enter()
	if call == nil {
		return dst, engine.ErrClosed
	}
	dst, err := e.get(dst, key)
	call.Leave()
	return dst, err
}

func (e *store) get(dst, key []byte) (value []byte, err error) {
	if err := e.caps.CheckKey(key); err != nil {
		return dst, err
	}
	defer func() {
		if err != nil {
			value = dst
		}
	}()
	defer adapt.Rescue(e.path, &err)
	tx, err := e.db.Begin(false)
	if err != nil {
		return dst, fmt.Errorf("get: %w", translate(e.path, err))
	}
	defer tx.Rollback()
	return lookup(tx.Bucket([]byte(bucket)), dst, key)
}

// lookup appends the value of key in b, which may be nil, to dst.
func lookup(b *bbolt.Bucket, dst, key []byte) ([]byte, error) {
	if b == nil {
		return dst, engine.ErrNotFound
	}
	value := b.Get(key)
	if value == nil {
		return dst, engine.ErrNotFound
	}
	return append(dst, value...), nil
}

func (e *store) Put(key, value []byte, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.caps.CheckKey(key); err != nil {
		return err
	}
	if err := e.caps.CheckValue(value); err != nil {
		return err
	}
	return e.update("put", d, func(b *bbolt.Bucket) error { return b.Put(key, value) })
}

func (e *store) Delete(key []byte, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.caps.CheckKey(key); err != nil {
		return err
	}
	return e.update("delete", d, func(b *bbolt.Bucket) error { return b.Delete(key) })
}

func (e *store) Apply(b *engine.Batch, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.caps.CheckBatch(b); err != nil {
		return err
	}
	if b.Len() == 0 {
		_, err := e.writes.Level(&e.caps, d)
		return err
	}
	return e.update("apply", d, func(to *bbolt.Bucket) error {
		var op engine.Op
		r := b.Reader()
		for r.Next(&op) {
			var err error
			if op.Kind == engine.KindPut {
				err = to.Put(op.Key, op.Value)
			} else {
				err = to.Delete(op.Key)
			}
			if err != nil {
				return err
			}
		}
		return r.Err()
	})
}

// update commits what f does to the bucket, or nothing. What f does may be
// done twice: Batch runs a transaction that failed once more.
func (e *store) update(op string, d engine.Durability, f func(*bbolt.Bucket) error) error {
	if _, err := e.writes.Level(&e.caps, d); err != nil {
		return err
	}
	if err := e.commit(f); err != nil {
		return e.writes.Fail(op, translate(e.path, err))
	}
	return nil
}

func (e *store) commit(f func(*bbolt.Bucket) error) (err error) {
	defer adapt.Rescue(e.path, &err)
	update := func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return engine.Corrupt(e.path, -1, "the bucket is missing", nil)
		}
		b.FillPercent = float64(e.settings.FillPercent) / 100
		return f(b)
	}
	if e.settings.WriteMode == "batch" {
		return e.db.Batch(update)
	}
	return e.db.Update(update)
}

// Sync flushes the file between two commits. At the level os that holds until
// the next writes; see the package comment.
func (e *store) Sync() error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if e.writes.ReadOnly {
		return nil
	}
	if err := e.writes.Allowed(); err != nil {
		return err
	}
	if err := e.sync(); err != nil {
		return e.writes.Fail("sync", translate(e.path, err))
	}
	return nil
}

func (e *store) sync() (err error) {
	defer adapt.Rescue(e.path, &err)
	tx, err := e.db.Begin(true) // holds up writers
	if err != nil {
		return err
	}
	err = e.db.Sync()
	return errors.Join(err, tx.Rollback())
}

func (e *store) Close() error {
	e.close.Do(func() {
		e.gate.Close()
		e.views.EndAll() // bbolt's Close waits for read transactions
		if first := e.writes.Failed(); errors.Is(first, adapt.ErrPanic) {
			e.closeErr = fmt.Errorf("close bbolt: it stays open until the process ends, since a write failed: %w", first)
			return
		}
		if err := errors.Join(e.db.Close(), e.home.Close()); err != nil {
			e.closeErr = fmt.Errorf("close bbolt: %w", err)
		}
	})
	return e.closeErr
}
