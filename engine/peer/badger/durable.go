package badger

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// logs counts our syncs of Badger's logs.
type logs struct {
	syncs, syncTime, syncErrors atomic.Uint64
}

// Sync makes what all logs hold survive a power loss.
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
	if err := e.syncLogs(); err != nil {
		return e.writes.Fail("sync", e.translate(err))
	}
	return nil
}

// syncLogs syncs the logs of memtables and of values, and their directory.
func (e *store) syncLogs() error {
	names, err := e.fs.List(e.path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if ext := filepath.Ext(name); ext != ".mem" && ext != ".vlog" {
			continue
		}
		if err := e.syncLog(filepath.Join(e.path, name)); err != nil {
			return err
		}
	}
	return e.fs.SyncDir(e.path)
}

// syncLog syncs a log, unless it is gone, since its writes are in tables then.
func (e *store) syncLog(path string) error {
	f, err := e.fs.OpenReadWrite(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	start := time.Now()
	err = f.Sync()
	e.logs.syncs.Add(1)
	e.logs.syncTime.Add(uint64(time.Since(start)))
	if err != nil {
		e.logs.syncErrors.Add(1)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
