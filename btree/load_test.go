package btree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func TestATreeThatIsLoadedAndWrittenIsWhatAModelIs(t *testing.T) {
	for _, more := range []map[string]string{
		{},
		{"fill": "1", "io": "mmap"},
		{"fill": "0.5", "durability": "none", "page_bytes": "8k"},
		{"mode": "cow", "durability": "sync", "fill": "1"},
	} {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			r := seeded(t, seedOf(t))
			l := newLedger(t, more)
			for round := range 40 {
				what := fmt.Sprintf("round %d", round)
				switch r.IntN(8) {
				case 0:
					from := r.IntN(8000)
					l.remove(fmt.Sprintf("%04d", from), fmt.Sprintf("%04d", from+r.IntN(3000)))
				case 1, 2:
					l.put(drawRows(r, 1+r.IntN(60)))
				case 3:
					l.ok(l.begin(drawRows(r, 300)).Abort())
				case 4: // two at once
					a, b := drawRows(r, 300), drawRows(r, 300)
					first, second := l.begin(a), l.begin(b)
					l.put(drawRows(r, 10))
					l.ok(second.Finish())
					l.ok(first.Finish())
					maps.Copy(l.want, b)
					maps.Copy(l.want, a)
				default:
					l.load(drawRows(r, 1+r.IntN(600)))
				}
				l.check(what)
				if round%8 == 7 {
					l.sound()
				}
			}
		})
	}
}

func TestALoadIntoAnEmptyTreeIsAsFullAsTheSettingSays(t *testing.T) {
	for _, fill := range []float64{0.5, 0.9, 1} {
		l := newLedger(t, map[string]string{"fill": fmt.Sprint(fill)})
		want := map[string]string{}
		for i := range 20_000 { // more than the pool has room for
			want[fmt.Sprintf("key%08d", i)] = strings.Repeat("v", 50)
		}
		l.load(want)
		l.check("loaded")
		used, n := 0, 0
		l.e.mu.Lock()
		v := view{tree: l.e, at: l.e.clock.Published()}
		for id := page.ID(1); id <= l.e.pages.Len(); id++ {
			if l.e.pages.Load(id) == 0 {
				continue
			}
			p, err := v.page(id)
			l.ok(err)
			if page.KindOf(p) == page.Leaf {
				used, n = used+page.Used(p), n+1
			}
		}
		v.end()
		l.e.mu.Unlock()
		if share := float64(used) / float64(n*4096); share > fill || share < fill-0.04 {
			t.Errorf("%d leaves are full to %.3f, want %v", n, share, fill)
		}
		l.sound()
	}
}

func TestAnAbortedLoadLeavesNoPageAndNoSlot(t *testing.T) {
	l := newLedger(t, nil)
	l.put(rows(0, 500, 1, "there"))
	l.ok(l.e.Settle(context.Background()))
	before := l.e.slots.Stats()
	b := l.begin(rows(200, 9000, 1, strings.Repeat("loaded", 60)))
	if held := l.e.slots.Stats().Held; held <= before.Held+50 {
		t.Fatalf("the load holds %d slots, before there were %d: it shows nothing", held, before.Held)
	}
	if err := b.Add([]byte("key"), nil); !errors.Is(err, engine.ErrInvalid) {
		t.Errorf("a key that is too low: %v", err)
	}
	l.ok(b.Abort())
	l.ok(b.Abort())
	if err := b.Finish(); !errors.Is(err, engine.ErrInvalid) {
		t.Errorf("Finish after Abort: %v", err)
	}
	if err := b.Add([]byte("zzz"), nil); !errors.Is(err, engine.ErrInvalid) {
		t.Errorf("Add after Abort: %v", err)
	}
	l.e.mu.Lock()
	after := l.e.slots.Stats()
	l.e.mu.Unlock()
	if after.Held != before.Held {
		t.Errorf("%d slots are held after Abort, %d before the load", after.Held, before.Held)
	}
	l.check("aborted")
	l.sound()
}

func TestWhatALoadLeavesIsFreeAfterACrash(t *testing.T) {
	l := newLedger(t, nil)
	l.put(rows(0, 500, 1, "there"))
	l.begin(rows(200, 9000, 1, strings.Repeat("loaded", 60)))
	l.ok(l.e.Sync())
	l.fsys = l.fsys.(*vfs.Mem).Image(vfs.Written)
	l.open("/db")
	l.check("after a crash")
	l.sound()
}

