package bbolt

import (
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// Checkpoint copies the file as one read transaction sees it.
func (e *store) Checkpoint(dir string) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := adapt.Checkpoint(e.env.FS, dir, e.settings.marker(), e.copyTo); err != nil {
		return fmt.Errorf("checkpoint bbolt to %s: %w", dir, translate(e.path, err))
	}
	return nil
}

// copyTo makes the directory and a durable copy of the file in it.
func (e *store) copyTo(dir string) (err error) {
	defer adapt.Rescue(e.path, &err)
	if err := e.env.FS.MkdirAll(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, dataFile)
	err = e.db.View(func(tx *bbolt.Tx) error { return tx.CopyFile(path, fileMode) })
	if err != nil {
		return err
	}
	f, err := e.env.FS.OpenReadWrite(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = e.env.FS.SyncDir(dir)
	}
	return err
}

// Metrics knows the file's size, and more with the setting statistics.
func (e *store) Metrics(m *engine.Metrics) {
	call := e.gate.Enter()
	if call == nil {
		return
	}
	defer call.Leave()
	m.Space.Files = engine.Known(1)
	if info, err := e.env.FS.Stat(e.path); err == nil {
		m.Space.DiskBytes = engine.Known(uint64(info.Size()))
	}
	if !e.settings.Statistics {
		return
	}
	s := e.db.Stats()
	m.Work.PageWrites = engine.Known(uint64(s.TxStats.GetWrite()))
	m.Work.Splits = engine.Known(uint64(s.TxStats.GetSplit()))
	m.Work.Merges = engine.Known(uint64(s.TxStats.GetRebalance()))
	m.Space.GarbageBytes = engine.Known(uint64(s.FreeAlloc))
	m.Space.PinnedBytes = engine.Known(uint64(s.PendingPageN) * uint64(e.settings.PageBytes))
}
