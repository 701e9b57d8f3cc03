package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func TestACopyHasTheSameFilesAndHoles(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	block := bytes.Repeat([]byte("kvbench "), 1<<13) // 64 KiB
	files := map[string][]byte{
		"empty": nil, "MARKER": []byte("kvbench"), "sub/deep/table": bytes.Repeat(block, 3),
	}
	for name, data := range files {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(from, "nothing"), 0o755); err != nil {
		t.Fatal(err)
	}
	const size = 300 << 20 // data at two places, holes between and behind
	sparse := filepath.Join(from, "sparse")
	f, err := os.Create(sparse)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{1 << 20, 200 << 20} {
		if _, err := f.WriteAt(block, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}

	if err := copyDir(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		path := filepath.Join(to, name)
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s has %d bytes, want %d: %v", name, len(got), len(data), err)
		}
		if info, err := os.Stat(path); err == nil && info.Mode().Perm() != 0o640 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if info, err := os.Stat(filepath.Join(to, "nothing")); err != nil || !info.IsDir() {
		t.Errorf("the empty directory: %v", err)
	}
	copied, err := os.Open(filepath.Join(to, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if info, err := copied.Stat(); err != nil || info.Size() != size {
		t.Errorf("the sparse file has %d bytes: %v", info.Size(), err)
	}
	got := make([]byte, len(block))
	for _, at := range []int64{1 << 20, 200 << 20} {
		if _, err := copied.ReadAt(got, at); err != nil || !bytes.Equal(got, block) {
			t.Errorf("the sparse file differs at %d: %v", at, err)
		}
	}
	before, _ := diskUsage(from).Value()
	after, _ := diskUsage(to).Value()
	if before > size/2 {
		t.Skip("the file system keeps no holes")
	}
	if after > before+1<<20 {
		t.Errorf("the copy takes %d bytes, the original %d", after, before)
	}
}

func TestACopyIsRefusedWhereItCannotBeOne(t *testing.T) {
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "f"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := os.WriteFile(filepath.Join(to, "f"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := copyDir(t.Context(), from, to); !errors.Is(err, os.ErrExist) {
		t.Errorf("a copy over a file: %v", err)
	}
	if got, _ := os.ReadFile(filepath.Join(to, "f")); string(got) != "mine" {
		t.Errorf("the file is now %q", got)
	}
	if err := os.Symlink("f", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	if err := copyDir(t.Context(), from, filepath.Join(t.TempDir(), "c")); err == nil || !strings.Contains(err.Error(), "link") {
		t.Errorf("a copy of a symbolic link: %v", err)
	}
}

func TestCancellingEndsTheCopyOfOneLargeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := copyFile(ctx, path, path+".copy"); !errors.Is(err, context.Canceled) {
		t.Errorf("the copy of a file ended with %v", err)
	}
}

func TestARunWithoutRoomOrInAnothersDirectoryTouchesNothing(t *testing.T) {
	x := experiment(t, []string{"disk"}, []string{"c"})
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	runner := &Runner{Starter: starterFunc(func(context.Context, *CellSpec, func(Message)) error {
		t.Error("a cell was started")
		return nil
	})}
	full := *p
	full.DiskBytes = 1 << 62
	if err := runner.Run(t.Context(), x, &full); !errors.Is(err, engine.ErrTooLarge) || !strings.Contains(err.Error(), "MiB") {
		t.Errorf("a run for which the disk is too small: %v", err)
	}
	if _, err := os.Stat(x.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory was made: %v", err)
	}
	precious := filepath.Join(x.Dir, "precious")
	if err := os.MkdirAll(precious, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := runner.Run(t.Context(), x, p); !errors.Is(err, os.ErrExist) {
		t.Errorf("a run in a directory that is in use: %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("what was there is gone: %v", err)
	}
}

func TestARunKeepsTheDataOfItsLastCellIfAsked(t *testing.T) {
	x := experiment(t, []string{"disk", "hash"}, []string{"c"})
	x.Keep = true
	run, err := perform(t, t.Context(), x, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range run.Cells {
		_, err := os.Stat(filepath.Join(x.Dir, c.ID, "records"))
		if (err == nil) != (i == len(run.Cells)-1) {
			t.Errorf("the data of %s: %v", c.ID, err)
		}
	}
	left, err := os.ReadDir(x.Dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%d directories are left, want 1: %v", len(left), err)
	}
}

func TestFreeSpaceIsThatOfTheNearestDirectory(t *testing.T) {
	dir := t.TempDir()
	near, err := freeBytes(dir)
	if err != nil || near == 0 {
		t.Fatal(near, err)
	}
	far, err := freeBytes(filepath.Join(dir, "not", "made", "yet"))
	if err != nil || far > 2*near || near > 2*far {
		t.Errorf("%d bytes are free below, %d in %s: %v", far, near, dir, err)
	}
}
