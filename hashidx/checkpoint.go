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
	names, err := e.counting.List(dir)
	if len(names) > 0 {
		return fmt.Errorf("%w: it is not empty, it holds %s", engine.ErrInvalid, names[0])
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c := &checkpoint{e: e, dir: dir}
	err = errors.Join(c.perform(), c.end())
	if err != nil {
		return errors.Join(err, c.undo())
	}
	return nil
}

// A checkpoint is a copy that is being made.
type checkpoint struct {
	e       *store
	dir     string
	parents []string       // in which there is a new name
	state   manifest.State // that it is to have
	rest    []piece        // to be copied
	image   vfs.File       // likewise, if not nil
	marked  bool           // or may be
}

// A piece is the beginning of a file of a segment. It is not written any more.
type piece struct {
	name  string // in the directory
	bytes int64  // all there are, if below 0
}

func (c *checkpoint) perform() error {
	if err := c.makeDirs(); err != nil {
		return err
	}
	if err := c.sync(); err != nil { // so that little is left to be synced
		return err
	}
	// What is copied late stays so long, whatever becomes of its segment.
	defer c.e.pinFiles()()
	if err := c.collect(); err != nil {
		return err
	}
	for _, p := range c.rest {
		if err := c.copyPiece(p); err != nil {
			return err
		}
	}
	if c.image != nil {
		if err := c.copy(filepath.Join(imageDir, c.state.Snapshot.Name), c.image, -1); err != nil {
			return err
		}
	}
	return c.finish()
}

// end closes what is open.
func (c *checkpoint) end() error {
	if c.image != nil {
		return c.image.Close()
	}
	return nil
}

// makeDirs makes the directories.
func (c *checkpoint) makeDirs() error {
	fsys := c.e.counting
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

func checkpointDirs() []string {
	return []string{manifest.Hot.String(), manifest.Cold.String(), hintDir, imageDir}
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
	err := c.e.counting.Link(c.e.home.Path(name), filepath.Join(c.dir, name))
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
	err := c.e.counting.Link(c.e.home.Path(name), filepath.Join(c.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.rest = append(c.rest, piece{name, -1})
		return nil
	}
	return err
}

// copyPiece copies a piece.
func (c *checkpoint) copyPiece(p piece) error {
	f, err := c.e.counting.Open(c.e.home.Path(p.name))
	if err != nil {
		return err
	}
	return errors.Join(c.copy(p.name, f, p.bytes), f.Close())
}

// copyBytes are copied at once.
const copyBytes = 1 << 20

// copy copies the beginning of a file, or all if bytes is below 0, durably but
// for its name.
func (c *checkpoint) copy(name string, from vfs.File, bytes int64) error {
	if bytes < 0 {
		var err error
		if bytes, err = from.Size(); err != nil {
			return err
		}
	}
	f, err := c.e.counting.Create(filepath.Join(c.dir, name))
	if err != nil {
		return err
	}
	buf := make([]byte, min(copyBytes, bytes))
	for off := int64(0); off < bytes && err == nil; {
		part := buf[:min(int64(len(buf)), bytes-off)]
		var n int
		n, err = readAt(from, part, off)
		if err == nil && n < len(part) {
			err = engine.Corrupt(c.e.home.Path(name), off+int64(n), fmt.Sprintf("the file ends, and should have %d bytes", bytes), nil)
		}
		if err == nil {
			_, err = f.WriteAt(part, off)
		}
		off += int64(len(part))
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// finish makes all names durable, and what gives them a meaning: the manifest,
// then the marker.
func (c *checkpoint) finish() error {
	fsys := c.e.counting
	for _, name := range checkpointDirs() {
		if err := fsys.SyncDir(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	}
	if err := c.writeManifest(); err != nil {
		return err
	}
	for _, d := range append([]string{c.dir}, c.parents...) {
		if err := fsys.SyncDir(d); err != nil {
			return err
		}
	}
	c.marked = true
	return engine.WriteMarker(vfs.Classed(fsys, vfs.Meta), c.dir, c.e.home.Marker)
}

func (c *checkpoint) writeManifest() error {
	m, err := manifest.Create(c.e.counting, c.dir, c.state.Seed)
	if err != nil {
		return err
	}
	edit := c.state.Edit()
	edit.Seed = 0 // is there
	return errors.Join(m.Apply(edit), m.Close())
}

// undo removes what a checkpoint that failed has left, the marker first: what
// it cannot remove opens as no engine's.
func (c *checkpoint) undo() error {
	fsys := c.e.counting
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
