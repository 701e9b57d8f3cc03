package goleveldb

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/syndtr/goleveldb/leveldb/storage"

	"github.com/kvbench/kvbench/engine/vfs"
)

// journals is the library's storage, which also knows the journals that are
// not synced to their ends.
type journals struct {
	storage.Storage
	path string
	fs   vfs.FS

	syncs, syncTime, syncErrors atomic.Uint64

	mu      sync.Mutex
	open    map[*journal]struct{}
	loose   map[storage.FileDesc]struct{} // closed unsynced, not removed yet
	unnamed bool                          // the directory is not synced since a journal was made
}

// journal is the file of one memtable's log.
type journal struct {
	storage.Writer
	j     *journals
	fd    storage.FileDesc
	dirty atomic.Bool
}

func (j *journals) Create(fd storage.FileDesc) (storage.Writer, error) {
	w, err := j.Storage.Create(fd)
	if err != nil || fd.Type != storage.TypeJournal {
		return w, err
	}
	f := &journal{Writer: w, j: j, fd: fd}
	j.mu.Lock()
	j.open[f] = struct{}{}
	j.unnamed = true
	j.mu.Unlock()
	return f, nil
}

func (j *journals) Remove(fd storage.FileDesc) error {
	j.mu.Lock()
	delete(j.loose, fd)
	j.mu.Unlock()
	return j.Storage.Remove(fd)
}

func (f *journal) Write(p []byte) (int, error) {
	f.dirty.Store(true)
	return f.Writer.Write(p)
}

// Sync is the library's sync of a write.
func (f *journal) Sync() error {
	f.j.mu.Lock()
	defer f.j.mu.Unlock()
	if err := f.sync(); err != nil {
		return err
	}
	return f.j.syncName()
}

// sync needs j.mu, so that the file is not closed meanwhile.
func (f *journal) sync() error {
	f.dirty.Store(false)
	return f.j.timed(f.Writer.Sync)
}

func (f *journal) Close() error {
	f.j.mu.Lock()
	defer f.j.mu.Unlock()
	delete(f.j.open, f)
	if f.dirty.Load() {
		f.j.loose[f.fd] = struct{}{}
	}
	return f.Writer.Close()
}

// sync makes all that was written to journals survive a power loss.
func (j *journals) sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for fd := range j.loose {
		if err := j.syncClosed(fd); err != nil {
			return err
		}
		delete(j.loose, fd)
	}
	for f := range j.open {
		if err := f.sync(); err != nil {
			return err
		}
	}
	return j.syncName()
}

// syncClosed syncs a closed journal, unless it is gone, since its writes are
// in tables, which are synced.
func (j *journals) syncClosed(fd storage.FileDesc) error {
	f, err := j.fs.OpenReadWrite(filepath.Join(j.path, fd.String()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = j.timed(f.Sync)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// syncName needs j.mu.
func (j *journals) syncName() error {
	if !j.unnamed {
		return nil
	}
	if err := j.fs.SyncDir(j.path); err != nil {
		return err
	}
	j.unnamed = false
	return nil
}

func (j *journals) timed(sync func() error) error {
	start := time.Now()
	err := sync()
	j.syncs.Add(1)
	j.syncTime.Add(uint64(time.Since(start)))
	if err != nil {
		j.syncErrors.Add(1)
	}
	return err
}
