package lsm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A mark is what a power loss left, and how many of the writes had been
// acknowledged at Sync before it, and begun by then.
type mark struct {
	mem         *vfs.Mem
	synced, new int
	where       string
}

// A wreck performs writes while the tree flushes and compacts, and takes marks.
// Write i is a batch that gives all keys of the story the state i.
type wreck struct {
	mu     sync.Mutex
	marks  []mark
	synced int        // guarded by mu
	begun  int        // guarded by mu
	r      *rand.Rand // guarded by mu while a tree is open
	some   bool       // not all points that make something durable
}

const storyKeys = 8

// chapter is what write i leaves: some keys are absent, one range is deleted.
func chapter(i int) map[string]string {
	m := map[string]string{}
	for k := range storyKeys {
		if (i+k)%5 != 0 && i > 0 {
			m[storyKey(k)] = fmt.Sprintf("%04d", i)
		}
	}
	return m
}

func storyKey(k int) string { return fmt.Sprintf("key%d", k) }

func story(i int) *engine.Batch {
	b := new(engine.Batch)
	if i%3 == 0 {
		b.DeleteRange([]byte("key"), []byte("kez"))
	}
	want := chapter(i)
	for k := range storyKeys {
		v, ok := want[storyKey(k)]
		if !ok {
			b.Delete([]byte(storyKey(k)))
			continue
		}
		b.Put([]byte(storyKey(k)), []byte(v+strings.Repeat("x", i*37%700)))
	}
	return b
}

// whichState tells the write that left what is there.
func whichState(e *tree) (int, error) {
	it, err := e.NewIter(engine.IterOptions{})
	if err != nil {
		return 0, err
	}
	defer it.Close()
	found := map[string]string{}
	last := 0
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.Value()
		if err != nil {
			return 0, err
		}
		found[string(it.Key())] = string(v[:4])
		fmt.Sscanf(string(v[:4]), "%d", &last)
	}
	if err := it.Err(); err != nil {
		return 0, err
	}
	if want := chapter(last); fmt.Sprint(found) != fmt.Sprint(want) {
		return 0, fmt.Errorf("there is %v, which no write has left; %d left %v", found, last, want)
	}
	for k := range storyKeys {
		v, err := e.Get(nil, []byte(storyKey(k)))
		if want, ok := found[storyKey(k)]; ok != (err == nil) || ok && string(v[:4]) != want {
			return 0, fmt.Errorf("get %s: %.10s, %v, and a scan shows %q", storyKey(k), v, err, want)
		}
	}
	return last, nil
}

// take keeps what a power loss leaves at p.
func (w *wreck) take(mem *vfs.Mem, p vfs.Point, every int) {
	w.mu.Lock()
	if (!p.Sync || w.some) && w.r.IntN(every) > 0 {
		w.mu.Unlock()
		return
	}
	m := mark{synced: w.synced, where: fmt.Sprintf("%s of %s, point %d", p.Op, p.Path, p.N)}
	seed, kind := w.r.Uint64(), w.r.IntN(4)
	w.mu.Unlock()
	switch kind {
	case 0:
		m.mem = mem.Image(vfs.Synced)
	case 1:
		m.mem = mem.Image(vfs.Written)
	default:
		m.mem = mem.Crash(seed)
	}
	w.mu.Lock()
	m.new = w.begun
	w.marks = append(w.marks, m)
	w.mu.Unlock()
}

// tell performs the story.
func (w *wreck) tell(t *testing.T, e *tree, writes int) {
	level := engine.Default
	for i := 1; i <= writes; i++ {
		w.mu.Lock()
		w.begun = i
		w.mu.Unlock()
		must(t, e.Apply(story(i), level))
		if i%4 != 0 {
			continue
		}
		switch i % 3 {
		case 0:
			must(t, e.Sync())
			w.mu.Lock()
			w.synced = i
			w.mu.Unlock()
		case 1:
			must(t, e.flushAll(context.Background()))
		default:
			if i%5 == 0 {
				must(t, e.Compact(context.Background(), nil, nil))
			} else {
				must(t, e.Settle(context.Background()))
			}
		}
	}
}

// TestAPowerLossAmidFlushesAndCompactions takes one at every point that makes
// something durable, opens what it left, and takes more while that recovers.
func TestAPowerLossAmidFlushesAndCompactionsLeavesAState(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for name, more := range families() {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewMem()
			w := &wreck{r: rand.New(rand.NewPCG(seed, 3))}
			mem.Watch(func(p vfs.Point) { w.take(mem, p, 6) })
			e := openMem(t, mem, more)
			w.tell(t, e, 24)
			closed(t, e)
			mem.Watch(nil)
			again := 0
			for _, m := range w.marks {
				again += revive(t, m, more, w.r, 0)
			}
			t.Logf("%d crashes, %d more during recovery", len(w.marks), again)
			if len(w.marks) < 60 || again < 5 {
				t.Error("too few")
			}
		})
	}
}

// revive opens what a crash left, and at depth 0 crashes that again.
func revive(t *testing.T, m mark, more map[string]string, r *rand.Rand, depth int) (again int) {
	t.Helper()
	w := &wreck{r: r, some: true}
	if depth == 0 && r.IntN(8) == 0 {
		m.mem.Watch(func(p vfs.Point) { w.take(m.mem, p, 8) })
	}
	opened, err := open("/db", small(more), engine.Env{FS: m.mem})
	if err != nil {
		t.Fatalf("%s: %v", m.where, err)
	}
	e := opened.(*tree)
	at, err := whichState(e)
	if err != nil || at < m.synced || at > m.new {
		t.Fatalf("%s: state %d, %v, want %d to %d", m.where, at, err, m.synced, m.new)
	}
	if err := errors.Join(e.Settle(context.Background()), e.Sync()); err != nil {
		t.Fatalf("%s: %v", m.where, err)
	}
	if now, err := whichState(e); err != nil || now != at {
		t.Fatalf("%s: state %d, %v, and was %d", m.where, now, err, at)
	}
	closed(t, e)
	m.mem.Watch(nil)
	onlyNamed(t, m.mem, e)
	for _, x := range w.marks {
		x.synced, x.new, x.where = at, at, m.where+", then "+x.where
		revive(t, x, more, r, depth+1)
	}
	return len(w.marks)
}

// onlyNamed wants no files but those that the version of a closed tree names.
func onlyNamed(t *testing.T, mem *vfs.Mem, e *tree) {
	t.Helper()
	opened, err := open("/db", small(map[string]string{"read_only": "true"}), engine.Env{FS: mem})
	must(t, err)
	v := opened.(*tree).view.Load().levels.version
	want := len(v.All()) + len(v.Blobs)
	must(t, opened.Close())
	got := 0
	for _, dir := range []string{tableDir, blobDir} {
		names, err := mem.List("/db/" + dir)
		must(t, err)
		got += len(names)
	}
	if got != want {
		t.Fatalf("there are %d files, and the manifest names %d", got, want)
	}
}
