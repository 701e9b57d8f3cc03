package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// A twin does everything to OS and to Mem and compares what they answer.
type twin struct {
	t     *rapid.T
	fsys  [2]FS
	base  [2]string
	files [][2]File
}

// outcome reduces an answer to what both must agree on.
func outcome(err error, base string, values ...any) string {
	var errno syscall.Errno
	switch {
	case err == nil:
	case err == io.EOF:
		values = append(values, err)
	case errors.Is(err, fs.ErrClosed), errors.Is(err, syscall.EBADF), errors.Is(err, syscall.EINVAL):
		values = append(values, "an error") // which of them is a matter of what is checked first
	case errors.As(err, &errno):
		values = append(values, errno)
	default:
		values = append(values, "an error")
	}
	return strings.ReplaceAll(fmt.Sprint(values...), base, "")
}

func (w *twin) same(what string, call func(fsys FS, base string) string) {
	w.t.Helper()
	a, b := call(w.fsys[0], w.base[0]), call(w.fsys[1], w.base[1])
	if a != b {
		w.t.Fatalf("%s: OS says %q, Mem %q", what, a, b)
	}
}

func drawPath(t *rapid.T, label string) string {
	parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "."}), 1, 3).Draw(t, label)
	return strings.Join(parts, "/")
}

func (w *twin) names(op string) {
	p, q := drawPath(w.t, "path"), drawPath(w.t, "to")
	w.same(op+" "+p+" "+q, func(fsys FS, base string) string {
		path, to := filepath.Join(base, p), filepath.Join(base, q)
		switch op {
		case "mkdir":
			return outcome(fsys.MkdirAll(path), base)
		case "remove":
			if path == base {
				return ""
			}
			return outcome(fsys.Remove(path), base)
		case "remove all":
			if path == base {
				return ""
			}
			return outcome(fsys.RemoveAll(path), base)
		case "rename":
			return outcome(fsys.Rename(path, to), base)
		case "link":
			return outcome(fsys.Link(path, to), base)
		case "list":
			names, err := fsys.List(path)
			return outcome(err, base, names)
		case "sync dir":
			return outcome(fsys.SyncDir(path), base)
		}
		info, err := fsys.Stat(path)
		if err != nil {
			return outcome(err, base)
		}
		if info.IsDir() {
			return fmt.Sprint(filepath.Base(path) == info.Name(), info.Mode().IsDir())
		}
		return fmt.Sprint(info.Name(), info.Size(), info.IsDir(), info.Mode().IsRegular())
	})
}

func (w *twin) open(op string) {
	p := drawPath(w.t, "path")
	var opened [2]File
	i := 0
	w.same(op+" "+p, func(fsys FS, base string) string {
		path := filepath.Join(base, p)
		call := map[string]func(string) (File, error){
			"create": fsys.Create, "open": fsys.Open, "open read-write": fsys.OpenReadWrite,
		}[op]
		f, err := call(path)
		opened[i] = f
		i++
		return outcome(err, base)
	})
	if opened[0] != nil {
		w.files = append(w.files, opened)
	}
}

func (w *twin) file(op string) {
	if len(w.files) == 0 {
		return
	}
	f := w.files[rapid.IntRange(0, len(w.files)-1).Draw(w.t, "file")]
	off := rapid.Int64Range(-1, 3*pageSize).Draw(w.t, "offset")
	n := rapid.IntRange(0, 2*pageSize).Draw(w.t, "n")
	if op == "read" || op == "write at" {
		n = max(n, 1) // OS does not look at the handle for none
	}
	fill := rapid.Byte().Draw(w.t, "byte")
	i := 0
	w.same(fmt.Sprint(op, " ", off, " ", n), func(_ FS, base string) string {
		f := f[i]
		i++
		p := make([]byte, n)
		var k int
		var err error
		switch op {
		case "read":
			k, err = f.ReadAt(p, off)
			return outcome(err, base, k, p)
		case "write at", "write":
			for j := range p {
				p[j] = fill
			}
			if op == "write" {
				k, err = f.Write(p)
			} else {
				k, err = f.WriteAt(p, off)
			}
			return outcome(err, base, k)
		case "truncate":
			err = f.Truncate(off)
		case "punch":
			err = f.PunchHole(off, int64(n))
		case "preallocate":
			err = f.Preallocate(off, int64(n))
		case "sync":
			err = errors.Join(f.Sync(), f.SyncData())
		case "close":
			err = f.Close()
		}
		f.Advise(WillNeed, off, int64(n))
		return outcome(err, base)
	})
}

// compare looks at all that there is.
func (w *twin) compare() {
	w.same("the tree", func(fsys FS, base string) string { return printTree(w.t, fsys, base, "") })
	for _, f := range w.files {
		i := 0
		w.same("an open file", func(_ FS, base string) string {
			size, err := f[i].Size()
			i++
			if info, _ := f[0].(*osFile); info != nil {
				if x, err := info.Stat(); err == nil && x.IsDir() {
					return ""
				}
			}
			return outcome(err, base, size)
		})
	}
}

// printTree prints names and contents below dir.
func printTree(t interface{ Fatal(...any) }, fsys FS, dir, indent string) string {
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := fsys.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			fmt.Fprintf(&out, "%s%s/\n%s", indent, name, printTree(t, fsys, path, indent+" "))
			continue
		}
		f, err := fsys.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, info.Size())
		if _, err := f.ReadAt(data, 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		f.Close()
		fmt.Fprintf(&out, "%s%s: %q\n", indent, name, data)
	}
	return out.String()
}

func TestMemAnswersAsOSDoes(t *testing.T) {
	groups := map[string]func(*twin, string){}
	for do, ops := range map[string][]string{
		"names": {"mkdir", "remove", "remove all", "rename", "link", "list", "stat", "sync dir"},
		"open":  {"create", "create", "create", "open", "open read-write"},
		"file":  {"read", "write at", "write", "write at", "truncate", "punch", "preallocate", "sync", "close"},
	} {
		for _, op := range ops {
			groups[op] = map[string]func(*twin, string){
				"names": (*twin).names, "open": (*twin).open, "file": (*twin).file,
			}[do]
		}
	}
	var ops []string
	for op := range groups {
		ops = append(ops, op)
	}
	slices.Sort(ops)
	ops = append(ops, "create", "create", "write at", "write at", "mkdir")
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "vfs")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := NewMem()
		w := &twin{t: t, fsys: [2]FS{OS{}, m}, base: [2]string{dir, "/some"}}
		if err := m.MkdirAll("/some"); err != nil {
			t.Fatal(err)
		}
		defer func() {
			for _, f := range w.files {
				f[0].Close()
			}
		}()
		for range rapid.IntRange(1, 40).Draw(t, "ops") {
			op := rapid.SampledFrom(ops).Draw(t, "op")
			groups[op](w, op)
		}
		w.compare()
		// What is read from a file system is also what survives in full.
		w.fsys[1] = m.Image(Written)
		w.files = nil
		w.compare()
	})
}
