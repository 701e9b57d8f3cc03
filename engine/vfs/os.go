package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"syscall"
	"unsafe"
)

// ErrLocked is wrapped by Lock when another holder has the file.
var ErrLocked = errors.New("file is locked")

// OS is the machine's file system. The zero value is ready.
type OS struct{}

var _ FS = OS{}

const (
	fileMode = 0o644
	dirMode  = 0o755
)

func (OS) Create(path string) (File, error) {
	return open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (OS) Open(path string) (File, error) { return open(path, os.O_RDONLY) }

func (OS) OpenReadWrite(path string) (File, error) { return open(path, os.O_RDWR) }

func (OS) OpenDirect(path string, dsync bool) (File, error) {
	flag, err := directFlags(path, dsync)
	if err != nil {
		return nil, err
	}
	return open(path, flag)
}

func open(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, fileMode)
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &osFile{f, raw}, nil
}

func (OS) Remove(path string) error { return os.Remove(path) }

func (OS) RemoveAll(path string) error { return os.RemoveAll(path) }

func (OS) Rename(from, to string) error { return os.Rename(from, to) }

func (OS) Link(from, to string) error { return os.Link(from, to) }

func (OS) MkdirAll(path string) error { return os.MkdirAll(path, dirMode) }

func (OS) List(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	return names, nil
}

func (OS) Stat(path string) (fs.FileInfo, error) { return os.Stat(path) }

func (OS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (OS) Lock(path string, exclusive bool) (io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f, exclusive); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// osFile makes the calls that os.File lacks through raw, which keeps the
// descriptor open meanwhile. What Fd returns may be another file's after a
// Close, and a hole would be punched into that.
type osFile struct {
	*os.File
	raw syscall.RawConn
}

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *osFile) SyncData() error { return f.syncData() }

func (f *osFile) Mmap(off int64, n int) (Mapping, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if err := checkMapping(f.Name(), off, int64(n), size); err != nil {
		return nil, err
	}
	return f.mapFile(off, n)
}

// checkMapping refuses what Mmap's contract excludes.
func checkMapping(path string, off, n, size int64) error {
	if off < 0 || n <= 0 || off%DirectAlign != 0 || off > size-n {
		return &fs.PathError{
			Op: "mmap", Path: path,
			Err: fmt.Errorf("range [%d, %d) of %d bytes: %w", off, off+n, size, fs.ErrInvalid),
		}
	}
	return nil
}

// AlignedBuffer returns n zero bytes at an address that is a multiple of
// DirectAlign.
func AlignedBuffer(n int) []byte {
	p := make([]byte, n+DirectAlign)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(p)))) & (DirectAlign - 1)
	return p[skip : skip+n : skip+n]
}
