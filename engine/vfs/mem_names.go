package vfs

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// An atom is what one operation did to names, until all of it is durable.
type atom []naming

// A naming gives a name in a directory to another inode; nil is none.
type naming struct {
	dir      *inode
	name     string
	was, now *inode
}

// clean returns the names on the way from the root, separated by slashes.
func clean(path string) string {
	path = filepath.ToSlash(filepath.Clean("/" + path[len(filepath.VolumeName(path)):]))
	return path[1:]
}

func (m *Mem) walk(path string) (*inode, error) {
	if path == "" {
		return nil, syscall.ENOENT
	}
	return m.descend(clean(path))
}

func (m *Mem) descend(rest string) (*inode, error) {
	n := m.root
	for rest != "" {
		if !n.isDir() {
			return nil, syscall.ENOTDIR
		}
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if n = n.names[name]; n == nil {
			return nil, syscall.ENOENT
		}
	}
	return n, nil
}

// parent returns the directory that path is in and its name there. The root
// is in none.
func (m *Mem) parent(path string) (dir *inode, name string, err error) {
	if path == "" {
		return nil, "", syscall.ENOENT
	}
	rest := clean(path)
	if rest == "" {
		return nil, "", syscall.EBUSY
	}
	i := strings.LastIndexByte(rest, '/')
	dir, err = m.descend(rest[:max(i, 0)])
	if err == nil && !dir.isDir() {
		err = syscall.ENOTDIR
	}
	return dir, rest[i+1:], err
}

// do carries out an operation on names and remembers it.
func (m *Mem) do(a ...naming) {
	for _, x := range a {
		setName(x.dir.names, x.name, x.now)
	}
	m.atoms = append(m.atoms, a)
}

func setName(names map[string]*inode, name string, n *inode) {
	if n == nil {
		delete(names, name)
	} else {
		names[name] = n
	}
}

func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

func linkError(op, from, to string, err error) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: op, Old: from, New: to, Err: err}
}

// Create is FS.Create.
func (m *Mem) Create(path string) (File, error) {
	var n *inode
	err := m.around("create", path, false, func() error {
		dir, name, err := m.parent(path)
		switch {
		case err == syscall.EBUSY || err == nil && dir.names[name] != nil:
			return syscall.EEXIST
		case err != nil:
			return err
		}
		n = &inode{contents: contents{token: m.newToken()}}
		m.do(naming{dir: dir, name: name, now: n})
		return nil
	})
	if err != nil {
		return nil, pathError("open", path, err)
	}
	return &memFile{m: m, n: n, path: path, memMode: memMode{writable: true}}, nil
}

// Remove is FS.Remove.
func (m *Mem) Remove(path string) error {
	return pathError("remove", path, m.around("remove", path, false, func() error {
		dir, name, err := m.parent(path)
		if err != nil {
			return err
		}
		n := dir.names[name]
		switch {
		case n == nil:
			return syscall.ENOENT
		case len(n.names) > 0:
			return syscall.ENOTEMPTY
		}
		m.do(naming{dir: dir, name: name, was: n})
		return nil
	}))
}

// RemoveAll is FS.RemoveAll. Each name that goes is a piece of its own.
func (m *Mem) RemoveAll(path string) error {
	return pathError("unlinkat", path, m.around("remove-all", path, false, func() error {
		dir, name, err := m.parent(path)
		switch {
		case path == "" || err == syscall.ENOENT:
			return nil
		case err == syscall.EBUSY:
			m.empty(m.root)
			return nil
		case err != nil:
			return err
		}
		if n := dir.names[name]; n != nil {
			m.empty(n)
			m.do(naming{dir: dir, name: name, was: n})
		}
		return nil
	}))
}

func (m *Mem) empty(dir *inode) {
	for _, name := range slices.Sorted(maps.Keys(dir.names)) {
		n := dir.names[name]
		m.empty(n)
		m.do(naming{dir: dir, name: name, was: n})
	}
}

// Rename is FS.Rename. It refuses a to that is a directory, as OS does.
func (m *Mem) Rename(from, to string) error {
	return linkError("rename", from, to, m.around("rename", to, false, func() error {
		dir, name, err := m.parent(from)
		if err != nil {
			return err
		}
		toDir, toName, err := m.parent(to)
		if err != nil {
			return err
		}
		n, old := dir.names[name], toDir.names[toName]
		switch {
		case n == nil:
			return syscall.ENOENT
		case old == n && !n.isDir():
			return nil
		case old != nil && old.isDir():
			return syscall.EEXIST
		case n.isDir() && inside(n, toDir):
			return syscall.EINVAL
		case n.isDir() && old != nil:
			return syscall.ENOTDIR
		}
		m.do(
			naming{dir: dir, name: name, was: n},
			naming{dir: toDir, name: toName, was: old, now: n},
		)
		return nil
	}))
}

