package hashidx

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/snapshot"
)

// Directories of an engine, beside those of the logs.
const (
	hintDir  = "hint"
	imageDir = "snapshot"
)

// recovery is how Open brings back the state: from an image of the index, from
// hints of sealed segments that the image does not cover, and from what the
// logs have behind them. See doc.go for why that is right.
type recovery struct {
	e     *store
	state manifest.State
	image manifest.Snapshot // that was loaded; or none

	// twins has the codes of which some op met another key.
	twins map[uint64]bool

	// tombstones are deletes that GC has copied: ops of hot/ that come after
	// them may be older. They are entries until the end.
	tombstones []index.Entry
	guarding   map[uint64]bool // their places

	hashes  []uint64 // of a block of ops
	applied uint64   // ops
	merges  int      // of an index in a file
}

func (e *store) recover() error {
	start := time.Now()
	r := &recovery{e: e, twins: map[uint64]bool{}, guarding: map[uint64]bool{}}
	err := r.openManifest()
	if err == nil {
		err = r.adopt()
	}
	if err == nil {
		err = r.loadImage()
	}
	if err == nil {
		err = r.openLog(manifest.Cold)
	}
	if err == nil {
		err = r.openLog(manifest.Hot)
	}
	if err == nil {
		err = r.finish()
	}
	if err != nil {
		return err
	}
	e.recovery = time.Since(start)
	return nil
}

// openManifest reads the manifest, or makes the first one of an empty
// directory.
func (r *recovery) openManifest() error {
	e, dir := r.e, r.e.home.Dir
	if e.readOnly {
		s, err := manifest.Read(e.counting, dir)
		if errors.Is(err, fs.ErrNotExist) {
			err = r.mustBeEmpty()
		}
		r.state = s
		return err
	}
	for _, name := range []string{manifest.Hot.String(), manifest.Cold.String(), hintDir, imageDir} {
		if err := e.counting.MkdirAll(e.home.Path(name)); err != nil {
			return err
		}
	}
	if err := e.counting.SyncDir(dir); err != nil {
		return err
	}
	m, err := manifest.Open(e.counting, dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := r.mustBeEmpty(); err != nil {
			return err
		}
		m, err = manifest.Create(e.counting, dir, rand.Uint64()|1)
	}
	if err != nil {
		return err
	}
	e.manifest, r.state = m, m.State()
	return nil
}

// mustBeEmpty: a directory without a manifest has no data, or is damaged.
func (r *recovery) mustBeEmpty() error {
	names, err := r.e.counting.List(r.e.home.Path(manifest.Hot.String()))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(names) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return engine.Corrupt(r.e.home.Path(manifest.Name), 0, "the file is missing", nil)
}

// adopt makes the segments that the manifest names.
func (r *recovery) adopt() error {
	e := r.e
	e.seed = r.state.Seed
	for _, g := range r.state.Segments {
		s := e.segments.add(g.Number, g.Log, g.ID, 1<<offsetBits)
		s.listed = true
		if g.Expiring > 0 {
			e.expiring.Store(true) // or it was when the image was made
		}
		e.segments.next = max(e.segments.next, g.Number)
		bytes := int64(0)
		if g.ID >= r.from(g.Log).Segment() { // its log will tell the rest
			s.live.Store(g.Live)
			s.expiring.Store(g.Expiring)
			s.highest.Store(g.Highest)
		} else {
			s.hinted = g.Hinted
			s.restore(g)
			bytes = g.Bytes
		}
		if err := r.mustHave(s, bytes); err != nil {
			return err
		}
	}
	return nil
}

// mustHave: what the manifest names was there and durable.
func (r *recovery) mustHave(s *segment, bytes int64) error {
	switch size, err := fileSize(r.e, s.path); {
	case errors.Is(err, fs.ErrNotExist):
		return engine.Corrupt(s.path, 0, "the file is missing", err)
	case err != nil:
		return err
	case size < bytes:
		return engine.Corrupt(s.path, size, fmt.Sprintf("the file ends, and should have %d bytes", bytes), nil)
	}
	return nil
}

