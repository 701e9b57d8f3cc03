package examine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

const dir = "/db"

var ours = engine.Marker{Engine: "ours", Format: 2}

// made is a file system with a directory that belongs to an engine.
func made(t *testing.T, m engine.Marker) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	home, err := engine.OpenHome(mem, dir, m, false)
	if err == nil {
		err = home.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return mem
}

// write makes p the content of a file.
func write(t *testing.T, mem *vfs.Mem, path, content string) {
	t.Helper()
	mem.Remove(path) //nolint:errcheck // it need not be there
	f, err := mem.Create(path)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// opened opens the directory and collects problems.
func opened(ctx context.Context, mem *vfs.Mem, signs ...string) (d *Dir, all *[]engine.Problem, err error) {
	all = new([]engine.Problem)
	d, err = Open(ctx, mem, dir, ours, func(p engine.Problem) { *all = append(*all, p) }, signs...)
	return d, all, err
}

func TestASoundDirectoryIsLockedForReaders(t *testing.T) {
	mem := made(t, ours)
	d, all, err := opened(t.Context(), mem)
	if err != nil || !d.Marked || d.Marker.Format != 2 || len(*all) > 0 {
		t.Fatal(d, *all, err)
	}
	if _, _, err := opened(t.Context(), mem); err != nil {
		t.Errorf("a second reader: %v", err)
	}
	if _, err := engine.OpenHome(mem, dir, ours, false); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("a writer: %v", err)
	}
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotOurOwnIsRefused(t *testing.T) {
	if _, _, err := opened(t.Context(), vfs.NewMem(), "data"); !errors.Is(err, engine.ErrNotEngineDir) {
		t.Errorf("no directory: %v", err)
	}
	theirs := made(t, engine.Marker{Engine: "theirs", Format: 1})
	write(t, theirs, dir+"/data", "")
	if _, _, err := opened(t.Context(), theirs, "data"); !errors.Is(err, engine.ErrWrongEngine) {
		t.Errorf("of another engine: %v", err)
	}
	mem := made(t, ours)
	home, err := engine.OpenHome(mem, dir, ours, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := opened(t.Context(), mem); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("in use: %v", err)
	}
	home.Close()
}

func TestADamagedMarkerIsAProblem(t *testing.T) {
	mem := made(t, ours)
	f, err := mem.OpenReadWrite(dir + "/" + engine.MarkerName)
	if err == nil {
		_, err = f.WriteAt([]byte("XX"), 3)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	d, all, err := opened(t.Context(), mem)
	if err != nil || d.Marked || len(*all) != 1 || (*all)[0].File != dir+"/"+engine.MarkerName {
		t.Fatal(d, *all, err)
	}
	lock, err := mem.Lock(dir+"/"+engine.MarkerName, true)
	if !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a writer: %v, %v", lock, err)
	}
	d.Close()
	if lock, err = mem.Lock(dir+"/"+engine.MarkerName, true); err != nil {
		t.Fatal(err)
	}
	if _, _, err := opened(t.Context(), mem); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("damaged and in use: %v", err)
	}
	lock.Close()
}

func TestAMissingMarkerIsAProblemWhereASignIs(t *testing.T) {
	mem := made(t, ours)
	if err := mem.Remove(dir + "/" + engine.MarkerName); err != nil {
		t.Fatal(err)
	}
	write(t, mem, dir+"/data", "")
	if _, _, err := opened(t.Context(), mem, "log"); !errors.Is(err, engine.ErrNotEngineDir) {
		t.Errorf("without a sign: %v", err)
	}
	d, all, err := opened(t.Context(), mem, "log", "data")
	if err != nil || d.Marked || len(*all) != 1 || (*all)[0].Detail != "the file is missing" {
		t.Fatal(d, *all, err)
	}
	if !d.Exists("data") || d.Exists("log") || !slices.Equal(d.List("."), []string{"data"}) || d.List("log") != nil {
		t.Errorf("there is %v", d.List("."))
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnErrorIsFoundAtThePlaceThatItNames(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	d, all, err := opened(ctx, made(t, ours))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, c := range []struct {
		err  error
		want engine.Problem
	}{
		{
			fmt.Errorf("open: %w", engine.Corrupt("/f", 7, "torn", errors.New("why"))),
			engine.Problem{File: "/f", Offset: 7, Detail: "torn: why; note"},
		},
		{engine.Corrupt("/f", -1, "torn", nil), engine.Problem{File: "/f", Offset: -1, Detail: "torn; note"}},
		{
			fmt.Errorf("open: %w", &wal.DamageError{Path: "/l", Offset: 9, Detail: "gap"}),
			engine.Problem{File: "/l", Offset: 9, Detail: "gap; note"},
		},
		{fs.ErrNotExist, engine.Problem{File: "/p", Offset: 0, Detail: "the file is missing; note"}},
		{errors.New("odd"), engine.Problem{File: "/p", Offset: -1, Detail: "cannot be read: odd; note"}},
	} {
		*all = nil
		if err := d.Found("/p", c.err, "; note"); err != nil || len(*all) != 1 || (*all)[0] != c.want {
			t.Errorf("%v: %v, %v", c.err, *all, err)
		}
	}
	if err := d.Err(); err != nil {
		t.Error(err)
	}
	*all = nil
	why := errors.New("enough")
	cancel(why)
	if err := d.Found("/p", fs.ErrNotExist, ""); !errors.Is(err, why) || !errors.Is(d.Err(), why) || len(*all) > 0 {
		t.Errorf("%v, %v", err, *all)
	}
}

func TestNobodyHearsOfProblemsOfAQuietDirectory(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d, all, err := opened(ctx, made(t, ours))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	q := d.Quiet()
	if err := q.Found("/p", fs.ErrNotExist, ""); err != nil || len(*all) > 0 || !q.Exists(engine.MarkerName) {
		t.Error(*all, err)
	}
	cancel()
	if q.Context() != ctx || !errors.Is(q.Err(), context.Canceled) {
		t.Error("it goes on")
	}
}
