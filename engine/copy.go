package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A Copy is an engine directory that is being made of an open one: a
// checkpoint. What holds at each moment is for the engine to see to; here is
// what is the same for all.
//
// The marker comes last: until it is there, durably, the directory opens as no
// engine's. Finish puts it there, and Undo must follow what fails.
type Copy struct {
	Dir     string
	fsys    vfs.FS
	from    *Home
	dirs    []string
	parents []string // in which there is a new name
	marked  bool     // or may be
}

// BeginCopy makes dir, which must be absent or empty, and directories of these
// names in it. On error dir is as empty as before, or has empty directories.
func (h *Home) BeginCopy(fsys vfs.FS, dir string, dirs ...string) (*Copy, error) {
	names, err := fsys.List(dir)
	if len(names) > 0 {
		return nil, fmt.Errorf("%w: it is not empty, it holds %s", ErrInvalid, names[0])
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c := &Copy{Dir: dir, fsys: fsys, from: h, dirs: dirs}
	if err := c.makeDirs(); err != nil {
		return nil, errors.Join(err, c.Undo())
	}
	return c, nil
}

func (c *Copy) makeDirs() error {
	c.parents = append(c.parents, filepath.Dir(filepath.Clean(c.Dir)))
	for d := c.parents[0]; ; d = filepath.Dir(d) {
		_, err := c.fsys.Stat(d)
		if err == nil || d == filepath.Dir(d) {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		c.parents = append(c.parents, filepath.Dir(d))
	}
	for _, name := range c.dirs {
		if err := c.fsys.MkdirAll(filepath.Join(c.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Link gives a file, which is never written again, a second name. Its error is
// fs.ErrNotExist where there is no such file; after another one the file may
// be copied.
func (c *Copy) Link(name string) error {
	return c.fsys.Link(c.from.Path(name), filepath.Join(c.Dir, name))
}

// File copies the beginning of a file, all of it if bytes is below 0, durably
// but for its name.
func (c *Copy) File(name string, bytes int64) error {
	f, err := c.fsys.Open(c.from.Path(name))
	if err != nil {
		return err
	}
	return errors.Join(c.Open(name, f, bytes), f.Close())
}

// Open is File of a file that is open already.
func (c *Copy) Open(name string, from vfs.File, bytes int64) error {
	if bytes < 0 {
		var err error
		if bytes, err = from.Size(); err != nil {
			return err
		}
	}
	to, err := c.fsys.Create(filepath.Join(c.Dir, name))
	if err != nil {
		return err
	}
	err = c.copyBytes(to, from, name, bytes)
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}

// copiedBytes are copied at once.
const copiedBytes = 1 << 20

func (c *Copy) copyBytes(to, from vfs.File, name string, bytes int64) error {
	buf := make([]byte, min(copiedBytes, bytes))
	for off := int64(0); off < bytes; {
		part := buf[:min(int64(len(buf)), bytes-off)]
		n, err := from.ReadAt(part, off)
		switch {
		case n == len(part):
		case err == nil || errors.Is(err, io.EOF):
			return Corrupt(c.from.Path(name), off+int64(n), fmt.Sprintf("the file ends, and should have %d bytes", bytes), nil)
		default:
			return err
		}
		if _, err := to.WriteAt(part, off); err != nil {
			return err
		}
		off += int64(len(part))
	}
	return nil
}

// Finish makes all names durable, and what gives them a meaning: what write
// writes, a manifest, then the marker.
func (c *Copy) Finish(write func() error) error {
	for _, name := range c.dirs {
		if err := c.fsys.SyncDir(filepath.Join(c.Dir, name)); err != nil {
			return err
		}
	}
	if err := write(); err != nil {
		return err
	}
	for _, d := range append([]string{c.Dir}, c.parents...) {
		if err := c.fsys.SyncDir(d); err != nil {
			return err
		}
	}
	c.marked = true
	return WriteMarker(vfs.Classed(c.fsys, vfs.Meta), c.Dir, c.from.Marker)
}

// Undo removes what a copy that failed has left, the marker first: what it
// cannot remove opens as no engine's.
func (c *Copy) Undo() error {
	if c.marked {
		err := c.fsys.Remove(filepath.Join(c.Dir, MarkerName))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := c.fsys.SyncDir(c.Dir); err != nil {
			return err
		}
	}
	names, err := c.fsys.List(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		err = errors.Join(err, c.fsys.RemoveAll(filepath.Join(c.Dir, name)))
	}
	return err
}
