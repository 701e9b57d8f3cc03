package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

func lsmMarker() Marker {
	return Marker{Engine: "lsm", Format: 3, Fixed: map[string]string{"layout": "leveled"}}
}

func mustOpenHome(t *testing.T, dir string, want Marker, readOnly bool) *Home {
	t.Helper()
	h, err := OpenHome(vfs.OS{}, dir, want, readOnly)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestAHomeIsMadeMarkedAndFoundAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	h := mustOpenHome(t, dir, lsmMarker(), false)
	if !h.Created || !same(h.Marker, lsmMarker()) || h.Dir != dir || h.Path("x") != filepath.Join(dir, "x") {
		t.Errorf("made %+v", h)
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Error("close:", err)
		}
	}
	again := mustOpenHome(t, dir, lsmMarker(), false)
	if again.Created || !same(again.Marker, lsmMarker()) {
		t.Errorf("found %+v", again)
	}
}

func TestAHomeIsRefusedForItsReason(t *testing.T) {
	made := func(m Marker, files ...string) string {
		dir := t.TempDir()
		for _, name := range files {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if m.Engine != "" {
			if err := WriteMarker(vfs.OS{}, dir, m); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	other := lsmMarker()
	other.Fixed = map[string]string{"layout": "tiered"}
	newer := lsmMarker()
	newer.Format++
	file := filepath.Join(made(Marker{}, "file"), "file")
	for _, c := range []struct {
		name, dir string
		readOnly  bool
		want      error
		text      string
	}{
		{"no directory", "", false, ErrInvalid, "no directory"},
		{"foreign files", made(Marker{}, "thesis.tex"), false, ErrNotEngineDir, "thesis.tex"},
		{"another engine", made(Marker{Engine: "btree", Format: 1}), false, ErrWrongEngine, "btree"},
		{"another engine, to read", made(Marker{Engine: "btree", Format: 1}), true, ErrWrongEngine, "btree"},
		{"a newer format", made(newer), false, ErrWrongEngine, "format 4"},
		{"another fixed setting", made(other), false, ErrInvalid, "fixed at tiered"},
		{"nothing to read", t.TempDir(), true, ErrNotEngineDir, MarkerName},
		{"absent, to read", filepath.Join(t.TempDir(), "absent"), true, ErrNotEngineDir, "absent"},
		{"a file", file, false, nil, "file"},
		{"below a file", filepath.Join(file, "dir"), false, nil, "file"},
	} {
		h, err := OpenHome(vfs.OS{}, c.dir, lsmMarker(), c.readOnly)
		if err == nil {
			h.Close()
			t.Errorf("%s: opened", c.name)
		} else if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", c.name, err, c.want, c.text)
		}
	}
	if _, err := os.Stat(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("read-only made a directory:", err)
	}
}

func TestAHomeOpensWhatItKnows(t *testing.T) {
	older := lsmMarker()
	older.Format = 1
	older.Fixed = nil // of before the setting was fixed
	dir := t.TempDir()
	if err := WriteMarker(vfs.OS{}, dir, older); err != nil {
		t.Fatal(err)
	}
	if h := mustOpenHome(t, dir, lsmMarker(), false); h.Marker.Format != 1 {
		t.Errorf("format %d", h.Marker.Format)
	}
	crashed := t.TempDir() // while the marker was written
	if err := os.WriteFile(filepath.Join(crashed, markerTempPrefix+"0"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if h := mustOpenHome(t, crashed, lsmMarker(), false); !h.Created {
		t.Error("the directory of a crashed creator was not marked")
	}
}

func TestAHomeIsLockedForWritersAndSharedByReaders(t *testing.T) {
	dir := t.TempDir()
	open := func(readOnly bool) error {
		h, err := OpenHome(vfs.OS{}, dir, lsmMarker(), readOnly)
		if err == nil {
			h.Close()
		}
		return err
	}
	writer := mustOpenHome(t, dir, lsmMarker(), false)
	for _, readOnly := range []bool{false, true} {
		if err := open(readOnly); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
			t.Errorf("beside a writer, read-only %v: %v", readOnly, err)
		}
	}
	writer.Close()
	reader := mustOpenHome(t, dir, lsmMarker(), true)
	if err := open(true); err != nil {
		t.Errorf("a second reader: %v", err)
	}
	if err := open(false); !errors.Is(err, ErrLocked) {
		t.Errorf("a writer beside a reader: %v", err)
	}
	reader.Close()
	if err := open(false); err != nil {
		t.Errorf("after all: %v", err)
	}
}

func TestOfManyCreatorsOneGetsTheHome(t *testing.T) {
	for range 20 {
		dir := filepath.Join(t.TempDir(), "new")
		var created, opened atomic.Int32
		var homes sync.Map
		var start, done sync.WaitGroup
		start.Add(1)
		for i := range 8 {
			done.Go(func() {
				start.Wait()
				h, err := OpenHome(vfs.OS{}, dir, lsmMarker(), false)
				if err != nil {
					if !errors.Is(err, ErrLocked) {
						t.Error(err)
					}
					return
				}
				homes.Store(i, h) // stays open, so that no second can be
				opened.Add(1)
				if h.Created {
					created.Add(1)
				}
			})
		}
		start.Done()
		done.Wait()
		if opened.Load() != 1 || created.Load() > 1 {
			t.Errorf("%d opened, %d created", opened.Load(), created.Load())
		}
		homes.Range(func(_, h any) bool { h.(*Home).Close(); return true })
		if names, err := (vfs.OS{}).List(dir); err != nil || len(names) != 1 || names[0] != MarkerName {
			t.Errorf("files %v, %v", names, err)
		}
	}
}

// syncs notes which directories were made durable.
type syncs struct {
	vfs.OS
	dirs map[string]bool
}

func (s syncs) SyncDir(dir string) error {
	s.dirs[dir] = true
	return s.OS.SyncDir(dir)
}

func TestTheNamesOfANewHomeAreSynced(t *testing.T) {
	base := t.TempDir()
	s := syncs{dirs: map[string]bool{}}
	h, err := OpenHome(s, filepath.Join(base, "a", "b", "c"), lsmMarker(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, dir := range []string{base, filepath.Join(base, "a"), filepath.Join(base, "a", "b"), h.Dir} {
		if !s.dirs[dir] {
			t.Errorf("%s was not synced", dir)
		}
	}
}
