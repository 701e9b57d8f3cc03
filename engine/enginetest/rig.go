package enginetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// rig is where a clause works: one driver, and helpers that fail the clause
// when a step that it takes for granted goes wrong.
type rig struct {
	T
	name     string // of the test that called Run
	d        engine.Driver
	caps     engine.Caps
	settings map[string]string

	// tiny are settings that make small histories matter; see Tiny.
	tiny map[string]string

	// spare is time that loops may take beyond their budget.
	spare time.Duration

	// impatient does not look for the shortest history that fails.
	impatient bool

	// patience is how long to wait for what must happen soon, or never will.
	patience time.Duration
}

const patience = 10 * time.Second

// opened is an engine that closes itself when the clause ends.
type opened struct {
	engine.Engine
	b   *rig
	dir string

	// level is the weakest that the engine has: clauses that are not about
	// durability need not wait for a disk.
	level engine.Durability
}

// open opens an engine in a new directory.
func (b *rig) open() *opened {
	b.Helper()
	return b.openIn(b.TempDir(), nil)
}

// openIn opens dir with settings over those of the run.
func (b *rig) openIn(dir string, settings map[string]string) *opened {
	b.Helper()
	return b.openEnv(dir, settings, engine.Env{})
}

func (b *rig) openEnv(dir string, settings map[string]string, env engine.Env) *opened {
	b.Helper()
	e, err := b.d.Open(dir, b.with(settings), env)
	if err != nil {
		b.Fatalf("open %s in %s: %v", b.d.Name, dir, err)
	}
	b.Cleanup(func() { e.Close() })
	return &opened{Engine: e, b: b, dir: dir, level: weakest(e)}
}

// with returns the run's settings with more laid over them.
func (b *rig) with(more map[string]string) map[string]string {
	all := maps.Clone(b.settings)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	return all
}

func weakest(e engine.Engine) engine.Durability {
	levels := e.Caps().Durabilities.Levels()
	if len(levels) == 0 {
		return engine.Default
	}
	return levels[0]
}

// reopen closes the engine and opens its directory again.
func (e *opened) reopen() *opened {
	e.b.Helper()
	e.close()
	return e.b.openIn(e.dir, nil)
}

func (e *opened) close() {
	e.b.Helper()
	if err := e.Close(); err != nil {
		e.b.Fatalf("close: %v", err)
	}
}

func (e *opened) put(key, value string) {
	e.b.Helper()
	if err := e.Put([]byte(key), []byte(value), e.level); err != nil {
		e.b.Fatalf("put %q: %v", key, err)
	}
}

func (e *opened) remove(key string) {
	e.b.Helper()
	if err := e.Delete([]byte(key), e.level); err != nil {
		e.b.Fatalf("delete %q: %v", key, err)
	}
}

func (e *opened) apply(batch *engine.Batch) {
	e.b.Helper()
	if err := e.Apply(batch, e.level); err != nil {
		e.b.Fatalf("apply a batch of %d ops: %v", batch.Len(), err)
	}
}

// wants expects key to have value.
func (e *opened) wants(key, value string) { e.b.Helper(); wants(e.b, e, key, value) }

// misses expects key to be absent.
func (e *opened) misses(key string) { e.b.Helper(); misses(e.b, e, key) }

// getter is an engine or a snapshot.
type getter interface {
	Get(dst, key []byte) ([]byte, error)
}

func wants(t T, g getter, key, value string) {
	t.Helper()
	got, err := g.Get(nil, []byte(key))
	if err != nil {
		t.Errorf("get %q: %v, want value %s", key, err, show([]byte(value)))
		return
	}
	if string(got) != value {
		t.Errorf("get %q: %s, want %s", key, show(got), show([]byte(value)))
	}
}

func misses(t T, g getter, key string) {
	t.Helper()
	got, err := g.Get(nil, []byte(key))
	if err == nil {
		t.Errorf("get %q: %s, want it absent", key, show(got))
		return
	}
	if !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("get %q: %v, want ErrNotFound", key, err)
	}
}

