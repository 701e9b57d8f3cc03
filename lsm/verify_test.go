package lsm

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
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/manifest"
	"github.com/kvbench/kvbench/lsm/version"
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

// exhibitKinds are settings that write other files than the default ones.
var exhibitKinds = []map[string]string{
	{},
	{"separate_bytes": "40", "blob_garbage": "10"},
	{"separate_bytes": "40", "compression": "zstd", "filter": "none"},
	{"compression": "lz4", "filter": "bloom", "filter_prefix": "4"},
	{"compression": "snappy", "filter": "fuse", "block_layout": "restarts", "restart_interval": "3"},
	{"layout": "tiered", "filter_allocation": "monkey", "io": ioMmap},
	{"layout": "lazy", "durability": "none", "io": ioDirect},
	{"layout": "fluid", "granularity": "file", "movement": "round-robin"},
	{"layout": "one-leveled", "granularity": "level", "pipeline": "false"},
	{"layout": "fifo", "durability": "sync", "separate_bytes": "60"},
}

func exhibitEnv(mem *vfs.Mem) engine.Env {
	return engine.Env{FS: mem, Now: func() time.Time { return time.Unix(exhibitNow, 0) }}
}

// newExhibit opens a tree whose parts are as small as can be.
func newExhibit(t *testing.T, more map[string]string) *exhibit {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("settings %v, seed %d", more, seed)
	x := &exhibit{t: t, mem: vfs.NewMem(), r: rand.New(rand.NewPCG(seed, 0)), want: map[string]string{}}
	x.given = map[string]string{
		"memtable_bytes": "64k", "memory_bytes": "256k", "table_bytes": "4k", "base_bytes": "4k",
		"block_bytes": "512", "l0_runs": "2", "size_ratio": "2", "cache_bytes": "64k", "compactions": "1",
	}
	maps.Copy(x.given, more)
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

func (x *exhibit) flush() {
	x.t.Helper()
	x.must(x.e.flushAll(context.Background()))
}

// key returns one of few.
func (x *exhibit) key() string { return fmt.Sprintf("key%03d", x.r.IntN(1000)) }

// value returns one that compresses somewhat.
func (x *exhibit) value() string {
	p := make([]byte, x.r.IntN(200))
	for i := range p {
		p[i] = 'a' + byte(x.r.IntN(26))
	}
	return string(p) + strings.Repeat("-", len(p)/2)
}

// play performs random ops.
func (x *exhibit) play(ops int) {
	x.t.Helper()
	for range ops {
		x.act()
	}
}

func (x *exhibit) act() {
	x.t.Helper()
	key, value := x.key(), x.value()
	switch x.r.IntN(40) {
	case 0:
		x.flush()
	case 1:
		if x.r.IntN(4) == 0 {
			key = "key95" // and nothing bounds it
			x.must(x.e.DeleteRange([]byte(key), nil, engine.Default))
			maps.DeleteFunc(x.want, func(k, _ string) bool { return k >= key })
			return
		}
		upper := key[:len(key)-1] + "9"
		x.must(x.e.DeleteRange([]byte(key), []byte(upper), engine.Default))
		maps.DeleteFunc(x.want, func(k, _ string) bool { return k >= key && k < upper })
	case 2:
		s, err := x.e.NewSnapshot()
		x.must(err)
		x.play(5)
		x.flush()
		x.must(s.Close())
	case 3, 4:
		x.must(x.e.PutTTL([]byte(key), []byte(value), time.Unix(exhibitNow+3600, 0), engine.Default))
		x.want[key] = value
	case 5, 6, 7, 8, 9:
		x.must(x.e.Delete([]byte(key), engine.Default))
		delete(x.want, key)
	case 10, 11:
		var b engine.Batch
		b.Put([]byte(key), []byte(value))
		b.Put([]byte("both"), []byte(key))
		b.Delete([]byte("key000"))
		x.must(x.e.Apply(&b, engine.Default))
		x.want[key], x.want["both"] = value, key
		delete(x.want, "key000")
	case 12:
		x.load(key, value)
	default:
		x.must(x.e.Put([]byte(key), []byte(value), engine.Default))
		x.want[key] = value
	}
}

// load loads a few keys in bulk, from one on.
func (x *exhibit) load(key, value string) {
	x.t.Helper()
	l, err := x.e.NewBulkLoad()
	x.must(err)
	for i := range 1 + x.r.IntN(20) {
		k := fmt.Sprintf("%s-%02d", key, i)
		x.must(l.Add([]byte(k), []byte(value)))
		x.want[k] = value
	}
	x.must(l.Finish())
}

// filled is an exhibit with some levels, and ops that are only in the log.
func filled(t *testing.T, more map[string]string, ops int) *exhibit {
	t.Helper()
	x := newExhibit(t, more)
	x.play(ops)
	x.must(x.e.Settle(context.Background()))
	x.play(ops / 2)
	x.flush()
	x.play(ops / 8)
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

// wantFound wants one problem in a file, whose detail has some words; an offset
// of -2 is any.
func wantFound(t *testing.T, mem *vfs.Mem, path string, off int64, words string) {
	t.Helper()
	all := problemsOf(t, mem)
	for _, p := range all {
		if p.File == filepath.Join(exhibitDir, path) && (off == -2 || off == p.Offset) && strings.Contains(p.Detail, words) {
			return
		}
	}
	t.Errorf("no problem in %s at %d says %q: %v", path, off, words, all)
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

func truncated(t *testing.T, mem *vfs.Mem, path string, size int64) {
	t.Helper()
	f, err := mem.OpenReadWrite(filepath.Join(exhibitDir, path))
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// exhibitState is what the manifest of a directory says.
func exhibitState(t *testing.T, mem *vfs.Mem) *version.State {
	t.Helper()
	s, err := manifest.Scan(mem, exhibitDir, nil, func(*version.Edit, int64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return s.State
}

func TestASoundTreeHasNoProblem(t *testing.T) {
	for _, more := range exhibitKinds {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			x := filled(t, more, 1000)
			wantSound(t, x.mem.Image(vfs.Written)) // killed
			x.close()
			before := exhibitFiles(t, x.mem, "")
			wantSound(t, x.mem)
			if !slices.EqualFunc(before, exhibitFiles(t, x.mem, ""), func(a, b exhibitFile) bool {
				return a.path == b.path && bytes.Equal(a.data, b.data)
			}) {
				t.Error("verify has changed something")
			}
			if tables := exhibitState(t, x.mem).Version.Totals().Tables; tables < 2 {
				t.Errorf("there were only %d tables to verify", tables)
			}
		})
	}
}

func TestANewTreeHasNoProblem(t *testing.T) {
	mem := vfs.NewMem()
	home, err := engine.OpenHome(mem, exhibitDir, marker(), false)
	if err != nil {
		t.Fatal(err)
	}
	home.Close()
	wantSound(t, mem) // it was never opened
	x := newExhibit(t, nil)
	wantSound(t, x.mem.Image(vfs.Written))
	wantSound(t, x.close().mem)
}

func TestACheckpointOfATreeHasNoProblem(t *testing.T) {
	for _, more := range exhibitKinds[:2] {
		x := filled(t, more, 200)
		x.must(x.e.Checkpoint("/copy"))
		x.play(100)
		x.close()
		x.must(verify(context.Background(), "/copy", exhibitEnv(x.mem), func(p engine.Problem) {
			t.Errorf("%s at %d: %s", p.File, p.Offset, p.Detail)
		}))
	}
}

func TestWhatAPowerLossLeavesOfATreeIsNoProblem(t *testing.T) {
	for _, more := range exhibitKinds[:2] {
		x := filled(t, more, 200)
		for range 10 {
			x.play(x.r.IntN(60))
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

func TestDamageThatReadingATreeMeetsIsAProblem(t *testing.T) {
	for _, more := range exhibitKinds[:3] {
		t.Run(fmt.Sprint(more), func(t *testing.T) { filled(t, more, 300).close().wound(150) })
	}
}

// woundTime is after how long there are no more wounds but the first few: under
// the race detector each takes long.
const woundTime = 700 * time.Millisecond

// wound changes random bytes, one by one, and cuts and removes files.
func (x *exhibit) wound(n int) {
	t := x.t
	files := exhibitFiles(t, x.mem, "")
	met, harmless := 0, 0
	for began := time.Now(); met+harmless < n && (met < 10 || time.Since(began) < woundTime); {
		f := &files[x.r.IntN(len(files))]
		off := x.r.IntN(len(f.data) + 1)
		mem := x.mem.Image(vfs.Written)
		what, short := fmt.Sprintf("byte %d of %s changed", off, f.path), true
		switch {
		case off == len(f.data) || x.r.IntN(8) == 0:
			what = f.path + " removed"
			x.must(mem.Remove(filepath.Join(exhibitDir, f.path)))
		case x.r.IntN(8) == 0:
			what = fmt.Sprintf("%s cut to %d bytes", f.path, off)
			truncated(t, mem, f.path, int64(off))
		default:
			short = false
			overwritten(t, mem, f.path, int64(off), []byte{f.data[off] ^ byte(1+x.r.IntN(255))})
		}
		after := mem.Image(vfs.Written)
		var all []engine.Problem
		verifyErr := verify(context.Background(), exhibitDir, exhibitEnv(mem), func(p engine.Problem) { all = append(all, p) })
		found, err := x.read(after)
		switch {
		case len(all) > 0 || errors.Is(err, engine.ErrNotEngineDir) && verifyErr != nil:
			met++
		case err == nil && (short && strings.HasPrefix(f.path, logDir) || maps.Equal(found, x.want)):
			harmless++ // a log may end early, and much of one is not read
		default:
			t.Fatalf("%s: reading ends with %v, %d of %d keys; verify found nothing and ended with %v", what, err, len(found), len(x.want), verifyErr)
		}
	}
	t.Logf("%d changes were met, %d were harmless", met, harmless)
	if met == 0 {
		t.Error("nothing was tried")
	}
}

// What a crash leaves at any moment of a tree's first steps is sound.
func TestACrashAtAnyMomentLeavesATreeWithoutProblem(t *testing.T) {
	x := &exhibit{t: t, mem: vfs.NewMem(), r: rand.New(rand.NewPCG(1, 0)), want: map[string]string{}}
	x.given = map[string]string{"memtable_bytes": "64k", "memory_bytes": "256k", "separate_bytes": "60", "compactions": "1"}
	var points atomic.Int32
	x.mem.Watch(func(p vfs.Point) {
		for seed := range uint64(2) {
			mem := x.mem.Crash(uint64(p.N)<<1 | seed)
			points.Add(1)
			err := verify(context.Background(), exhibitDir, exhibitEnv(mem), func(q engine.Problem) {
				t.Errorf("at %+v: %s at %d: %s", p, q.File, q.Offset, q.Detail)
			})
			if err != nil && !errors.Is(err, engine.ErrNotEngineDir) {
				t.Errorf("at %+v: %v", p, err)
			}
		}
	})
	x.open()
	for range 3 {
		for i := range 10 {
			x.must(x.e.Put(fmt.Appendf(nil, "k%d", i), []byte(x.value()), engine.Sync))
		}
		x.flush()
	}
	x.must(x.e.Settle(context.Background()))
	x.close()
	x.mem.Watch(nil)
	if n := points.Load(); n < 100 {
		t.Errorf("there were %d moments only", n)
	}
}
