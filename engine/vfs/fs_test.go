package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// onEach runs a test of what every file system must do, in an empty directory
// of each.
func onEach(t *testing.T, test func(t *testing.T, fsys FS, base string)) {
	t.Helper()
	t.Run("OS", func(t *testing.T) { test(t, OS{}, t.TempDir()) })
	t.Run("Mem", func(t *testing.T) {
		m := NewMem()
		if err := m.MkdirAll("/some/where"); err != nil {
			t.Fatal(err)
		}
		test(t, m, "/some/where")
	})
	for name, wrap := range wrappers() {
		t.Run(name, func(t *testing.T) { test(t, wrap(OS{}), t.TempDir()) })
	}
}

func createOn(t *testing.T, fsys FS, path, text string) File {
	t.Helper()
	f, err := fsys.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return f
}

// read returns what the file at path holds.
func readOn(t *testing.T, fsys FS, path string) string {
	t.Helper()
	f, err := fsys.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return content(t, f)
}

func TestAFileIsWrittenAndReadAtOffsets(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		path := filepath.Join(base, "f")
		f := createOn(t, fsys, path, "hello")
		if _, err := f.Write([]byte(" world")); err != nil {
			t.Error("the second write does not append:", err)
		}
		if _, err := f.WriteAt([]byte("J"), 0); err != nil {
			t.Error(err)
		}
		if got := content(t, f); got != "Jello world" {
			t.Errorf("%q", got)
		}
		p := make([]byte, 10)
		if n, err := f.ReadAt(p, 6); n != 5 || err != io.EOF || string(p[:n]) != "world" {
			t.Errorf("read past the end: %q, %v", p[:n], err)
		}
		if err := f.Truncate(4); err != nil || content(t, f) != "Jell" {
			t.Errorf("cut: %q, %v", content(t, f), err)
		}
		if err := f.Truncate(6); err != nil || content(t, f) != "Jell\x00\x00" {
			t.Errorf("lengthened: %q, %v", content(t, f), err)
		}
		if err := errors.Join(f.Sync(), f.SyncData()); err != nil {
			t.Error("sync:", err)
		}
	})
}

func TestEachWayOfOpeningAllowsWhatItSays(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		path := filepath.Join(base, "f")
		if _, err := fsys.Open(path); !errors.Is(err, fs.ErrNotExist) {
			t.Error("open of an absent file:", err)
		}
		if _, err := fsys.OpenReadWrite(path); !errors.Is(err, fs.ErrNotExist) {
			t.Error("open of an absent file for writing:", err)
		}
		createOn(t, fsys, path, "hello").Close()
		if _, err := fsys.Create(path); !errors.Is(err, fs.ErrExist) {
			t.Error("create of a file that exists:", err)
		}
		r, err := fsys.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := r.WriteAt([]byte("x"), 0); err == nil {
			t.Error("a file that was opened for reading was written")
		}
		w, err := fsys.OpenReadWrite(path)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if _, err := w.WriteAt([]byte("J"), 0); err != nil || content(t, r) != "Jello" {
			t.Errorf("%q, %v", content(t, r), err)
		}
	})
}

