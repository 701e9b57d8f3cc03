package btree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
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

// A ledger is a tree in /db, and what it should have.
type ledger struct {
	t     testing.TB
	fsys  vfs.FS
	given map[string]string
	e     *tree
	want  map[string]string
}

func newLedger(t testing.TB, more map[string]string) *ledger {
	t.Helper()
	l := &ledger{t: t, fsys: vfs.NewMem(), given: small(more), want: map[string]string{}}
	l.open("/db")
	return l
}

// open opens the tree in dir, instead of the one that there was.
func (l *ledger) open(dir string) {
	l.t.Helper()
	e, err := open(dir, l.given, engine.Env{FS: l.fsys})
	if err != nil {
		l.t.Fatalf("open %s: %v", dir, err)
	}
	l.t.Cleanup(func() { e.Close() })
	l.e = e.(*tree)
}

func (l *ledger) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *ledger) put(rows map[string]string) {
	l.t.Helper()
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		l.ok(l.e.Put([]byte(key), []byte(rows[key]), engine.Default))
	}
	maps.Copy(l.want, rows)
}

func (l *ledger) remove(lower, upper string) {
	l.t.Helper()
	l.ok(l.e.DeleteRange([]byte(lower), []byte(upper), engine.Default))
	maps.DeleteFunc(l.want, func(key, _ string) bool { return key >= lower && key < upper })
}

// begin begins a load of these rows.
func (l *ledger) begin(rows map[string]string) engine.BulkLoad {
	l.t.Helper()
	b, err := l.e.NewBulkLoad()
	l.ok(err)
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		l.ok(b.Add([]byte(key), []byte(rows[key])))
	}
	return b
}

func (l *ledger) load(rows map[string]string) {
	l.t.Helper()
	l.ok(l.begin(rows).Finish())
	maps.Copy(l.want, rows)
}

// rows are n rows, from a number on, step by step.
func rows(from, n, step int, value string) map[string]string {
	all := map[string]string{}
	for i := range n {
		all[fmt.Sprintf("key%06d", from+i*step)] = fmt.Sprintf("%s %d", value, i)
	}
	return all
}

func contentsOf(t testing.TB, s engine.Scanner) map[string]string {
	t.Helper()
	all := map[string]string{}
	it := newIter(t, s, engine.IterOptions{})
	defer closeIt(t, it)
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.Value()
		if err != nil {
			t.Fatal(err)
		}
		all[string(it.Key())] = string(value)
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// differs says how, or nothing.
func differs(got, want map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if value, ok := got[key]; !ok || value != want[key] {
			return fmt.Sprintf("%q is %.40q (there: %v), want %.40q; %d keys, want %d", key, value, ok, want[key], len(got), len(want))
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			return fmt.Sprintf("%q is there; %d keys, want %d", key, len(got), len(want))
		}
	}
	return ""
}

// check compares the tree with what it should have, and looks at its pages.
func (l *ledger) check(what string) {
	l.t.Helper()
	if d := differs(contentsOf(l.t, l.e), l.want); d != "" {
		l.t.Fatalf("%s: %s", what, d)
	}
	if n := l.e.keys.Load(); n != int64(len(l.want)) {
		l.t.Fatalf("%s: %d keys are counted, want %d", what, n, len(l.want))
	}
	if err := checkShape(l.e); err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
}

// sound closes the tree and opens it again, and looks whether all its slots are
// accounted for, now and then.
func (l *ledger) sound() {
	l.t.Helper()
	dir := l.e.home.Dir
	l.ok(l.e.Sync())
	l.e.endWork()
	if err := l.e.checkSpace(); err != nil {
		l.t.Fatal(err)
	}
	l.ok(l.e.Close())
	l.open(dir)
	l.check("opened again")
}

