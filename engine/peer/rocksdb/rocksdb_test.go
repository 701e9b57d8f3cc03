//go:build rocksdb

package rocksdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func mustOpen(t *testing.T, dir string, given map[string]string) *store {
	t.Helper()
	e, err := open(dir, given, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e.(*store)
}

func mustPut(t *testing.T, e engine.Engine, key, value string) {
	t.Helper()
	if err := e.Put([]byte(key), []byte(value), engine.Default); err != nil {
		t.Fatal(err)
	}
}

// files maps every file below dir to its size.
func files(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	sizes := make(map[string]int64)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sizes[path] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sizes
}

func TestOpeningReadOnlyChangesNoFile(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, dir, nil)
	mustPut(t, e, "k", "v")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	was := files(t, dir)
	r := mustOpen(t, dir, map[string]string{"read_only": "true"})
	if v, err := r.Get(nil, []byte("k")); err != nil || string(v) != "v" {
		t.Errorf("get: %q, %v", v, err)
	}
	if err := r.Put([]byte("k"), nil, engine.Default); !errors.Is(err, engine.ErrReadOnly) {
		t.Errorf("put: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	is := files(t, dir)
	if fmt.Sprint(was) != fmt.Sprint(is) {
		t.Errorf("files were\n%v\nand are\n%v", was, is)
	}
}

func TestCloseEndsTheViewsThatAreLeftOpen(t *testing.T) {
	e := mustOpen(t, t.TempDir(), nil)
	mustPut(t, e, "k", "v")
	it, err := e.NewIter(engine.IterOptions{Lower: []byte("a"), Upper: []byte("z")})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := e.NewSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	if !it.First() {
		t.Fatal("no first key", it.Err())
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if it.Next() || !errors.Is(it.Err(), engine.ErrClosed) {
		t.Error("next after close:", it.Err())
	}
	if _, err := it.Value(); !errors.Is(err, engine.ErrClosed) {
		t.Error("value after close:", err)
	}
	if _, err := snap.Get(nil, []byte("k")); err != engine.ErrClosed {
		t.Error("get of a snapshot after close:", err)
	}
	it.Close()
	snap.Close()
}

func TestAnIteratorOutlivesItsSnapshot(t *testing.T) {
	e := mustOpen(t, t.TempDir(), nil)
	mustPut(t, e, "k", "old")
	snap, err := e.NewSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	it, err := snap.(engine.Scanner).NewIter(engine.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	snap.Close()
	mustPut(t, e, "k", "new")
	if err := e.Compact(context.Background(), nil, nil); err != nil {
		t.Fatal(err)
	}
	if !it.First() {
		t.Fatal("no key", it.Err())
	}
	if v, err := it.Value(); err != nil || string(v) != "old" {
		t.Errorf("value %q, %v", v, err)
	}
}

func TestARangeWithoutUpperBoundHoldsTheGreatestKey(t *testing.T) {
	e := mustOpen(t, t.TempDir(), nil)
	greatest := bytes.Repeat([]byte{0xff}, e.Caps().MaxKey)
	if err := e.Put(greatest, nil, engine.Default); err != nil {
		t.Fatal(err)
	}
	mustPut(t, e, "a", "stays")
	if err := e.DeleteRange([]byte("b"), nil, engine.Default); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Get(nil, greatest); err != engine.ErrNotFound {
		t.Error("the greatest key:", err)
	}
	if _, err := e.Get(nil, []byte("a")); err != nil {
		t.Error("a key before the range:", err)
	}
}

func TestAnEmptyRangeDeleteLeavesTheEngineWritable(t *testing.T) {
	e := mustOpen(t, t.TempDir(), nil)
	mustPut(t, e, "k", "v")
	if err := e.DeleteRange([]byte("z"), []byte("a"), engine.Default); err != nil {
		t.Fatal(err)
	}
	var b engine.Batch
	b.DeleteRange([]byte("z"), []byte("a"))
	b.Put([]byte("l"), nil)
	if err := e.Apply(&b, engine.Default); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"k", "l"} {
		if _, err := e.Get(nil, []byte(key)); err != nil {
			t.Errorf("get %s: %v", key, err)
		}
	}
}

func TestTheDurabilitySettingDecidesTheLevels(t *testing.T) {
	for setting, want := range map[string]engine.DurabilitySet{
		"none":     engine.Durabilities(engine.None),
		"buffered": engine.Durabilities(engine.Buffered, engine.OS, engine.Sync),
		"os":       engine.Durabilities(engine.OS, engine.Sync),
		"sync":     engine.Durabilities(engine.OS, engine.Sync),
	} {
		dir := t.TempDir()
		e := mustOpen(t, dir, map[string]string{"durability": setting})
		if got := e.Caps().Durabilities; got != want {
			t.Errorf("%s: levels %v, want %v", setting, got, want)
		}
		for d := engine.Default; d <= engine.Sync; d++ {
			err := e.Put([]byte{byte(d)}, nil, d)
			if allowed := d == engine.Default || want.Has(d); allowed != (err == nil) ||
				!allowed && !errors.Is(err, engine.ErrUnsupported) {
				t.Errorf("%s: put at %v: %v", setting, d, err)
			}
		}
		if err := e.Sync(); err != nil {
			t.Errorf("%s: sync: %v", setting, err)
		}
		if err := e.Close(); err != nil {
			t.Errorf("%s: close: %v", setting, err)
		}
		again := mustOpen(t, dir, nil)
		if _, err := again.Get(nil, []byte{0}); err != nil {
			t.Errorf("%s: get after reopening: %v", setting, err)
		}
	}
}

func TestAForeignFileSystemIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "engine")
	_, err := open(dir, nil, engine.Env{FS: struct{ vfs.OS }{}})
	if !errors.Is(err, engine.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the refused directory:", err)
	}
}

func TestAFailedWriteMakesTheEngineReadOnly(t *testing.T) {
	e := mustOpen(t, t.TempDir(), nil)
	mustPut(t, e, "k", "v")
	cause := errors.New("IO error: No space left on device: while appending")
	if err := e.wrote("put", engine.OS, cause); !errors.Is(err, cause) {
		t.Error(err)
	}
	err := e.Put([]byte("k"), nil, engine.Default)
	if !errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, cause) {
		t.Error("put after a failure:", err)
	}
	if v, err := e.Get(nil, []byte("k")); err != nil || string(v) != "v" {
		t.Errorf("get after a failure: %q, %v", v, err)
	}
}

