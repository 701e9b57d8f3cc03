package btree

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
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