func TestASnapshotSeesTheLoadsBeforeIt(t *testing.T) {
	l := newLedger(t, nil)
	l.put(rows(0, 300, 10, "put"))
	type seen struct {
		s    engine.Snapshot
		want map[string]string
	}
	var all []seen
	for i := range 8 {
		s, err := l.e.NewSnapshot()
		l.ok(err)
		all = append(all, seen{s, maps.Clone(l.want)})
		l.load(rows(i*400, 700, 1+i%3, fmt.Sprint("load", i)))
		l.put(rows(i*300, 100, 2, fmt.Sprint("put", i)))
	}
	for i, s := range all {
		if d := differs(contentsOf(t, s.s.(engine.Scanner)), s.want); d != "" {
			t.Errorf("snapshot %d: %s", i, d)
		}
		l.ok(s.s.Close())
	}
	l.check("without snapshots")
	l.sound()
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
		if p.Sync || p.Op == "rename" {
			take(p)
		}
	})
	f()
	mem.Watch(nil)
	take(vfs.Point{Op: "end"})
	return all
}

// loadScene is a tree, and a load that lies among and behind its keys.
func loadScene(t *testing.T, more map[string]string) (l *ledger, loaded map[string]string) {
	l = newLedger(t, more)
	l.put(rows(0, 300, 3, "deep"))
	l.ok(l.e.Settle(context.Background()))
	l.put(rows(100, 60, 5, "in the log"))
	loaded = rows(500, 1500, 1, "loaded")
	loaded["key000777"] = strings.Repeat("long", 5000)
	return l, loaded
}

func TestACrashDuringALoadLeavesAllOrNothingOfIt(t *testing.T) {
	for _, more := range []map[string]string{{}, {"durability": "none"}, {"mode": "cow", "durability": "sync"}} {
		seed := seedOf(t)
		l, loaded := loadScene(t, more)
		l.ok(l.e.Sync())
		without, with := maps.Clone(l.want), maps.Clone(l.want)
		maps.Copy(with, loaded)
		outcomes := [2]int{}
		left := photographs(l.fsys.(*vfs.Mem), seed, func() { l.load(loaded) })
		for i, p := range left {
			c := &ledger{t: t, fsys: p.left, given: l.given, want: with}
			c.open("/db")
			got := contentsOf(t, c.e)
			switch {
			case differs(got, with) == "":
				outcomes[1]++
			case differs(got, without) == "":
				outcomes[0]++
				c.want = without
			default:
				t.Fatalf("KVBENCH_SEED=%d, %s: of the load: %s; without it: %s", seed, p.what, differs(got, with), differs(got, without))
			}
			if i == len(left)-1 && outcomes[1] == 0 {
				t.Fatal("Finish has returned, and the load is not there")
			}
			c.sound()
			c.ok(c.e.Close())
		}
		if outcomes[0] == 0 || outcomes[1] == 0 {
			t.Errorf("%v: %v without and with the load", more, outcomes)
		}
	}
}

func TestAFailureDuringALoadLeavesAllOrNothingOfIt(t *testing.T) {
	for _, more := range []map[string]string{{}, {"durability": "none"}} {
		outcomes := [2]int{}
		for n := uint64(1); ; n++ {
			l, loaded := loadScene(t, more)
			l.ok(l.e.Sync())
			mem := l.fsys.(*vfs.Mem)
			l.ok(l.e.Close())
			faults := vfs.NewFault(mem)
			l.fsys = faults
			l.open("/db")
			faults.Set(vfs.Rule{Kind: vfs.KindAny, Nth: n, Err: syscall.EIO})
			err := tryLoad(l.e, loaded)
			fired := faults.Fired() > 0
			faults.Set()
			_ = l.e.Close() // may fail, and say so
			l.fsys = mem
			l.open("/db")
			got := contentsOf(t, l.e)
			with := maps.Clone(l.want)
			maps.Copy(with, loaded)
			switch {
			case differs(got, with) == "":
				outcomes[1]++
			case differs(got, l.want) == "" && err != nil:
				outcomes[0]++
			default:
				t.Fatalf("failure %d: Finish says %v; of the load: %s; without it: %s", n, err, differs(got, with), differs(got, l.want))
			}
			l.want = got
			l.load(rows(480, 300, 2, "another"))
			l.check("another load")
			l.sound()
			l.ok(l.e.Close())
			if !fired {
				break
			}
		}
		if outcomes[0] == 0 || outcomes[1] == 0 {
			t.Errorf("%v: %v without and with the load", more, outcomes)
		}
	}
}

