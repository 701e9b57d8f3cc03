package lsm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/manifest"
	"github.com/kvbench/kvbench/lsm/version"
)

// A verifier reads all of a directory by itself, without opening the engine: it
// goes on where that would give up.
//
// What it holds against each other: the manifest and the files it names; what
// tables say of themselves and what is in them; of each key the entries and
// range deletes of all runs, which must be the older the deeper they are;
// pointers and the values that they name; and the records of the log. Files
// that nobody names are no problem: a crash may leave them.
//
// Without a manifest nothing says which files count: then each is checked by
// itself.
type verifier struct {
	ctx    context.Context
	fsys   vfs.FS
	dir    string
	report func(engine.Problem)

	scanned manifest.Scanned
	state   *version.State
	unknown bool // state is not what it was: the manifest is damaged or missing
	blobs   map[uint64]*blobCheck
}

// verify implements engine.Driver.Verify.
func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	v := &verifier{ctx: ctx, fsys: vfs.Classed(env.WithDefaults().FS, vfs.Data), dir: dir, report: report}
	unlock, err := v.enter()
	if err != nil {
		return fmt.Errorf("verify lsm: %w", err)
	}
	defer unlock()
	defer v.closeBlobs()
	for _, step := range []func() error{v.readManifest, v.checkBlobs, v.checkTables, v.checkLog} {
		if err := step(); err != nil {
			return fmt.Errorf("verify lsm: %w", err)
		}
	}
	return nil
}

// enter locks the directory as a reader. What is wrong with the marker is a
// problem like others, but not if it is another engine's.
func (v *verifier) enter() (unlock func(), err error) {
	home, err := engine.OpenHome(v.fsys, v.dir, marker(), true)
	if err == nil {
		return func() { home.Close() }, nil
	}
	path := v.path(engine.MarkerName)
	switch {
	case errors.Is(err, engine.ErrNotEngineDir):
		if !v.exists(manifest.Current) && !v.exists(logDir) {
			return nil, err
		}
		v.problem(path, 0, "the file is missing")
		return func() {}, nil
	case errors.Is(err, engine.ErrCorrupt):
		v.found(path, err, "") //nolint:errcheck // the first step finds the context ended
	default:
		return nil, err
	}
	lock, err := v.fsys.Lock(path, false)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%s: %w", v.dir, engine.ErrLocked)
	}
	if err != nil {
		return nil, err
	}
	return func() { lock.Close() }, nil
}

// path is where something is that is below the directory.
func (v *verifier) path(name string) string { return filepath.Join(v.dir, name) }

func (v *verifier) exists(name string) bool {
	_, err := v.fsys.Stat(v.path(name))
	return err == nil
}

// list returns what is in a directory below, if it is there.
func (v *verifier) list(name string) []string {
	names, err := v.fsys.List(v.path(name))
	if err != nil {
		return nil
	}
	return names
}

// problem reports what is wrong at an offset of a file.
func (v *verifier) problem(path string, off int64, format string, args ...any) {
	v.report(engine.Problem{File: path, Offset: off, Detail: fmt.Sprintf(format, args...)})
}

// found reports an error that came of reading a file, unless the check itself
// has to end. The note ends what is said of it.
func (v *verifier) found(path string, err error, note string) error {
	if v.ctx.Err() != nil {
		return context.Cause(v.ctx)
	}
	if damage, ok := errors.AsType[*engine.CorruptionError](err); ok {
		detail := damage.Detail
		if damage.Cause != nil {
			detail += ": " + damage.Cause.Error()
		}
		v.problem(damage.File, damage.Offset, "%s%s", detail, note)
	} else if damage, ok := errors.AsType[*wal.DamageError](err); ok {
		v.problem(damage.Path, damage.Offset, "%s%s", damage.Detail, note)
	} else if errors.Is(err, fs.ErrNotExist) {
		v.problem(path, 0, "the file is missing%s", note)
	} else {
		v.problem(path, -1, "cannot be read: %v%s", err, note)
	}
	return nil
}

// readManifest reads what all else is held against. A directory that was made
// and never used has none.
func (v *verifier) readManifest() error {
	s, err := manifest.Scan(v.fsys, v.dir, nil, func(*version.Edit, int64) error { return v.ctx.Err() })
	v.scanned, v.state = s, s.State
	if err != nil {
		v.unknown = true
		return v.found(v.path(manifest.Current), err, "")
	}
	if s.Path == "" {
		for _, dir := range []string{tableDir, blobDir, logDir} {
			if names := v.list(dir); len(names) > 0 {
				v.unknown = true
				v.problem(v.path(manifest.Current), 0, "the file is missing, and there is %s", filepath.Join(dir, names[0]))
				return nil
			}
		}
		return nil
	}
	for _, err := range unjoin(s.State.Version.Check()) {
		v.problem(s.Path, -1, "%v", err)
	}
	return nil
}

// unjoin returns the errors that errors.Join made one of.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	return []error{err}
}

// named calls f for each table or blob file of a directory, by the numbers in
// their names.
func (v *verifier) named(dir, suffix string, f func(id uint64) error) error {
	for _, name := range v.list(dir) {
		path := dir + "/" + name
		id, ok := fileID(path)
		if !ok || !strings.HasSuffix(name, suffix) {
			continue
		}
		if err := f(id); err != nil {
			return err
		}
	}
	return nil
}

// whole reports whether a file that the manifest names is there, in the length
// that it should have.
func (v *verifier) whole(path string, bytes int64) (bool, error) {
	info, err := v.fsys.Stat(path)
	if err != nil {
		return false, v.found(path, err, "; the manifest names it")
	}
	if size := info.Size(); size != bytes {
		v.problem(path, min(size, bytes), "the file has %d bytes, and should have %d", size, bytes)
		return false, nil
	}
	return true, nil
}
