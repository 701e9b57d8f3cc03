package vfs

import (
	"io"
	"io/fs"
)

// FS is a file system. Paths are the host's. It is safe for concurrent use.
// Errors are *fs.PathError or *os.LinkError, so that errors.Is finds
// fs.ErrNotExist, fs.ErrExist and fs.ErrPermission.
type FS interface {
	// Create makes a file that must not exist yet, for reading and writing.
	Create(path string) (File, error)
	// Open opens a file that exists, for reading only.
	Open(path string) (File, error)
	// OpenReadWrite opens a file that exists, for reading and writing.
	OpenReadWrite(path string) (File, error)

	// Remove deletes a file or an empty directory.
	Remove(path string) error
	// RemoveAll deletes path and all below it. An absent path is no error.
	RemoveAll(path string) error
	// Rename moves a file, replacing what was at to, atomically.
	Rename(from, to string) error
	// Link gives the file at from a second name; to must not exist.
	Link(from, to string) error

	// MkdirAll makes a directory and its parents.
	MkdirAll(path string) error
	// List returns the names in a directory, sorted.
	List(dir string) ([]string, error)
	// Stat describes a file.
	Stat(path string) (fs.FileInfo, error)
	// SyncDir makes the names in dir survive a power loss.
	SyncDir(dir string) error

	// Lock takes an advisory lock on a file that exists, without waiting:
	// exclusive, or shared with other shared locks. It is held until the
	// Closer is closed or the process ends. ErrLocked says that it is taken,
	// also within this process.
	Lock(path string, exclusive bool) (io.Closer, error)
}

// File is an open file. Its positioned methods are safe for concurrent use;
// Write appends at an offset of its own and is for one goroutine at a time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Writer
	io.Closer

	// Size returns the length in bytes.
	Size() (int64, error)
	// Truncate sets the length.
	Truncate(size int64) error
	// Sync makes bytes and length survive a power loss (fsync).
	Sync() error
	// SyncData does so for bytes, and for the length as far as reading them
	// back needs it (fdatasync).
	SyncData() error
}
