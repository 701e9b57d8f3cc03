package hashidx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// TestACutFileEndsALogEarlyOrIsFound cuts and removes files of directories in
// which GC was at work. What is read then is a state that once was, since a log
// may end early, or an error: never one in which ops are missing that came
// before others. Verify finds what reading does.
func TestACutFileEndsALogEarlyOrIsFound(t *testing.T) {
	for i := range tries(26) {
		s, states := newHistory(t, indexes()[i%2])
		files := filesOf(t, s.mem, specimenDir)
		for range 30 {
			f := files[s.r.IntN(len(files))]
			mem := s.mem.Image(vfs.Written)
			what := cut(t, mem, &f, s.r)
			var all []engine.Problem
			verifyErr := verify(context.Background(), specimenDir, engine.Env{FS: mem.Image(vfs.Written)}, func(p engine.Problem) { all = append(all, p) })
			found, err := s.read(mem)
			switch {
			case err == nil:
				if !slices.ContainsFunc(states, func(state map[string]string) bool { return maps.Equal(found, state) }) {
					t.Fatalf("%s: %d of %d keys are found, without an error: %v", what, len(found), len(s.want), all)
				}
			case errors.Is(err, engine.ErrNotEngineDir) && verifyErr == nil && len(all) > 0:
			case !errors.Is(err, engine.ErrCorrupt):
				t.Fatalf("%s: the error is not ErrCorrupt: %v", what, err)
			case len(all) == 0:
				t.Fatalf("%s: verify finds nothing, and reading %v", what, err)
			}
		}
	}
}

// newHistory performs random ops with GC, and returns all states that there
// were.
func newHistory(t *testing.T, index string) (s *specimen, states []map[string]string) {
	t.Helper()
	s = emptySpecimen(t, index)
	states = []map[string]string{{}}
	for range 30 + s.r.IntN(200) {
		key, value := fmt.Sprintf("key%02d", s.r.IntN(40)), valueOf(s.r.IntN(40))
		if s.r.IntN(5) == 0 {
			s.must(s.e.Delete([]byte(key), engine.Default))
			delete(s.want, key)
		} else {
			s.must(s.e.Put([]byte(key), []byte(value), engine.Default))
			s.want[key] = value
		}
		switch s.r.IntN(100) {
		case 0, 1:
			s.must(s.e.Compact(context.Background(), nil, nil))
		case 2, 3, 4, 5, 6:
			s.must(s.e.hot.Rotate(context.Background()))
		case 7:
			s.imagine()
		}
		states = append(states, maps.Clone(s.want))
	}
	return s.close(), states
}

// cut shortens or removes a file, and says how.
func cut(t *testing.T, mem *vfs.Mem, f *damagedFile, r *rand.Rand) (what string) {
	t.Helper()
	if r.IntN(3) == 0 {
		if err := mem.Remove(f.path); err != nil {
			t.Fatal(err)
		}
		return f.path + " removed"
	}
	n := r.IntN(len(f.data) + 1)
	x, err := mem.OpenReadWrite(f.path)
	if err == nil {
		err = errors.Join(x.Truncate(int64(n)), x.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s cut from %d to %d bytes", f.path, len(f.data), n)
}
