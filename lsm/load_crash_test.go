package lsm

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/manifest"
	"github.com/kvbench/kvbench/lsm/version"
)

// loadScene is a tree before a load.
func loadScene(t *testing.T, more map[string]string) (l *ledger, loaded map[string]string) {
	l = newLedger(t, more)
	l.busy()
	l.settle()
	l.put("key00500", "in memory, under the load")
	l.put("a", "in memory, beside it")
	return l, rows(490, 200, 1, "loaded")
}

func TestACrashDuringALoadLeavesAllOrNothingOfIt(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, more := range layouts() {
		l, loaded := loadScene(t, more)
		before := maps.Clone(l.want)
		left := photographs(l.fsys.(*vfs.Mem), seed, func() { l.load(loaded) })
		saw := [2]int{}
		for i, p := range left {
			if os.Getenv("KVBENCH_SOAK") == "" && i%5 != int(seed%5) && i < len(left)-3 {
				continue
			}
			c := &ledger{t: t, fsys: p.left, given: l.given, want: maps.Clone(l.want)}
			c.e = openIn(t, p.left, l.given)
			got := contentsOf(t, c.e)
			if _, ok := got["key00491"]; ok && got["key00491"] == loaded["key00491"] {
				saw[1]++
				// What came before a load that is durable is, too.
				c.check(p.what)
			} else {
				saw[0]++
				if i == len(left)-1 { // after Finish
					t.Fatalf("%s: the load is gone", p.what)
				}
				// Of what came before anything may be missing that was not
				// synced, and nothing of the load may be there.
				for key, value := range got {
					if before[key] != value && value == loaded[key] {
						t.Fatalf("%s: %q is there: %.20q", p.what, key, value)
					}
				}
				c.want = got
			}
			c.load(rows(480, 300, 2, "another"))
			c.check(p.what + ", and another load")
			c.reopen()
			c.check(p.what + ", and reopened")
			c.sound()
			c.tidy(p.what)
		}
		if saw[0] == 0 || saw[1] == 0 {
			t.Errorf("%v: %v photographs without and with the load", more, saw)
		}
	}
}

// tidy opens and closes the tree, and looks for files that it does not name.
func (l *ledger) tidy(what string) {
	l.t.Helper()
	l.e = openIn(l.t, l.fsys, l.given)
	l.ok(l.e.Close())
	s, err := manifest.Scan(l.fsys, "/db", nil, func(*version.Edit, int64) error { return nil })
	l.ok(err)
	named := map[string]bool{}
	for _, p := range s.State.Version.All() {
		named[tableDir+"/"+tableName(p.Table.ID)] = true
	}
	for _, b := range s.State.Version.Blobs {
		named[blobDir+"/"+blobName(b.ID)] = true
	}
	for _, name := range l.files() {
		if !named[name] {
			l.t.Fatalf("%s: %s stays", what, name)
		}
	}
}

func TestAFailureDuringALoadLeavesAllOrNothingOfIt(t *testing.T) {
	for _, more := range []map[string]string{{"separate_bytes": "30"}, {"durability": "none"}, {"layout": "tiered"}} {
		outcomes := [2]int{}
		for n := uint64(1); ; n++ {
			l, loaded := loadScene(t, more)
			l.ok(l.e.Sync())
			mem := l.fsys.(*vfs.Mem)
			l.ok(l.e.Close())
			faults := vfs.NewFault(mem)
			l.fsys = faults
			l.e = openIn(t, faults, l.given)
			faults.Set(vfs.Rule{Kind: vfs.KindAny, Nth: n, Err: syscall.EIO})
			err := tryLoad(l.e, loaded)
			fired := faults.Fired() > 0
			faults.Set()
			_ = l.e.Close() // may fail, and say so
			l.fsys = mem
			l.e = openIn(t, mem, l.given)
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
	for _, more := range []map[string]string{{}, {"layout": "tiered", "durability": "none"}} {
		l := newLedger(t, more)
		loadsAndWrites(l)
		l.sound()
	}
}

func loadsAndWrites(l *ledger) {
	const keys, loads = 30, 100
	t := l.t
	var finished atomic.Int64 // the last load that has
	var stop atomic.Bool
	var group sync.WaitGroup
	name := func(kind string, k int) []byte { return fmt.Appendf(nil, "%s%02d", kind, k) }
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
			least := finished.Load()
			for k := range keys {
				if first[string(name("loaded", k))] != first["loaded00"] {
					t.Errorf("a snapshot has load00 %q, and load%02d %q", first["loaded00"], k, first[string(name("loaded", k))])
					stop.Store(true)
				}
			}
			if d := differs(contentsOf(t, s.(engine.Scanner)), first); d != "" {
				t.Errorf("a snapshot has changed, since load %d: %s", least, d)
				stop.Store(true)
			}
			_ = s.Close()
		}
	})
	for i := int64(1); i <= loads && !stop.Load(); i++ {
		all := map[string]string{}
		for k := range keys {
			all[string(name("loaded", k))] = fmt.Sprint("load ", i)
			all[string(name("mixed", k))] = fmt.Sprint("load ", i)
		}
		if err := tryLoad(l.e, all); err != nil {
			t.Error(err)
		}
		finished.Store(i)
		if got, err := l.e.Get(nil, []byte("loaded07")); err != nil || string(got) != fmt.Sprint("load ", i) {
			t.Errorf("after load %d loaded07 is %q, %v", i, got, err)
		}
	}
	stop.Store(true)
	group.Wait()
}

func TestCloseEndsALoadThatFinishes(t *testing.T) {
	for n := range 20 {
		l := newLedger(t, nil)
		l.busy()
		before := maps.Clone(l.want)
		loaded := rows(100, 300, 1, "loaded")
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
		l.e = openIn(t, l.fsys, l.given)
		l.want = before
		l.check(fmt.Sprintf("round %d, Finish was %v", n, err))
		l.sound()
	}
}
