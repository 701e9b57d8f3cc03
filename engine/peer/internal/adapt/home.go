package adapt

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// dataDir is where the library's files are, below the marked directory.
const dataDir = "db"

// OpenHome opens dir for the engine of m and returns where the library's files
// belong. The library reads and writes the machine's file system, so any other
// in env is refused.
func OpenHome(env engine.Env, dir string, m engine.Marker, readOnly bool) (home *engine.Home, path string, err error) {
	if err := OnlyOS(env); err != nil {
		return nil, "", err
	}
	home, err = engine.OpenHome(env.FS, dir, m, readOnly)
	if err != nil {
		return nil, "", err
	}
	path = home.Path(dataDir)
	if readOnly {
		if _, err = env.FS.Stat(path); errors.Is(err, fs.ErrNotExist) {
			err = engine.Corrupt(path, -1, "the directory is marked, but the engine's files are missing", nil)
		}
	} else {
		err = makeDir(env.FS, home.Dir, path)
	}
	if err != nil {
		home.Close()
		return nil, "", err
	}
	return home, path, nil
}

// OnlyOS refuses every file system but the machine's.
func OnlyOS(env engine.Env) error {
	if _, ok := env.FS.(vfs.OS); !ok {
		return fmt.Errorf("%w: the library uses the machine's files; it cannot be handed a file system (%T)",
			engine.ErrUnsupported, env.FS)
	}
	return nil
}

// makeDir makes path in parent so that its name survives a power loss.
func makeDir(fsys vfs.FS, parent, path string) error {
	err := fsys.MkdirAll(path)
	if err == nil {
		err = fsys.SyncDir(parent)
	}
	return err
}

// Checkpoint makes dir, which must not exist or be empty, has fill make the
// library's files in a directory below it that does not exist yet, and writes
// the marker last, so that what a crash left half done is not taken for an
// engine. fill syncs what it writes.
func Checkpoint(fsys vfs.FS, dir string, m engine.Marker, fill func(path string) error) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: directory %s is not empty: it holds %s", engine.ErrInvalid, dir, names[0])
	}
	path := filepath.Join(dir, dataDir)
	if err := fill(path); err != nil {
		fsys.RemoveAll(path)
		return err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	return engine.WriteMarker(fsys, dir, m)
}