// is expects err to wrap want; what says whose err it is.
func (b *rig) is(err, want error, what string, args ...any) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Errorf("%s: error is %v, want %v", fmt.Sprintf(what, args...), err, want)
	}
}

// ok ends the clause on an error.
func (b *rig) ok(err error, what string, args ...any) {
	b.Helper()
	if err != nil {
		b.Fatalf("%s: %v", fmt.Sprintf(what, args...), err)
	}
}

// role finds a role that Caps promise.
func role[R any](e *opened) R {
	e.b.Helper()
	r, ok := engine.As[R](e.Engine)
	if !ok {
		e.b.Fatalf("Caps promise the role %T, but As does not find it", (*R)(nil))
	}
	return r
}

// show prints bytes so that a person can compare them.
func show(p []byte) string {
	const most = 40
	if len(p) <= most {
		return fmt.Sprintf("%q", p)
	}
	return fmt.Sprintf("%q... (%d bytes)", p[:most], len(p))
}

// pair is a key and its value.
type pair struct{ key, value string }

// iter opens an iterator that closes itself.
func (e *opened) iter(o engine.IterOptions) engine.Iterator {
	e.b.Helper()
	return newIter(e.b, role[engine.Scanner](e), o)
}

func newIter(b *rig, s engine.Scanner, o engine.IterOptions) engine.Iterator {
	b.Helper()
	it, err := s.NewIter(o)
	b.ok(err, "new iterator")
	b.Cleanup(func() { it.Close() })
	return it
}

// contents reads everything: in order if the engine has one, else sorted.
func (e *opened) contents() []pair {
	e.b.Helper()
	if e.Caps().Ordered {
		it := e.iter(engine.IterOptions{})
		defer it.Close()
		return forwards(e.b, it)
	}
	if e.Caps().UnorderedScan {
		return scanned(e.b, role[engine.UnorderedScanner](e))
	}
	return nil
}

// forwards reads an iterator from First to its end.
func forwards(t T, it engine.Iterator) []pair {
	t.Helper()
	var all []pair
	for ok := it.First(); ok; ok = it.Next() {
		all = append(all, current(t, it))
	}
	if err := it.Err(); err != nil {
		t.Errorf("iterator: %v", err)
	}
	return all
}

// current copies what a positioned iterator stands on.
func current(t T, it engine.Iterator) pair {
	t.Helper()
	v, err := it.Value()
	if err != nil {
		t.Errorf("value of %s: %v", show(it.Key()), err)
	}
	return pair{string(it.Key()), string(v)}
}

// same compares contents and names the first difference.
func (b *rig) same(what string, got, want []pair) {
	b.Helper()
	if slices.Equal(got, want) {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	at := func(p []pair) string {
		if i >= len(p) {
			return "the end"
		}
		return show([]byte(p[i].key)) + " = " + show([]byte(p[i].value))
	}
	b.Errorf("%s: %d keys, want %d; they differ from no. %d on: %s, want %s",
		what, len(got), len(want), i, at(got), at(want))
}

// holds expects the engine to have these keys and no others. The others can
// only be seen with a scan.
func (e *opened) holds(want []pair) {
	e.b.Helper()
	for _, p := range want {
		e.wants(p.key, p.value)
	}
	if c := e.Caps(); c.Ordered || c.UnorderedScan {
		e.b.same("contents", e.contents(), want)
	}
}

// scanned reads an UnorderedScanner and sorts what it gave.
func scanned(t T, s engine.UnorderedScanner) []pair {
	t.Helper()
	var all []pair
	err := s.Scan(context.Background(), func(key, value []byte) error {
		all = append(all, pair{string(key), string(value)})
		return nil
	})
	if err != nil {
		t.Errorf("scan: %v", err)
	}
	return sorted(all)
}

func sorted(all []pair) []pair {
	slices.SortFunc(all, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	return all
}
