package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A Home is a directory that an engine has opened: marked as its own and
// locked against everybody else, in this process and in others.
type Home struct {
	Dir     string
	Marker  Marker
	Created bool // this call wrote the marker
	lock    io.Closer
}

// OpenHome opens dir for the engine that want names, with the fixed settings
// of want. An absent or empty directory is made and marked. Otherwise:
//
//   - a directory with files but no marker is ErrNotEngineDir,
//   - another engine's, or a higher format version, is ErrWrongEngine,
//   - a fixed setting of another value is ErrInvalid,
//   - one that is open already is ErrLocked.
//
// readOnly changes nothing, shares the lock with other readers, and needs a
// marker. Close releases the lock.
func OpenHome(fsys vfs.FS, dir string, want Marker, readOnly bool) (*Home, error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: no directory given", ErrInvalid)
	}
	h := &Home{Dir: dir}
	if !readOnly {
		created, err := claim(fsys, dir, want)
		if err != nil {
			return nil, err
		}
		h.Created = created
	}
	m, err := ReadMarker(fsys, dir)
	if err != nil {
		return nil, err
	}
	if err := fits(dir, m, want); err != nil {
		return nil, err
	}
	h.Marker = m
	h.lock, err = fsys.Lock(filepath.Join(dir, MarkerName), !readOnly)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("open %s: %w: another process, or another engine in this one, has it open", dir, ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return h, nil
}

// Path returns the path of a file in the directory.
func (h *Home) Path(name string) string { return filepath.Join(h.Dir, name) }

// Close unlocks the directory. It is idempotent.
func (h *Home) Close() error {
	if h.lock == nil {
		return nil
	}
	err := h.lock.Close()
	h.lock = nil
	return err
}

// claim marks dir when it is absent or empty.
func claim(fsys vfs.FS, dir string, want Marker) (created bool, err error) {
	if err := makeDir(fsys, dir); err != nil {
		return false, fmt.Errorf("make engine directory: %w", err)
	}
	names, err := fsys.List(dir)
	if err != nil {
		return false, fmt.Errorf("read engine directory: %w", err)
	}
	for _, name := range names {
		if name == MarkerName {
			return false, syncNames(fsys, dir)
		}
	}
	for _, name := range names {
		if !strings.HasPrefix(name, markerTempPrefix) {
			return false, fmt.Errorf("%s: %w: it holds %s but no file %s; give an empty or a new directory",
				dir, ErrNotEngineDir, name, MarkerName)
		}
	}
	err = WriteMarker(fsys, dir, want)
	created = err == nil
	if created || errors.Is(err, fs.ErrExist) { // another process was faster
		err = syncNames(fsys, dir)
	}
	return created && err == nil, err
}

// syncNames makes the names of the marker and of dir durable. That is needed
// for a directory that was found marked, too: who marked it may have ended, or
// failed, before it came to that.
func syncNames(fsys vfs.FS, dir string) error {
	for _, d := range []string{dir, filepath.Dir(filepath.Clean(dir))} {
		if err := fsys.SyncDir(d); err != nil {
			return fmt.Errorf("sync engine directory: %w", err)
		}
	}
	return nil
}

// makeDir makes dir and those above it that are absent, durably. That of dir
// itself is claim's to sync, with the marker.
func makeDir(fsys vfs.FS, dir string) error {
	var parents []string // of the directories that are absent
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		_, err := fsys.Stat(d)
		if err == nil || d == filepath.Dir(d) {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		parents = append(parents, filepath.Dir(d))
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	for _, parent := range parents[min(1, len(parents)):] {
		if err := fsys.SyncDir(parent); err != nil {
			return err
		}
	}
	return nil
}

// fits says why a directory marked m cannot be opened as want.
func fits(dir string, m, want Marker) error {
	if m.Engine != want.Engine {
		return fmt.Errorf("%s: %w: it was made by %s, not %s", dir, ErrWrongEngine, m.Engine, want.Engine)
	}
	if m.Format > want.Format {
		return fmt.Errorf("%s: %w: %s format %d is newer than this build's %d", dir, ErrWrongEngine, m.Engine, m.Format, want.Format)
	}
	for _, name := range sortedKeys(want.Fixed) {
		if had, ok := m.Fixed[name]; ok && had != want.Fixed[name] {
			return fmt.Errorf("%s: %w: setting %s is fixed at %s since the directory was made, not %s",
				dir, ErrInvalid, name, had, want.Fixed[name])
		}
	}
	return nil
}
