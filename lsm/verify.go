package lsm

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/examine"
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
	*examine.Dir

	scanned manifest.Scanned
	state   *version.State
	unknown bool // state is not what it was: the manifest is damaged or missing
	blobs   map[uint64]*blobCheck
}

// verify implements engine.Driver.Verify.
func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	d, err := examination(ctx, dir, env, report)
	if err != nil {
		return fmt.Errorf("verify lsm: %w", err)
	}
	defer d.Close() //nolint:errcheck // is a lock of a reader
	v := &verifier{Dir: d}
	defer v.closeBlobs()
	for _, step := range []func() error{v.readManifest, v.checkBlobs, v.checkTables, v.checkLog} {
		if err := step(); err != nil {
			return fmt.Errorf("verify lsm: %w", err)
		}
	}
	return nil
}

// examination opens a directory to be read by itself.
func examination(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) (*examine.Dir, error) {
	return examine.Open(ctx, env.WithDefaults().FS, dir, marker(), report, manifest.Current, logDir)
}

// readManifest reads what all else is held against. A directory that was made
// and never used has none.
func (v *verifier) readManifest() error {
	s, err := manifest.Scan(v.FS, v.Root, nil, func(*version.Edit, int64) error { return v.Err() })
	v.scanned, v.state = s, s.State
	if err != nil {
		v.unknown = true
		return v.Found(v.Path(manifest.Current), err, "")
	}
	if s.Path == "" {
		for _, dir := range []string{tableDir, blobDir, logDir} {
			if names := v.List(dir); len(names) > 0 {
				v.unknown = true
				v.Problem(v.Path(manifest.Current), 0, "the file is missing, and there is %s", filepath.Join(dir, names[0]))
				return nil
			}
		}
		return nil
	}
	for _, err := range unjoin(s.State.Version.Check()) {
		v.Problem(s.Path, -1, "%v", err)
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
	for _, name := range v.List(dir) {
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
	info, err := v.FS.Stat(path)
	if err != nil {
		return false, v.Found(path, err, "; the manifest names it")
	}
	if size := info.Size(); size != bytes {
		v.Problem(path, min(size, bytes), "the file has %d bytes, and should have %d", size, bytes)
		return false, nil
	}
	return true, nil
}
