package examine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

// A Dir is the directory of an engine, open to be examined. It is for one
// goroutine.
type Dir struct {
	FS     vfs.FS // whose reads are vfs.Data
	Root   string // the directory
	Marker engine.Marker
	Marked bool // Marker is whole

	ctx    context.Context
	report func(engine.Problem)
	lock   io.Closer
}

// Open opens dir as a reader, which changes nothing, for the engine that want
// names. What is wrong with the marker is reported as a problem like others,
// but not if it is another engine's. Without one the directory is the engine's
// if it has one of the names of signs.
//
// Errors are those of engine.OpenHome: ErrLocked for a directory that is open,
// ErrWrongEngine, ErrNotEngineDir.
func Open(ctx context.Context, fsys vfs.FS, dir string, want engine.Marker, report func(engine.Problem), signs ...string) (*Dir, error) {
	d := &Dir{FS: vfs.Classed(fsys, vfs.Data), Root: dir, ctx: ctx, report: report}
	home, err := engine.OpenHome(d.FS, dir, want, true)
	if err == nil {
		d.Marker, d.Marked, d.lock = home.Marker, true, home
		return d, nil
	}
	path := d.Path(engine.MarkerName)
	switch {
	case errors.Is(err, engine.ErrNotEngineDir):
		for _, name := range signs {
			if d.Exists(name) {
				d.Problem(path, 0, "the file is missing")
				return d, nil
			}
		}
		return nil, err
	case errors.Is(err, engine.ErrCorrupt):
		d.Found(path, err, "") //nolint:errcheck // who goes on finds the context ended
	default:
		return nil, err
	}
	lock, err := d.FS.Lock(path, false)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%s: %w", dir, engine.ErrLocked)
	}
	if err != nil {
		return nil, err
	}
	d.lock = lock
	return d, nil
}

// Close unlocks the directory.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close()
	d.lock = nil
	return err
}

// Path is where something is that is below the directory.
func (d *Dir) Path(name string) string { return filepath.Join(d.Root, name) }

// Exists reports whether there is something of that name below the directory.
func (d *Dir) Exists(name string) bool {
	_, err := d.FS.Stat(d.Path(name))
	return err == nil
}

// List returns the names in a directory below, none if it cannot be read.
func (d *Dir) List(name string) []string {
	names, err := d.FS.List(d.Path(name))
	if err != nil {
		return nil
	}
	return names
}

// Context is that of the examination.
func (d *Dir) Context() context.Context { return d.ctx }

// Err is why the examination has to end: its context has.
func (d *Dir) Err() error {
	if d.ctx.Err() != nil {
		return context.Cause(d.ctx)
	}
	return nil
}

// Problem reports what is wrong at an offset of a file, which is negative when
// unknown.
func (d *Dir) Problem(path string, off int64, format string, args ...any) {
	d.report(engine.Problem{File: path, Offset: off, Detail: fmt.Sprintf(format, args...)})
}

// Found reports an error that came of reading a file, with the place that it
// names itself, if it does. The note ends what is said of it. If the context
// has ended, nothing is reported, and Found returns why.
func (d *Dir) Found(path string, err error, note string) error {
	if ended := d.Err(); ended != nil {
		return ended
	}
	if damage, ok := errors.AsType[*engine.CorruptionError](err); ok {
		detail := damage.Detail
		if damage.Cause != nil {
			detail += ": " + damage.Cause.Error()
		}
		d.Problem(damage.File, damage.Offset, "%s%s", detail, note)
	} else if damage, ok := errors.AsType[*wal.DamageError](err); ok {
		d.Problem(damage.Path, damage.Offset, "%s%s", damage.Detail, note)
	} else if errors.Is(err, fs.ErrNotExist) {
		d.Problem(path, 0, "the file is missing%s", note)
	} else {
		d.Problem(path, -1, "cannot be read: %v%s", err, note)
	}
	return nil
}

// Quiet is the same directory, open as long as d is, with problems that nobody
// hears.
func (d *Dir) Quiet() *Dir {
	return &Dir{
		FS: d.FS, Root: d.Root, Marker: d.Marker, Marked: d.Marked,
		ctx: d.ctx, report: func(engine.Problem) {},
	}
}
