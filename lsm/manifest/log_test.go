package manifest

import (
	"errors"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/version"
)

const dir = "/db"

func newDir(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := errors.Join(m.MkdirAll(dir), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestANewDirectoryIsAnEmptyTree(t *testing.T) {
	m := newDir(t)
	for range 3 {
		l, s, err := Open(m, dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Version.Totals() != (version.Totals{}) || s.NextID != 1 || s.NextRun != 1 {
			t.Fatal(s)
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Fatal(err)
		}
		if names, _ := m.List(dir); len(names) != 2 {
			t.Fatal(names)
		}
	}
}
