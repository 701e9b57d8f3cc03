//go:build lmdb

package lmdb

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/PowerDNS/lmdb-go/lmdb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// store is an opened LMDB environment.
type store struct {
	env      *lmdb.Env
	dbi      lmdb.DBI
	home     *engine.Home
	fs       vfs.FS
	caps     engine.Caps
	settings settings

	// failed is the first error of a commit or sync; nil while healthy.
	failed atomic.Pointer[error]

	writer  sync.Mutex // held through a write transaction
	readers readers

	mu       sync.RWMutex // shared by calls, alone for Close
	closed   bool
	closeErr error

	viewsMu sync.Mutex
	views   map[*view]struct{} // open iterators and snapshots
}

var (
	_ engine.Engine       = (*store)(nil)
	_ engine.Scanner      = (*store)(nil)
	_ engine.Snapshotter  = (*store)(nil)
	_ engine.Checkpointer = (*store)(nil)
)

func newStore(db *lmdb.Env, dbi lmdb.DBI, home *engine.Home, fsys vfs.FS, s settings) *store {
	e := &store{
		env: db, dbi: dbi, home: home, fs: fsys,
		caps: caps(&s, db.MaxKeySize()), settings: s,
		views: make(map[*view]struct{}),
	}
	e.readers.env = db
	return e
}

// enter begins a call; unless it fails, e.mu.RUnlock ends it.
func (e *store) enter() error {
	e.mu.RLock()
	if e.closed {
		e.mu.RUnlock()
		return engine.ErrClosed
	}
	return nil
}

func (e *store) Caps() engine.Caps { return e.caps }

func (e *store) Get(dst, key []byte) ([]byte, error) {
	if err := e.enter(); err != nil {
		return dst, err
	}
	defer e.mu.RUnlock()
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
	return append(dst, value...), nil
}

func (e *store) Put(key, value []byte, d engine.Durability) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	if err := e.caps.CheckKey(key); err != nil {
		return err
	}
	if err := e.caps.CheckValue(value); err != nil {
		return err
	}
	return e.update("put", d, func(txn *lmdb.Txn) error {
		return txn.Put(e.dbi, key, value, 0)
	})
}

func (e *store) Delete(key []byte, d engine.Durability) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
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
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	if err := e.caps.CheckBatch(b); err != nil {
		return err
	}
	return e.update("apply", d, func(txn *lmdb.Txn) error {
		var op engine.Op
		r := b.Reader()
		for r.Next(&op) {
			var err error
			if op.Kind == engine.KindPut {
				err = txn.Put(e.dbi, op.Key, op.Value, 0)
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
	if _, err := e.caps.Durabilities.Resolve(d, e.settings.Durability); err != nil {
		return err
	}
	e.writer.Lock()
	defer e.writer.Unlock()
	if err := e.healthy(); err != nil {
		return err
	}
	err := e.env.Update(f)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", op, e.translate(err))
	if !isRefusal(err) {
		e.failed.CompareAndSwap(nil, &err)
	}
	return err
}

// healthy returns ErrReadOnly, with the reason if there is one.
func (e *store) healthy() error {
	if e.settings.ReadOnly {
		return fmt.Errorf("%w: it was opened with read_only", engine.ErrReadOnly)
	}
	if first := e.failed.Load(); first != nil {
		return fmt.Errorf("%w since a write failed: %w", engine.ErrReadOnly, *first)
	}
	return nil
}

func (e *store) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return e.closeErr
	}
	e.closed = true
	e.endViews()
	e.readers.drain()
	err := e.env.Close()
	if unlockErr := e.home.Close(); err == nil {
		err = unlockErr
	}
	if err != nil {
		e.closeErr = fmt.Errorf("close lmdb: %w", err)
	}
	return e.closeErr
}

func (e *store) addView(v *view) {
	e.viewsMu.Lock()
	e.views[v] = struct{}{}
	e.viewsMu.Unlock()
}

func (e *store) dropView(v *view) {
	e.viewsMu.Lock()
	delete(e.views, v)
	e.viewsMu.Unlock()
}

// endViews ends what callers have left open. e.mu is held, so none is added.
func (e *store) endViews() {
	e.viewsMu.Lock()
	left := make([]*view, 0, len(e.views))
	for v := range e.views {
		left = append(left, v)
	}
	clear(e.views)
	e.viewsMu.Unlock()
	for _, v := range left {
		v.end()
	}
}
