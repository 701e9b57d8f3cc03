package hashidx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/diskindex"
	"github.com/kvbench/kvbench/hashidx/hint"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

// A survey describes a directory: by its files, and by the engine, opened for
// reading, where that can be.
type survey struct {
	ctx   context.Context
	fsys  vfs.FS
	dir   string
	now   time.Time
	state manifest.State
	files []surveyed

	layout engine.Layout
}

// A surveyed file.
type surveyed struct {
	kind, path string // below the directory
	bytes      int64
	changed    time.Time
}

// inspect implements engine.Driver.Inspect.
func inspect(ctx context.Context, dir string, env engine.Env) (engine.Layout, error) {
	env = env.WithDefaults()
	s := &survey{ctx: ctx, fsys: vfs.Classed(env.FS, vfs.Data), dir: dir, now: env.Now()}
	given := map[string]string{engine.ReadOnlyName: "true", "tail_bytes": "16k"}
	if state, err := manifest.Read(s.fsys, dir); err == nil && onDisk(s.fsys, filepath.Join(dir, imageDir, state.Snapshot.Name)) {
		given["index"] = indexDisk
	}
	opened, err := open(dir, given, env)
	if err == nil {
		err = s.withEngine(opened.(*store))
		if err = errors.Join(err, opened.Close()); err != nil {
			return engine.Layout{}, fmt.Errorf("inspect hash: %w", err)
		}
		return s.layout, nil
	}
	if why := s.withoutEngine(err); why != nil {
		return engine.Layout{}, fmt.Errorf("inspect hash: %w", why)
	}
	return s.layout, nil
}