func tryLoad(e *tree, rows map[string]string) error {
	b, err := e.NewBulkLoad()
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		if err := b.Add([]byte(key), []byte(rows[key])); err != nil {
			return errors.Join(err, b.Abort())
		}
	}
	return b.Finish()
}

// Loads and writers of the same keys: a write that follows a load is not
// hidden by it, a load is seen whole, and a snapshot does not change.
func TestLoadsAndWritesAreInOneOrder(t *testing.T) {
	for _, more := range []map[string]string{{}, {"durability": "none"}} {
		l := newLedger(t, more)
		loadsAndWrites(l)
		l.want = contentsOf(t, l.e)
		l.sound()
	}
}

func loadsAndWrites(l *ledger) {
	const keys, loads = 300, 25
	t := l.t
	var finished atomic.Int64 // the last load that has
	var stop atomic.Bool
	var group sync.WaitGroup
	name := func(kind string, k int) []byte { return fmt.Appendf(nil, "%s%03d", kind, k) }
	for w := range 2 {
		group.Go(func() {
			for i := 0; !stop.Load(); i++ {
				// Each writer has keys of its own among those of the loads.
				key, value := name("mixed", 2*(i%(keys/2))+w), fmt.Appendf(nil, "written %d", i)
				before := finished.Load()
				if err := l.e.Put(key, value, engine.Default); err != nil {
					t.Error(err)
					return
				}
				got, err := l.e.Get(nil, key)
				var n int64
				if _, e := fmt.Sscanf(string(got), "load %d", &n); err != nil || string(got) != string(value) && (e != nil || n <= before) {
					t.Errorf("%s is %q after %q was written after load %d, %v", key, got, value, before, err)
					return
				}
			}
		})
	}
	group.Go(func() {
		for !stop.Load() {
			s, err := l.e.NewSnapshot()
			if err != nil {
				t.Error(err)
				return
			}
			first := contentsOf(t, s.(engine.Scanner))
			for k := range keys {
				if first[string(name("loaded", k))] != first["loaded000"] {
					t.Errorf("a snapshot has loaded000 %.20q, and loaded%03d %.20q", first["loaded000"], k, first[string(name("loaded", k))])
					stop.Store(true)
				}
			}
			if d := differs(contentsOf(t, s.(engine.Scanner)), first); d != "" {
				t.Errorf("a snapshot has changed: %s", d)
				stop.Store(true)
			}
			_ = s.Close()
		}
	})
	padding := strings.Repeat(".", 100)
	for i := int64(1); i <= loads && !stop.Load(); i++ {
		all := map[string]string{}
		for k := range keys {
			all[string(name("loaded", k))] = fmt.Sprint("load ", i, padding)
			all[string(name("mixed", k))] = fmt.Sprint("load ", i)
		}
		if err := tryLoad(l.e, all); err != nil {
			t.Error(err)
		}
		finished.Store(i)
		if got, err := l.e.Get(nil, []byte("loaded007")); err != nil || string(got) != fmt.Sprint("load ", i, padding) {
			t.Errorf("after load %d loaded007 is %q, %v", i, got, err)
		}
	}
	stop.Store(true)
	group.Wait()
}

func TestCloseEndsALoadThatFinishes(t *testing.T) {
	for n := range 10 {
		l := newLedger(t, nil)
		l.put(rows(0, 300, 3, "there"))
		before := maps.Clone(l.want)
		loaded := rows(100, 900, 1, "loaded")
		b := l.begin(loaded)
		var group sync.WaitGroup
		var err error
		group.Go(func() { err = b.Finish() })
		l.ok(l.e.Close())
		group.Wait()
		if err == nil {
			maps.Copy(before, loaded)
		} else if !errors.Is(err, engine.ErrClosed) {
			t.Fatalf("round %d: Finish: %v", n, err)
		}
		l.open("/db")
		l.want = before
		l.check(fmt.Sprintf("round %d, Finish was %v", n, err))
		l.sound()
	}
}

func BenchmarkBulkLoad(b *testing.B) {
	e, err := open("/db", map[string]string{"cache_bytes": "64m"}, engine.Env{FS: vfs.NewMem()})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	l, err := e.(*tree).NewBulkLoad()
	if err != nil {
		b.Fatal(err)
	}
	var key [16]byte
	value := bytes.Repeat([]byte("v"), 100)
	b.SetBytes(int64(len(key) + len(value)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		copy(key[:], fmt.Sprintf("%016d", i))
		if err := l.Add(key[:], value); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Finish(); err != nil {
		b.Fatal(err)
	}
}
