package pogreb

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/akrylysov/pogreb/fs"

	"github.com/kvbench/kvbench/engine/vfs"
)

// segmentExt ends the names of the log's segments.
const segmentExt = ".psg"

// files is the library's file system with the syncs that it leaves out.
type files struct {
	fs.FileSystem
	path string
	dir  vfs.FS // syncs directories

	syncs, syncTime, syncErrors atomic.Uint64

	recovered bool // the last opening found an unclean end

	mu       sync.Mutex
	segments map[*file]struct{} // open ones
	unnamed  bool               // names have changed since the directory was synced
}

func newFiles(under fs.FileSystem, path string, dir vfs.FS) *files {
	return &files{FileSystem: under, path: path, dir: dir, segments: make(map[*file]struct{})}
}

// file is one of the library's files.
type file struct {
	fs.File
	f       *files
	segment bool
	dirty   atomic.Bool
}

func (f *files) OpenFile(name string, flag int, perm os.FileMode) (fs.File, error) {
	under, err := f.FileSystem.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	opened := &file{File: under, f: f, segment: filepath.Ext(name) == segmentExt}
	f.mu.Lock()
	defer f.mu.Unlock()
	if flag&os.O_CREATE != 0 {
		f.unnamed = true
	}
	if opened.segment {
		f.segments[opened] = struct{}{}
	}
	return opened, nil
}

// CreateLockFile makes the lock's name durable before anything is written:
// only the lock says that the index is not to be trusted.
func (f *files) CreateLockFile(name string, perm os.FileMode) (fs.LockFile, bool, error) {
	lock, existed, err := f.FileSystem.CreateLockFile(name, perm)
	if err != nil {
		return nil, false, err
	}
	f.recovered = existed
	if err := f.dir.SyncDir(f.path); err != nil {
		return nil, false, err
	}
	return lockFile{lock, f}, existed, nil
}

type lockFile struct {
	fs.LockFile
	f *files
}

// Unlock removes the lock, after the names of all that Close has written.
func (l lockFile) Unlock() error {
	if err := l.f.dir.SyncDir(l.f.path); err != nil {
		return err
	}
	return l.LockFile.Unlock()
}

// Remove deletes a segment when the copies of what was live in it are synced.
func (f *files) Remove(name string) error {
	if filepath.Ext(name) == segmentExt {
		if err := f.sync(nil); err != nil {
			return err
		}
	}
	return f.FileSystem.Remove(name)
}

// sync syncs the segments that were written since their last one, the given
// one in any case, and their names.
func (f *files) sync(asked *file) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.segments {
		if s == asked || s.dirty.Load() {
			if err := s.sync(); err != nil {
				return err
			}
		}
	}
	if !f.unnamed {
		return nil
	}
	if err := f.dir.SyncDir(f.path); err != nil {
		return err
	}
	f.unnamed = false
	return nil
}

func (f *file) wrote() {
	if !f.dirty.Load() {
		f.dirty.Store(true)
	}
}

func (f *file) Write(p []byte) (int, error) {
	f.wrote()
	return f.File.Write(p)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.wrote()
	return f.File.WriteAt(p, off)
}

func (f *file) Truncate(size int64) error {
	f.wrote()
	return f.File.Truncate(size)
}

// Sync is the library's, which knows the newest segment only.
func (f *file) Sync() error {
	if f.segment {
		return f.f.sync(f)
	}
	return f.sync()
}

func (f *file) sync() error {
	start := time.Now()
	f.dirty.Store(false)
	err := f.File.Sync()
	f.f.syncs.Add(1)
	f.f.syncTime.Add(uint64(time.Since(start)))
	if err != nil {
		f.f.syncErrors.Add(1)
	}
	return err
}

// Close syncs: once the lock is gone, the next Open trusts every file.
func (f *file) Close() error {
	var err error
	if f.dirty.Load() {
		err = f.sync()
	}
	if f.segment {
		f.f.mu.Lock()
		delete(f.f.segments, f)
		f.f.mu.Unlock()
	}
	if closeErr := f.File.Close(); err == nil {
		err = closeErr
	}
	return err
}
