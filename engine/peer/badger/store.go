package badger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/y"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
	"github.com/kvbench/kvbench/engine/vfs"
)

// store is an opened Badger.
type store struct {
	db       *badger.DB
	home     *engine.Home
	path     string // of Badger's files
	fs       vfs.FS
	caps     engine.Caps
	settings settings

	writes     adapt.Writes
	logs       logs
	flattening sync.Mutex // one at a time: it stops and starts the compactors

	gate     *adapt.Gate
	views    adapt.Views
	close    sync.Once
	closeErr error
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
	e.db, err = badger.Open(e.settings.options(e.path, logger{env.Log}))
	if err == nil && !e.settings.ReadOnly {
		err = e.fs.SyncDir(e.path)
	}
	return e.translate(err)
}

// logger hands Badger's messages on. What it says of its work is for debugging.
type logger struct{ log *slog.Logger }

func (l logger) Errorf(f string, args ...any)   { l.log.Error(message(f, args)) }
func (l logger) Warningf(f string, args ...any) { l.log.Warn(message(f, args)) }
func (l logger) Infof(f string, args ...any)    { l.log.Debug(message(f, args)) }
func (l logger) Debugf(string, ...any)          {}

func message(format string, args []any) string {
	return "badger: " + strings.TrimSpace(fmt.Sprintf(format, args...))
}

func (e *store) Caps() engine.Caps { return e.caps }

// checkKey also refuses the keys that Badger keeps for itself.
func (e *store) checkKey(key []byte) error {
	if err := e.caps.CheckKey(key); err != nil {
		return err
	}
	if len(key) >= len(reserved) && string(key[:len(reserved)]) == reserved {
		return fmt.Errorf("%w: key %q: keys that begin with %s are Badger's own", engine.ErrInvalid, key, reserved)
	}
	return nil
}

func (e *store) Get(dst, key []byte) ([]byte, error) {
	call := e.gate.Enter()
	if call == nil {
		return dst, engine.ErrClosed
	}
	defer call.Leave()
	txn := e.db.NewTransaction(false)
	defer txn.Discard()
	return e.get(txn, dst, key)
}

// get appends the value of key, as txn sees it, to dst.
func (e *store) get(txn *badger.Txn, dst, key []byte) (value []byte, err error) {
	if err := e.checkKey(key); err != nil {
		return dst, err
	}
	item, err := txn.Get(key)
	if err == badger.ErrKeyNotFound {
		return dst, engine.ErrNotFound
	}
	value = dst
	if err == nil {
		err = item.Value(func(v []byte) error {
			value = append(dst, v...)
			return nil
		})
	}
	if err != nil {
		return dst, fmt.Errorf("get: %w", e.translate(err))
	}
	return value, nil
}

func (e *store) Put(key, value []byte, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.checkKey(key); err != nil {
		return err
	}
	if err := e.caps.CheckValue(value); err != nil {
		return err
	}
	return e.update("put", d, func(txn *badger.Txn) error { return txn.Set(key, value) })
}

func (e *store) Delete(key []byte, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.checkKey(key); err != nil {
		return err
	}
	return e.update("delete", d, func(txn *badger.Txn) error { return txn.Delete(key) })
}

// Apply is one transaction. One that Badger finds too big is discarded whole.
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
	return e.update("apply", d, func(txn *badger.Txn) error {
		var op engine.Op
		r := b.Reader()
		for r.Next(&op) {
			err := e.checkKey(op.Key)
			switch {
			case err != nil:
			case op.Kind == engine.KindPut:
				err = txn.Set(op.Key, op.Value)
			default:
				err = txn.Delete(op.Key)
			}
			if err != nil {
				return err
			}
		}
		return r.Err()
	})
}

// update commits what f does, or nothing. An error of f is a refusal; one of
// the commit is a failure.
func (e *store) update(op string, d engine.Durability, f func(*badger.Txn) error) error {
	d, err := e.writes.Level(&e.caps, d)
	if err != nil {
		return err
	}
	txn := e.db.NewTransaction(true)
	defer txn.Discard()
	if err := f(txn); err != nil {
		if errors.Is(err, badger.ErrTxnTooBig) {
			err = fmt.Errorf("%w: %w", engine.ErrTooLarge, err)
		}
		return fmt.Errorf("%s: %w", op, err)
	}
	err = txn.Commit()
	if errors.Is(err, badger.ErrTxnTooBig) { // refused before the log
		return fmt.Errorf("%s: %w: %w", op, engine.ErrTooLarge, err)
	}
	if err == nil && d == engine.Sync && e.settings.Durability != engine.Sync {
		err = e.syncLogs()
	}
	if err != nil {
		return e.writes.Fail(op, e.translate(err))
	}
	return nil
}

func (e *store) Close() error {
	e.close.Do(func() {
		e.gate.Close()
		e.views.EndAll()
		err := errors.Join(e.closeDB(), e.home.Close())
		if err != nil {
			e.closeErr = fmt.Errorf("close badger: %w", err)
		}
	})
	return e.closeErr
}

func (e *store) closeDB() (err error) {
	defer adapt.Rescue(e.path, &err)
	return e.translate(e.db.Close())
}

// translate makes Badger's errors the contract's. nil stays nil.
func (e *store) translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, badger.ErrDBClosed), errors.Is(err, badger.ErrBlockedWrites):
		return engine.ErrClosed
	case errors.Is(err, y.ErrChecksumMismatch), errors.Is(err, y.ErrEOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, fs.ErrNotExist), strings.Contains(err.Error(), "checksum"):
		return engine.Corrupt(e.path, -1, "", err)
	case strings.Contains(err.Error(), "Cannot acquire directory lock"):
		return fmt.Errorf("%w: %w", engine.ErrLocked, err)
	}
	return err
}
