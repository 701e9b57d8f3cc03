//go:build lmdb

package lmdb

import (
	"errors"
	"fmt"
	"sync"

	"github.com/PowerDNS/lmdb-go/lmdb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
	"github.com/kvbench/kvbench/engine/vfs"
)

// store is an opened LMDB environment.
type store struct {
	env      *lmdb.Env
	dbi      lmdb.DBI
	home     *engine.Home
	path     string // of LMDB's files
	fs       vfs.FS
	caps     engine.Caps
	settings settings

	writer  sync.Mutex // held through a write transaction
	writes  adapt.Writes
	readers readers

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

func newStore(home *engine.Home, path string, s settings, fsys vfs.FS) (*store, error) {
	e := &store{home: home, path: path, fs: fsys, settings: s, gate: adapt.NewGate()}
	e.writes.ReadOnly, e.writes.Default = s.ReadOnly, s.Durability
	var err error
	if e.env, err = lmdb.NewEnv(); err != nil {
		return nil, err
	}
	e.readers.env = e.env
	e.caps = caps(&s, e.env.MaxKeySize())
	if err = e.openEnv(); err == nil && !s.ReadOnly {
		err = fsys.SyncDir(path) // the data file's name, which LMDB does not sync
	}
	if err != nil {
		e.env.Close()
		return nil, e.translate(err)
	}
	return e, nil
}

func (e *store) openEnv() error {
	if err := e.env.SetMaxReaders(e.settings.MaxReaders); err != nil {
		return err
	}
	if err := e.env.SetMapSize(e.settings.MapBytes); err != nil {
		return err
	}
	if err := e.env.Open(e.path, e.settings.flags(), fileMode); err != nil {
		return err
	}
	return e.env.View(func(txn *lmdb.Txn) (err error) {
		e.dbi, err = txn.OpenRoot(0)
		return err
	})
}

func (e *store) Caps() engine.Caps { return e.caps }

func (e *store) Get(dst, key []byte) ([]byte, error) {
	call := e.gate.Enter()
	if call == nil {
		return dst, engine.ErrClosed
	}
	defer call.Leave()
	if err := e.caps.CheckKey(key); err != nil {
		return dst, err
	}
	r, err := e.readers.take()
	if err != nil {
		return dst, fmt.Errorf("get: %w", e.translate(err))
	}
	dst, err = e.get(r.txn, dst, key)
	e.readers.put(r)
	return dst, err
}

// get appends the value of key, as txn sees it, to dst. The key is checked.
func (e *store) get(txn *lmdb.Txn, dst, key []byte) ([]byte, error) {
	value, err := txn.Get(e.dbi, key)
	if lmdb.IsNotFound(err) {
		return dst, engine.ErrNotFound
	}
	if err != nil {
		return dst, fmt.Errorf("get: %w", e.translate(err))
	}
	return append(dst, loaded(value)...), nil
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
	return e.update("put", d, func(txn *lmdb.Txn) error {
		return txn.Put(e.dbi, key, stored(value), 0)
	})
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
	return e.update("delete", d, func(txn *lmdb.Txn) error {
		return e.remove(txn, key)
	})
}

// remove is blind.
func (e *store) remove(txn *lmdb.Txn, key []byte) error {
	err := txn.Del(e.dbi, key, nil)
	if lmdb.IsNotFound(err) {
		return nil
	}
	return err
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
	return e.update("apply", d, func(txn *lmdb.Txn) error {
		var op engine.Op
		r := b.Reader()
		for r.Next(&op) {
			var err error
			if op.Kind == engine.KindPut {
				err = txn.Put(e.dbi, op.Key, stored(op.Value), 0)
			} else {
				err = e.remove(txn, op.Key)
			}
			if err != nil {
				return err
			}
		}
		return r.Err()
	})
}

// update commits what f does, or nothing. A transaction that has changed
// nothing costs no write.
func (e *store) update(op string, d engine.Durability, f lmdb.TxnOp) error {
	e.writer.Lock()
	defer e.writer.Unlock()
	if _, err := e.writes.Level(&e.caps, d); err != nil {
		return err
	}
	err := e.env.Update(f)
	if err == nil {
		return nil
	}
	if err = e.translate(err); isRefusal(err) {
		return fmt.Errorf("%s: %w", op, err)
	}
	return e.writes.Fail(op, err)
}

func (e *store) Close() error {
	e.close.Do(func() {
		e.gate.Close()
		e.views.EndAll()
		e.readers.drain()
		if err := errors.Join(e.env.Close(), e.home.Close()); err != nil {
			e.closeErr = fmt.Errorf("close lmdb: %w", err)
		}
	})
	return e.closeErr
}
