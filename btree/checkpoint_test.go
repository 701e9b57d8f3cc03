package btree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A hooked file system calls hook before each write to the file of pages.
type hooked struct {
	vfs.FS
	hook func()
}

type hookedFile struct {
	vfs.File
	fs *hooked
}

func (h *hooked) OpenReadWrite(path string) (vfs.File, error) {
	f, err := h.FS.OpenReadWrite(path)
	if err != nil || len(path) < 4 || path[len(path)-4:] != dataName {
		return f, err
	}
	return hookedFile{f, h}, nil
}

func (f hookedFile) WriteAt(p []byte, off int64) (int, error) {
	if f.fs.hook != nil {
		f.fs.hook()
	}
	return f.File.WriteAt(p, off)
}

// A bench is a tree without goroutines of its own, and what should be in it.
type workbench struct {
	testing.TB
	tree  *tree
	mem   *vfs.Mem
	fs    *hooked
	given map[string]string
	rng   *rand.Rand
	model map[string]string
	busy  bool // a write of ours is under way
	room  batch

	// frozen is what model was at the last freeze, as far as a write to the
	// file came after it.
	frozen map[string]string
	gen    uint64
}

func newWorkbench(t testing.TB, seed uint64, more map[string]string) *workbench {
	t.Helper()
	w := &workbench{TB: t, mem: vfs.NewMem(), rng: seeded(t, seed), model: map[string]string{}}
	w.given = small(map[string]string{"log_bytes": "1g", "clean_share": "0.3"})
	maps.Copy(w.given, more)
	w.open(w.mem)
	return w
}

// open opens the tree in m. What the background would do is for tests to do.
func (w *workbench) open(m *vfs.Mem) {
	w.Helper()
	w.mem, w.fs = m, &hooked{FS: m}
	e, err := Driver().Open("db", w.given, engine.Env{FS: w.fs})
	if err != nil {
		w.Fatal(err)
	}
	w.tree = e.(*tree)
	w.tree.endWork()
	w.tree.work.ctx = context.Background()
	w.gen = w.tree.gen
}

func (w *workbench) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// change writes some random ops.
func (w *workbench) change(n int) {
	w.Helper()
	w.busy = true
	defer func() { w.busy = false }()
	for range n {
		key, fill := fmt.Sprintf("%06d", w.rng.IntN(3000)), []byte{byte(w.rng.IntN(256))}
		switch w.rng.IntN(8) {
		case 0, 1, 2:
			w.remove(key)
		case 3:
			w.put(key, bytes.Repeat(fill, 2000+w.rng.IntN(9000)))
		default:
			w.put(key, bytes.Repeat(fill, w.rng.IntN(300)))
		}
	}
}

func (w *workbench) put(key string, value []byte) {
	w.Helper()
	w.check(w.tree.cleanEnough(&w.room)) // readers wait for that
	w.check(w.tree.Put([]byte(key), value, engine.Default))
	w.model[key] = string(value)
}

func (w *workbench) remove(key string) {
	w.Helper()
	w.check(w.tree.cleanEnough(&w.room))
	w.check(w.tree.Delete([]byte(key), engine.Default))
	delete(w.model, key)
}

// close closes the tree, and looks at what it leaves.
func (w *workbench) close() {
	w.Helper()
	w.fs.hook = nil
	w.check(w.tree.checkSpace())
	w.same(w.tree, w.model)
	w.check(w.tree.Close())
	w.after(w.mem, w.model)
}

// meddle has ops come between all writes to the file.
func (w *workbench) meddle(n int) {
	w.fs.hook = func() {
		if w.busy || !w.tree.mu.TryLock() {
			return // the writer itself makes room
		}
		if w.tree.gen != w.gen {
			w.gen, w.frozen = w.tree.gen, maps.Clone(w.model)
		}
		w.tree.mu.Unlock()
		w.change(w.rng.IntN(n))
	}
}

// same compares a tree with what should be in it.
func (w *workbench) same(e *tree, want map[string]string) {
	w.Helper()
	n := 0
	it, err := e.NewIter(engine.IterOptions{})
	w.check(err)
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.Value()
		w.check(err)
		if had, there := want[string(it.Key())]; !there || had != string(v) {
			w.Fatalf("key %s has %d bytes, want %d (there: %v)", it.Key(), len(v), len(had), there)
		}
		n++
	}
	w.check(it.Err())
	w.check(it.Close())
	if n != len(want) {
		w.Fatalf("%d keys, want %d", n, len(want))
	}
}