// inside says whether dir is top or below it.
func inside(top, dir *inode) bool {
	return within(top, dir, func(n *inode) map[string]*inode { return n.names })
}

func within(top, dir *inode, names func(*inode) map[string]*inode) bool {
	if top == dir {
		return true
	}
	for _, n := range names(top) {
		if n.isDir() && within(n, dir, names) {
			return true
		}
	}
	return false
}

// Link is FS.Link.
func (m *Mem) Link(from, to string) error {
	return linkError("link", from, to, m.around("link", to, false, func() error {
		n, err := m.walk(from)
		if err != nil {
			return err
		}
		dir, name, err := m.parent(to)
		switch {
		case err == syscall.EBUSY || err == nil && dir.names[name] != nil:
			return syscall.EEXIST
		case err != nil:
			return err
		case n.isDir():
			return syscall.EPERM
		}
		m.do(naming{dir: dir, name: name, now: n})
		return nil
	}))
}

// MkdirAll is FS.MkdirAll. Each directory that it makes is a piece of its own.
func (m *Mem) MkdirAll(path string) error {
	return pathError("mkdir", path, m.around("mkdir", path, false, func() error {
		if path == "" {
			return syscall.ENOENT
		}
		n := m.root
		for name := range strings.SplitSeq(clean(path), "/") {
			if name == "" {
				break
			}
			child := n.names[name]
			switch {
			case child == nil:
				child = newDir()
				m.do(naming{dir: n, name: name, now: child})
			case !child.isDir():
				return syscall.ENOTDIR
			}
			n = child
		}
		return nil
	}))
}

// List is FS.List.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.walk(dir)
	if err == nil && !n.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, pathError("open", dir, err)
	}
	return slices.Sorted(maps.Keys(n.names)), nil
}

// Stat is FS.Stat.
func (m *Mem) Stat(path string) (fs.FileInfo, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.walk(path)
	if err != nil {
		return nil, pathError("stat", path, err)
	}
	return memInfo{filepath.Base(path), n.size, n.isDir()}, nil
}

// SyncDir is FS.SyncDir. Of a path that is a file it syncs the file, as fsync
// does.
func (m *Mem) SyncDir(dir string) error {
	return pathError("sync", dir, m.around("sync-dir", dir, true, func() error {
		n, err := m.walk(dir)
		switch {
		case err != nil:
			return err
		case n.isDir():
			m.syncNames(n)
		default:
			n.sync(m)
		}
		return nil
	}))
}

// syncNames makes the names in a directory durable. A directory that moved in
// or out is durable at both ends.
func (m *Mem) syncNames(dir *inode) {
	kept := m.atoms[:0]
	for _, a := range m.atoms {
		if far := farEnd(a, dir); far != nil {
			kept = forget(kept, func(x naming) bool { return x.dir == far.dir && x.name == far.name })
			setName(far.dir.synced, far.name, far.now)
			a = slices.DeleteFunc(a, func(x naming) bool { return x.dir == far.dir })
		}
		var rest atom
		for _, x := range a {
			if x.dir == dir {
				setName(dir.synced, x.name, dir.names[x.name])
			} else {
				rest = append(rest, x)
			}
		}
		if rest != nil {
			kept = append(kept, rest)
		}
	}
	clear(m.atoms[len(kept):])
	m.atoms = kept
}

// farEnd returns the other half of a directory's move from or to dir.
func farEnd(a atom, dir *inode) *naming {
	if len(a) != 2 || !movesDir(a) || a[0].dir == a[1].dir {
		return nil
	}
	switch dir {
	case a[0].dir:
		return new(a[1])
	case a[1].dir:
		return new(a[0])
	}
	return nil
}

func movesDir(a atom) bool { return a[1].now != nil && a[1].now.isDir() }

// forget drops the namings that are now durable otherwise.
func forget(atoms []atom, durable func(naming) bool) []atom {
	kept := atoms[:0]
	for _, a := range atoms {
		if rest := slices.DeleteFunc(slices.Clone(a), durable); len(rest) > 0 {
			kept = append(kept, rest)
		}
	}
	return kept
}
