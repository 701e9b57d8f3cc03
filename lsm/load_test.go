package lsm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/version"
)

// A ledger is a tree, and what should be in it.
type ledger struct {
	t     testing.TB
	fsys  vfs.FS
	given map[string]string
	e     *tree
	want  map[string]string
}

// layouts are settings of trees of each shape, and of some with other files.
func layouts() []map[string]string {
	return []map[string]string{
		{"layout": "leveled"},
		{"layout": "tiered"},
		{"layout": "lazy", "durability": "none"},
		{"layout": "fluid", "filter": "none"},
		{"layout": "one-leveled", "filter_allocation": "monkey"},
		{"layout": "fifo"},
		{"layout": "leveled", "separate_bytes": "30", "compression": "lz4"},
	}
}

func newLedger(t testing.TB, more map[string]string) *ledger {
	t.Helper()
	l := &ledger{t: t, fsys: vfs.NewMem(), given: smallest(), want: map[string]string{}}
	maps.Copy(l.given, more)
	l.e = openIn(t, l.fsys, l.given)
	return l
}

func (l *ledger) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *ledger) put(key, value string) {
	l.t.Helper()
	l.ok(l.e.Put([]byte(key), []byte(value), engine.Default))
	l.want[key] = value
}

func (l *ledger) remove(key string) {
	l.t.Helper()
	l.ok(l.e.Delete([]byte(key), engine.Default))
	delete(l.want, key)
}

func (l *ledger) removeRange(lower, upper string) {
	l.t.Helper()
	l.ok(l.e.DeleteRange([]byte(lower), []byte(upper), engine.Default))
	maps.DeleteFunc(l.want, func(k, _ string) bool { return lower <= k && k < upper })
}

// begin begins a load of these keys and values.
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

func (l *ledger) flush()  { l.t.Helper(); l.ok(l.e.flushAll(context.Background())) }
func (l *ledger) settle() { l.t.Helper(); l.ok(l.e.Settle(context.Background())) }
func (l *ledger) compact() {
	l.t.Helper()
	l.ok(l.e.Compact(context.Background(), nil, nil))
}

func (l *ledger) reopen() {
	l.t.Helper()
	l.ok(l.e.Close())
	l.e = openIn(l.t, l.fsys, l.given)
}

// contentsOf is all that a scan finds.
func contentsOf(t testing.TB, s engine.Scanner) map[string]string {
	t.Helper()
	it, err := s.NewIter(engine.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.Value()
		if err != nil {
			t.Fatal(err)
		}
		got[string(it.Key())] = string(value)
	}
	if err := errors.Join(it.Err(), it.Close()); err != nil {
		t.Fatal(err)
	}
	return got
}

func differs(got, want map[string]string) string {
	for key, value := range want {
		if g, ok := got[key]; !ok || g != value {
			return fmt.Sprintf("%d keys, want %d; %q is there: %v, %.30q, want %.30q", len(got), len(want), key, ok, g, value)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			return fmt.Sprintf("%d keys, want %d; %q should be absent", len(got), len(want), key)
		}
	}
	return ""
}

// check compares all that is there: by a scan, key by key, and many at once.
func (l *ledger) check(what string) {
	l.t.Helper()
	if d := differs(contentsOf(l.t, l.e), l.want); d != "" {
		l.t.Fatalf("%s: a scan: %s", what, d)
	}
	var keys [][]byte
	for key, value := range l.want {
		got, err := l.e.Get(nil, []byte(key))
		if err != nil || string(got) != value {
			l.t.Fatalf("%s: get %q: %.30q, %v, want %.30q", what, key, got, err, value)
		}
		keys = append(keys, []byte(key), []byte(key+"-"))
	}
	out := make([]engine.Value, len(keys))
	l.ok(l.e.MultiGet(keys, out))
	for i, key := range keys {
		if value, ok := l.want[string(key)]; out[i].Found != ok || ok && string(out[i].Data) != value {
			l.t.Fatalf("%s: multiget %q: %v, %.30q, want %v, %.30q", what, key, out[i].Found, out[i].Data, ok, value)
		}
	}
}

