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

func syncData(f *os.File) error { return f.Sync() }