// checkShape says why a tree that nobody uses is none.
func checkShape(t *tree) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := shape{v: view{tree: t, at: t.clock.Published()}, seen: map[page.ID]bool{}}
	defer s.v.end()
	if err := s.walk(page.RootID, -1, nil, nil); err != nil {
		return err
	}
	if s.next != 0 {
		return fmt.Errorf("the last leaf is followed by page %d", s.next)
	}
	for id := page.ID(1); id <= t.pages.Len(); id++ {
		if s.seen[id] != (t.pages.Load(id) != 0) {
			return fmt.Errorf("page %d is in the tree: %v; it is at %v", id, s.seen[id], t.pages.Load(id))
		}
	}
	if n := int(t.pages.Len() - t.pages.Free()); n != len(s.seen) {
		return fmt.Errorf("%d page ids are taken, the tree has %d pages", n, len(s.seen))
	}
	return nil
}

type shape struct {
	v      view
	seen   map[page.ID]bool
	leaves int
	next   page.ID // that the leaf before has
}

// page returns a copy of a page, and notes it.
func (s *shape) page(id page.ID) ([]byte, error) {
	if s.seen[id] {
		return nil, fmt.Errorf("page %d is in the tree twice", id)
	}
	s.seen[id] = true
	p, err := s.v.page(id)
	if err != nil {
		return nil, err
	}
	p = bytes.Clone(p)
	s.v.leave()
	if page.IDOf(p) != id {
		return nil, fmt.Errorf("page %d has id %d", id, page.IDOf(p))
	}
	return p, page.Check(p)
}

func (s *shape) walk(id page.ID, level int, low, high []byte) error {
	p, err := s.page(id)
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	l, h, bounded, _ := page.Fences(p)
	if level >= 0 && page.Level(p) != level || !bytes.Equal(l, low) || bounded != (high != nil) || !bytes.Equal(h, high) {
		return fmt.Errorf("page %d is at level %d from %q to %q (%v), want %d from %q to %q", id, page.Level(p), l, h, bounded, level, low, high)
	}
	if page.KindOf(p) == page.Leaf {
		return s.leaf(id, p)
	}
	for i := range page.Count(p) + 1 {
		from, to := low, high
		if i > 0 {
			from, _ = page.AppendKey(nil, p, i-1)
		}
		if i < page.Count(p) {
			to, _ = page.AppendKey(nil, p, i)
		}
		child, _ := page.ChildAt(p, i)
		if err := s.walk(child, page.Level(p)-1, from, to); err != nil {
			return err
		}
	}
	return nil
}

func (s *shape) leaf(id page.ID, p []byte) error {
	if s.leaves > 0 && s.next != id {
		return fmt.Errorf("leaf %d follows, the one before has %d", id, s.next)
	}
	s.leaves++
	s.next = page.Next(p)
	for i := range page.Count(p) {
		flags, payload, _ := page.Cell(p, i)
		r, ok := parseRow(flags, payload)
		if !ok {
			return fmt.Errorf("entry %d of leaf %d makes no sense", i, id)
		}
		for next := r.first; r.chained && next != 0; {
			q, err := s.page(next)
			if err != nil {
				return err
			}
			next = page.Next(q)
		}
	}
	return nil
}

// drawRows are rows of a random load: dense or sparse, of short and long keys
// and values, some of which are longer than a page.
func drawRows(r *rand.Rand, n int) map[string]string {
	all := map[string]string{}
	from, span := r.IntN(4000), 1+r.IntN(4000)
	prefix := ""
	if r.IntN(4) == 0 {
		prefix = strings.Repeat("x", 1+r.IntN(400))
	}
	long := r.IntN(3) == 0
	for range n {
		key := fmt.Sprintf("%04d%s", from+r.IntN(span), prefix)
		size := r.IntN(200)
		switch {
		case long && r.IntN(8) == 0:
			size = r.IntN(20_000)
		case r.IntN(20) == 0:
			key = (key + strings.Repeat("y", 600))[:500+r.IntN(13)] // up to the longest
		}
		all[key] = strings.Repeat(string(rune('a'+r.IntN(26))), size)
	}
	return all
}

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
