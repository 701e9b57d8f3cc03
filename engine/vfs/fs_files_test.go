package vfs

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestPathsThroughFilesAndAbsentDirectoriesAreErrors(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		file := filepath.Join(base, "f")
		createOn(t, fsys, file, "x").Close()
		for _, c := range []struct {
			dir  string
			want error
		}{{file, syscall.ENOTDIR}, {filepath.Join(base, "absent"), syscall.ENOENT}} {
			path := filepath.Join(c.dir, "f")
			_, create := fsys.Create(path)
			_, open := fsys.Open(path)
			_, stat := fsys.Stat(path)
			_, list := fsys.List(path)
			for name, err := range map[string]error{
				"Create": create, "Open": open, "Stat": stat, "List": list,
				"Remove": fsys.Remove(path), "SyncDir": fsys.SyncDir(path),
				"Rename to": fsys.Rename(file, path), "Rename from": fsys.Rename(path, file),
				"Link to": fsys.Link(file, path), "Link from": fsys.Link(path, file+"2"),
			} {
				if !errors.Is(err, c.want) {
					t.Errorf("%s in %s: %v", name, c.dir, err)
				}
			}
		}
		if err := fsys.MkdirAll(filepath.Join(file, "d")); !errors.Is(err, syscall.ENOTDIR) {
			t.Error("MkdirAll through a file:", err)
		}
		if err := fsys.MkdirAll(file); !errors.Is(err, syscall.ENOTDIR) {
			t.Error("MkdirAll of a file:", err)
		}
		if _, err := fsys.List(file); !errors.Is(err, syscall.ENOTDIR) {
			t.Error("List of a file:", err)
		}
		if _, err := fsys.OpenReadWrite(base); !errors.Is(err, syscall.EISDIR) {
			t.Error("a directory was opened for writing:", err)
		}
	})
}

func TestAnOpenFileStaysWhenItsNameGoes(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		path := filepath.Join(base, "f")
		f := createOn(t, fsys, path, "old")
		if err := fsys.Rename(path, path+"2"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("O"), 0); err != nil || readOn(t, fsys, path+"2") != "Old" {
			t.Error("after a rename:", err)
		}
		g := createOn(t, fsys, path, "new")
		if err := errors.Join(fsys.Rename(path, path+"2"), fsys.Remove(path+"2")); err != nil {
			t.Fatal(err)
		}
		for want, f := range map[string]File{"Old!": f, "new!": g} {
			if _, err := f.WriteAt([]byte("!"), 3); err != nil || content(t, f) != want || f.Sync() != nil {
				t.Errorf("without a name: %q, %v", content(t, f), err)
			}
		}
		if names, err := fsys.List(base); err != nil || len(names) > 0 {
			t.Error(names, err)
		}
	})
}

func TestALockStaysWithTheFileNotTheName(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		path := filepath.Join(base, "f")
		createOn(t, fsys, path, "").Close()
		held, err := fsys.Lock(path, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := fsys.Rename(path, path+"2"); err != nil {
			t.Fatal(err)
		}
		createOn(t, fsys, path, "").Close()
		other, err := fsys.Lock(path, true)
		if err != nil {
			t.Fatal("another file of the old name:", err)
		}
		defer other.Close()
		if _, err := fsys.Lock(path+"2", false); !errors.Is(err, ErrLocked) {
			t.Error("the file under its new name:", err)
		}
		if err := held.Close(); err != nil {
			t.Error(err)
		}
		if err := held.Close(); !errors.Is(err, fs.ErrClosed) {
			t.Error("released twice:", err)
		}
	})
}

func TestAMappingShowsHolesAndOnlyWhatLiesInIt(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		f := createOn(t, fsys, filepath.Join(base, "f"), strings.Repeat("a", 3*DirectAlign))
		m, err := f.Mmap(DirectAlign, DirectAlign+10)
		needs(t, err)
		defer m.Close()
		needs(t, f.PunchHole(DirectAlign-5, 10))
		for _, off := range []int64{0, DirectAlign + 3, 2*DirectAlign + 8, 3*DirectAlign - 4} {
			if _, err := f.WriteAt([]byte("bcde"), off); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(m.Bytes()); got != content(t, f)[DirectAlign:2*DirectAlign+10] {
			t.Errorf("%q", got)
		}
	})
}

func TestReadFileReadsAllOrSaysWhyNot(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, dir string) {
		for _, want := range []string{"", "all of it"} {
			path := filepath.Join(dir, "f"+want)
			f, err := fsys.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte(want)); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if got, err := ReadFile(fsys, path); string(got) != want || err != nil {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		}
		if _, err := ReadFile(fsys, filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
			t.Error("an absent file:", err)
		}
	})
}
