package lsm

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// at is a ledger of another directory, with the same contents.
func (l *ledger) at(dir string) *ledger {
	l.t.Helper()
	e, err := open(dir, l.given, engine.Env{FS: l.fsys})
	if err != nil {
		l.t.Fatalf("open %s: %v", dir, err)
	}
	l.t.Cleanup(func() { e.Close() })
	return &ledger{t: l.t, fsys: l.fsys, given: l.given, e: e.(*tree), want: maps.Clone(l.want)}
}

// busy gives a tree something in each place where data may be.
func (l *ledger) busy() {
	l.t.Helper()
	l.putAll(rows(0, 500, 3, "deep"))
	l.settle()
	l.putAll(rows(0, 200, 5, "flushed"))
	l.removeRange("key00100", "key00200")
	l.flush()
	l.load(rows(300, 100, 1, "loaded"))
	l.putAll(rows(0, 50, 7, "written"))
	l.remove("key00300")
}

func TestACheckpointAndItsTreeGoSeparateWays(t *testing.T) {
	eachLayout(t, func(l *ledger) {
		l.ok(l.e.Checkpoint("/copies/empty"))
		l.at("/copies/empty").check("copy of an empty tree")
		l.busy()
		l.ok(l.e.Checkpoint("/copies/one"))
		if err := l.e.Checkpoint("/copies/one"); !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("checkpoint to what is not empty: %v", err)
		}
		c := l.at("/copies/one")
		c.check("copy")
		c.putAll(rows(0, 300, 2, "in the copy"))
		l.putAll(rows(0, 300, 2, "in the original"))
		c.settle()
		l.settle()
		c.check("copy that was written")
		l.check("original")
		l.ok(c.e.Checkpoint("/copies/two"))
		l.sound()
		l.ok(l.fsys.(*vfs.Mem).RemoveAll("/db"))
		c.check("copy without original")
		l.ok(c.e.Close())
		c.e = c.at("/copies/one").e
		c.check("copy opened again")
		l.ok(c.e.Close())
		l.ok(l.fsys.(*vfs.Mem).RemoveAll("/copies/one"))
		c.at("/copies/two").check("copy of the copy")
	})
}

