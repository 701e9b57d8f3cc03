package lsm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/manifest"
	"github.com/kvbench/kvbench/lsm/version"
)

// Checkpoint implements engine.Checkpointer. Writers, flushes and compactions
// go on meanwhile.
//
// The copy is what a crash could have left at one moment. The state of the
// manifest and the log are both taken while nobody installs an edit, so that
// the log goes on where the state ends. Then
//
//   - tables and blob files get a second name: they are never written again,
//     and stay as long as somebody holds the levels that have them;
//   - the log is copied from there up to where it was durable: its segments
//     are written in place, and again when they are recycled. It is not pruned
//     meanwhile.
//
// The marker comes last: until it is there, durably, the directory opens as no
// engine's.
func (t *tree) Checkpoint(dir string) error {
	if !t.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if t.closed.Load() {
		return engine.ErrClosed
	}
	err := t.checkpoint(dir)
	if err == nil || errors.Is(err, engine.ErrClosed) {
		return err
	}
	return fmt.Errorf("checkpoint to %s: %w", dir, err)
}

func (t *tree) checkpoint(dir string) error {
	names, err := t.counting.List(dir)
	if len(names) > 0 {
		return fmt.Errorf("%w: it is not empty, it holds %s", engine.ErrInvalid, names[0])
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c := &checkpoint{tree: t, dir: dir}
	if err := c.perform(); err != nil {
		return errors.Join(err, c.undo())
	}
	return nil
}

// A checkpoint is a copy that is being made.
type checkpoint struct {
	tree    *tree
	dir     string
	parents []string // in which there is a new name
	state   *version.State
	log     []piece // to be copied
	marked  bool    // or may be
}

// A piece is the beginning of a file of the log.
type piece struct {
	name  string // in the directory
	bytes int64
}

func (c *checkpoint) perform() error {
	t := c.tree
	if err := c.makeDirs(); err != nil {
		return err
	}
	if !t.readOnly {
		if err := t.Sync(); err != nil { // what was acknowledged is in it
			return err
		}
	}
	if err := c.copyAll(); err != nil {
		return err
	}
	if !t.readOnly && t.failure.Load() == nil {
		if err := t.prune(c.state.LogFrom); err != nil { // that has waited
			return err
		}
	}
	return c.finish()
}

// makeDirs makes the directories.
func (c *checkpoint) makeDirs() error {
	fsys := c.tree.counting
	c.parents = append(c.parents, filepath.Dir(filepath.Clean(c.dir)))
	for d := c.parents[0]; ; d = filepath.Dir(d) {
		_, err := fsys.Stat(d)
		if err == nil || d == filepath.Dir(d) {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		c.parents = append(c.parents, filepath.Dir(d))
	}
	for _, name := range checkpointDirs() {
		if err := fsys.MkdirAll(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func checkpointDirs() []string { return []string{logDir, tableDir, blobDir} }

// copyAll takes a state, and gives the copy all that belongs to it.
func (c *checkpoint) copyAll() error {
	t := c.tree
	t.work.pruning.RLock()
	defer t.work.pruning.RUnlock()
	t.work.installing.Lock()
	c.state = t.manifest.State()
	l := t.holdLevels()
	c.listLog()
	t.work.installing.Unlock()
	if l == nil {
		return engine.ErrClosed
	}
	defer t.letGo(l)
	for _, p := range c.state.Version.All() {
		if err := c.link(tableDir + "/" + tableName(p.Table.ID)); err != nil {
			return err
		}
	}
	for _, b := range c.state.Version.Blobs {
		if err := c.link(blobDir + "/" + blobName(b.ID)); err != nil {
			return err
		}
	}
	for _, p := range c.log {
		if err := c.copy(p.name, p.bytes); err != nil {
			return err
		}
	}
	return nil
}

// listLog lists the segments that recovery of the state reads, up to where they
// are durable. work.installing is held.
func (c *checkpoint) listLog() {
	log := c.tree.log
	if log == nil {
		return
	}
	end := log.Durable()
	if c.tree.readOnly {
		end = log.End()
	}
	for _, g := range log.Segments() {
		if g.ID < c.state.LogFrom.Segment() || g.ID > end.Segment() {
			continue
		}
		p := piece{logDir + "/" + filepath.Base(wal.SegmentPath("", g.ID)), g.End.Offset()}
		if g.ID == end.Segment() {
			p.bytes = end.Offset()
		}
		c.log = append(c.log, p)
	}
}

// link gives a file that is never written again a second name, or copies it
// where that cannot be.
func (c *checkpoint) link(name string) error {
	fsys := c.tree.counting
	err := fsys.Link(c.tree.home.Path(name), filepath.Join(c.dir, name))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return c.copy(name, -1)
}

// copy copies the beginning of a file, all of it if bytes is below 0, durably
// but for its name.
func (c *checkpoint) copy(name string, bytes int64) error {
	fsys := vfs.Classed(c.tree.counting, vfs.Meta)
	from, err := fsys.Open(c.tree.home.Path(name))
	if err != nil {
		return err
	}
	if bytes < 0 {
		if bytes, err = from.Size(); err != nil {
			return errors.Join(err, from.Close())
		}
	}
	to, err := fsys.Create(filepath.Join(c.dir, name))
	if err != nil {
		return errors.Join(err, from.Close())
	}
	err = c.copyBytes(to, from, name, bytes)
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close(), from.Close())
}

// copiedBytes are copied at once.
const copiedBytes = 1 << 20

func (c *checkpoint) copyBytes(to, from vfs.File, name string, bytes int64) error {
	buf := make([]byte, min(copiedBytes, bytes))
	for off := int64(0); off < bytes; {
		part := buf[:min(int64(len(buf)), bytes-off)]
		n, err := from.ReadAt(part, off)
		switch {
		case n == len(part):
		case err == nil || errors.Is(err, io.EOF):
			return engine.Corrupt(c.tree.home.Path(name), off+int64(n), fmt.Sprintf("the file ends, and should have %d bytes", bytes), nil)
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

// finish makes all names durable, and what gives them a meaning: the manifest,
// then the marker.
func (c *checkpoint) finish() error {
	fsys := vfs.Classed(c.tree.counting, vfs.Meta)
	for _, name := range checkpointDirs() {
		if err := fsys.SyncDir(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	}
	if err := manifest.Create(fsys, c.dir, c.state); err != nil {
		return err
	}
	for _, d := range append([]string{c.dir}, c.parents...) {
		if err := fsys.SyncDir(d); err != nil {
			return err
		}
	}
	c.marked = true
	return engine.WriteMarker(fsys, c.dir, c.tree.home.Marker)
}

// undo removes what a checkpoint that failed has left, the marker first: what
// it cannot remove opens as no engine's.
func (c *checkpoint) undo() error {
	fsys := c.tree.counting
	if c.marked {
		err := fsys.Remove(filepath.Join(c.dir, engine.MarkerName))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := fsys.SyncDir(c.dir); err != nil {
			return err
		}
	}
	names, err := fsys.List(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		err = errors.Join(err, fsys.RemoveAll(filepath.Join(c.dir, name)))
	}
	return err
}
