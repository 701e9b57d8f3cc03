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
	// OpenDirect opens a file that exists, for reading and writing past the
	// page cache (O_DIRECT). Offsets, lengths and the addresses of buffers
	// must be multiples of DirectAlign (see AlignedBuffer). With dsync every
	// write is durable when it returns (O_DSYNC), as if by SyncData. A file
	// system that cannot do it returns errors.ErrUnsupported.
	OpenDirect(path string, dsync bool) (File, error)

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

	// Preallocate reserves space for [off, off+n), so that writing there does
	// not run out of it. Neither content nor length changes. Where the file
	// system cannot do it the error is errors.ErrUnsupported.
	Preallocate(off, n int64) error
	// PunchHole gives the space of [off, off+n) back; it reads as zeros from
	// then on. The length does not change. Where the file system cannot do it
	// the error is errors.ErrUnsupported.
	PunchHole(off, n int64) error

	// Mmap maps [off, off+n) for reading. The range must lie within the file,
	// and off be a multiple of DirectAlign. The mapping shows later writes;
	// touching what a later Truncate cut off kills the process. It outlives
	// Close of the file. Where it cannot be done the error is
	// errors.ErrUnsupported.
	Mmap(off int64, n int) (Mapping, error)

	// Advise tells how [off, off+n) will be used; n of 0 means to the end. It
	// may change speed, never content, so that there is nothing to fail.
	Advise(a Advice, off, n int64)
}

// Mapping is a part of a file as memory.
type Mapping interface {
	// Bytes may be read until Close, and never written.
	Bytes() []byte
	// Close unmaps; nobody may be reading. A second call does nothing.
	Close() error
}

// DirectAlign is the alignment that direct I/O and Mmap ask for, in bytes.
const DirectAlign = 4096

// Advice is how a range of a file will be used.
type Advice uint8

const (
	// Sequential: read ahead more than usual.
	Sequential Advice = iota
	// Random: do not read ahead.
	Random
	// WillNeed: start to read it in.
	WillNeed
	// DontNeed: drop it from the page cache, if it is clean.
	DontNeed
	// WriteBack: start to write dirty pages, without waiting. It makes
	// nothing durable; it spreads the work of a later sync.
	WriteBack
)
