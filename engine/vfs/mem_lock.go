package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
)

// Lock is FS.Lock.
func (m *Mem) Lock(path string, exclusive bool) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.walk(path)
	if err != nil {
		return nil, pathError("open", path, err)
	}
	if n.exclusive || exclusive && n.shared > 0 {
		return nil, fmt.Errorf("lock %s: %w", path, ErrLocked)
	}
	if exclusive {
		n.exclusive = true
	} else {
		n.shared++
	}
	return &memLock{m: m, n: n, path: path, exclusive: exclusive}, nil
}

type memLock struct {
	m         *Mem
	n         *inode
	path      string
	exclusive bool
	released  atomic.Bool
}

func (l *memLock) Close() error {
	if l.released.Swap(true) {
		return pathError("close", l.path, fs.ErrClosed)
	}
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.exclusive {
		l.n.exclusive = false
	} else {
		l.n.shared--
	}
	return nil
}
