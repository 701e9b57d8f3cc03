package hashidx

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

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A specimen is a directory that the engine has made, and what is in it.
type specimen struct {
	t    *testing.T
	mem  *vfs.Mem
	e    *store
	r    *rand.Rand
	want map[string]string

	given map[string]string // settings
}

const specimenDir = "/db"

func indexes() []string { return []string{indexMemory, indexDisk} }

func emptySpecimen(t *testing.T, index string) *specimen {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("index %s, seed %d", index, seed)
	s := &specimen{t: t, mem: vfs.NewMem(), r: rand.New(rand.NewPCG(seed, 0)), want: map[string]string{}, given: smallest()}
	s.given["index"] = index
	s.e = openIn(t, s.mem, s.given)
	return s
}

// newSpecimen fills a directory of small segments, all of which are sealed, or
// sealed and not in an image, or not sealed yet.
func newSpecimen(t *testing.T, index string, ops int) *specimen {
	t.Helper()
	s := emptySpecimen(t, index)
	s.play(ops)
	s.imagine()
	s.play(ops)
	s.close()
	s.e = openIn(t, s.mem, s.given)
	s.play(ops / 4)
	s.fresh()
	return s
}

func (s *specimen) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// play performs random ops.
func (s *specimen) play(ops int) {
	s.t.Helper()
	for range ops {
		if s.r.IntN(20) == 0 {
			s.must(s.e.hot.Rotate(context.Background()))
		}
		if s.r.IntN(60) == 0 {
			s.must(s.e.Compact(context.Background(), nil, nil))
		}
		key, value := fmt.Sprintf("key%02d", s.r.IntN(40)), valueOf(s.r.IntN(40))
		switch s.r.IntN(6) {
		case 0:
			s.must(s.e.Delete([]byte(key), engine.Default))
			delete(s.want, key)
		case 1:
			var b engine.Batch
			b.Put([]byte(key), []byte(value))
			b.Put([]byte("both"), []byte(key))
			b.Delete([]byte("key00"))
			s.must(s.e.Apply(&b, engine.Sync))
			s.want[key], s.want["both"] = value, key
			delete(s.want, "key00")
		default:
			s.must(s.e.Put([]byte(key), []byte(value), engine.Default))
			s.want[key] = value
		}
	}
}

// fresh leaves a segment of live ops, which GC has no reason to touch.
func (s *specimen) fresh() {
	s.t.Helper()
	s.must(s.e.hot.Rotate(context.Background()))
	for i := range 6 {
		key := fmt.Sprintf("fresh%d", i)
		s.must(s.e.Put([]byte(key), []byte("here to stay"), engine.Default))
		s.want[key] = "here to stay"
	}
	s.must(s.e.hot.Rotate(context.Background()))
	s.must(s.e.Delete([]byte("absent"), engine.Default))
}

// imagine writes an image of the index.
func (s *specimen) imagine() {
	s.t.Helper()
	ctx := context.Background()
	s.must(s.e.hot.Rotate(ctx))
	s.must(s.e.Put([]byte("first"), []byte("of its segment"), engine.Default))
	s.want["first"] = "of its segment"
	s.must(s.e.Settle(ctx))
	s.e.maintenance.Lock()
	defer s.e.maintenance.Unlock()
	s.must(s.e.writeImage(ctx))
}

func (s *specimen) close() *specimen {
	s.t.Helper()
	s.must(s.e.Close())
	return s
}

// tries are fewer where each takes long.
func tries(n int) int {
	if raceEnabled {
		return n / 5
	}
	return n
}

// problems are those of a directory in a file system.
func problems(t *testing.T, mem *vfs.Mem) (all []engine.Problem) {
	t.Helper()
	err := verify(context.Background(), specimenDir, engine.Env{FS: mem}, func(p engine.Problem) { all = append(all, p) })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantNoProblem(t *testing.T, mem *vfs.Mem) {
	t.Helper()
	for _, p := range problems(t, mem) {
		t.Errorf("%s at %d: %s", p.File, p.Offset, p.Detail)
	}
}

// wantProblem wants one in a file, whose detail has some words.
func wantProblem(t *testing.T, mem *vfs.Mem, path, words string) {
	t.Helper()
	all := problems(t, mem)
	for _, p := range all {
		if strings.HasPrefix(p.File, filepath.Join(specimenDir, path)) && strings.Contains(p.Detail, words) {
			return
		}
	}
	t.Errorf("no problem in %s says %q: %v", path, words, all)
}

// read opens what may be damaged and reads all that it can.
func (s *specimen) read(mem *vfs.Mem) (found map[string]string, err error) {
	opened, err := open(specimenDir, s.given, engine.Env{FS: mem})
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	found = map[string]string{}
	err = opened.(*store).Scan(context.Background(), func(key, value []byte) error {
		found[string(key)] = string(value)
		return nil
	})
	for i := range 42 {
		key := fmt.Sprintf("key%02d", i)
		value, getErr := opened.Get(nil, []byte(key))
		scanned, there := found[key]
		switch {
		case errors.Is(getErr, engine.ErrNotFound):
			if there && err == nil {
				err = fmt.Errorf("%s is scanned, but not found", key)
			}
		case getErr != nil:
			err = errors.Join(err, getErr)
		case err == nil && scanned != string(value):
			err = fmt.Errorf("%s is scanned as another than it is found", key)
		}
	}
	return found, err
}

// A damagedFile is one of a directory.
type damagedFile struct {
	path string
	data []byte
}

func filesOf(t *testing.T, mem *vfs.Mem, dir string) (all []damagedFile) {
	t.Helper()
	names, err := mem.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := mem.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			all = append(all, filesOf(t, mem, path)...)
			continue
		}
		data, err := vfs.ReadFile(mem, path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, damagedFile{path, data})
	}
	return all
}

