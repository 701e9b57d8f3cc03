package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/version"
)

// firstBytes is what a manifest begins with.
func firstBytes(number, sequence uint64, s *version.State) []byte {
	p := appendHeader(nil, number)
	return appendFrame(p, number, headerBytes, sequence, 0, appendEdit(nil, s.Edit()))
}

// begin begins a new file when the log is opened, and removes all others.
func (l *Log) begin(d *directory) error {
	if d.fresh {
		// What is left over of a first one has its number.
		if err := remove(l.fsys, filepath.Join(l.dir, Name(1))); err != nil {
			return err
		}
	} else {
		l.number = d.found[len(d.found)-1]
	}
	if err := l.install(l.state); err != nil {
		return err
	}
	for _, n := range d.found {
		if n != l.number {
			l.discard(n)
		}
	}
	return nil
}

// rotate begins a new file that says what s does.
func (l *Log) rotate(s *version.State) error {
	before := l.number
	if err := l.install(s); err != nil {
		return err
	}
	l.discard(before)
	return nil
}

// discard removes a manifest that does not count. One that stays costs space
// only, and is removed by the next Open.
func (l *Log) discard(number uint64) { _ = l.fsys.Remove(filepath.Join(l.dir, Name(number))) }

// install writes the next file and makes it the one that counts.
func (l *Log) install(s *version.State) error {
	number := l.number + 1
	p := firstBytes(number, l.sequence+1, s)
	if len(p) > maxPayload {
		return fmt.Errorf("a state of %d bytes, at most %d", len(p), maxPayload)
	}
	f, err := create(l.fsys, filepath.Join(l.dir, Name(number)), p)
	if err != nil {
		return err
	}
	if err := l.fsys.SyncDir(l.dir); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := setCurrent(l.fsys, l.dir, number); err != nil {
		return errors.Join(err, f.Close())
	}
	if l.file != nil {
		_ = l.file.Close() // it does not count any more
	}
	l.file, l.number, l.state, l.sequence = f, number, s, l.sequence+1
	l.size, l.safe, l.base = len(p), len(p), len(p)
	l.mark()
	return nil
}

// create makes a file that must not exist, and makes what is in it durable, but
// not its name.
func create(fsys vfs.FS, path string, p []byte) (vfs.File, error) {
	f, err := fsys.Create(path)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(p, 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// setCurrent makes a manifest, whose name is durable, the one that counts.
func setCurrent(fsys vfs.FS, dir string, number uint64) error {
	path := filepath.Join(dir, newCurrent)
	if err := remove(fsys, path); err != nil {
		return err
	}
	f, err := create(fsys, path, []byte(currentText(number)))
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := fsys.Rename(path, filepath.Join(dir, Current)); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// remove removes a file if it is there.
func remove(fsys vfs.FS, path string) error {
	if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Create writes a manifest with this state into a directory that has none, and
// makes it durable: for a copy of a tree.
func Create(fsys vfs.FS, dir string, s *version.State) error {
	l := &Log{fsys: vfs.Classed(fsys, vfs.Meta), dir: dir, long: longBytes, state: s}
	if _, err := l.fsys.Stat(filepath.Join(dir, Current)); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &fs.PathError{Op: "create", Path: filepath.Join(dir, Current), Err: fs.ErrExist}
		}
		return fmt.Errorf("create manifest: %w", err)
	}
	if err := l.install(s); err != nil {
		return fmt.Errorf("create manifest: %w", err)
	}
	return l.Close()
}
