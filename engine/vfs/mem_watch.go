package vfs

import "sync/atomic"

// A Point is a moment at which a crash is of interest: just before and just
// after each operation of a Mem that changes what is read or what is durable.
type Point struct {
	// N counts the points since Watch, from 1.
	N int
	// Op is "create", "write", "truncate", "punch", "sync", "rename",
	// "link", "remove", "remove-all", "mkdir" or "sync-dir".
	Op string
	// Path is the file's, as it was opened, or the new name.
	Path string
	// Before tells the point before the operation from the one after it,
	// which comes also where it failed.
	Before bool
	// Sync says that the operation makes something durable: sync, sync-dir,
	// and a write to a file that was opened with dsync.
	Sync bool
}

type watcher struct {
	n atomic.Int64
	f func(Point)
}

// Watch has f called at every point from now on, until the next Watch; nil
// stops. No lock is held during the call, so that f may read m, crash it and
// look at it; it must not change m. The operation waits for f, but others may
// run at the same time and call f too.
func (m *Mem) Watch(f func(Point)) {
	if f == nil {
		m.watch.Store(nil)
		return
	}
	m.watch.Store(&watcher{f: f})
}

// around calls do with the lock held, between two points.
func (m *Mem) around(op, path string, sync bool, do func() error) error {
	w := m.watch.Load()
	w.tell(Point{Op: op, Path: path, Before: true, Sync: sync})
	err := m.locked(do)
	w.tell(Point{Op: op, Path: path, Sync: sync})
	return err
}

func (m *Mem) locked(do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return do()
}

func (w *watcher) tell(p Point) {
	if w != nil {
		p.N = int(w.n.Add(1))
		w.f(p)
	}
}