func overwrite(t *testing.T, mem *vfs.Mem, path string, off int64, p []byte) {
	t.Helper()
	f, err := mem.OpenReadWrite(path)
	if err == nil {
		_, err = f.WriteAt(p, off)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestASoundDirectoryHasNoProblem(t *testing.T) {
	for i := range 6 {
		s := newSpecimen(t, indexes()[i%2], 200)
		wantNoProblem(t, s.mem.Image(vfs.Written)) // killed
		s.close()
		before := filesOf(t, s.mem, specimenDir)
		wantNoProblem(t, s.mem)
		if !slices.EqualFunc(before, filesOf(t, s.mem, specimenDir), func(a, b damagedFile) bool {
			return a.path == b.path && bytes.Equal(a.data, b.data)
		}) {
			t.Error("verify has changed something")
		}
	}
}

func TestANewDirectoryHasNoProblem(t *testing.T) {
	mem := vfs.NewMem()
	home, err := engine.OpenHome(mem, specimenDir, marker(), false)
	if err != nil {
		t.Fatal(err)
	}
	home.Close()
	wantNoProblem(t, mem) // it was never opened
	if err := openIn(t, mem, smallest()).Close(); err != nil {
		t.Fatal(err)
	}
	wantNoProblem(t, mem)
}

func TestACheckpointHasNoProblem(t *testing.T) {
	s := newSpecimen(t, indexMemory, 100)
	s.must(s.e.Checkpoint("/copy"))
	s.play(100)
	err := verify(context.Background(), "/copy", engine.Env{FS: s.mem}, func(p engine.Problem) {
		t.Errorf("%s at %d: %s", p.File, p.Offset, p.Detail)
	})
	s.must(err)
}

func TestWhatAPowerLossLeavesIsNoProblem(t *testing.T) {
	for _, index := range indexes() {
		s := newSpecimen(t, index, 100)
		for range tries(20) {
			s.play(s.r.IntN(20))
			if s.r.IntN(8) == 0 {
				s.imagine()
			}
			mem := s.mem.Crash(s.r.Uint64())
			wantNoProblem(t, mem)
			if _, err := s.read(mem); err != nil {
				t.Fatal(err)
			}
			wantNoProblem(t, mem)
			if t.Failed() {
				return
			}
		}
	}
}

func TestDamageThatReadingMeetsIsAProblem(t *testing.T) {
	for _, index := range indexes() {
		t.Run("index="+index, func(t *testing.T) { newSpecimen(t, index, 40).close().wound(tries(300)) })
	}
}

// wound changes random bytes, one by one, and removes files.
func (s *specimen) wound(n int) {
	t := s.t
	files := filesOf(t, s.mem, specimenDir)
	met, harmless := 0, 0
	for range n {
		f := &files[s.r.IntN(len(files))]
		off := s.r.IntN(len(f.data) + 1)
		mem := s.mem.Image(vfs.Written)
		what := fmt.Sprintf("byte %d of %s changed", off, f.path)
		cut := off == len(f.data) || s.r.IntN(6) == 0
		if cut {
			what = fmt.Sprintf("%s removed", f.path)
			if err := mem.Remove(f.path); err != nil {
				t.Fatal(err)
			}
		} else {
			for f.data[off] == 0 && s.r.IntN(20) > 0 { // mostly they are padding
				off = s.r.IntN(len(f.data))
			}
			overwrite(t, mem, f.path, int64(off), []byte{f.data[off] ^ byte(1+s.r.IntN(255))})
		}
		after := mem.Image(vfs.Written)
		var all []engine.Problem
		verifyErr := verify(context.Background(), specimenDir, engine.Env{FS: mem}, func(p engine.Problem) { all = append(all, p) })
		found, err := s.read(after)
		switch {
		case err == nil && (cut || maps.Equal(found, s.want)):
			harmless++
		case len(all) > 0 || errors.Is(err, engine.ErrNotEngineDir) && verifyErr != nil:
			met++
		default:
			t.Fatalf("%s: reading ends with %v, %d of %d keys; verify found nothing and ended with %v", what, err, len(found), len(s.want), verifyErr)
		}
	}
	t.Logf("%d changes were met, %d were harmless", met, harmless)
	if met == 0 || harmless == 0 {
		t.Error("nothing was tried")
	}
}