func TestStatisticsFillMetrics(t *testing.T) {
	e := mustOpen(t, t.TempDir(), map[string]string{"statistics": "true"})
	if err := e.Put([]byte("k"), []byte("value"), engine.Sync); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Get(nil, []byte("k")); err != nil {
		t.Fatal(err)
	}
	var m engine.Metrics
	e.Metrics(&m)
	if n := m.Log.Syncs.Or(0); n != 1 {
		t.Errorf("log syncs %v, want 1", m.Log.Syncs)
	}
	if n := m.User.BytesOut.Or(0); n != 5 {
		t.Errorf("bytes out %v, want 5", m.User.BytesOut)
	}
	if n := m.Log.BytesWritten.Or(0); n == 0 {
		t.Errorf("log bytes %v", m.Log.BytesWritten)
	}
}

func TestADirectoryMadeLeveledDoesNotOpenAsUniversal(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, nil).Close()
	_, err := open(dir, map[string]string{"compaction": "universal"}, engine.Env{})
	if !errors.Is(err, engine.ErrInvalid) {
		t.Error(err)
	}
}

// damageTable flips a byte in the middle of the only table in path.
func damageTable(t *testing.T, path string) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(path, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatal("tables:", tables, err)
	}
	data, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/3] ^= 1
	if err := os.WriteFile(tables[0], data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedTableIsReported(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, dir, nil)
	for i := range 1000 {
		mustPut(t, e, fmt.Sprintf("key%04d", i), "value of some length, so that there are blocks")
	}
	if err := e.Compact(context.Background(), nil, nil); err != nil {
		t.Fatal(err)
	}
	e.Close()
	var found []engine.Problem
	report := func(p engine.Problem) { found = append(found, p) }
	if err := verify(context.Background(), dir, engine.Env{}, report); err != nil || len(found) != 0 {
		t.Fatalf("whole: %v, %v", found, err)
	}
	damageTable(t, e.path)
	if err := verify(context.Background(), dir, engine.Env{}, report); err != nil || len(found) != 1 {
		t.Fatalf("damaged: %v, %v", found, err)
	}
	again := mustOpen(t, dir, nil)
	var got error
	for i := range 1000 {
		if _, err := again.Get(nil, fmt.Appendf(nil, "key%04d", i)); err != nil {
			got = err
		}
	}
	if !errors.Is(got, engine.ErrCorrupt) {
		t.Error("gets from a damaged table:", got)
	}
}

func TestInspectListsTheLevels(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, dir, map[string]string{"compaction": "universal"})
	mustPut(t, e, "k", "v")
	e.Compact(context.Background(), nil, nil)
	e.Close()
	layout, err := inspect(context.Background(), dir, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if layout.Facts[0].Value != "universal" || layout.Facts[1].Value != "1" {
		t.Error(layout.Facts)
	}
}

func TestACompactionEndsWithItsContext(t *testing.T) {
	e := mustOpen(t, t.TempDir(), nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Compact(ctx, nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := e.Settle(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := e.Settle(context.Background()); err != nil {
		t.Error(err)
	}
}
