package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// store is an opened Pebble.
type store struct {
	db    *pebble.DB
	opts  *pebble.Options
	home  *engine.Home
	path  string // of Pebble's files
	env   engine.Env
	caps  engine.Caps
	plain engine.Caps // caps without range deletes

	watch    *watch
	writes   adapt.Writes
	upperEnd []byte // beyond every key; see maxKey
	loads    atomic.Uint64

	// wedged: a panic of Pebble's was caught, so its locks may be held.
	wedged atomic.Bool

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
	_ engine.BulkLoader   = (*store)(nil)
	_ engine.Checkpointer = (*store)(nil)
	_ engine.Settler      = (*store)(nil)
	_ engine.Compactor    = (*store)(nil)
)

func newStore(home *engine.Home, path string, s settings, env engine.Env) (e *store, err error) {
	e = &store{
		home: home, path: path, env: env, caps: caps(&s), gate: adapt.NewGate(),
		upperEnd: bytes.Repeat([]byte{0xff}, maxKey+1),
	}
	e.plain = e.caps
	e.plain.RangeDelete = false
	e.writes.ReadOnly, e.writes.Default = s.ReadOnly, s.Durability
	e.watch = &watch{log: env.Log, events: env.Events, now: env.Now, writes: &e.writes}
	e.opts = newOptions(&s, e.watch)
	if !s.ReadOnly {
		if err := env.FS.RemoveAll(e.loadDir()); err != nil {
			return nil, err
		}
	}
	if err := e.openDB(); err != nil {
		return nil, e.translate(err)
	}
	return e, nil
}

func (e *store) openDB() (err error) {
	defer adapt.Rescue(e.path, &err)
	e.db, err = pebble.Open(e.path, e.opts)
	return err
}

func (e *store) Caps() engine.Caps { return e.caps }

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
func (e *store) get(from pebble.Reader, dst, key []byte) ([]byte, error) {
	if err := e.caps.CheckKey(key); err != nil {
		return dst, err
	}
	value, closer, err := from.Get(key)
	if err == pebble.ErrNotFound {
		return dst, engine.ErrNotFound
	}
	if err != nil {
		return dst, fmt.Errorf("get: %w", e.translate(err))
	}
	had := dst
	dst = append(dst, value...)
	if err := closer.Close(); err != nil {
		return had, fmt.Errorf("get: %w", e.translate(err))
	}
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
	o, err := e.level(d)
	if err != nil {
		return err
	}
	return e.write("put", func() error { return e.db.Set(key, value, o) })
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
	return e.write("delete", func() error { return e.db.Delete(key, o) })
}

// level returns Pebble's name for the level that a write asking for d gets.
func (e *store) level(d engine.Durability) (*pebble.WriteOptions, error) {
	d, err := e.writes.Level(&e.caps, d)
	if err != nil {
		return nil, err
	}
	if d == engine.Sync {
		return pebble.Sync, nil
	}
	return pebble.NoSync, nil
}

// write runs one of Pebble's writes. Its error, its Fatalf meanwhile and its
// panic are failures: Pebble cannot write any more.
func (e *store) write(op string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e.wedged.Store(true)
			cause, ok := r.(error)
			if !ok {
				cause = fmt.Errorf("pebble panicked: %v", r)
			}
			err = e.writes.Fail(op, e.translate(cause))
		}
	}()
	if err := f(); err != nil {
		return e.writes.Fail(op, e.translate(err))
	}
	return e.writes.Failed()
}

// Sync writes an empty record to the log and waits for its sync, which covers
// the earlier ones. Without a log the memtable is flushed, which always syncs.
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
	return e.write("sync", e.persist)
}

func (e *store) persist() error {
	if e.opts.DisableWAL {
		return e.db.Flush()
	}
	return e.db.LogData(nil, pebble.Sync)
}

func (e *store) Close() error {
	e.close.Do(func() {
		e.gate.Close()
		if e.wedged.Load() {
			e.closeErr = fmt.Errorf("close pebble: it stays open until the process ends, since a write failed: %w", e.writes.Failed())
			return
		}
		e.views.EndAll()
		var err error
		if e.opts.DisableWAL && e.writes.Allowed() == nil {
			err = e.write("flush", e.db.Flush)
		}
		err = errors.Join(err, e.closeDB(), e.home.Close())
		if err != nil {
			e.closeErr = fmt.Errorf("close pebble: %w", err)
		}
	})
	return e.closeErr
}

func (e *store) closeDB() (err error) {
	defer adapt.Rescue(e.path, &err)
	return e.translate(e.db.Close())
}

// translate makes Pebble's errors the contract's. nil stays nil.
func (e *store) translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pebble.ErrClosed):
		return engine.ErrClosed
	case pebble.IsCorruptionError(err):
		return engine.Corrupt(e.path, -1, "", err)
	}
	return err
}