// sound closes the tree and verifies its directory.
func (l *ledger) sound() {
	l.t.Helper()
	l.ok(l.e.Close())
	l.ok(verify(context.Background(), "/db", engine.Env{FS: l.fsys}, func(p engine.Problem) { l.t.Errorf("verify: %+v", p) }))
}

// rows are n keys from a number on, one of each step.
func rows(from, n, step int, value string) map[string]string {
	m := map[string]string{}
	for i := range n {
		k := from + i*step
		m[fmt.Sprintf("key%05d", k)] = fmt.Sprintf("%s of %d %s", value, k, strings.Repeat("x", k%50))
	}
	return m
}

func (l *ledger) putAll(rows map[string]string) {
	l.t.Helper()
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		l.put(key, rows[key])
	}
}

// eachLayout runs a test with trees of each shape.
func eachLayout(t *testing.T, f func(l *ledger)) {
	for _, more := range layouts() {
		t.Run(strings.Trim(fmt.Sprint(more), "map[]"), func(t *testing.T) { f(newLedger(t, more)) })
	}
}

func TestALoadIsNewerThanAllThatWasWrittenBefore(t *testing.T) {
	places := map[string]func(l *ledger){
		"nothing":        func(*ledger) {},
		"in a memtable":  func(l *ledger) { l.putAll(rows(0, 100, 7, "old")); l.removeRange("key00100", "key00300") },
		"around it":      func(l *ledger) { l.put("a", "1"); l.put("z", "2") },
		"a delete of it": func(l *ledger) { l.removeRange("a", "z") },
		"in level 0": func(l *ledger) {
			l.putAll(rows(0, 100, 7, "old"))
			l.flush()
			l.removeRange("key00100", "key00300")
			l.remove("key00350")
			l.flush()
		},
		"in levels": func(l *ledger) {
			l.putAll(rows(0, 300, 3, "oldest"))
			l.compact()
			l.putAll(rows(0, 100, 11, "old"))
			l.settle()
		},
		"everywhere": func(l *ledger) {
			l.putAll(rows(0, 300, 3, "oldest"))
			l.compact()
			l.putAll(rows(0, 150, 7, "older"))
			l.flush()
			l.removeRange("key00200", "key00400")
		},
	}
	eachLayout(t, func(l *ledger) {
		for name, prepare := range places {
			l := newLedger(l.t, l.given)
			prepare(l)
			l.load(rows(100, 200, 2, "loaded"))
			l.check(name)
			l.put("key00102", "newer")
			l.remove("key00104")
			l.flush()
			l.check(name + ", then written")
			l.reopen()
			l.check(name + ", reopened")
			l.load(rows(90, 100, 1, "again"))
			l.check(name + ", loaded again")
			l.settle()
			l.check(name + ", settled")
			l.compact()
			l.check(name + ", compacted")
			l.sound()
		}
	})
}

func TestASnapshotSeesTheLoadsBeforeIt(t *testing.T) {
	eachLayout(t, func(l *ledger) {
		type view struct {
			s    engine.Snapshot
			want map[string]string
		}
		var views []view
		shot := func() {
			s, err := l.e.NewSnapshot()
			l.ok(err)
			views = append(views, view{s, maps.Clone(l.want)})
		}
		look := func(what string) {
			l.t.Helper()
			for i, v := range views {
				if d := differs(contentsOf(l.t, v.s.(engine.Scanner)), v.want); d != "" {
					l.t.Fatalf("%s: snapshot %d: %s", what, i, d)
				}
				for key := range l.want {
					got, err := v.s.Get(nil, []byte(key))
					if want, ok := v.want[key]; ok != (err == nil) || string(got) != want {
						l.t.Fatalf("%s: snapshot %d: get %q: %q, %v, want %q", what, i, key, got, err, want)
					}
				}
			}
		}
		shot()
		l.putAll(rows(0, 300, 3, "old"))
		shot()
		for i := range 3 {
			l.load(rows(100*i, 200, 2, fmt.Sprint("load ", i)))
			shot()
			l.put("key00120", fmt.Sprint("written", i))
			shot()
			l.removeRange("key00200", "key00220")
			shot()
			look(fmt.Sprint("after load ", i))
		}
		l.compact()
		look("compacted")
		for _, v := range views[:4] {
			l.ok(v.s.Close())
		}
		views = views[4:]
		l.compact()
		look("without the older ones")
		for _, v := range views {
			l.ok(v.s.Close())
		}
		l.compact()
		l.check("at the end")
		l.sound()
	})
}

