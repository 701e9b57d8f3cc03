package hashidx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/examine"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/hint"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

// A verifier reads all of a directory by itself, without opening the engine:
// it goes on where that would give up.
//
// What it holds against each other: the manifest and the files it names; every
// record of every segment and the frames in it; each row of a hint and the
// frame that it is about; each entry of the index image and the frame at its
// place. Files that nobody names are no problem: a crash may leave them.
type verifier struct {
	*examine.Dir

	state   manifest.State
	numbers map[owner]uint16 // of its segments
	unknown bool             // there is no state: the manifest is damaged or missing
	image   *indexImage
}

// verify implements engine.Driver.Verify.
func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	d, err := examination(ctx, dir, env, report)
	if err != nil {
		return fmt.Errorf("verify hash: %w", err)
	}
	defer d.Close() //nolint:errcheck // is a lock of a reader
	v := &verifier{Dir: d}
	defer func() { v.image.end() }()
	for _, step := range []func() error{v.readManifest, v.readImage, v.checkSealed, v.checkTails} {
		if err := step(); err != nil {
			return fmt.Errorf("verify hash: %w", err)
		}
	}
	return nil
}

// examination opens a directory to be read by itself.
func examination(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) (*examine.Dir, error) {
	return examine.Open(ctx, env.WithDefaults().FS, dir, marker(), report, manifest.Name, manifest.Hot.String())
}

func (v *verifier) logDir(log manifest.Log) string { return filepath.Join(v.Root, log.String()) }

// found is Found, which says where no data is lost.
func (v *verifier) found(path string, err error, note string) error {
	if errors.Is(err, hint.ErrUnusable) || unusable(err) {
		note += lossless
	}
	return v.Found(path, err, note)
}

// lossless ends what is said of a file that only repeats what segments say.
const lossless = "; no data is lost by that"

// readManifest reads what all else is held against. A directory that was made
// and never used has none.
func (v *verifier) readManifest() error {
	s, err := manifest.Read(v.FS, v.Root)
	if err == nil {
		v.state, v.numbers = s, make(map[owner]uint16, len(s.Segments))
		for _, g := range s.Segments {
			v.numbers[owner{g.Log, g.ID}] = g.Number
		}
		return nil
	}
	v.unknown = true
	if errors.Is(err, fs.ErrNotExist) && !v.hasFiles(manifest.Hot) && !v.hasFiles(manifest.Cold) {
		return nil
	}
	return v.found(filepath.Join(v.Root, manifest.Name), err, "")
}

// hasFiles reports whether there is anything in a log's directory.
func (v *verifier) hasFiles(log manifest.Log) bool {
	names, err := v.FS.List(v.logDir(log))
	return err == nil && len(names) > 0
}

// replayFrom is where the replay of a log begins; segments before its segment
// are sealed.
func replayFrom(s *manifest.State, log manifest.Log) wal.LSN {
	return (&recovery{state: *s}).from(log)
}

// isSealed reports whether nothing is appended to a segment any more, and
// recovery does not replay it.
func isSealed(s *manifest.State, g *manifest.Segment) bool {
	return g.ID < replayFrom(s, g.Log).Segment()
}

