package blob

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compress"
)

const (
	dir  = "/blobs"
	path = dir + "/7.blob"
	id   = 7
)

func newDir(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := errors.Join(m.MkdirAll(dir), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return m
}

// write writes a file of values, and returns where they are.
func write(fsys vfs.FS, path string, o Options, values [][]byte) ([]Pointer, error) {
	f, err := fsys.Create(path)
	if err != nil {
		return nil, err
	}
	w := NewWriter(f, o)
	var all []Pointer
	for _, v := range values {
		p, err := w.Add(v)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		all = append(all, p)
	}
	size := w.Size()
	info, err := w.Finish()
	if err == nil && (info.Bytes != size || info.ID != o.ID) {
		err = fmt.Errorf("size is %d, Finish says %+v", size, info)
	}
	return all, errors.Join(err, f.Close())
}

// put makes a file of bytes.
func put(t testing.TB, fsys vfs.FS, p []byte) {
	t.Helper()
	if err := fsys.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	f, err := fsys.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(p)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// some are values of all sorts: empty, short, long, that compress and do not.
func some() [][]byte {
	r := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 700)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	return [][]byte{
		[]byte("first"), nil, bytes.Repeat([]byte("again "), 30), noise, []byte("x"),
		bytes.Repeat([]byte{0}, 8), bytes.Repeat([]byte("long "), 200),
	}
}

// file returns the bytes of a file of values, and where these are.
func file(t testing.TB, kind compress.Kind, values [][]byte) ([]byte, []Pointer) {
	t.Helper()
	m := newDir(t)
	pointers, err := write(m, path, Options{ID: id, Compression: kind}, values)
	if err != nil {
		t.Fatal(err)
	}
	p, err := vfs.ReadFile(m, path)
	if err != nil {
		t.Fatal(err)
	}
	return p, pointers
}

// readAll opens a file and reads each pointer, and all of the file. It returns
// an error if one is damaged, and fails if a value is wrong.
func readAll(t testing.TB, fsys vfs.FS, o ReaderOptions, pointers []Pointer, values [][]byte) error {
	t.Helper()
	r, err := Open(fsys, path, id, o)
	if err != nil {
		return err
	}
	var all error
	for i, p := range pointers {
		got, err := r.Get([]byte("before"), p)
		if err != nil && string(got) != "before" {
			t.Errorf("value %d: with an error dst is %d bytes", i, len(got))
		}
		if err == nil && string(got) != "before"+string(values[i]) {
			t.Errorf("value %d is %.40q, want %.40q", i, got, values[i])
		}
		all = errors.Join(all, err)
	}
	i := 0
	err = r.Walk(func(p Pointer, value []byte) error {
		if i >= len(pointers) || p != pointers[i] || !bytes.Equal(value, values[i]) {
			t.Errorf("walking, value %d is %.40q at %v", i, value, p)
		}
		i++
		return nil
	})
	if err == nil && i != len(pointers) {
		t.Errorf("walked over %d values, want %d", i, len(pointers))
	}
	return errors.Join(all, err, r.Close())
}

// mustBeCorrupt checks that damage is told with a place.
func mustBeCorrupt(t testing.TB, err error, what string) {
	t.Helper()
	var damage *engine.CorruptionError
	if !errors.Is(err, engine.ErrCorrupt) || !errors.As(err, &damage) || damage.File != path || damage.Offset < 0 {
		t.Errorf("%s: %v", what, err)
	}
}
