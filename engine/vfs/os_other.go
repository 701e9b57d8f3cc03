//go:build !linux

package vfs

import (
	"errors"
	"io/fs"
	"os"
)

// lockFile refuses: without it two processes could open one directory.
func lockFile(f *os.File, _ bool) error {
	return &fs.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}

func (f *osFile) syncData() error { return f.Sync() }

func unsupported(op, path string) error {
	return &fs.PathError{Op: op, Path: path, Err: errors.ErrUnsupported}
}

func directFlags(path string, _ bool) (int, error) {
	return 0, unsupported("open for direct I/O", path)
}

func (f *osFile) Preallocate(_, _ int64) error { return unsupported("preallocate", f.Name()) }

func (f *osFile) PunchHole(_, _ int64) error { return unsupported("punch hole in", f.Name()) }

func (f *osFile) Advise(Advice, int64, int64) {}

func (f *osFile) mapFile(int64, int) (Mapping, error) {
	return nil, unsupported("mmap", f.Name())
}