// after opens what a crash leaves, and compares that.
func (w *workbench) after(m *vfs.Mem, want map[string]string) {
	w.Helper()
	e, err := Driver().Open("db", w.given, engine.Env{FS: m})
	if err != nil {
		w.Fatal(err)
	}
	w.same(e.(*tree), want)
	e.(*tree).endWork()
	w.check(e.(*tree).checkSpace())
	w.check(e.Close())
}

// afterEither is after with two states that are right.
func (w *workbench) afterEither(m *vfs.Mem, a, b map[string]string) {
	w.Helper()
	e, err := Driver().Open("db", w.given, engine.Env{FS: m})
	if err != nil {
		w.Fatal(err)
	}
	t := e.(*tree)
	t.endWork()
	w.check(t.checkSpace())
	want := a
	if t.work.generation == w.tree.work.generation {
		want = b
	}
	w.same(t, want)
	w.check(t.Close())
}

func TestACheckpointIsTheStateOfItsFreezeHoweverMuchIsWrittenMeanwhile(t *testing.T) {
	for _, more := range []map[string]string{
		{"durability": "none"},
		{"durability": "none", "io": "mmap", "page_bytes": "8k"},
		{"mode": "cow", "durability": "none"},
	} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%v/%d", more, seed), func(t *testing.T) {
				w := newWorkbench(t, seed, more)
				w.meddle(20)
				for range 12 {
					w.change(w.rng.IntN(400))
					w.frozen = nil
					w.check(w.tree.checkpointNow(context.Background()))
					if w.frozen == nil {
						w.Fatal("nothing was written")
					}
					w.check(w.tree.checkSpace())
					w.after(w.mem.Crash(seed), w.frozen)
				}
				w.close()
			})
		}
	}
}

func TestWhatIsInTheLogComesOnTopOfACheckpoint(t *testing.T) {
	for seed := range uint64(6) {
		w := newWorkbench(t, seed, map[string]string{"durability": "os"})
		w.meddle(20)
		for range 8 {
			w.change(w.rng.IntN(400))
			w.check(w.tree.checkpointNow(context.Background()))
			w.check(w.tree.checkSpace())
			w.check(w.tree.Sync())
			w.after(w.mem.Crash(seed), w.model)
		}
		w.close()
	}
}

func TestACrashAtAnySyncLeavesOneCheckpointOrTheNext(t *testing.T) {
	for seed := range uint64(3) {
		w := newWorkbench(t, seed, map[string]string{"durability": "none"})
		w.change(400)
		w.check(w.tree.checkpointNow(context.Background()))
		last := maps.Clone(w.model)
		w.meddle(10)
		for range 4 {
			w.change(w.rng.IntN(300))
			var crashed []*vfs.Mem
			var mu sync.Mutex
			w.mem.Watch(func(p vfs.Point) {
				mu.Lock()
				defer mu.Unlock()
				if p.Sync {
					crashed = append(crashed, w.mem.Crash(seed+uint64(len(crashed))))
				}
			})
			w.frozen = nil
			w.check(w.tree.checkpointNow(context.Background()))
			w.mem.Watch(nil)
			if len(crashed) < 4 || w.frozen == nil {
				t.Fatalf("%d points", len(crashed))
			}
			for _, m := range crashed {
				w.afterEither(m, last, w.frozen)
			}
			last = w.frozen
		}
		w.close()
	}
}

func TestMakingRoomBetweenWritesLosesNothing(t *testing.T) {
	for seed := range uint64(8) {
		w := newWorkbench(t, seed, map[string]string{"durability": "none"})
		w.meddle(8)
		b := new(batch)
		var open []engine.Snapshot
		var seen []map[string]string
		for range 40 {
			w.change(w.rng.IntN(60))
			switch w.rng.IntN(4) {
			case 0:
				s, err := w.tree.NewSnapshot()
				w.check(err)
				open, seen = append(open, s), append(seen, maps.Clone(w.model))
			case 1:
				if len(open) > 0 {
					w.check(open[0].Close())
					open, seen = open[1:], seen[1:]
				}
			case 2:
				w.check(w.tree.checkpointNow(context.Background()))
			}
			_, err := w.tree.clean(b, 1+w.rng.IntN(batchPages))
			w.check(err)
			w.check(w.tree.checkSpace())
			for i, s := range open {
				for range 20 {
					key := fmt.Sprintf("%06d", w.rng.IntN(3000))
					v, err := s.Get(nil, []byte(key))
					want, there := seen[i][key]
					if there != (err == nil) || !there && !errors.Is(err, engine.ErrNotFound) || string(v) != want {
						t.Fatalf("seed %d: a snapshot has %d bytes of %s and %v, want %d", seed, len(v), key, err, len(want))
					}
				}
			}
		}
		for _, s := range open {
			w.check(s.Close())
		}
		w.close()
	}
}

