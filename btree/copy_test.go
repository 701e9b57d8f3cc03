package btree

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strconv"
	"strings"
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
	c := &ledger{t: l.t, fsys: l.fsys, given: l.given, want: maps.Clone(l.want)}
	c.open(dir)
	return c
}

// busy gives a tree something in each place where data may be.
func (l *ledger) busy() {
	l.t.Helper()
	l.put(rows(0, 500, 3, "deep"))
	l.put(map[string]string{"long": strings.Repeat("long", 5000)})
	l.ok(l.e.Settle(context.Background()))
	l.load(rows(300, 100, 1, "loaded"))
	l.put(rows(0, 50, 7, "written"))
	l.remove("key000100", "key000200")
}

func TestACheckpointAndItsTreeGoSeparateWays(t *testing.T) {
	for _, more := range []map[string]string{{}, {"durability": "none"}, {"mode": "cow", "durability": "sync"}, {"page_bytes": "32k", "io": "mmap"}} {
		l := newLedger(t, more)
		l.ok(l.e.Checkpoint("/copies/empty"))
		l.at("/copies/empty").check("copy of an empty tree")
		l.busy()
		l.ok(l.e.Checkpoint("/copies/one"))
		if err := l.e.Checkpoint("/copies/one"); !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("checkpoint to what is not empty: %v", err)
		}
		c := l.at("/copies/one")
		c.check("copy")
		c.put(rows(0, 300, 2, "in the copy"))
		l.put(rows(0, 300, 2, "in the original"))
		c.compact()
		c.check("copy that was written")
		l.check("original")
		l.sound()
		l.ok(c.e.Checkpoint("/copies/two"))
		l.ok(l.fsys.(*vfs.Mem).RemoveAll("/db"))
		c.sound()
		l.want = c.want
		l.at("/copies/two").sound()
	}
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
		c := l.at("/copy")
		c.check(what)
		c.sound()
	}
}

// Checkpoints of the tree's own that end while it is being copied need other
// slots: those of the copy stay, and are free later.
func TestSlotsThatAreBeingCopiedStay(t *testing.T) {
	l := newLedger(t, nil)
	l.busy()
	l.ok(l.e.Sync())
	want := maps.Clone(l.want)
	made, err := l.e.home.BeginCopy(l.fsys, "/copy", logDir)
	l.ok(err)
	c := &treeCopy{Copy: made, tree: l.e}
	from, err := l.fsys.Open("/db/" + dataName)
	l.ok(err)
	l.e.work.pruning.RLock()
	l.ok(c.begin(from))
	for i := range 5 {
		l.put(rows(0, 900, 2, fmt.Sprint("after", i)))
		l.compact()
	}
	if k := &l.e.work.kept; len(k.fixed) < 10 || len(k.held) == 0 {
		t.Errorf("only %d and %d slots are kept", len(k.fixed), len(k.held))
	}
	l.ok(c.data(from))
	for _, p := range c.log {
		l.ok(c.File(p.name, p.bytes))
	}
	l.e.endKeeping()
	l.e.work.pruning.RUnlock()
	l.ok(c.Finish(func() error { return nil }))
	l.ok(from.Close())
	l.check("original")
	l.sound()
	l.want = want
	l.at("/copy").sound()
}

// Each writer counts, in batches of three keys. A copy has of each a number
// that it had reached when the copy was begun, or a later one.
func TestACheckpointHoldsAPrefixOfEachWriter(t *testing.T) {
	for _, durability := range []string{"none", "os"} {
		t.Run(durability, func(t *testing.T) { copyUnderLoad(t, durability) })
	}
}

func copyUnderLoad(t *testing.T, durability string) {
	l := newLedger(t, map[string]string{"durability": durability})
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
	l.want = contentsOf(t, l.e)
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
	c.ok(c.e.Close())
}

func TestACrashDuringACheckpointLeavesAllOrNoEngine(t *testing.T) {
	seed := seedOf(t)
	l := newLedger(t, nil)
	l.busy()
	l.ok(l.e.Settle(context.Background()))
	l.put(rows(0, 20, 7, "in the log"))
	mem := l.fsys.(*vfs.Mem)
	left := photographs(mem, seed, func() { l.ok(l.e.Checkpoint("/copy")) })
	whole := 0
	for _, p := range left {
		e, err := open("/copy", l.given, engine.Env{FS: p.left})
		if err != nil {
			// A directory without marker becomes an engine's only if it is empty.
			if !errors.Is(err, engine.ErrNotEngineDir) {
				t.Fatalf("%s: %v", p.what, err)
			}
			continue
		}
		c := &ledger{t: t, fsys: p.left, given: l.given, e: e.(*tree), want: l.want}
		if c.e.keys.Load() > 0 {
			c.check(p.what)
			whole++
		}
		l.ok(c.e.Close())
	}
	t.Logf("%d photographs, %d with the copy", len(left), whole)
	if len(left) < 5 || whole == 0 {
		t.Error("that shows nothing")
	}
}

func TestACheckpointThatFailsLeavesNothing(t *testing.T) {
	l := newLedger(t, nil)
	mem := l.fsys.(*vfs.Mem)
	l.ok(l.e.Close())
	faults := vfs.NewFault(mem)
	l.fsys = faults
	l.open("/db")
	l.busy()
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
