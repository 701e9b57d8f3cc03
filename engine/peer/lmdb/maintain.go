//go:build lmdb

package lmdb

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/kvbench/kvbench/engine"
)

// dataFile is LMDB's own name for its file.
const dataFile = "data.mdb"

// Sync flushes the file between two commits. At the level os that holds until
// the next writes; see the package comment.
func (e *store) Sync() error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	if e.settings.ReadOnly {
		return nil
	}
	e.writer.Lock()
	defer e.writer.Unlock()
	if err := e.healthy(); err != nil {
		return err
	}
	if err := e.env.Sync(true); err != nil {
		err = fmt.Errorf("sync: %w", e.translate(err))
		e.failed.CompareAndSwap(nil, &err)
		return err
	}
	return nil
}

// Checkpoint copies the file as one read transaction sees it, free pages
// included, and writes the marker last, so that a directory that a crash left
// half done is not taken for an engine.
func (e *store) Checkpoint(dir string) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	if err := e.checkpoint(dir); err != nil {
		return fmt.Errorf("checkpoint lmdb to %s: %w", dir, err)
	}
	return nil
}

func (e *store) checkpoint(dir string) error {
	if err := e.fs.MkdirAll(dir); err != nil {
		return err
	}
	names, err := e.fs.List(dir)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: the directory is not empty: it holds %s", engine.ErrInvalid, names[0])
	}
	target := filepath.Join(dir, dataDir)
	if err := e.copyTo(target); err != nil {
		e.fs.RemoveAll(target)
		return err
	}
	return engine.WriteMarker(e.fs, dir, marker())
}

// copyTo makes the directory target and a durable copy of the file in it.
func (e *store) copyTo(target string) error {
	if err := e.fs.MkdirAll(target); err != nil {
		return err
	}
	if err := e.env.Copy(target); err != nil {
		return e.translate(err)
	}
	f, err := e.fs.OpenReadWrite(filepath.Join(target, dataFile))
	if err != nil {
		return err
	}
	err = f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = e.fs.SyncDir(target)
	}
	return err
}

func (e *store) Metrics(m *engine.Metrics) {
	if e.enter() != nil {
		return
	}
	defer e.mu.RUnlock()
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
