//go:build lmdb

package lmdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/PowerDNS/lmdb-go/lmdb"

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
	if err := os.Remove(filepath.Join(e.path, "lock.mdb")); err != nil {
		t.Fatal(err)
	}
	was := files(t, dir)
	for range 2 { // also two at once
		r := mustOpen(t, dir, map[string]string{"read_only": "true"})
		if v, err := r.Get(nil, []byte("k")); err != nil || string(v) != "v" {
			t.Errorf("get: %q, %v", v, err)
		}
		if err := r.Put([]byte("k"), nil, engine.Default); !errors.Is(err, engine.ErrReadOnly) {
			t.Errorf("put: %v", err)
		}
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
	inner, err := snap.(engine.Scanner).NewIter(engine.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !it.First() || !inner.First() {
		t.Fatal("no first key", it.Err(), inner.Err())
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
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
	snap.Close()
	for i := range 100 {
		mustPut(t, e, "k", strconv.Itoa(i))
	}
	if !it.First() {
		t.Fatal("no key", it.Err())
	}
	if v, err := it.Value(); err != nil || string(v) != "old" {
		t.Errorf("value %q, %v", v, err)
	}
	it.Close()
	if n := e.views.Len(); n != 0 {
		t.Errorf("%d views are left", n)
	}
}

func TestAnEngineHasTheOneLevelOfItsSetting(t *testing.T) {
	for _, level := range []engine.Durability{engine.OS, engine.Sync} {
		e := mustOpen(t, t.TempDir(), map[string]string{"durability": level.String()})
		if got := e.Caps().Durabilities; got != engine.Durabilities(level) {
			t.Errorf("%v: levels %v", level, got)
		}
		if got := e.Caps().PowerLossPrefix; got != (level == engine.Sync) {
			t.Errorf("%v: PowerLossPrefix %v", level, got)
		}
		flags, err := e.env.Flags()
		if err != nil || (flags&lmdb.NoSync == 0) != (level == engine.Sync) {
			t.Errorf("%v: flags %#x, %v", level, flags, err)
		}
		for d := engine.Default; d <= engine.Sync; d++ {
			err := e.Put([]byte{1, byte(d)}, nil, d)
			if allowed := d == engine.Default || d == level; allowed != (err == nil) ||
				!allowed && !errors.Is(err, engine.ErrUnsupported) {
				t.Errorf("%v: put at %v: %v", level, d, err)
			}
		}
		if err := e.Sync(); err != nil {
			t.Errorf("%v: sync: %v", level, err)
		}
	}
}

func TestAFullMapRefusesAndLeavesTheEngineWritable(t *testing.T) {
	e := mustOpen(t, t.TempDir(), map[string]string{"map_bytes": "1MiB"})
	value := bytes.Repeat([]byte("x"), 64<<10)
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = e.Put(fmt.Appendf(nil, "key%04d", n), value, engine.Default)
	}
	if !errors.Is(err, engine.ErrTooLarge) {
		t.Fatalf("put %d: %v", n, err)
	}
	if _, err := e.Get(nil, fmt.Appendf(nil, "key%04d", n-1)); err != engine.ErrNotFound {
		t.Error("the refused key:", err)
	}
	if err := e.Delete([]byte("key0000"), engine.Default); err != nil {
		t.Error("delete after a refusal:", err)
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
	fail := func(*lmdb.Txn) error { return &lmdb.OpError{Op: "mdb_txn_commit", Errno: syscall.ENOSPC} }
	if err := e.update("put", engine.Default, fail); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	err := e.Put([]byte("k"), nil, engine.Default)
	if !errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, syscall.ENOSPC) {
		t.Error("put after a failure:", err)
	}
	if v, err := e.Get(nil, []byte("k")); err != nil || string(v) != "v" {
		t.Errorf("get after a failure: %q, %v", v, err)
	}
}

func TestMoreReadersThanThereAreSlotsIsAnError(t *testing.T) {
	e := mustOpen(t, t.TempDir(), map[string]string{"max_readers": "2"})
	mustPut(t, e, "k", "v")
	var open []engine.Snapshot
	for range 2 {
		s, err := e.NewSnapshot()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	if _, err := e.Get(nil, []byte("k")); !lmdbIs(err, lmdb.ReadersFull) {
		t.Error(err)
	}
	for _, s := range open {
		s.Close()
	}
	if _, err := e.Get(nil, []byte("k")); err != nil {
		t.Error(err)
	}
}

func lmdbIs(err error, number lmdb.Errno) bool {
	var op *lmdb.OpError
	return errors.As(err, &op) && op.Errno == number
}

func TestReadersAreReusedByManyGoroutines(t *testing.T) {
	e := mustOpen(t, t.TempDir(), map[string]string{"max_readers": "8"})
	mustPut(t, e, "k", "v")
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for range 2000 {
				if v, err := e.Get(nil, []byte("k")); err != nil || string(v) != "v" {
					t.Errorf("get: %q, %v", v, err)
					return
				}
			}
		})
	}
	done.Wait()
	info, err := e.env.Info()
	if err != nil || info.NumReaders > 8 {
		t.Errorf("readers: %+v, %v", info, err)
	}
}

func TestAFileThatIsNotLMDBsIsCorrupt(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, dir, nil)
	e.Close()
	junk := bytes.Repeat([]byte("junk"), 4096)
	if err := os.WriteFile(filepath.Join(e.path, dataFile), junk, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := open(dir, nil, engine.Env{}); !errors.Is(err, engine.ErrCorrupt) {
		t.Error(err)
	}
}

func TestInspectCountsPagesAndKeys(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, dir, nil)
	mustPut(t, e, "k", "v")
	mustPut(t, e, "l", "w")
	var m engine.Metrics
	e.Metrics(&m)
	if n := m.Space.LiveKeys.Or(0); n != 2 {
		t.Error("live keys", n)
	}
	e.Close()
	layout, err := inspect(context.Background(), dir, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if f := layout.Facts[2]; f.Name != "keys" || f.Value != "2" {
		t.Error(layout.Facts)
	}
}