func (s *survey) fact(name, format string, args ...any) {
	s.layout.Facts = append(s.layout.Facts, engine.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
}

func (s *survey) withEngine(e *store) error {
	err := s.list()
	if err != nil {
		return err
	}
	if s.state, err = manifest.Read(s.fsys, s.dir); err != nil && s.has(manifest.Name) {
		return err
	}
	segments := e.segments.list()
	rows := make([]segmentRow, 0, len(segments))
	for _, g := range segments {
		row := segmentRow{number: g.number, log: g.log, id: g.id, hinted: g.hinted}
		row.frames, row.live, row.ops = g.bytes.Load(), g.live.Load(), uint64(g.ops.Load())
		rows = append(rows, row)
	}
	keys := "keys"
	if e.expiring.Load() {
		keys = "keys, expired ones too"
	}
	n, twins := e.index.Len(), 0
	if disk := e.index.disk; disk != nil { // its Len counts too many
		if n, twins, err = s.count(disk.StartWalk().All); err != nil {
			return err
		}
	}
	s.fact(keys, "%d", n)
	s.space(rows)
	s.recovery()
	if disk := e.index.disk; disk != nil {
		s.diskFacts(disk.Stats(), n, twins)
	} else {
		s.indexFacts(e.index.mem)
	}
	s.tables(rows)
	return s.ctx.Err()
}

func (s *survey) diskFacts(stats diskindex.Stats, keys, twins int) {
	s.fact("index file", "%s", stats.File)
	s.fact("index bytes", "%d", stats.Bytes)
	if keys > 0 {
		s.fact("index bytes per key", "%.1f", float64(stats.Bytes)/float64(keys))
	}
	s.fact("index load", "%.2f", stats.Load)
	s.fact("index pages", "%d, and %d that overflow", stats.Pages, stats.Overflow)
	s.fact("index changes behind the file", "%d", stats.Added+stats.Removed)
	s.fact("tag collisions", "%d", twins)
}

// count counts all entries, and those that have the code of another. each
// yields those of a code together.
func (s *survey) count(each func(f func([]index.Entry) error) error) (n, twins int, err error) {
	var codes []uint64
	err = each(func(some []index.Entry) error {
		codes = codes[:0]
		for _, e := range some {
			codes = append(codes, index.Code(e.Hash))
		}
		slices.Sort(codes)
		n += len(codes)
		twins += len(codes) - len(slices.Compact(codes))
		return s.ctx.Err()
	})
	return n, twins, err
}

func (s *survey) indexFacts(x *index.Index) {
	stats, shape := x.Stats(), x.Shape()
	s.fact("index bytes", "%d", stats.Bytes)
	if stats.Keys > 0 {
		s.fact("index bytes per key", "%.1f", float64(stats.Bytes)/float64(stats.Keys))
	}
	s.fact("index load", "%.2f", stats.Load)
	s.fact("index lines", "%d, and %d that overflow", stats.Buckets, stats.Overflow)
	s.fact("lines per hit", "%.2f", shape.HitLines)
	s.fact("lines per miss", "%.2f", shape.MissLine)
	s.fact("longest chain", "%d", shape.Longest())
	s.fact("tag collisions", "%d", shape.Twins)
}

// withoutEngine describes a directory that cannot be opened, or says why that
// cannot be done either.
func (s *survey) withoutEngine(why error) error {
	if errors.Is(why, engine.ErrLocked) || errors.Is(why, engine.ErrWrongEngine) {
		return why
	}
	d, err := examination(s.ctx, s.dir, engine.Env{FS: s.fsys}, func(engine.Problem) {})
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // is a lock of a reader
	if err := s.list(); err != nil {
		return err
	}
	s.fact("damage", "it cannot be opened: %v", why)
	if s.state, err = manifest.Read(s.fsys, s.dir); err != nil {
		s.tables(nil)
		return nil
	}
	rows := make([]segmentRow, 0, len(s.state.Segments))
	for i := range s.state.Segments {
		g := &s.state.Segments[i]
		rows = append(rows, segmentRow{
			number: g.Number, log: g.Log, id: g.ID, hinted: g.Hinted, frames: g.Frames, live: g.Live, ops: g.Ops,
		})
	}
	s.space(rows)
	s.recovery()
	s.imageFacts()
	s.tables(rows)
	return s.ctx.Err()
}

// imageFacts are what is known of the index without loading it.
func (s *survey) imageFacts() {
	if s.state.Snapshot.Name == "" {
		return
	}
	m, _, err := openImage(s.fsys, filepath.Join(s.dir, imageDir), s.state.Snapshot.Name)
	if err != nil {
		return
	}
	defer m.end()
	// Few of a code are in two blocks of an image: they are not seen.
	entries, twins, err := s.count(m.each)
	if err == nil {
		s.fact("entries of the image", "%d", entries)
		s.fact("tag collisions in it", "%d", twins)
	}
}

// list finds all files.
func (s *survey) list() error {
	names, err := s.fsys.List(s.dir)
	if err != nil {
		return err
	}
	kinds := map[string]string{
		manifest.Hot.String(): "hot segments", manifest.Cold.String(): "cold segments", hintDir: "hints", imageDir: "index images",
	}
	for _, name := range names {
		kind := map[string]string{engine.MarkerName: "marker", manifest.Name: "manifest"}[name]
		if err := s.add(cmp.Or(kind, kinds[name], "other"), name); err != nil {
			return err
		}
	}
	slices.SortFunc(s.files, func(a, b surveyed) int { return cmp.Compare(a.path, b.path) })
	return nil
}

// add adds a file, or all in a directory.
func (s *survey) add(kind, path string) error {
	info, err := s.fsys.Stat(filepath.Join(s.dir, path))
	if err != nil {
		return err
	}
	if !info.IsDir() {
		s.files = append(s.files, surveyed{kind, path, info.Size(), info.ModTime()})
		return nil
	}
	names, err := s.fsys.List(filepath.Join(s.dir, path))
	for _, name := range names {
		if err == nil {
			err = s.add(kind, filepath.Join(path, name))
		}
	}
	return err
}

func (s *survey) has(path string) bool { return s.find(path) != nil }

// find returns a file by its path, or nil. They are in the order of paths.
func (s *survey) find(path string) *surveyed {
	i, ok := slices.BinarySearchFunc(s.files, path, func(f surveyed, path string) int { return cmp.Compare(f.path, path) })
	if !ok {
		return nil
	}
	return &s.files[i]
}

// A segmentRow is what is known of a segment.
type segmentRow struct {
	number       uint16
	log          manifest.Log
	id           uint32
	hinted       bool
	frames, live int64
	ops          uint64
}

func (r *segmentRow) path() string {
	return filepath.Join(r.log.String(), filepath.Base(wal.SegmentPath("", r.id)))
}

// space adds up what segments hold.
func (s *survey) space(rows []segmentRow) {
	var frames, live, all int64
	for i := range rows {
		frames += rows[i].frames
		live += rows[i].live
	}
	for i := range s.files {
		all += s.files[i].bytes
	}
	s.fact("segments", "%d", len(rows))
	s.fact("op bytes", "%d", frames)
	s.fact("live bytes", "%d", live)
	if frames > 0 {
		s.fact("live ratio", "%.3f", float64(live)/float64(frames))
	}
	if live > 0 {
		s.fact("bytes on disk for each live one", "%.2f", float64(all)/float64(live))
	}
}

// recovery says where the next Open begins.
func (s *survey) recovery() {
	s.fact("manifest edits", "%d", s.state.Sequence)
	s.fact("recovery replays hot from", "%v", s.state.From)
	s.fact("recovery replays cold from", "%v", s.state.ColdFrom)
	image := s.state.Snapshot
	if image.Name == "" {
		s.fact("index image", "none: recovery reads all hints")
		return
	}
	s.fact("index image", "%s", image.Name)
	s.fact("it covers hot to", "%v", image.Covers)
	s.fact("it covers cold to", "%v", image.ColdCovers)
}

// tables are the segments, and all files by what they are.
func (s *survey) tables(rows []segmentRow) {
	slices.SortFunc(rows, func(a, b segmentRow) int { return cmp.Or(cmp.Compare(a.log, b.log), cmp.Compare(a.id, b.id)) })
	segments := engine.LayoutTable{
		Title:   "segments",
		Columns: []string{"number", "log", "id", "bytes", "op bytes", "live bytes", "live %", "ops", "sequences", "hint", "age"},
	}
	for i := range rows {
		segments.Rows = append(segments.Rows, s.segmentCells(&rows[i]))
	}
	s.layout.Tables = append(s.layout.Tables, segments, s.kinds(rows), s.orphans(rows))
}

func (s *survey) segmentCells(r *segmentRow) []string {
	bytes, age, live := "missing", "", ""
	if f := s.find(r.path()); f != nil {
		bytes, age = strconv.FormatInt(f.bytes, 10), s.age(f.changed)
	}
	if r.frames > 0 {
		live = fmt.Sprintf("%.1f", 100*float64(r.live)/float64(r.frames))
	}
	hinted, sequences := "no", ""
	if r.hinted {
		hinted, sequences = s.hintCells(r)
	}
	return []string{
		strconv.Itoa(int(r.number)), r.log.String(), strconv.FormatUint(uint64(r.id), 10), bytes,
		strconv.FormatInt(r.frames, 10), strconv.FormatInt(r.live, 10), live, strconv.FormatUint(r.ops, 10),
		sequences, hinted, age,
	}
}

// hintCells looks at a hint: is it of use, and from which sequence to which
// are the ops of its segment? Sequences are written as places of hot.
func (s *survey) hintCells(r *segmentRow) (hinted, sequences string) {
	in, err := hint.Open(s.fsys, filepath.Join(s.dir, hintDir), s.hintOf(r))
	if err != nil {
		return "unusable", ""
	}
	defer in.Close()
	if in.Ops() == 0 {
		return "yes", ""
	}
	return "yes", fmt.Sprintf("%v to %v", wal.LSN(in.Lowest()), wal.LSN(in.Highest()))
}

func (s *survey) hintOf(r *segmentRow) hint.Segment {
	h := hint.Segment{Log: uint8(r.log), ID: r.id}
	// They are in the order of numbers.
	i, ok := slices.BinarySearchFunc(s.state.Segments, r.number, func(g manifest.Segment, n uint16) int { return cmp.Compare(g.Number, n) })
	if ok {
		h.Bytes = s.state.Segments[i].Bytes
	}
	return h
}

// age is how long ago a file was changed, where its file system says.
func (s *survey) age(changed time.Time) string {
	if changed.IsZero() || changed.After(s.now) {
		return ""
	}
	d := s.now.Sub(changed).Round(time.Second)
	if days := d / (24 * time.Hour); days > 1 {
		return fmt.Sprintf("%dd", days)
	}
	return d.String()
}

// kinds adds the files up by what they are.
func (s *survey) kinds(rows []segmentRow) engine.LayoutTable {
	t := engine.LayoutTable{Title: "files", Columns: []string{"kind", "files", "bytes"}}
	used := map[string]bool{}
	for i := range rows {
		used[rows[i].path()] = true
	}
	const ahead = "segments made ahead"
	for _, kind := range []string{"marker", "manifest", "hot segments", "cold segments", ahead, "hints", "index images", "other"} {
		var n, bytes int64
		for i := range s.files {
			f := &s.files[i]
			is := f.kind
			if !used[f.path] && s.spare(f) {
				is = ahead
			}
			if is == kind {
				n++
				bytes += f.bytes
			}
		}
		if n > 0 {
			t.Rows = append(t.Rows, []string{kind, strconv.FormatInt(n, 10), strconv.FormatInt(bytes, 10)})
		}
	}
	return t
}

// orphans are files that nobody names: a crash may leave some, and the next
// Open removes them.
func (s *survey) orphans(rows []segmentRow) engine.LayoutTable {
	named := map[string]bool{
		engine.MarkerName: true, manifest.Name: true, filepath.Join(imageDir, s.state.Snapshot.Name): true,
	}
	for i := range rows {
		r := &rows[i]
		named[r.path()] = true
		if r.hinted {
			named[filepath.Join(hintDir, s.hintOf(r).Name())] = true
		}
	}
	t := engine.LayoutTable{Title: "files that nothing names", Columns: []string{"file", "bytes"}}
	for _, f := range s.files {
		if !named[f.path] && !s.spare(&f) {
			t.Rows = append(t.Rows, []string{f.path, strconv.FormatInt(f.bytes, 10)})
		}
	}
	return t
}

// spare reports whether a file is a log's own: a segment made ahead.
func (s *survey) spare(f *surveyed) bool {
	for _, log := range []manifest.Log{manifest.Hot, manifest.Cold} {
		name, ok := strings.CutPrefix(f.path, log.String()+string(filepath.Separator))
		if ok && !wal.IsSegmentBefore(name, replayFrom(&s.state, log).Segment()) {
			return true
		}
	}
	return false
}