func TestATreeThatIsLoadedAndWrittenIsWhatAModelIs(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	eachLayout(t, func(l *ledger) {
		r := rand.New(rand.NewPCG(seed, 1))
		for n := range 400 {
			switch r.IntN(16) {
			case 0, 1, 2:
				l.load(rows(r.IntN(3000), 1+r.IntN(300), 1+r.IntN(3), fmt.Sprint("load ", n)))
			case 3:
				from := r.IntN(3000)
				l.removeRange(fmt.Sprintf("key%05d", from), fmt.Sprintf("key%05d", from+r.IntN(500)))
			case 4:
				l.flush()
			case 5:
				l.check(fmt.Sprint("step ", n))
			case 6:
				if r.IntN(4) == 0 {
					l.reopen()
				}
			case 7:
				if r.IntN(4) == 0 {
					l.compact()
				}
			case 8:
				l.ok(l.begin(rows(r.IntN(3000), 50, 1, "aborted")).Abort())
			case 9:
				l.remove(fmt.Sprintf("key%05d", r.IntN(3000)))
			default:
				l.putAll(rows(r.IntN(3000), 1+r.IntN(40), 1+r.IntN(30), fmt.Sprint("put ", n)))
			}
		}
		l.check("at the end")
		l.sound()
	})
}

// levelsOf says how many tables each level has.
func (l *ledger) levelsOf() (n [version.Levels]int) {
	held := l.e.holdLevels()
	defer l.e.letGo(held)
	for _, p := range held.version.All() {
		n[p.Level]++
	}
	return n
}

func TestALoadGoesAsDeepAsItMay(t *testing.T) {
	l := newLedger(t, map[string]string{"layout": "leveled"})
	level := func(rows map[string]string) int {
		b := l.begin(rows)
		l.ok(b.Finish())
		maps.Copy(l.want, rows)
		return b.(*load).out.level
	}
	if n := level(rows(1000, 100, 1, "first")); n != 6 {
		t.Errorf("the first load is on level %d", n)
	}
	if n := level(rows(2000, 100, 1, "beside it")); n != 6 {
		t.Errorf("a load beside what is there is on level %d", n)
	}
	if n := level(rows(1050, 100, 1, "over it")); n != 5 {
		t.Errorf("a load over what is on level 6 is on level %d", n)
	}
	l.put("key02060", "written")
	if n := level(rows(2055, 10, 1, "over what is written")); n == 6 {
		t.Errorf("a load over what was in a memtable is on level %d", n)
	}
	if n := level(rows(5000, 10, 1, "elsewhere")); n != 6 {
		t.Errorf("a load where nothing is is on level %d", n)
	}
	l.check("loaded")
	l.settle()
	l.check("settled")
	l.sound()

	l = newLedger(t, map[string]string{"layout": "fifo"})
	if n := level(rows(1000, 100, 1, "first")); n != 0 {
		t.Errorf("with layout=fifo a load is on level %d", n)
	}
	for _, layout := range []string{"tiered", "lazy", "fluid"} {
		l = newLedger(t, map[string]string{"layout": layout})
		if n := level(rows(1000, 2000, 1, "first")); n < 2 {
			t.Errorf("with layout=%s a first load of 60 KiB is on level %d", layout, n)
		}
		if n := level(rows(1000, 100, 1, "second")); n != 0 {
			t.Errorf("with layout=%s a further load is on level %d", layout, n)
		}
	}
}

