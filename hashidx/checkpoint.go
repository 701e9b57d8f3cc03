package hashidx

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

// Checkpoint implements engine.Checkpointer. Writers go on meanwhile; what
// keeps the directory in order waits until all files have a second name.
//
// A file that has two names must never be written in place. These are not:
//
//   - segments before From and ColdFrom: recovery does not open them, the logs
//     append behind, and none is recycled;
//   - hints and images of the index: they are written under another name, and
//     replaced as a whole.
//
// The others are copied, up to where the logs are durable. Then the copy is
// what a crash could have left at that moment. The marker comes last: until it
// is there, durably, the directory opens as no engine's.
func (e *store) Checkpoint(dir string) error {
	if !e.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer e.scans.RUnlock()
	if e.closed.Load() {
		return engine.ErrClosed
	}
	if err := e.checkpoint(dir); err != nil {
		return fmt.Errorf("checkpoint to %s: %w", dir, err)
	}
	return nil
}

func (e *store) checkpoint(dir string) error {
	made, err := e.home.BeginCopy(e.counting, dir, manifest.Hot.String(), manifest.Cold.String(), hintDir, imageDir)
	if err != nil {
		return err
	}
	c := &checkpoint{Copy: made, e: e}
	err = errors.Join(c.perform(), c.end())
	if err != nil {
		return errors.Join(err, c.Undo())
	}
	return nil
}

// A checkpoint is a copy that is being made.
type checkpoint struct {
	*engine.Copy
	e     *store
	state manifest.State // that it is to have
	rest  []piece        // to be copied
	image vfs.File       // likewise, if not nil
}

// A piece is the beginning of a file of a segment. It is not written any more.
type piece struct {
	name  string // in the directory
	bytes int64  // all there are, if below 0
}

func (c *checkpoint) perform() error {
	if err := c.sync(); err != nil { // so that little is left to be synced
		return err
	}
	// What is copied late stays so long, whatever becomes of its segment.
	defer c.e.pinFiles()()
	if err := c.collect(); err != nil {
		return err
	}
	for _, p := range c.rest {
		if err := c.File(p.name, p.bytes); err != nil {
			return err
		}
	}
	if c.image != nil {
		if err := c.Open(filepath.Join(imageDir, c.state.Snapshot.Name), c.image, -1); err != nil {
			return err
		}
	}
	return c.Finish(c.writeManifest)
}

// end closes what is open.
func (c *checkpoint) end() error {
	if c.image != nil {
		return c.image.Close()
	}
	return nil
}

// collect gives all that does not change a second name, and lists the rest.
// Nothing ceases to be meanwhile.
func (c *checkpoint) collect() error {
	e := c.e
	e.maintenance.Lock()
	defer e.maintenance.Unlock()
	if err := c.read(); err != nil {
		return err
	}
	for _, log := range []manifest.Log{manifest.Hot, manifest.Cold} {
		c.listTail(log)
	}
	for _, g := range c.state.Segments {
		if g.ID >= from(&c.state, g.Log).Segment() {
			continue
		}
		if err := c.link(g.Log.String(), filepath.Base(wal.SegmentPath("", g.ID))); err != nil {
			return err
		}
		if !g.Hinted {
			continue
		}
		s := segment{log: g.Log, id: g.ID}
		s.end.Store(g.Bytes)
		// Without its hint a segment is read itself.
		if err := c.link(hintDir, s.hintSegment().Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return c.linkImage()
}

// linkImage links the image of the index. Without it hints are read.
func (c *checkpoint) linkImage() error {
	if c.state.Snapshot.Name == "" {
		return nil
	}
	name := filepath.Join(imageDir, c.state.Snapshot.Name)
	err := c.Link(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// Another one may take its place.
	c.image, err = c.e.counting.Open(c.e.home.Path(name))
	return err
}

// read makes what was acknowledged durable, and takes what the manifest says.
func (c *checkpoint) read() (err error) {
	e := c.e
	if err := c.sync(); err != nil {
		return err
	}
	if !e.readOnly {
		c.state = e.manifest.State()
		return nil
	}
	c.state, err = manifest.Read(e.counting, e.home.Dir)
	if errors.Is(err, fs.ErrNotExist) { // of an empty engine
		return fmt.Errorf("%w: %s is open for reading, and was never written", engine.ErrUnsupported, e.home.Dir)
	}
	return err
}

// sync makes durable what was acknowledged.
func (c *checkpoint) sync() error {
	e := c.e
	if e.readOnly {
		return nil
	}
	if err := e.writable(); err != nil {
		return err
	}
	for _, log := range []manifest.Log{manifest.Cold, manifest.Hot} {
		l := e.log(log)
		if l == nil {
			continue
		}
		if err := l.Sync(); err != nil {
			return e.fail("sync the log", err)
		}
	}
	return nil
}

// from is where the replay of a log begins.
func from(s *manifest.State, log manifest.Log) wal.LSN {
	if log == manifest.Cold {
		return s.ColdFrom
	}
	return s.From
}

// listTail lists the segments of a log that recovery opens for writing.
func (c *checkpoint) listTail(log manifest.Log) {
	l := c.e.log(log)
	if l == nil {
		return
	}
	end := l.Durable()
	if c.e.readOnly {
		end = l.End()
	}
	for _, g := range l.Segments() {
		if g.ID < from(&c.state, log).Segment() || g.ID > end.Segment() {
			continue
		}
		bytes := g.End.Offset()
		if g.ID == end.Segment() {
			bytes = end.Offset()
		}
		c.rest = append(c.rest, piece{filepath.Join(log.String(), filepath.Base(g.Path)), bytes})
	}
}

// link gives a file of a segment a second name, or leaves it to be copied.
func (c *checkpoint) link(dir, name string) error {
	name = filepath.Join(dir, name)
	err := c.Link(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.rest = append(c.rest, piece{name, -1})
		return nil
	}
	return err
}

func (c *checkpoint) writeManifest() error {
	m, err := manifest.Create(c.e.counting, c.Dir, c.state.Seed)
	if err != nil {
		return err
	}
	edit := c.state.Edit()
	edit.Seed = 0 // is there
	return errors.Join(m.Apply(edit), m.Close())
}
