package pebble

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kvbench/kvbench/engine"
)

// loadTableBytes is the size at which a load begins another table.
const loadTableBytes = 64 << 20

// bulkLoad writes tables beside the database and has it take them in at once.
// It is used by one goroutine.
type bulkLoad struct {
	e     *store
	dir   string
	paths []string
	w     *sstable.Writer // nil between tables
	last  []byte
	over  bool
}

// loadDir is where loads in progress are; what a crash left there goes at
// Open.
func (e *store) loadDir() string { return e.home.Path("load") }

func (e *store) NewBulkLoad() (engine.BulkLoad, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	if err := e.writes.Allowed(); err != nil {
		return nil, err
	}
	l := &bulkLoad{e: e, dir: filepath.Join(e.loadDir(), fmt.Sprint(e.loads.Add(1)))}
	if err := e.env.FS.MkdirAll(l.dir); err != nil {
		return nil, fmt.Errorf("bulk load: %w", err)
	}
	return l, nil
}

func (l *bulkLoad) Add(key, value []byte) error {
	call := l.e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if l.over {
		return errOver()
	}
	if err := l.e.caps.CheckKey(key); err != nil {
		return err
	}
	if err := l.e.caps.CheckValue(value); err != nil {
		return err
	}
	if len(l.last) > 0 && bytes.Compare(key, l.last) <= 0 {
		return fmt.Errorf("bulk load: %w: key %q comes after %q", engine.ErrInvalid, key, l.last)
	}
	if err := l.add(key, value); err != nil {
		return fmt.Errorf("bulk load: %w", err)
	}
	l.last = append(l.last[:0], key...)
	return nil
}

func (l *bulkLoad) add(key, value []byte) error {
	if l.w == nil {
		path := filepath.Join(l.dir, fmt.Sprintf("%06d.sst", len(l.paths)))
		f, err := l.e.opts.FS.Create(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			return err
		}
		o := l.e.opts.MakeWriterOptions(len(l.e.opts.Levels)-1, l.e.db.TableFormat())
		l.w = sstable.NewWriter(objstorageprovider.NewFileWritable(f), o)
		l.paths = append(l.paths, path)
	}
	if err := l.w.Set(key, value); err != nil {
		return err
	}
	if l.w.Raw().EstimatedSize() >= loadTableBytes {
		return l.endTable()
	}
	return nil
}

// endTable finishes and syncs the table in progress.
func (l *bulkLoad) endTable() error {
	if l.w == nil {
		return nil
	}
	w := l.w
	l.w = nil
	return w.Close()
}

func (l *bulkLoad) Finish() error {
	call := l.e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if l.over {
		return errOver()
	}
	l.over = true
	defer l.e.env.FS.RemoveAll(l.dir)
	if err := l.endTable(); err != nil {
		return fmt.Errorf("bulk load: %w", err)
	}
	if len(l.paths) == 0 {
		return nil
	}
	if err := l.e.writes.Allowed(); err != nil {
		return err
	}
	return l.e.write("bulk load", func() error {
		if err := l.e.db.Ingest(context.Background(), l.paths); err != nil {
			return err
		}
		return l.e.persist()
	})
}

func (l *bulkLoad) Abort() error {
	call := l.e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if l.over {
		return errOver()
	}
	l.over = true
	err := l.endTable()
	if removeErr := l.e.env.FS.RemoveAll(l.dir); err == nil {
		err = removeErr
	}
	return err
}

func errOver() error {
	return fmt.Errorf("bulk load: %w: it is finished or aborted", engine.ErrInvalid)
}