func sum(n [version.Levels]int) (all int) {
	for _, x := range n {
		all += x
	}
	return all
}

func TestALargeLoadIsCutIntoTables(t *testing.T) {
	l := newLedger(t, map[string]string{"separate_bytes": "100"})
	all := rows(0, 5000, 1, "row")
	for i := range 50 {
		all[fmt.Sprintf("key%05d", 100*i)] = strings.Repeat("long", 100+i)
	}
	l.load(all)
	if n := sum(l.levelsOf()); n < 20 {
		t.Errorf("%d tables of 4 KiB for %d rows", n, len(all))
	}
	held := l.e.holdLevels()
	if len(held.version.Blobs) == 0 {
		t.Error("no value is in a blob file")
	}
	l.e.letGo(held)
	l.check("loaded")
	l.reopen()
	l.check("reopened")
	l.sound()
}

// files are the tables and blob files of a tree.
func (l *ledger) files() (all []string) {
	l.t.Helper()
	for _, dir := range []string{tableDir, blobDir} {
		names, err := l.fsys.List("/db/" + dir)
		l.ok(err)
		for _, name := range names {
			all = append(all, dir+"/"+name)
		}
	}
	return all
}

func TestALoadThatIsGivenUpLeavesNoFile(t *testing.T) {
	l := newLedger(t, map[string]string{"separate_bytes": "100"})
	large := rows(0, 2000, 1, strings.Repeat("x", 80))
	l.ok(l.begin(large).Abort())
	if got := l.files(); len(got) > 0 {
		t.Errorf("after Abort there are %v", got)
	}
	b := l.begin(large)
	l.ok(b.Abort())
	l.ok(b.Abort())
	if err := b.Finish(); !errors.Is(err, engine.ErrInvalid) {
		t.Errorf("Finish after Abort: %v", err)
	}
	if err := b.Add([]byte("z"), nil); !errors.Is(err, engine.ErrInvalid) {
		t.Errorf("Add after Abort: %v", err)
	}
	l.load(nil)
	l.check("nothing")

	b = l.begin(large)
	l.reopen()
	if got := l.files(); len(got) > 0 {
		t.Errorf("after Close and Open there are %v", got)
	}
	for what, err := range map[string]error{"Add": b.Add([]byte("z"), nil), "Finish": b.Finish(), "Abort": b.Abort()} {
		if !errors.Is(err, engine.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	l.load(large)
	l.check("loaded")
	l.sound()
}

// A load between flushes of level 0 is merged with the older ones, into tables
// that cover the gaps between their keys.
func TestALoadIntoLevel0ComesAfterAllThatIsInMemory(t *testing.T) {
	l := newLedger(t, map[string]string{"layout": "leveled", "l0_runs": "100", "base_bytes": "16m"})
	l.put("a", "1")
	l.put("m", "1")
	l.flush()
	l.put("p", "not in the bounds of the load")
	b := l.begin(map[string]string{"b": "2", "c": "2"})
	l.ok(b.Finish())
	maps.Copy(l.want, map[string]string{"b": "2", "c": "2"})
	if level := b.(*load).out.level; level != 0 {
		t.Fatalf("the load is on level %d", level)
	}
	held := l.e.holdLevels()
	defer l.e.letGo(held)
	newest := uint64(0)
	for _, p := range held.version.Flushed {
		newest = max(newest, uint64(p.Table.MaxSeq))
		if p == held.version.Flushed[0] && p.Table.MinSeq != p.Table.MaxSeq {
			t.Errorf("the newest of level 0 is %v", p)
		}
	}
	if len(held.version.Flushed) != 3 || newest != uint64(held.version.Flushed[0].Table.MaxSeq) {
		t.Errorf("level 0 is %v", held.version.Flushed)
	}
	l.check("loaded")
}
