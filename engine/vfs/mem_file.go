package vfs

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// maxFileSize is the largest file of Mem, as on ext4. The list of its leaves
// is what has to be bounded.
const maxFileSize = 16 << 40

// A memFile is an open file. Fields but closed and pos do not change.
type memFile struct {
	m    *Mem
	n    *inode
	path string
	memMode
	closed atomic.Bool
	pos    int64 // where the next Write goes; that is one goroutine at a time
}

// A memMode is how a file is opened.
type memMode struct{ writable, direct, dsync bool }

// Open is FS.Open. As with OS, path may be a directory, of which nothing can
// be read, but which can be synced.
func (m *Mem) Open(path string) (File, error) { return m.open(path, memMode{}) }

// OpenReadWrite is FS.OpenReadWrite.
func (m *Mem) OpenReadWrite(path string) (File, error) {
	return m.open(path, memMode{writable: true})
}

// OpenDirect is FS.OpenDirect.
func (m *Mem) OpenDirect(path string, dsync bool) (File, error) {
	return m.open(path, memMode{writable: true, direct: true, dsync: dsync})
}

func (m *Mem) open(path string, mode memMode) (File, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.walk(path)
	if err == nil && n.isDir() && mode.writable {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathError("open", path, err)
	}
	return &memFile{m: m, n: n, path: path, memMode: mode}, nil
}

// check returns why an operation cannot be done on the handle.
func (f *memFile) check(write bool) error {
	switch {
	case f.closed.Load():
		return fs.ErrClosed
	case write && !f.writable:
		return syscall.EBADF
	case f.n.isDir():
		return syscall.EISDIR
	}
	return nil
}

// checkRange is check for the n bytes at off, and that they are aligned where
// direct I/O needs it.
func (f *memFile) checkRange(write bool, off int64, p []byte) error {
	err := f.check(write)
	switch {
	case off < 0:
		return errors.New("negative offset")
	case err != nil:
		return err
	case write && off > maxFileSize-int64(len(p)):
		return syscall.EFBIG
	case f.direct && len(p) > 0 && (off|int64(len(p))|int64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))))%DirectAlign != 0:
		return syscall.EINVAL
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.checkRange(false, off, p); err != nil {
		return 0, pathError("read", f.path, err)
	}
	if len(p) == 0 {
		return 0, nil
	}
	f.m.mu.RLock()
	defer f.m.mu.RUnlock()
	n := max(0, min(int64(len(p)), f.n.size-off))
	f.n.now.readAt(p[:n], off)
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.checkRange(true, off, p); err != nil {
		return 0, pathError("write", f.path, err)
	}
	err := f.m.around("write", f.path, f.dsync, func() error {
		f.n.write(f.m, p, off)
		if f.dsync && len(p) > 0 {
			f.n.syncRange(f.m, off, int64(len(p)))
		}
		return nil
	})
	return len(p), err
}

func (f *memFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.pos)
	f.pos += int64(n)
	return n, err
}

func (f *memFile) Close() error {
	if f.closed.Swap(true) {
		return pathError("close", f.path, fs.ErrClosed)
	}
	return nil
}

func (f *memFile) Size() (int64, error) {
	if f.closed.Load() {
		return 0, pathError("stat", f.path, fs.ErrClosed)
	}
	f.m.mu.RLock()
	defer f.m.mu.RUnlock()
	return f.n.size, nil
}

func (f *memFile) Truncate(size int64) error {
	err := f.check(true)
	switch {
	case err == syscall.EBADF || err == nil && size < 0:
		err = syscall.EINVAL
	case err == nil && size > maxFileSize:
		err = syscall.EFBIG
	case err == nil:
		err = f.m.around("truncate", f.path, false, func() error {
			f.n.truncate(f.m, size)
			return nil
		})
	}
	return pathError("truncate", f.path, err)
}

func (f *memFile) Sync() error {
	if f.closed.Load() {
		return pathError("sync", f.path, fs.ErrClosed)
	}
	return f.m.around("sync", f.path, true, func() error {
		if f.n.isDir() {
			f.m.syncNames(f.n)
		} else {
			f.n.sync(f.m)
		}
		return nil
	})
}

// SyncData does what Sync does: also after a Truncate to less, which Linux
// file systems make durable with fdatasync too.
func (f *memFile) SyncData() error { return f.Sync() }

func (f *memFile) Preallocate(off, n int64) error {
	return pathError("fallocate", f.path, f.checkSpace(off, n))
}

func (f *memFile) PunchHole(off, n int64) error {
	err := f.checkSpace(off, n)
	if err == nil {
		err = f.m.around("punch", f.path, false, func() error {
			f.n.cut(f.m, cut{off, off + n})
			return nil
		})
	}
	return pathError("punch hole in", f.path, err)
}

func (f *memFile) checkSpace(off, n int64) error {
	err := f.check(true)
	switch {
	case err != nil:
		return err
	case off < 0 || n <= 0:
		return syscall.EINVAL
	case off > maxFileSize-n:
		return syscall.EFBIG
	}
	return nil
}

// Advise does nothing.
func (f *memFile) Advise(Advice, int64, int64) {}
