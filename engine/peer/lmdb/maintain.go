//go:build lmdb

package lmdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// dataFile is LMDB's own name for its file.
const dataFile = "data.mdb"

// Sync flushes the file between two commits. At the level os that holds until
// the next writes; see the package comment.
func (e *store) Sync() error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if e.writes.ReadOnly {
		return nil
	}
	e.writer.Lock()
	defer e.writer.Unlock()
	if err := e.writes.Allowed(); err != nil {
		return err
	}
	if err := e.env.Sync(true); err != nil {
		return e.writes.Fail("sync", e.translate(err))
	}
	return nil
}

// Checkpoint copies the file as one read transaction sees it, free pages
// included.
func (e *store) Checkpoint(dir string) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := adapt.Checkpoint(e.fs, dir, marker(), e.copyTo); err != nil {
		return fmt.Errorf("checkpoint lmdb to %s: %w", dir, err)
	}
	return nil
}

// copyTo makes the directory path and a durable copy of the file in it.
func (e *store) copyTo(path string) error {
	if err := e.fs.MkdirAll(path); err != nil {
		return err
	}
	if err := e.env.Copy(path); err != nil {
		return e.translate(err)
	}
	f, err := e.fs.OpenReadWrite(filepath.Join(path, dataFile))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return e.fs.SyncDir(path)
}

func (e *store) Metrics(m *engine.Metrics) {
	call := e.gate.Enter()
	if call == nil {
		return
	}
	defer call.Leave()
	if stat, err := e.env.Stat(); err == nil {
		m.Space.LiveKeys = engine.Known(stat.Entries)
		if info, err := e.env.Info(); err == nil {
			m.Space.DiskBytes = engine.Known(uint64(info.LastPNO+1) * uint64(stat.PSize))
			m.Space.Files = engine.Known(1)
		}
	}
}

func inspect(_ context.Context, dir string, env engine.Env) (engine.Layout, error) {
	var s settings
	given := map[string]string{engine.ReadOnlyName: "true"}
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return engine.Layout{}, err
	}
	e, err := openStore(dir, s, env.WithDefaults())
	if err != nil {
		return engine.Layout{}, err
	}
	defer e.Close()
	stat, err := e.env.Stat()
	if err != nil {
		return engine.Layout{}, fmt.Errorf("inspect lmdb: %w", e.translate(err))
	}
	info, err := e.env.Info()
	if err != nil {
		return engine.Layout{}, fmt.Errorf("inspect lmdb: %w", e.translate(err))
	}
	row := func(kind string, n uint64) []string {
		return []string{kind, strconv.FormatUint(n, 10), strconv.FormatUint(n*uint64(stat.PSize), 10)}
	}
	used := uint64(info.LastPNO + 1)
	inTree := stat.BranchPages + stat.LeafPages + stat.OverflowPages
	return engine.Layout{
		Facts: []engine.Fact{
			{Name: "page bytes", Value: strconv.Itoa(int(stat.PSize))},
			{Name: "depth", Value: strconv.Itoa(int(stat.Depth))},
			{Name: "keys", Value: strconv.FormatUint(stat.Entries, 10)},
			{Name: "last commit", Value: strconv.FormatInt(info.LastTxnID, 10)},
		},
		Tables: []engine.LayoutTable{{
			Title: "pages", Columns: []string{"kind", "pages", "bytes"},
			Rows: [][]string{
				row("branch", stat.BranchPages), row("leaf", stat.LeafPages),
				row("overflow", stat.OverflowPages), row("free and meta", used-min(used, inTree)),
			},
		}},
	}, nil
}
