package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile uses flock, which belongs to the open file description: a second
// Open of the same path in this process does not share it.
func lockFile(f *os.File, exclusive bool) error {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("lock %s: %w", f.Name(), ErrLocked)
	}
	if err != nil {
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}

func syncData(f *os.File) error {
	return retry("fdatasync", f, unix.Fdatasync)
}

func directFlags(_ string, dsync bool) (int, error) {
	flag := os.O_RDWR | unix.O_DIRECT
	if dsync {
		flag |= unix.O_DSYNC
	}
	return flag, nil
}

// retry repeats a call while a signal interrupts it, and names it in errors.
func retry(op string, f *os.File, call func(fd int) error) error {
	for {
		err := call(int(f.Fd()))
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP):
			return &fs.PathError{Op: op, Path: f.Name(), Err: errors.ErrUnsupported}
		default:
			return &fs.PathError{Op: op, Path: f.Name(), Err: err}
		}
	}
}

func (f *osFile) Preallocate(off, n int64) error {
	return retry("fallocate", f.File, func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
}

func (f *osFile) PunchHole(off, n int64) error {
	return retry("punch hole in", f.File, func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, off, n)
	})
}

func (f *osFile) Advise(a Advice, off, n int64) {
	fd := int(f.Fd())
	how := unix.FADV_NORMAL
	switch a {
	case WriteBack:
		unix.SyncFileRange(fd, off, n, unix.SYNC_FILE_RANGE_WRITE)
		return
	case Sequential:
		how = unix.FADV_SEQUENTIAL
	case Random:
		how = unix.FADV_RANDOM
	case WillNeed:
		how = unix.FADV_WILLNEED
	case DontNeed:
		how = unix.FADV_DONTNEED
	}
	unix.Fadvise(fd, off, n, how)
}

func mapFile(f *os.File, off int64, n int) (Mapping, error) {
	data, err := unix.Mmap(int(f.Fd()), off, n, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, &fs.PathError{Op: "mmap", Path: f.Name(), Err: err}
	}
	return &osMapping{data}, nil
}

type osMapping struct{ data []byte }

func (m *osMapping) Bytes() []byte { return m.data }

func (m *osMapping) Close() error {
	if m.data == nil {
		return nil
	}
	data := m.data
	m.data = nil
	return unix.Munmap(data)
}
