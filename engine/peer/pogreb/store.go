package pogreb

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/akrylysov/pogreb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// store is an opened pogreb.
type store struct {
	db       *pogreb.DB
	files    *files
	home     *engine.Home
	path     string // of pogreb's files
	env      engine.Env
	caps     engine.Caps
	settings settings
	writes   adapt.Writes

	stop       chan struct{}  // ends the background
	background sync.WaitGroup // its goroutines
	compacting sync.Mutex     // pogreb refuses a second compaction
	running    atomic.Int32   // compactions now
	compacted  atomic.Uint64  // since Open

	gate     *adapt.Gate
	close    sync.Once
	closeErr error
}

var (
	_ engine.Engine           = (*store)(nil)
	_ engine.UnorderedScanner = (*store)(nil)
	_ engine.Settler          = (*store)(nil)
	_ engine.Compactor        = (*store)(nil)
)

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
	value, err := e.get(key)
	if err != nil {
		return dst, fmt.Errorf("get: %w", translate(e.path, err))
	}
	if value == nil {
		return dst, engine.ErrNotFound
	}
	return append(dst, value...), nil
}

// get returns nil for an absent key; an empty value is not nil.
func (e *store) get(key []byte) (value []byte, err error) {
	defer adapt.Rescue(e.path, &err)
	return e.db.Get(key)
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
	return e.write("put", d, func() error { return e.db.Put(key, value) })
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
	return e.write("delete", d, func() error { return e.remove(key) })
}

// Apply writes the ops one by one and syncs once, if asked to.
func (e *store) Apply(b *engine.Batch, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.caps.CheckBatch(b); err != nil {
		return err
	}
	return e.write("apply", d, func() error {
		var op engine.Op
		r := b.Reader()
		for r.Next(&op) {
			var err error
			if op.Kind == engine.KindPut {
				err = e.db.Put(op.Key, op.Value)
			} else {
				err = e.remove(op.Key)
			}
			if err != nil {
				return err
			}
		}
		return r.Err()
	})
}

// remove deletes key as often as the index holds it; see the package comment.
func (e *store) remove(key []byte) error {
	for {
		if err := e.db.Delete(key); err != nil {
			return err
		}
		if more, err := e.db.Has(key); err != nil || !more {
			return err
		}
	}
}

// write runs f, which writes, and then syncs if the level is sync.
func (e *store) write(op string, d engine.Durability, f func() error) error {
	d, err := e.writes.Level(&e.caps, d)
	if err != nil {
		return err
	}
	if err := e.rescued(f); err != nil {
		return e.writes.Fail(op, translate(e.path, err))
	}
	if d != engine.Sync {
		return nil
	}
	if err := e.rescued(e.db.Sync); err != nil {
		return e.writes.Fail(op, translate(e.path, err))
	}
	return nil
}

func (e *store) rescued(f func() error) (err error) {
	defer adapt.Rescue(e.path, &err)
	return f()
}

func (e *store) Sync() error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	return e.sync()
}

func (e *store) sync() error {
	if err := e.writes.Allowed(); err != nil {
		return err
	}
	if err := e.rescued(e.db.Sync); err != nil {
		return e.writes.Fail("sync", translate(e.path, err))
	}
	return nil
}

func (e *store) Metrics(m *engine.Metrics) {
	call := e.gate.Enter()
	if call == nil {
		return
	}
	defer call.Leave()
	m.Log.Syncs = engine.Known(e.files.syncs.Load())
	m.Log.SyncTime = engine.Known(e.files.syncTime.Load())
	m.Work.Compactions = engine.Known(e.compacted.Load())
	m.Work.Running = engine.Known(uint64(e.running.Load()))
	m.Health.SyncErrors = engine.Known(e.files.syncErrors.Load())
}

func (e *store) Close() error {
	e.close.Do(func() {
		close(e.stop)
		e.gate.Close()
		e.background.Wait()
		if err := errors.Join(e.rescued(e.db.Close), e.home.Close()); err != nil {
			e.closeErr = fmt.Errorf("close pogreb: %w", translate(e.path, err))
		}
	})
	return e.closeErr
}

// translate makes pogreb's errors the contract's. nil stays nil. The library
// exports none of them, so that their texts have to do.
func translate(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "database is corrupted"),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return engine.Corrupt(path, -1, "", err)
	case strings.Contains(err.Error(), "database is locked"):
		return fmt.Errorf("%w: %w", engine.ErrLocked, err)
	}
	return err
}
