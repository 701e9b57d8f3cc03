package lsm

import (
	"errors"
	"fmt"
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
	made, err := t.home.BeginCopy(vfs.Classed(t.counting, vfs.Meta), dir, logDir, tableDir, blobDir)
	if err != nil {
		return err
	}
	c := &checkpoint{Copy: made, tree: t}
	if err := c.perform(); err != nil {
		return errors.Join(err, c.Undo())
	}
	return nil
}

// A checkpoint is a copy that is being made.
type checkpoint struct {
	*engine.Copy
	tree  *tree
	state *version.State
	log   []piece // to be copied
}

// A piece is the beginning of a file of the log.
type piece struct {
	name  string // in the directory
	bytes int64
}

func (c *checkpoint) perform() error {
	t := c.tree
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
	return c.Finish(func() error {
		return manifest.Create(vfs.Classed(t.counting, vfs.Meta), c.Dir, c.state)
	})
}

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
		if err := c.File(p.name, p.bytes); err != nil {
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
	err := c.Link(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return c.File(name, -1)
}
