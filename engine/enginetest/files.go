package enginetest

import (
	"errors"
	"path/filepath"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func fileClauses() []clause {
	return []clause{
		{name: "Open takes its files from Env.FS or refuses it", needs: persistent, run: takesFilesOrRefuses},
	}
}

// takesFiles reports whether the engine works on a file system that it is
// handed. The loops of crashes, faults and damage apply to those that do.
func takesFiles(t T, d *engine.Driver, settings map[string]string) bool {
	t.Helper()
	mem := vfs.NewMem()
	dir := filepath.Join(t.TempDir(), "db")
	e, err := d.Open(dir, settings, engine.Env{FS: mem})
	if err != nil {
		return false
	}
	e.Close()
	_, err = mem.Stat(filepath.Join(dir, engine.MarkerName))
	return err == nil
}

func takesFilesOrRefuses(b *rig) {
	mem := vfs.NewMem()
	dir := filepath.Join(b.TempDir(), "db") // of the machine, if the engine goes astray
	e, err := b.d.Open(dir, b.with(nil), engine.Env{FS: mem})
	if err == nil {
		if err := e.Close(); err != nil {
			b.Errorf("close: %v", err)
		}
		if _, err := engine.ReadMarker(mem, dir); err != nil {
			b.Errorf("it opened on a file system in memory, but there is no marker there: %v", err)
		}
	} else if !errors.Is(err, engine.ErrUnsupported) {
		b.Errorf("open on a file system in memory: %v, want it to work or ErrUnsupported", err)
	}
	if left := fingerprint(b, filepath.Dir(dir)); len(left) > 0 {
		b.Errorf("it was told to use files in memory, but left on the machine's: %v", left)
	}
}