// checkSealed checks the segments that the manifest alone accounts for.
func (v *verifier) checkSealed() error {
	var all []*manifest.Segment
	for i := range v.state.Segments {
		if g := &v.state.Segments[i]; isSealed(&v.state, g) {
			all = append(all, g)
		}
	}
	for i, g := range all {
		err := v.load(all[i:], mostEntries)
		if err == nil {
			err = v.checkSegment(g)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) checkSegment(g *manifest.Segment) error {
	dir := v.logDir(g.Log)
	c := v.newCheck(g.Log, g.ID)
	info, err := v.FS.Stat(c.path)
	if err != nil {
		v.image.forget(g.Number)
		return v.found(c.path, err, "")
	}
	if info.Size() < g.Bytes {
		v.Problem(c.path, info.Size(), "the file ends, and should have %d bytes", g.Bytes)
	}
	if g.Hinted {
		if err := c.openHint(g); err != nil {
			return err
		}
		defer c.closeHint()
	}
	if err := wal.Scan(v.FS, dir, g.ID, 0, g.Bytes, c.record); err != nil {
		note := ""
		if c.rows == nil {
			note = unseen
		}
		if err := v.found(c.path, err, note); err != nil {
			return err
		}
		c.damaged = true
		if err := c.byRows(); err != nil {
			return err
		}
	}
	c.end()
	if !c.damaged {
		c.compare(g)
	}
	return nil
}

// checkTails checks what recovery replays: its end may be torn.
func (v *verifier) checkTails() error {
	for _, log := range []manifest.Log{manifest.Hot, manifest.Cold} {
		err := v.load(v.image.named(v.unsealed(log)), math.MaxInt)
		if err == nil {
			err = v.checkTail(log)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) checkTail(log manifest.Log) error {
	dir, from, o := v.logDir(log), replayFrom(&v.state, log), tailOptions(&v.state, log, v.unknown)
	if !v.hasFiles(log) {
		if from != 0 || o.Through != 0 || len(v.unsealed(log)) > 0 {
			v.Problem(dir, 0, "the log is missing")
		}
		return nil
	}
	var c *segmentCheck
	next := func(rec wal.Record) error {
		if c == nil || c.id != rec.LSN.Segment() {
			if c != nil {
				c.end()
			}
			c = v.newCheck(log, rec.LSN.Segment())
		}
		return c.record(rec)
	}
	if from.Offset() > recordsBegin {
		if err := wal.Scan(v.FS, dir, from.Segment(), 0, from.Offset(), next); err != nil {
			if err := v.found(wal.SegmentPath(dir, from.Segment()), err, unseen); err != nil {
				return err
			}
		}
	}
	l, err := wal.Open(v.FS, dir, o, next)
	if c != nil {
		c.damaged = err != nil
		c.end()
	}
	if err == nil {
		defer l.Close()
	}
	for _, g := range v.unsealed(log) {
		if err != nil {
			v.image.forget(g.Number)
		} else if !slices.ContainsFunc(l.Segments(), func(s wal.Segment) bool { return s.ID == g.ID }) {
			v.Problem(wal.SegmentPath(dir, g.ID), 0, "the file is missing")
			v.image.forget(g.Number)
		}
	}
	if err != nil {
		return v.found(dir, err, unseen)
	}
	v.checkLeft(v.unsealed(log))
	return nil
}

// unseen ends what is said of damage behind which nothing tells where ops
// begin.
const unseen = "; what is behind was not looked at"

// recordsBegin is where the first record of a segment begins.
const recordsBegin = 4096

// tailOptions open a log as recovery does, to be read. Without a manifest
// nobody knows where it should begin.
func tailOptions(s *manifest.State, log manifest.Log, unknown bool) wal.Options {
	r := &recovery{state: *s}
	o := wal.Options{ReadOnly: true, From: r.from(log), Through: r.through(log)}
	o.Complete = o.From == 0 && !unknown
	return o
}

// unsealed lists the segments that the manifest names and recovery replays.
func (v *verifier) unsealed(log manifest.Log) (all []*manifest.Segment) {
	for i := range v.state.Segments {
		if g := &v.state.Segments[i]; g.Log == log && !isSealed(&v.state, g) {
			all = append(all, g)
		}
	}
	return all
}

// checkLeft reports the entries of the image in some segments that had no op
// at all.
func (v *verifier) checkLeft(some []*manifest.Segment) {
	for _, g := range some {
		if left := v.image.left(g.Number); left > 0 {
			v.Problem(v.image.path, -1, "%d entries are in segment %d (%s), in which no op was found",
				left, g.Number, wal.SegmentPath(v.logDir(g.Log), g.ID))
		}
	}
}