func TestACheckpointSharesTablesWithItsTree(t *testing.T) {
	dir := t.TempDir()
	given := smallest()
	given["separate_bytes"] = "30"
	e, err := open(filepath.Join(dir, "db"), given, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	l := &ledger{t: t, e: e.(*tree), want: map[string]string{}}
	l.busy()
	l.ok(l.e.Checkpoint(filepath.Join(dir, "deep", "below", "copy")))
	shared := 0
	for _, sub := range []string{tableDir, blobDir} {
		names, err := os.ReadDir(filepath.Join(dir, "deep", "below", "copy", sub))
		l.ok(err)
		for _, name := range names {
			a, errA := os.Stat(filepath.Join(dir, "db", sub, name.Name()))
			b, errB := os.Stat(filepath.Join(dir, "deep", "below", "copy", sub, name.Name()))
			if errA == nil && errB == nil && os.SameFile(a, b) { // unless it went meanwhile
				shared++
			}
		}
	}
	if shared == 0 {
		t.Error("no file is shared")
	}
}

// noLinks is a file system without hard links but for the marker's.
type noLinks struct{ vfs.FS }

func (f noLinks) Link(from, to string) error {
	if filepath.Base(to) == engine.MarkerName {
		return f.FS.Link(from, to)
	}
	return &os.LinkError{Op: "link", Old: from, New: to, Err: errors.ErrUnsupported}
}

func TestWithoutLinksACheckpointIsCopied(t *testing.T) {
	l := newLedger(t, map[string]string{"separate_bytes": "30"})
	l.ok(l.e.Close())
	l.fsys = noLinks{l.fsys}
	l.e = openIn(t, l.fsys, l.given)
	l.busy()
	l.ok(l.e.Checkpoint("/copy"))
	l.at("/copy").check("copy")
}

func TestACheckpointOfATreeThatIsOpenForReading(t *testing.T) {
	l := newLedger(t, nil)
	l.busy()
	l.ok(l.e.Sync())
	crashed := l.fsys.(*vfs.Mem).Image(vfs.Written)
	l.ok(l.e.Close())
	for what, fsys := range map[string]*vfs.Mem{"closed": l.fsys.(*vfs.Mem), "crashed": crashed} {
		l.fsys = fsys
		given := l.given
		l.given = maps.Clone(given)
		l.given["read_only"] = "true"
		r := l.at("/db")
		l.ok(r.e.Checkpoint("/copy"))
		l.given = given
		l.at("/copy").check(what)
	}
}

// Each writer counts, in batches of two keys. A copy has of each a number that
// it had reached when the copy was begun, or a later one, of both keys the same.
func TestACheckpointHoldsAPrefixOfEachWriter(t *testing.T) {
	for _, durability := range []string{"none", "os"} {
		t.Run(durability, func(t *testing.T) { checkpointUnderLoad(t, durability) })
	}
}

func checkpointUnderLoad(t *testing.T, durability string) {
	l := newLedger(t, map[string]string{"durability": durability, "separate_bytes": "300"})
	const writers, copies, step = 3, 5, 50
	var begun, done [writers]atomic.Int64
	var stop atomic.Bool
	var group sync.WaitGroup
	reach := func(n int64) { // waits until the first writer is at n
		for begun[0].Load() < n && !stop.Load() && !t.Failed() {
			runtime.Gosched()
		}
	}
	for w := range writers {
		group.Go(func() {
			var b engine.Batch
			for i := int64(1); !stop.Load(); i++ {
				b.Reset()
				value := fmt.Appendf(nil, "%d %0400d", i, 0)
				b.Put(fmt.Appendf(nil, "w%d first", w), value)
				b.Put(fmt.Appendf(nil, "w%d %d", w, i%step), value)
				b.Put(fmt.Appendf(nil, "w%d last", w), value)
				begun[w].Store(i)
				if err := l.e.Apply(&b, engine.Default); err != nil {
					t.Error(err)
					return
				}
				done[w].Store(i)
			}
		})
	}
	group.Go(func() {
		for i := 0; !stop.Load(); i++ {
			reach(int64(20 * i))
			b, err := l.e.NewBulkLoad()
			for k := range 20 {
				if err == nil {
					err = b.Add(fmt.Appendf(nil, "load%02d", k), fmt.Appendf(nil, "%d", i))
				}
			}
			if err == nil {
				err = b.Finish()
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for n := range copies {
		reach(int64(100 * n))
		var before [writers]int64
		for w := range writers {
			before[w] = done[w].Load()
		}
		dir := fmt.Sprintf("/copies/%d", n)
		if err := l.e.Checkpoint(dir); err != nil {
			t.Error(err)
			break
		}
		var after [writers]int64
		for w := range writers {
			after[w] = begun[w].Load()
		}
		checkCopy(l.at(dir), before[:], after[:])
	}
	stop.Store(true)
	group.Wait()
	l.sound()
}

func checkCopy(c *ledger, before, after []int64) {
	c.t.Helper()
	got := contentsOf(c.t, c.e)
	for w := range before {
		number := func(key string) int64 {
			value := got[fmt.Sprintf("w%d %s", w, key)]
			if value == "" {
				return 0
			}
			n, err := strconv.ParseInt(value[:len(value)-401], 10, 64)
			c.ok(err)
			return n
		}
		first, last := number("first"), number("last")
		if first != last || first < before[w] || first > after[w] {
			c.t.Errorf("writer %d is at %d and %d in the copy, want one of %d to %d", w, first, last, before[w], after[w])
		}
		if at := number(fmt.Sprint(first % 50)); at != first {
			c.t.Errorf("writer %d is at %d, and its key at %d", w, first, at)
		}
	}
	for k := range 20 {
		if a, b := got["load00"], got[fmt.Sprintf("load%02d", k)]; a != b {
			c.t.Errorf("load00 is %q, and load%02d %q", a, k, b)
		}
	}
	c.ok(c.e.Close())
}

func TestACrashDuringACheckpointLeavesAllOrNoEngine(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	l := newLedger(t, nil)
	l.busy()
	l.settle()
	l.putAll(rows(0, 20, 7, "in the log"))
	mem := l.fsys.(*vfs.Mem)
	left := photographs(mem, seed, func() { l.ok(l.e.Checkpoint("/copy")) })
	whole := 0
	for _, p := range left {
		l.fsys = p.left
		e, err := open("/copy", l.given, engine.Env{FS: p.left})
		if err != nil {
			// A directory without marker becomes an engine's only if it is empty.
			if !errors.Is(err, engine.ErrNotEngineDir) {
				t.Fatalf("%s: %v", p.what, err)
			}
			continue
		}
		c := &ledger{t: t, fsys: p.left, given: l.given, e: e.(*tree), want: l.want}
		if len(contentsOf(t, c.e)) > 0 {
			c.check(p.what)
			whole++
		} else if c.e.manifest.State().NextID > 1 {
			t.Fatalf("%s: an empty tree in state %+v", p.what, c.e.manifest.State())
		}
		l.ok(c.e.Close())
	}
	t.Logf("%d photographs, %d with the copy", len(left), whole)
	if len(left) < 5 || whole == 0 {
		t.Error("that shows nothing")
	}
}

// A photograph is what may be left of a file system after a power loss.
type photograph struct {
	what string
	left *vfs.Mem
}

// photographs are taken at every sync of f, and at its end.
func photographs(mem *vfs.Mem, seed uint64, f func()) (all []photograph) {
	var mu sync.Mutex
	take := func(p vfs.Point) {
		mu.Lock()
		defer mu.Unlock()
		for how, left := range mem.Crashes(seed+uint64(p.N), 1) {
			all = append(all, photograph{fmt.Sprintf("point %+v, %s", p, how), left})
		}
	}
	mem.Watch(func(p vfs.Point) {
		if p.Sync || p.Op == "rename" || p.Op == "link" {
			take(p)
		}
	})
	f()
	mem.Watch(nil)
	take(vfs.Point{Op: "end"})
	return all
}

func TestACheckpointThatFailsLeavesNothing(t *testing.T) {
	l := newLedger(t, map[string]string{"separate_bytes": "30"})
	mem := l.fsys.(*vfs.Mem)
	l.ok(l.e.Close())
	faults := vfs.NewFault(mem)
	l.fsys = faults
	l.e = openIn(t, faults, l.given)
	l.busy()
	l.settle()
	for _, path := range []string{"/copy/*", "/copy/*/*"} {
		failed := 0
		for n := uint64(1); ; n++ {
			faults.Set(vfs.Rule{Kind: vfs.KindAny, Path: path, Nth: n, Err: syscall.EIO})
			err := l.e.Checkpoint("/copy")
			fired := faults.Fired() > 0
			faults.Set()
			if err == nil {
				l.at("/copy").check(fmt.Sprint("copy after failure ", n))
				l.ok(mem.RemoveAll("/copy"))
				if !fired {
					break
				}
				continue
			}
			failed++
			if names, err := mem.List("/copy"); err == nil && len(names) > 0 {
				t.Fatalf("failure %d leaves %v", n, names)
			}
		}
		if failed < 4 {
			t.Errorf("only %d failures of %s", failed, path)
		}
	}
	l.check("original")
	l.sound()
}
