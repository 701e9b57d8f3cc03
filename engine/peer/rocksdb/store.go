//go:build rocksdb

package rocksdb

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/linxGnu/grocksdb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// store is an opened RocksDB.
type store struct {
	db       *grocksdb.DB
	opts     *options
	home     *engine.Home
	fs       vfs.FS
	caps     engine.Caps
	settings settings

	// failed is the first error of a write, sync or flush; nil while healthy.
	// RocksDB itself would try to resume.
	failed atomic.Pointer[error]

	compacting sync.Mutex // one Compact at a time, so that one can be cancelled

	mu       sync.RWMutex // shared by calls, alone for Close
	closed   bool
	closeErr error

	viewsMu sync.Mutex
	views   map[view]struct{} // open iterators and snapshots
}

// A view is what Close has to end before it frees the database.
type view interface{ end() }

var (
	_ engine.Engine       = (*store)(nil)
	_ engine.Scanner      = (*store)(nil)
	_ engine.Snapshotter  = (*store)(nil)
	_ engine.RangeDeleter = (*store)(nil)
	_ engine.Checkpointer = (*store)(nil)
	_ engine.Settler      = (*store)(nil)
	_ engine.Compactor    = (*store)(nil)
)

func newStore(db *grocksdb.DB, o *options, home *engine.Home, fsys vfs.FS, s settings) *store {
	return &store{
		db: db, opts: o, home: home, fs: fsys,
		caps: caps(&s), settings: s,
		views: make(map[view]struct{}),
	}
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
	value, err := e.get(e.opts.read, dst, key)
	e.mu.RUnlock()
	return value, err
}

// get appends the value of key, as ro sees it, to dst.
func (e *store) get(ro *grocksdb.ReadOptions, dst, key []byte) ([]byte, error) {
	if err := e.caps.CheckKey(key); err != nil {
		return dst, err
	}
	value, err := e.db.GetPinned(ro, key)
	if err != nil {
		return dst, fmt.Errorf("get: %w", e.translate(err))
	}
	if !value.Exists() {
		return dst, engine.ErrNotFound
	}
	dst = append(dst, value.Data()...)
	value.Destroy()
	return dst, nil
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
	level, wo, err := e.writable(d)
	if err != nil {
		return err
	}
	return e.wrote("put", level, e.db.Put(wo, key, value))
}

func (e *store) Delete(key []byte, d engine.Durability) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	if err := e.caps.CheckKey(key); err != nil {
		return err
	}
	level, wo, err := e.writable(d)
	if err != nil {
		return err
	}
	return e.wrote("delete", level, e.db.Delete(wo, key))
}

// writable resolves d, or says why there is no writing.
func (e *store) writable(d engine.Durability) (engine.Durability, *grocksdb.WriteOptions, error) {
	if err := e.healthy(); err != nil {
		return d, nil, err
	}
	level, err := e.caps.Durabilities.Resolve(d, e.settings.Durability)
	if err != nil {
		return level, nil, err
	}
	switch level {
	case engine.None:
		return level, e.opts.bare, nil
	case engine.Sync:
		return level, e.opts.synced, nil
	}
	return level, e.opts.logged, nil
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

// wrote finishes a write at level that RocksDB answered with err.
func (e *store) wrote(op string, level engine.Durability, err error) error {
	if err == nil && level == engine.OS && keepsLog(&e.settings) {
		err = e.db.FlushWAL(false)
	}
	if err == nil {
		return nil
	}
	return e.fail(op, err)
}

// fail remembers the first failure, after which nothing is written.
func (e *store) fail(op string, err error) error {
	err = fmt.Errorf("%s: %w", op, e.translate(err))
	e.failed.CompareAndSwap(nil, &err)
	return err
}

// keepsLog reports whether the log stays in the process until it is pushed.
func keepsLog(s *settings) bool { return s.Durability == engine.Buffered }

func (e *store) Sync() error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	if e.settings.ReadOnly {
		return nil
	}
	if err := e.healthy(); err != nil {
		return err
	}
	if err := e.persist(true); err != nil {
		return e.fail("sync", err)
	}
	return nil
}

// persist moves what only the process has into files, and on to the disk if
// sync is set. Without a log the memtable is flushed, which always syncs.
func (e *store) persist(sync bool) error {
	if e.settings.Durability == engine.None {
		return e.db.Flush(e.opts.flush)
	}
	return e.db.FlushWAL(sync)
}

func (e *store) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return e.closeErr
	}
	e.closed = true
	e.endViews()
	var err error
	if !e.settings.ReadOnly && e.failed.Load() == nil {
		if err = e.persist(false); err != nil {
			err = e.translate(err)
		}
	}
	e.db.Close()
	e.opts.destroy()
	if unlockErr := e.home.Close(); err == nil {
		err = unlockErr
	}
	if err != nil {
		e.closeErr = fmt.Errorf("close rocksdb: %w", err)
	}
	return e.closeErr
}

func (e *store) addView(v view) {
	e.viewsMu.Lock()
	e.views[v] = struct{}{}
	e.viewsMu.Unlock()
}

func (e *store) dropView(v view) {
	e.viewsMu.Lock()
	delete(e.views, v)
	e.viewsMu.Unlock()
}

// endViews ends what callers have left open. e.mu is held, so none is added.
func (e *store) endViews() {
	e.viewsMu.Lock()
	left := make([]view, 0, len(e.views))
	for v := range e.views {
		left = append(left, v)
	}
	clear(e.views)
	e.viewsMu.Unlock()
	for _, v := range left {
		v.end()
	}
}