// restore takes over what the manifest says.
func (s *segment) restore(g manifest.Segment) {
	s.end.Store(g.Bytes)
	s.settled.Store(true)
	s.bytes.Store(g.Frames)
	s.ops.Store(int64(g.Ops))
	s.live.Store(g.Live)
	s.highest.Store(g.Highest)
	s.expiring.Store(g.Expiring)
	s.expires.Store(g.Expires)
}

func fileSize(e *store, path string) (int64, error) {
	info, err := e.counting.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// from is where the replay of a log begins: what is before is sealed.
func (r *recovery) from(log manifest.Log) wal.LSN {
	if log == manifest.Cold {
		return r.state.ColdFrom
	}
	return r.state.From
}

// covers is below where the image has all of a log.
func (r *recovery) covers(log manifest.Log) wal.LSN {
	if log == manifest.Cold {
		return r.image.ColdCovers
	}
	return r.image.Covers
}

// loadImage loads the image of the index, if there is a usable one. Without
// it the hints of all segments are read.
func (r *recovery) loadImage() error {
	if r.state.Snapshot.Name == "" {
		return r.newIndex()
	}
	err := r.tryImage()
	if err == nil {
		r.image = r.state.Snapshot
		return nil
	}
	if !errors.Is(err, snapshot.ErrUnusable) {
		return err
	}
	r.e.env.Log.Warn("read all hints instead", "dir", r.e.home.Dir, "error", err)
	if err := r.giveUpImage(); err != nil {
		return err
	}
	return r.newIndex()
}

// giveUpImage makes the manifest name none. The numbers that an unusable image
// names are given again: it must never be used after all. How far the logs were
// durable when it was named stays true.
func (r *recovery) giveUpImage() error {
	s := &r.state
	s.Through = r.through(manifest.Hot)
	s.ColdThrough = r.through(manifest.Cold)
	s.Snapshot = manifest.Snapshot{}
	if r.e.readOnly {
		return nil
	}
	return r.e.manifest.Apply(manifest.Edit{Snapshot: &s.Snapshot, Through: s.Through, ColdThrough: s.ColdThrough})
}

func (r *recovery) newIndex() error {
	e := r.e
	if err := e.index.Close(); err != nil {
		return err
	}
	for _, s := range e.segments.list() {
		s.live.Store(0) // of an image that is not used
		s.expiring.Store(0)
	}
	return e.index.begin(e)
}

func (r *recovery) tryImage() error {
	e := r.e
	lives := func(n uint16) bool { return e.segments.all[n].Load() != nil }
	numbers, err := e.index.load(e, r.state.Snapshot, lives)
	if err != nil {
		return err
	}
	e.image = image{name: r.state.Snapshot.Name, numbers: numbers}
	e.segments.avoid(e.image.numbers)
	return nil
}

// recoveryWorkers load an image.
const recoveryWorkers = 2

// openLog applies what the image does not have of a log, and opens it.
func (r *recovery) openLog(log manifest.Log) error {
	e := r.e
	for _, s := range r.sealed(log) {
		if s.id < r.covers(log).Segment() {
			continue
		}
		if err := r.applySealed(s); err != nil {
			return err
		}
	}
	dir := e.segments.dir(log)
	files, err := r.hasFiles(dir)
	if err != nil {
		return err
	}
	if !files && (log == manifest.Cold || e.readOnly) {
		if r.from(log) != 0 || r.through(log) != 0 {
			return engine.Corrupt(dir, 0, "the log is missing", nil)
		}
		return nil // GC has not begun; nothing was ever written
	}
	o := wal.Options{
		SegmentBytes: e.settings.SegmentBytes, ReadOnly: e.readOnly,
		From: r.from(log), Through: r.through(log), Complete: r.from(log) == 0,
	}
	if log == manifest.Cold {
		o.Fill = wal.FillReserve
	}
	l, err := wal.Open(e.counting, dir, o, func(rec wal.Record) error { return r.replay(log, rec) })
	if err != nil {
		return asCorrupt(err)
	}
	if log == manifest.Cold {
		e.cold.Store(l)
	} else {
		e.hot = l
	}
	return r.markSealed(log, l)
}

// through is what of a log must be there: the image names ops up to it, or what
// was dropped was void by them.
func (r *recovery) through(log manifest.Log) wal.LSN {
	if log == manifest.Cold {
		return max(r.state.Snapshot.ColdThrough, r.state.ColdThrough)
	}
	return max(r.state.Snapshot.Through, r.state.Through)
}

func (r *recovery) hasFiles(dir string) (bool, error) {
	names, err := r.e.counting.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return len(names) > 0, err
}

// asCorrupt makes damage of a log that of an engine.
func asCorrupt(err error) error {
	var damage *wal.DamageError
	if errors.As(err, &damage) {
		return engine.Corrupt(damage.Path, damage.Offset, damage.Detail, err)
	}
	return err
}

// sealed lists the segments of a log that are before what is replayed.
func (r *recovery) sealed(log manifest.Log) []*segment {
	var all []*segment
	for _, s := range r.e.segments.list() {
		if s.log == log && s.id < r.from(log).Segment() {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *segment) int { return cmp.Compare(a.id, b.id) })
	return all
}

// markSealed tells the segments that were replayed where they end.
func (r *recovery) markSealed(log manifest.Log, l *wal.Log) error {
	all := l.Segments()
	for i, g := range all {
		s := r.e.segments.get(log, g.ID)
		if s == nil || g.ID < r.from(log).Segment() {
			continue
		}
		if i < len(all)-1 || r.e.readOnly {
			s.end.Store(g.End.Offset())
			s.settled.Store(true)
			continue
		}
		// The log goes on in it; what is before is not in memory.
		s.base = g.End.Offset()
	}
	for _, s := range r.e.segments.list() {
		known := slices.ContainsFunc(all, func(g wal.Segment) bool { return g.ID == s.id })
		if s.log == log && !known {
			return engine.Corrupt(s.path, 0, "the file is missing", nil)
		}
	}
	return nil
}

// endTombstones takes out what stood for deletes.
func (r *recovery) endTombstones() error {
	for _, t := range r.tombstones {
		l := r.e.index.Lock(t.Hash)
		_, err := l.Delete(t.Place)
		l.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// finish ends the recovery: tombstones go, and what is nobody's.
func (r *recovery) finish() error {
	e := r.e
	if err := r.endTombstones(); err != nil {
		return err
	}
	for _, s := range e.segments.list() {
		s.live.Store(min(max(s.live.Load(), 0), s.bytes.Load()))
		s.expiring.Store(min(max(s.expiring.Load(), 0), s.live.Load()))
	}
	e.image.writes -= r.applied // so that they count
	if e.readOnly {
		return nil
	}
	e.keeper.poke()
	r.removeOrphans(hintDir, func(name string) bool { return r.hintOf(name) })
	r.removeOrphans(imageDir, func(name string) bool { return name == e.image.name || name == e.index.file() })
	for _, log := range []manifest.Log{manifest.Hot, manifest.Cold} {
		r.removeOrphans(log.String(), func(name string) bool {
			for _, s := range e.segments.list() {
				if s.log == log && strings.HasSuffix(s.path, name) {
					return true
				}
			}
			return !wal.IsSegmentBefore(name, r.from(log).Segment())
		})
	}
	return nil
}

// hintOf reports whether a hint is that of a segment.
func (r *recovery) hintOf(name string) bool {
	for _, s := range r.e.segments.list() {
		if s.hinted && s.hintSegment().Name() == name {
			return true
		}
	}
	return false
}

// removeOrphans removes files that a crash, or a removal that failed, has left.
func (r *recovery) removeOrphans(dir string, keep func(name string) bool) {
	dir = r.e.home.Path(dir)
	names, err := r.e.counting.List(dir)
	for _, name := range names {
		if !keep(name) {
			err = errors.Join(err, r.e.counting.Remove(dir+"/"+name))
		}
	}
	if err != nil {
		r.e.env.Log.Warn("remove what is nobody's", "dir", dir, "error", err)
	}
}