func TestTheFileShrinksWhenMostIsDeleted(t *testing.T) {
	for _, more := range []map[string]string{
		{"durability": "os"}, {"durability": "none"}, {"mode": "cow", "durability": "none"}, {"io": "mmap"},
	} {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			w := newWorkbench(t, 1, more)
			value := bytes.Repeat([]byte("v"), 300)
			for i := range 8000 {
				w.put(fmt.Sprintf("%06d", i), value)
			}
			w.check(w.tree.Settle(context.Background()))
			full := w.tree.file.Slots()
			for i := range 8000 {
				if i%400 >= 40 {
					w.remove(fmt.Sprintf("%06d", i))
				}
			}
			w.meddle(3)
			w.check(w.tree.Settle(context.Background()))
			w.fs.hook = nil
			w.check(w.tree.Settle(context.Background()))
			w.check(w.tree.checkSpace())
			if left := w.tree.file.Slots(); left > full/4 {
				t.Errorf("%d slots of %d are left: %+v", left, full, w.tree.slots.Stats())
			}
			if n := w.tree.pool.Counts().Dirty; n != 0 {
				t.Errorf("%d pages are dirty", n)
			}
			w.close()
		})
	}
}

func TestUpdatesThatGoOnHardlyMovePages(t *testing.T) {
	w := newWorkbench(t, 1, map[string]string{"durability": "none", "cache_bytes": "4m", "shrink_slack": "0.25"})
	for range 40 {
		w.change(w.rng.IntN(1000))
		w.check(w.tree.checkpointNow(context.Background()))
	}
	written := w.tree.work.written.Load() / uint64(w.tree.settings.PageBytes)
	if n := w.tree.work.moves.Load(); n > written/50 {
		t.Errorf("%d pages were moved of %d that were written", n, written)
	}
	// What one checkpoint left free the next one writes to.
	if s := w.tree.slots.Stats(); s.Slots > 5*s.Held/2 {
		t.Errorf("the file grows: %+v", s)
	}
	w.close()
}

func TestManyWhoWaitShareACheckpoint(t *testing.T) {
	w := newWorkbench(t, 1, map[string]string{"mode": "cow", "durability": "sync"})
	var done sync.WaitGroup
	before := w.tree.work.generation
	for g := range 16 {
		done.Go(func() {
			for i := range 20 {
				if err := w.tree.Put(fmt.Appendf(nil, "%d-%d", g, i), []byte("v"), engine.Sync); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	w.check(w.tree.checkSpace())
	n := w.tree.work.generation - before
	if n == 0 || n > 320 {
		t.Fatalf("%d checkpoints for 320 writes", n)
	}
	w.after(w.mem.Crash(1), func() map[string]string {
		all := map[string]string{}
		for g := range 16 {
			for i := range 20 {
				all[fmt.Sprintf("%d-%d", g, i)] = "v"
			}
		}
		return all
	}())
	w.check(w.tree.Close())
}

func TestASecondSyncWithoutChangesWritesNothing(t *testing.T) {
	for _, more := range []map[string]string{{"durability": "os"}, {"mode": "cow"}} {
		w := newWorkbench(t, 1, more)
		w.change(50)
		w.check(w.tree.checkpointNow(context.Background()))
		n := w.tree.work.generation
		w.check(w.tree.checkpointNow(context.Background()))
		if got := w.tree.work.generation; got != n {
			t.Errorf("%v: generation %d after %d", more, got, n)
		}
		w.check(w.tree.Close())
		w.open(w.mem)
		w.check(w.tree.Close())
		w.open(w.mem)
		if got := w.tree.work.generation; got != n {
			t.Errorf("%v: generation %d after %d, and nothing was written", more, got, n)
		}
		w.check(w.tree.Close())
	}
}
