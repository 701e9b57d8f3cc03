package peertest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// Open opens an engine that is closed with the test.
func Open(t *testing.T, d engine.Driver, dir string, given map[string]string) engine.Engine {
	t.Helper()
	e, err := d.Open(dir, given, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// Put puts at the default level.
func Put(t *testing.T, e engine.Engine, key, value string) {
	t.Helper()
	if err := e.Put([]byte(key), []byte(value), engine.Default); err != nil {
		t.Fatal(err)
	}
}

// Want gets key and compares its value.
func Want(t *testing.T, e engine.Engine, key, value string) {
	t.Helper()
	if v, err := e.Get(nil, []byte(key)); err != nil || string(v) != value {
		t.Errorf("get %q: %q, %v, want %q", key, v, err, value)
	}
}

// Syncs returns how often the engine has synced its log.
func Syncs(t *testing.T, e engine.Engine) uint64 {
	t.Helper()
	var m engine.Metrics
	e.Metrics(&m)
	n, known := m.Log.Syncs.Value()
	if !known {
		t.Fatal("the number of syncs is unknown")
	}
	return n
}

// Version: the driver names the version of module that go.mod requires.
// goMod is the path of go.mod.
func Version(t *testing.T, d engine.Driver, goMod, module string) {
	t.Helper()
	data, err := os.ReadFile(goMod)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == module {
			if f[1] != d.Version {
				t.Errorf("%s: the driver says %s, go.mod %s", module, d.Version, f[1])
			}
			return
		}
	}
	t.Errorf("go.mod does not require %s", module)
}

// OnlyMachineFiles: any file system but the machine's is refused.
func OnlyMachineFiles(t *testing.T, d engine.Driver) {
	t.Helper()
	_, err := d.Open(t.TempDir(), nil, engine.Env{FS: struct{ vfs.FS }{vfs.OS{}}})
	if !errors.Is(err, engine.ErrUnsupported) {
		t.Errorf("open with another file system: %v", err)
	}
}

// CloseEndsViews: Close does not wait for iterators and snapshots that are
// left open, and leaves none that could crash.
func CloseEndsViews(t *testing.T, d engine.Driver) {
	t.Helper()
	e := Open(t, d, t.TempDir(), nil)
	Put(t, e, "k", "v")
	it, err := e.(engine.Scanner).NewIter(engine.IterOptions{Lower: []byte("a"), Upper: []byte("z")})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := e.(engine.Snapshotter).NewSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := snap.(engine.Scanner).NewIter(engine.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !it.First() || !inner.Last() {
		t.Fatal("no key", it.Err(), inner.Err())
	}
	if err := e.Close(); err != nil {
		t.Error("close:", err)
	}
	for _, it := range []engine.Iterator{it, inner} {
		if it.Next() || !errors.Is(it.Err(), engine.ErrClosed) {
			t.Error("next after close:", it.Err())
		}
		if _, err := it.Value(); !errors.Is(err, engine.ErrClosed) {
			t.Error("value after close:", err)
		}
		it.Close()
	}
	if _, err := snap.Get(nil, []byte("k")); err != engine.ErrClosed {
		t.Error("get of a snapshot after close:", err)
	}
	if err := snap.Close(); err != nil {
		t.Error("close of a snapshot after close:", err)
	}
}
