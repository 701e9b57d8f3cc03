//go:build rocksdb

package rocksdb

import (
	"errors"
	"fmt"
	"sync"

	"github.com/linxGnu/grocksdb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
	"github.com/kvbench/kvbench/engine/vfs"
)

// store is an opened RocksDB.
type store struct {
	db       *grocksdb.DB
	opts     *options
	home     *engine.Home
	path     string // of RocksDB's files
	fs       vfs.FS
	caps     engine.Caps
	settings settings

	// writes ends at the first failure; RocksDB itself would try to resume.
	writes adapt.Writes

	compacting sync.Mutex // one Compact at a time, so that one can be cancelled

	gate     *adapt.Gate
	views    adapt.Views
	close    sync.Once
	closeErr error
}

var (
	_ engine.Engine       = (*store)(nil)
	_ engine.Scanner      = (*store)(nil)
	_ engine.Snapshotter  = (*store)(nil)
	_ engine.RangeDeleter = (*store)(nil)
	_ engine.Checkpointer = (*store)(nil)
	_ engine.Settler      = (*store)(nil)
	_ engine.Compactor    = (*store)(nil)
)

func newStore(home *engine.Home, path string, s settings, env engine.Env) (*store, error) {
	e := &store{
		opts: newOptions(&s), home: home, path: path, fs: env.FS,
		caps: caps(&s), settings: s, gate: adapt.NewGate(),
	}
	e.writes.ReadOnly, e.writes.Default = s.ReadOnly, s.Durability
	var err error
	if s.ReadOnly {
		e.db, err = grocksdb.OpenDbForReadOnly(e.opts.db, path, false)
	} else {
		e.db, err = grocksdb.OpenDb(e.opts.db, path)
	}
	if err != nil {
		e.opts.destroy()
		return nil, e.translate(err)
	}
	return e, nil
}

func (e *store) Caps() engine.Caps { return e.caps }

func (e *store) Get(dst, key []byte) ([]byte, error) {
	call := e.gate.Enter()
	if call == nil {
		return dst, engine.ErrClosed
	}
	dst, err := e.get(e.opts.read, dst, key)
	call.Leave()
	return dst, err
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
	level, wo, err := e.writable(d)
	if err != nil {
		return err
	}
	return e.wrote("put", level, e.db.Put(wo, key, value))
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
	level, wo, err := e.writable(d)
	if err != nil {
		return err
	}
	return e.wrote("delete", level, e.db.Delete(wo, key))
}

// writable resolves d, or says why there is no writing.
func (e *store) writable(d engine.Durability) (engine.Durability, *grocksdb.WriteOptions, error) {
	level, err := e.writes.Level(&e.caps, d)
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

// wrote finishes a write at level that RocksDB answered with err.
func (e *store) wrote(op string, level engine.Durability, err error) error {
	if err == nil && level == engine.OS && keepsLog(&e.settings) {
		err = e.db.FlushWAL(false)
	}
	if err == nil {
		return nil
	}
	return e.writes.Fail(op, e.translate(err))
}

// keepsLog reports whether the log stays in the process until it is pushed.
func keepsLog(s *settings) bool { return s.Durability == engine.Buffered }

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
	if err := e.persist(true); err != nil {
		return e.writes.Fail("sync", e.translate(err))
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
	e.close.Do(func() {
		e.gate.Close()
		e.views.EndAll()
		var err error
		if e.writes.Allowed() == nil {
			if err = e.persist(false); err != nil {
				err = e.translate(err)
			}
		}
		e.db.Close()
		e.opts.destroy()
		if err = errors.Join(err, e.home.Close()); err != nil {
			e.closeErr = fmt.Errorf("close rocksdb: %w", err)
		}
	})
	return e.closeErr
}
