package engine

import (
	"errors"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// copyFrom makes a directory with a file of 3 bytes, and begins a copy of it.
func copyFrom(t *testing.T) (*vfs.Mem, *Copy) {
	t.Helper()
	m := vfs.NewMem()
	h, err := OpenHome(m, "/from", Marker{Engine: "x", Format: 1}, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	f, err := m.Create("/from/data")
	if err == nil {
		_, err = f.WriteAt([]byte("abc"), 0)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	c, err := h.BeginCopy(m, "/deep/to", "sub")
	if err != nil {
		t.Fatal(err)
	}
	return m, c
}

func TestACopyIsAnEnginesOnlyOnceItIsFinished(t *testing.T) {
	m, c := copyFrom(t)
	if err := c.File("data", 2); err != nil {
		t.Fatal(err)
	}
	wrote := false
	err := c.Finish(func() error {
		_, err := ReadMarker(m, "/deep/to")
		wrote = errors.Is(err, ErrNotEngineDir)
		return nil
	})
	if err != nil || !wrote {
		t.Errorf("%v; there was a marker before the end: %t", err, !wrote)
	}
	after := m.Image(vfs.Synced)
	if _, err := ReadMarker(after, "/deep/to"); err != nil {
		t.Errorf("after a power loss: %v", err)
	}
	f, err := after.Open("/deep/to/data")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Size(); n != 2 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestACopyThatIsUndoneLeavesNothing(t *testing.T) {
	m, c := copyFrom(t)
	if err := errors.Join(c.Link("data"), c.Finish(func() error { return nil }), c.Undo()); err != nil {
		t.Fatal(err)
	}
	if names, err := m.List("/deep/to"); len(names) > 0 || err != nil {
		t.Errorf("%v, %v", names, err)
	}
}

func TestACopyOfAFileThatEndsEarlyIsDamage(t *testing.T) {
	_, c := copyFrom(t)
	if err := c.File("data", 4); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

func TestACopyWantsAnEmptyDirectory(t *testing.T) {
	m, c := copyFrom(t)
	if _, err := c.from.BeginCopy(m, "/from"); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}
