package btree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// An exhibit is a directory that the engine has made, and what is in it.
type exhibit struct {
	t    *testing.T
	mem  *vfs.Mem
	e    *tree
	r    *rand.Rand
	want map[string]string

	given map[string]string // settings
}

const (
	exhibitDir = "/db"
	exhibitNow = 1_700_000_000 // seconds of Unix time
)

// exhibitKinds are settings that make other files than the default ones.
var exhibitKinds = []map[string]string{
	{},
	{"page_bytes": "8k", "durability": "sync"},
	{"page_bytes": "16k", "io": "mmap", "shrink_slack": "0"},
	{"page_bytes": "32k", "io": "direct"},
	{"mode": "cow", "durability": "sync"},
	{"mode": "cow", "durability": "none", "page_bytes": "8k"},
	{"durability": "none", "shrink_slack": "1", "merge_below": "0"},
}

func exhibitEnv(mem *vfs.Mem) engine.Env {
	return engine.Env{FS: mem, Now: func() time.Time { return time.Unix(exhibitNow, 0) }}
}

// newExhibit opens a tree whose pages are as small as can be.
func newExhibit(t *testing.T, more map[string]string) *exhibit {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("settings %v, seed %d", more, seed)
	x := &exhibit{t: t, mem: vfs.NewMem(), r: rand.New(rand.NewPCG(seed, 0)), want: map[string]string{}}
	x.given = small(more)
	x.open()
	return x
}

func (x *exhibit) open() {
	x.t.Helper()
	e, err := open(exhibitDir, x.given, exhibitEnv(x.mem))
	x.must(err)
	x.e = e.(*tree)
}

func (x *exhibit) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *exhibit) close() *exhibit {
	x.t.Helper()
	x.must(x.e.Close())
	return x
}

func (x *exhibit) checkpoint() {
	x.t.Helper()
	x.must(x.e.checkpointNow(context.Background()))
}

// play performs random ops, of keys that are few.
func (x *exhibit) play(ops, keys int) {
	x.t.Helper()
	for range ops {
		x.act(fmt.Sprintf("key%05d", x.r.IntN(keys)))
	}
}

func (x *exhibit) act(key string) {
	x.t.Helper()
	value := strings.Repeat(string(rune('a'+x.r.IntN(26))), x.r.IntN(300))
	switch x.r.IntN(40) {
	case 0:
		x.checkpoint()
	case 1:
		upper := key[:len(key)-1] + "9"
		x.must(x.e.DeleteRange([]byte(key), []byte(upper), engine.Default))
		maps.DeleteFunc(x.want, func(k, _ string) bool { return k >= key && k < upper })
	case 2, 3:
		x.must(x.e.PutTTL([]byte(key), []byte(value), time.Unix(exhibitNow+3600, 0), engine.Default))
		x.want[key] = value
	case 4, 5:
		value = strings.Repeat(value, 1+x.r.IntN(200))
		x.must(x.e.Put([]byte(key), []byte(value), engine.Default))
		x.want[key] = value
	case 6, 7, 8, 9:
		x.must(x.e.Delete([]byte(key), engine.Default))
		delete(x.want, key)
	case 10, 11:
		var b engine.Batch
		b.Put([]byte(key), []byte(value))
		b.Put([]byte("both"), []byte(key))
		b.Delete([]byte("key00000"))
		x.must(x.e.Apply(&b, engine.Default))
		x.want[key], x.want["both"] = value, key
		delete(x.want, "key00000")
	default:
		x.must(x.e.Put([]byte(key), []byte(value), engine.Default))
		x.want[key] = value
	}
}

// filledExhibit is an exhibit with a checkpoint, and ops that are only in the log.
func filledExhibit(t *testing.T, more map[string]string, ops int) *exhibit {
	t.Helper()
	x := newExhibit(t, more)
	x.play(ops, ops)
	x.must(x.e.Settle(context.Background()))
	x.play(ops/8, ops)
	return x
}

