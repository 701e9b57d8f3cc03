package goleveldb

import (
	"errors"
	"fmt"
	"sync"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// store is an opened database.
type store struct {
	db       *leveldb.DB
	journals *journals
	home     *engine.Home
	path     string // of the library's files
	caps     engine.Caps
	settings settings
	synced   opt.WriteOptions

	writes   adapt.Writes
	gate     *adapt.Gate
	views    adapt.Views
	close    sync.Once
	closeErr error

	statsMu sync.Mutex
	stats   leveldb.DBStats // scratch of Metrics and Settle
}

var (
	_ engine.Engine      = (*store)(nil)
	_ engine.Scanner     = (*store)(nil)
	_ engine.Snapshotter = (*store)(nil)
	_ engine.Settler     = (*store)(nil)
	_ engine.Compactor   = (*store)(nil)
)

func (e *store) openDB(env engine.Env) (err error) {
	defer adapt.Rescue(e.path, &err)
	files, err := storage.OpenFile(e.path, e.settings.ReadOnly)
	if err != nil {
		return err
	}
	e.journals = &journals{
		Storage: files, path: e.path, fs: env.FS,
		open: make(map[*journal]struct{}), loose: make(map[storage.FileDesc]struct{}),
	}
	e.synced.Sync = true
	e.db, err = leveldb.Open(e.journals, e.settings.options())
	if err != nil {
		files.Close()
		return err
	}
	return nil
}

func (e *store) Caps() engine.Caps { return e.caps }

// getter is a database or a snapshot.
type getter interface {
	Get(key []byte, ro *opt.ReadOptions) ([]byte, error)
}

func (e *store) Get(dst, key []byte) ([]byte, error) {
	call := e.gate.Enter()
	if call == nil {
		return dst, engine.ErrClosed
	}
	dst, err := e.get(e.db, dst, key)
	call.Leave()
	return dst, err
}

// get appends the value of key in from to dst.
func (e *store) get(from getter, dst, key []byte) ([]byte, error) {
	if err := e.caps.CheckKey(key); err != nil {
		return dst, err
	}
	value, err := from.Get(key, nil)
	if err == leveldb.ErrNotFound {
		return dst, engine.ErrNotFound
	}
	if err != nil {
		return dst, fmt.Errorf("get: %w", translate(e.path, err))
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
	o, err := e.level(d)
	if err != nil {
		return err
	}
	return e.wrote("put", e.db.Put(key, value, o))
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
	o, err := e.level(d)
	if err != nil {
		return err
	}
	return e.wrote("delete", e.db.Delete(key, o))
}

// Apply builds the library's batch op by op: its format is LevelDB's as ours
// is, but kinds and header stay its own business.
func (e *store) Apply(b *engine.Batch, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.caps.CheckBatch(b); err != nil {
		return err
	}
	o, err := e.level(d)
	if err != nil {
		return err
	}
	lb := leveldb.MakeBatch(b.Size())
	var op engine.Op
	r := b.Reader()
	for r.Next(&op) {
		if op.Kind == engine.KindPut {
			lb.Put(op.Key, op.Value)
		} else {
			lb.Delete(op.Key)
		}
	}
	return e.wrote("apply", e.db.Write(lb, o))
}

// level returns the library's name for the level that a write asking for d
// gets.
func (e *store) level(d engine.Durability) (*opt.WriteOptions, error) {
	d, err := e.writes.Level(&e.caps, d)
	if err == nil && d == engine.Sync {
		return &e.synced, nil
	}
	return nil, err
}

func (e *store) wrote(op string, err error) error {
	if err == nil {
		return nil
	}
	return e.writes.Fail(op, translate(e.path, err))
}

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
	return e.wrote("sync", e.journals.sync())
}

func (e *store) Close() error {
	e.close.Do(func() {
		e.gate.Close()
		e.views.EndAll()
		err := errors.Join(translate(e.path, e.db.Close()), e.journals.Storage.Close(), e.home.Close())
		if err != nil {
			e.closeErr = fmt.Errorf("close goleveldb: %w", err)
		}
	})
	return e.closeErr
}
