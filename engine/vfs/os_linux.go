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

func (f *osFile) syncData() error { return f.call("fdatasync", unix.Fdatasync) }

func directFlags(_ string, dsync bool) (int, error) {
	flag := os.O_RDWR | unix.O_DIRECT
	if dsync {
		flag |= unix.O_DSYNC
	}
	return flag, nil
}

// call makes a system call on the descriptor, again while a signal interrupts
// it. Errors name it.
func (f *osFile) call(op string, do func(fd int) error) error {
	var err error
	closed := f.raw.Control(func(fd uintptr) {
		for {
			if err = do(int(fd)); err != unix.EINTR {
				return
			}
		}
	})
	switch {
	case closed != nil:
		return &fs.PathError{Op: op, Path: f.Name(), Err: fs.ErrClosed}
	case err == unix.EOPNOTSUPP:
		err = errors.ErrUnsupported
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: f.Name(), Err: err}
	}
	return nil
}

func (f *osFile) Preallocate(off, n int64) error {
	return f.call("fallocate", func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
}

func (f *osFile) PunchHole(off, n int64) error {
	return f.call("punch hole in", func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, off, n)
	})
}

func (f *osFile) Advise(a Advice, off, n int64) {
	how := unix.FADV_NORMAL
	switch a {
	case Sequential:
		how = unix.FADV_SEQUENTIAL
	case Random:
		how = unix.FADV_RANDOM
	case WillNeed:
		how = unix.FADV_WILLNEED
	case DontNeed:
		how = unix.FADV_DONTNEED
	}
	f.raw.Control(func(fd uintptr) {
		if a == WriteBack {
			unix.SyncFileRange(int(fd), off, n, unix.SYNC_FILE_RANGE_WRITE)
			return
		}
		unix.Fadvise(int(fd), off, n, how)
	})
}

func (f *osFile) mapFile(off int64, n int) (Mapping, error) {
	var data []byte
	err := f.call("mmap", func(fd int) (err error) {
		data, err = unix.Mmap(fd, off, n, unix.PROT_READ, unix.MAP_SHARED)
		return err
	})
	if err != nil {
		return nil, err
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