// problemsOf are those of the directory in a file system.
func problemsOf(t *testing.T, mem *vfs.Mem) (all []engine.Problem) {
	t.Helper()
	err := verify(context.Background(), exhibitDir, exhibitEnv(mem), func(p engine.Problem) { all = append(all, p) })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantSound(t *testing.T, mem *vfs.Mem) {
	t.Helper()
	for _, p := range problemsOf(t, mem) {
		t.Errorf("%s at %d: %s", p.File, p.Offset, p.Detail)
	}
}

// wantFound wants a problem in a file, whose detail has some words.
func wantFound(t *testing.T, mem *vfs.Mem, path, words string) {
	t.Helper()
	all := problemsOf(t, mem)
	for _, p := range all {
		if p.File == filepath.Join(exhibitDir, path) && strings.Contains(p.Detail, words) {
			return
		}
	}
	t.Errorf("no problem in %s says %q: %v", path, words, all)
}

// read opens what may be damaged and reads all that it can.
func (x *exhibit) read(mem *vfs.Mem) (found map[string]string, err error) {
	e, err := open(exhibitDir, x.given, exhibitEnv(mem))
	if err != nil {
		return nil, err
	}
	found = map[string]string{}
	err = e.(*tree).Scan(context.Background(), func(key, value []byte) error {
		found[string(key)] = string(value)
		return nil
	})
	return found, errors.Join(err, e.Close())
}

// An exhibitFile is one of a directory.
type exhibitFile struct {
	path string // below the directory
	data []byte
}

func exhibitFiles(t *testing.T, mem *vfs.Mem, dir string) (all []exhibitFile) {
	t.Helper()
	names, err := mem.List(filepath.Join(exhibitDir, dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := mem.Stat(filepath.Join(exhibitDir, path))
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			all = append(all, exhibitFiles(t, mem, path)...)
			continue
		}
		data, err := vfs.ReadFile(mem, filepath.Join(exhibitDir, path))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, exhibitFile{path, data})
	}
	return all
}

func overwritten(t *testing.T, mem *vfs.Mem, path string, off int64, p []byte) {
	t.Helper()
	f, err := mem.OpenReadWrite(filepath.Join(exhibitDir, path))
	if err == nil {
		_, err = f.WriteAt(p, off)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestASoundTreeHasNoProblem(t *testing.T) {
	for _, more := range exhibitKinds {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			x := filledExhibit(t, more, 1500)
			wantSound(t, x.mem.Image(vfs.Written)) // killed
			x.close()
			before := exhibitFiles(t, x.mem, "")
			wantSound(t, x.mem)
			same := func(a, b exhibitFile) bool { return a.path == b.path && bytes.Equal(a.data, b.data) }
			if !slices.EqualFunc(before, exhibitFiles(t, x.mem, ""), same) {
				t.Error("verify has changed something")
			}
			x.open()
			x.must(x.e.DeleteRange([]byte("key00010"), nil, engine.Default))
			x.must(x.e.Compact(context.Background(), nil, nil))
			wantSound(t, x.mem.Image(vfs.Written))
			wantSound(t, x.close().mem)
		})
	}
}

func TestANewTreeHasNoProblem(t *testing.T) {
	mem := vfs.NewMem()
	home, err := engine.OpenHome(mem, exhibitDir, engine.Marker{Engine: name, Format: format}, false)
	if err != nil {
		t.Fatal(err)
	}
	home.Close()
	wantSound(t, mem) // it was never opened
	wantSound(t, newExhibit(t, nil).close().mem)
}

func TestWhatAPowerLossLeavesIsNoProblemOfATree(t *testing.T) {
	for _, more := range exhibitKinds {
		x := newExhibit(t, more)
		for range 30 {
			x.play(20, 400)
			mem := x.mem.Crash(x.r.Uint64())
			wantSound(t, mem)
			if _, err := x.read(mem); err != nil {
				t.Fatal(err)
			}
			wantSound(t, mem)
			if t.Failed() {
				return
			}
		}
		x.close()
	}
}
