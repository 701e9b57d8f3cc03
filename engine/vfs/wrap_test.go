package vfs

import (
	"errors"
	"io"
	"io/fs"
	"reflect"
	"testing"
)

// wrappers are the file systems that stand before another one. Each passes on
// what it has no part in.
func wrappers() map[string]func(FS) FS {
	return map[string]func(FS) FS{
		"Fault":    func(fsys FS) FS { return NewFault(fsys) },
		"Counting": func(fsys FS) FS { return NewCounting(fsys) },
		"Recorder": func(fsys FS) FS { return NewRecorder(fsys) },
		"all": func(fsys FS) FS {
			return NewRecorder(Classed(NewFault(Classed(NewCounting(fsys), Log)), Page))
		},
	}
}

// callLog is a file system that writes down the calls that reach it.
type callLog struct {
	FS
	calls *[]string
}

func (l callLog) Classed(c Class) FS {
	*l.calls = append(*l.calls, "Classed "+c.String())
	return l
}

// probe notes that a method was called with its arguments, and returns the
// arguments of the error.
func (l callLog) note(call string, args ...any) error {
	*l.calls = append(*l.calls, call)
	return &probeError{call, args}
}

type probeError struct {
	call string
	args []any
}

func (e *probeError) Error() string { return e.call }

func (l callLog) OpenDirect(path string, dsync bool) (File, error) {
	return nil, l.note("OpenDirect", path, dsync)
}

func (l callLog) Lock(path string, exclusive bool) (io.Closer, error) {
	return nil, l.note("Lock", path, exclusive)
}
func (l callLog) Open(string) (File, error)         { return loggedFile{nil, l}, nil }
func (l callLog) Stat(string) (fs.FileInfo, error)  { return memInfo{}, nil }
func (l callLog) List(dir string) ([]string, error) { return nil, l.note("List", dir) }

type loggedFile struct {
	File
	log callLog
}

func (f loggedFile) Size() (int64, error)              { return 0, nil }
func (f loggedFile) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
func (f loggedFile) Close() error                      { return nil }
func (f loggedFile) Advise(a Advice, off, n int64)     { f.log.note("Advise") }
func (f loggedFile) Mmap(off int64, n int) (Mapping, error) {
	return nil, f.log.note("Mmap", off, n)
}

// TestAWrapperPassesOnWhatTheSuiteCannotSee: the arguments of calls whose
// effects do not show.
func TestAWrapperPassesOnWhatTheSuiteCannotSee(t *testing.T) {
	for name, wrap := range wrappers() {
		var calls []string
		log := callLog{calls: &calls}
		fsys := Classed(wrap(log), Hint)
		if n := len(calls); n == 0 || calls[n-1] != "Classed hint" {
			t.Errorf("%s: classes %v", name, calls)
		}
		file, err := fsys.Open("/f")
		if err != nil {
			t.Fatal(name, err)
		}
		calls = nil
		file.Advise(WillNeed, 1, 2)
		if !reflect.DeepEqual(calls, []string{"Advise"}) {
			t.Errorf("%s: %v", name, calls)
		}
		wants := func(err error, call string, args ...any) {
			t.Helper()
			var got *probeError
			if !errors.As(err, &got) || got.call != call || !reflect.DeepEqual(got.args, args) {
				t.Errorf("%s: %#v, want %s%v", name, err, call, args)
			}
		}
		_, err = fsys.OpenDirect("/f", true)
		wants(err, "OpenDirect", "/f", true)
		_, err = fsys.OpenDirect("/f", false)
		wants(err, "OpenDirect", "/f", false)
		_, err = fsys.Lock("/f", true)
		wants(err, "Lock", "/f", true)
		_, err = fsys.List("/d")
		wants(err, "List", "/d")
		_, err = file.Mmap(4096, 7)
		wants(err, "Mmap", int64(4096), 7)
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAWrapperOverAFileSystemThatCrashesGivesWhatItWouldGive(t *testing.T) {
	for name, wrap := range wrappers() {
		for seed := range uint64(5) {
			bare, inner := NewMem(), NewMem()
			randomHistory(t, bare, "/d", seed, 150)
			randomHistory(t, wrap(inner), "/d", seed, 150)
			for crash := range uint64(5) {
				if got, want := treeOf(t, inner.Crash(crash), "/"), treeOf(t, bare.Crash(crash), "/"); got != want {
					t.Errorf("%s, history %d, crash %d:\n%s\nwant\n%s", name, seed, crash, got, want)
				}
			}
			if inner.Stats().Files == 0 {
				t.Errorf("history %d made no files", seed)
			}
		}
	}
}