func TestNamesAreLinkedMovedListedAndRemoved(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		dir := filepath.Join(base, "a", "b")
		path := func(name string) string { return filepath.Join(dir, name) }
		if err := errors.Join(fsys.MkdirAll(dir), fsys.MkdirAll(dir)); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"c", "a", "b"} {
			createOn(t, fsys, path(name), name)
		}
		list := func(want ...string) {
			t.Helper()
			if names, err := fsys.List(dir); err != nil || !slices.Equal(names, want) {
				t.Errorf("names %v, %v, want %v", names, err, want)
			}
		}
		list("a", "b", "c")
		if err := fsys.Link(path("a"), path("l")); err != nil {
			t.Error(err)
		}
		if err := fsys.Link(path("b"), path("l")); !errors.Is(err, fs.ErrExist) {
			t.Error("link over a file:", err)
		}
		if err := fsys.Rename(path("b"), path("c")); err != nil {
			t.Error(err)
		}
		list("a", "c", "l")
		for name, want := range map[string]string{"a": "a", "c": "b", "l": "a"} {
			if data := readOn(t, fsys, path(name)); data != want {
				t.Errorf("%s holds %q, want %q", name, data, want)
			}
		}
		if info, err := fsys.Stat(path("c")); err != nil || info.Size() != 1 || info.IsDir() {
			t.Errorf("%v, %v", info, err)
		}
		if err := errors.Join(fsys.Remove(path("a")), fsys.SyncDir(dir)); err != nil {
			t.Error(err)
		}
		list("c", "l")
		if err := fsys.Remove(dir); err == nil {
			t.Error("a directory with files was removed")
		}
		if err := errors.Join(fsys.RemoveAll(filepath.Join(base, "a")), fsys.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
		if _, err := fsys.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Error("after RemoveAll:", err)
		}
	})
}

func TestErrorsOfAbsentFilesAreErrNotExistAndNameThePath(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		path := filepath.Join(base, "absent")
		for name, call := range map[string]func() error{
			"Remove":  func() error { return fsys.Remove(path) },
			"Rename":  func() error { return fsys.Rename(path, path+"2") },
			"Link":    func() error { return fsys.Link(path, path+"2") },
			"List":    func() error { _, err := fsys.List(path); return err },
			"Stat":    func() error { _, err := fsys.Stat(path); return err },
			"SyncDir": func() error { return fsys.SyncDir(path) },
			"Lock":    func() error { _, err := fsys.Lock(path, true); return err },
			"Create":  func() error { _, err := fsys.Create(filepath.Join(path, "f")); return err },
		} {
			err := call()
			var pathError *fs.PathError
			var linkError *os.LinkError
			if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &pathError) && !errors.As(err, &linkError) {
				t.Errorf("%s: %#v", name, err)
			}
		}
	})
}

func TestAClosedFileIsAnError(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		f := createOn(t, fsys, filepath.Join(base, "f"), "")
		f.Close()
		_, writeErr := f.Write(nil)
		_, sizeErr := f.Size()
		for name, err := range map[string]error{
			"Write": writeErr, "Size": sizeErr, "Sync": f.Sync(), "SyncData": f.SyncData(), "Close": f.Close(),
		} {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
}

func TestOneFileServesManyReaders(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		f := createOn(t, fsys, filepath.Join(base, "f"), "")
		const blocks, size = 64, 512
		var done sync.WaitGroup
		for i := range blocks {
			done.Go(func() {
				block := bytes.Repeat([]byte{byte(i)}, size)
				if _, err := f.WriteAt(block, int64(i)*size); err != nil {
					t.Error(err)
				}
				got := make([]byte, size)
				if _, err := f.ReadAt(got, int64(i)*size); err != nil && err != io.EOF || !bytes.Equal(got, block) {
					t.Errorf("block %d: %v", i, err)
				}
			})
		}
		done.Wait()
	})
}

func TestALockIsExclusiveOrSharedAlsoWithinThisProcess(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		path := filepath.Join(base, "f")
		createOn(t, fsys, path, "").Close()
		for _, c := range []struct{ first, second, free bool }{
			{true, true, false}, {true, false, false}, {false, true, false}, {false, false, true},
		} {
			held, err := fsys.Lock(path, c.first)
			if err != nil {
				t.Fatal(err)
			}
			second, err := fsys.Lock(path, c.second)
			if free := err == nil; free != c.free || !free && !errors.Is(err, ErrLocked) {
				t.Errorf("exclusive %v, then %v: %v", c.first, c.second, err)
			}
			if second != nil {
				second.Close()
			}
			held.Close()
			again, err := fsys.Lock(path, true)
			if err != nil {
				t.Fatal("after all were released:", err)
			}
			again.Close()
		}
	})
}
