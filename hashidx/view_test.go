package hashidx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"pgregory.net/rapid"
)

// A modelled is a value of the model.
type modelled struct {
	value  string
	expire int64 // 0: never
}

// A viewModel plays an engine against maps: one for now, and a copy for each
// snapshot.
type viewModel struct {
	t     *rapid.T
	e     *store
	clock atomic.Int64
	now   map[string]modelled
	open  []modelledView

	fsys   *vfs.Mem
	given  map[string]string
	copies int
}

type modelledView struct {
	snapshot engine.Snapshot
	want     map[string]modelled
}

const modelKeys = 60

// modelKey is one of the keys. Of the first, two by two have one code.
func modelKey(i int) string {
	if twins := twinKeys(); i < len(twins) {
		return twins[i]
	}
	return fmt.Sprintf("key%02d", i)
}

func (m *viewModel) key() string { return modelKey(rapid.IntRange(0, modelKeys-1).Draw(m.t, "key")) }

func (m *viewModel) value() string { return valueOf(rapid.IntRange(0, 30).Draw(m.t, "value")) }

func (m *viewModel) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// check compares a view with what it should be.
func (m *viewModel) check(v modelledView) {
	m.t.Helper()
	want := map[string]string{}
	for key, x := range v.want {
		if x.expire == 0 || m.clock.Load() < x.expire {
			want[key] = x.value
		}
	}
	for i := range modelKeys {
		key := modelKey(i)
		got, err := v.snapshot.Get([]byte("dst"), []byte(key))
		value, ok := want[key]
		switch {
		case ok && (err != nil || string(got) != "dst"+value):
			m.t.Fatalf("%s is %.20q, %v, want %.20q", key, got, err, value)
		case !ok && (err != engine.ErrNotFound || string(got) != "dst"): //nolint:errorlint // as it is
			m.t.Fatalf("%s is %.20q, %v, want nothing", key, got, err)
		}
	}
	got := map[string]string{}
	m.must(v.snapshot.(engine.UnorderedScanner).Scan(context.Background(), func(key, value []byte) error {
		if _, twice := got[string(key)]; twice {
			return fmt.Errorf("%s comes twice", key)
		}
		got[string(key)] = string(value)
		return nil
	}))
	if !maps.Equal(got, want) {
		m.t.Fatalf("scan: %s", difference(got, want))
	}
}

func (m *viewModel) put(t *rapid.T) {
	key, value := m.key(), m.value()
	m.must(m.e.Put([]byte(key), []byte(value), engine.Buffered))
	m.now[key] = modelled{value, 0}
}

func (m *viewModel) putExpiring(t *rapid.T) {
	key, value := m.key(), m.value()
	at := m.clock.Load() + int64(rapid.IntRange(-1, 5).Draw(t, "life"))
	m.must(m.e.PutTTL([]byte(key), []byte(value), time.Unix(0, at), engine.Buffered))
	m.now[key] = modelled{value, at}
}

func (m *viewModel) remove(t *rapid.T) {
	key := m.key()
	m.must(m.e.Delete([]byte(key), engine.Buffered))
	delete(m.now, key)
}

func (m *viewModel) batch(t *rapid.T) {
	var b engine.Batch
	for range rapid.IntRange(1, 20).Draw(t, "ops") {
		key := m.key()
		if rapid.Bool().Draw(t, "delete") {
			b.Delete([]byte(key))
			delete(m.now, key)
			continue
		}
		value := m.value()
		b.Put([]byte(key), []byte(value))
		m.now[key] = modelled{value, 0}
	}
	m.must(m.e.Apply(&b, engine.Buffered))
}

func (m *viewModel) openIn(dir string) *store {
	m.t.Helper()
	e, err := open(dir, m.given, engine.Env{FS: m.fsys, Now: func() time.Time { return time.Unix(0, m.clock.Load()) }})
	m.must(err)
	return e.(*store)
}

// copy makes a checkpoint and compares it.
func (m *viewModel) copy(*rapid.T) {
	m.copies++
	dir := fmt.Sprintf("/copies/%d", m.copies)
	m.must(m.e.Checkpoint(dir))
	e := m.openIn(dir)
	defer e.Close()
	m.check(modelledView{e, m.now})
}

func (m *viewModel) actions() map[string]func(*rapid.T) {
	ctx := context.Background()
	return map[string]func(*rapid.T){
		"put": m.put, "put more": m.put, "put expiring": m.putExpiring, "delete": m.remove, "batch": m.batch,
		"copy":    m.copy,
		"wait":    func(*rapid.T) { m.clock.Add(2) },
		"rotate":  func(*rapid.T) { m.must(m.e.hot.Rotate(ctx)) },
		"settle":  func(*rapid.T) { m.must(m.e.Settle(ctx)) },
		"compact": func(*rapid.T) { m.must(m.e.Compact(ctx, nil, nil)) },
		"freeze": func(t *rapid.T) {
			if len(m.open) >= 6 {
				t.Skip("enough")
			}
			s, err := m.e.NewSnapshot()
			m.must(err)
			m.open = append(m.open, modelledView{s, maps.Clone(m.now)})
		},
		"check": func(t *rapid.T) {
			if len(m.open) == 0 {
				t.Skip("none")
			}
			m.check(m.open[rapid.IntRange(0, len(m.open)-1).Draw(t, "which")])
		},
		"close": func(t *rapid.T) {
			if len(m.open) == 0 {
				t.Skip("none")
			}
			i := rapid.IntRange(0, len(m.open)-1).Draw(t, "which")
			m.check(m.open[i])
			m.must(m.open[i].snapshot.Close())
			m.open = append(m.open[:i], m.open[i+1:]...)
		},
	}
}

func TestSnapshotsStayWhatTheyWere(t *testing.T) { withEachIndex(t, snapshotsStayWhatTheyWere) }

func snapshotsStayWhatTheyWere(t *testing.T, given map[string]string) {
	given["gc_garbage"] = "10"
	var moved, undone uint64
	rapid.Check(t, func(t *rapid.T) {
		m := &viewModel{t: t, now: map[string]modelled{}, fsys: vfs.NewMem(), given: given}
		m.clock.Store(1000)
		m.must(m.fsys.MkdirAll("/db"))
		m.must(engine.WriteMarker(m.fsys, "/db", marker()))
		seeded, err := manifest.Create(m.fsys, "/db", twinSeed)
		m.must(err)
		m.must(seeded.Close())
		m.e = m.openIn("/db")
		t.Repeat(m.actions())
		for _, v := range m.open {
			m.check(v)
			if v.snapshot.(*frozen).undo.Load() != nil {
				undone++
			}
		}
		moved += m.e.gc.copies.Load()
		m.must(m.e.Close())
		for _, v := range m.open {
			if _, err := v.snapshot.Get(nil, []byte("k")); err != engine.ErrClosed { //nolint:errorlint // as it is
				t.Fatalf("get after the engine's close: %v", err)
			}
			m.must(v.snapshot.Close())
		}
	})
	if moved == 0 || undone == 0 {
		t.Errorf("GC moved %d ops, and %d snapshots had an undo", moved, undone)
	}
}

func newSnapshot(t testing.TB, e *store) *frozen {
	t.Helper()
	s, err := e.NewSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*frozen)
}

func put(t testing.TB, e *store, key, value string) {
	t.Helper()
	if err := e.Put([]byte(key), []byte(value), engine.Default); err != nil {
		t.Fatal(err)
	}
}

// What is changed while a scan is at a key, before and behind it, does not
// show, nor does it come twice.
func TestAScanOfASnapshotDoesNotSeeWhatIsWrittenMeanwhile(t *testing.T) {
	withEachIndex(t, aScanOfASnapshotDoesNotSeeWhatIsWrittenMeanwhile)
}

func aScanOfASnapshotDoesNotSeeWhatIsWrittenMeanwhile(t *testing.T, given map[string]string) {
	e := openIn(t, vfs.NewMem(), given)
	want := map[string]string{}
	const keys = 5000
	for i := range keys {
		key := fmt.Sprintf("key%d", i)
		put(t, e, key, "old")
		want[key] = "old"
	}
	s := newSnapshot(t, e)
	n, got := 0, map[string]string{}
	err := s.Scan(context.Background(), func(key, value []byte) error {
		if _, twice := got[string(key)]; twice {
			return fmt.Errorf("%s comes twice", key)
		}
		got[string(key)] = string(value)
		n++
		if err := e.Put(fmt.Appendf(nil, "key%d", n*7919%keys), []byte("new"), engine.Default); err != nil {
			return err
		}
		if err := e.Delete(fmt.Appendf(nil, "key%d", n*6007%keys), engine.Default); err != nil {
			return err
		}
		return e.Put(fmt.Appendf(nil, "more%d", n), []byte("new"), engine.Default)
	})
	if err != nil || !maps.Equal(got, want) {
		t.Fatalf("%v, %s", err, difference(got, want))
	}
	if got := contents(t, s); !maps.Equal(got, want) {
		t.Fatal(difference(got, want))
	}
}

func TestASnapshotNotesAKeyOnce(t *testing.T) {
	e := openIn(t, vfs.NewMem(), smallest())
	put(t, e, "a", "old")
	put(t, e, "b", "old")
	first := newSnapshot(t, e)
	for i := range 100 {
		put(t, e, "a", fmt.Sprint(i))
		put(t, e, fmt.Sprint("new", i), "v")
	}
	second := newSnapshot(t, e)
	if n := first.undo.Load().Len(); n != 1 {
		t.Errorf("undo has %d entries, one key was changed", n)
	}
	if second.undo.Load() != nil {
		t.Error("there is an undo, though nothing was changed")
	}
	put(t, e, "a", "last")
	if first.undo.Load().Len() != 1 || second.undo.Load().Len() != 1 {
		t.Errorf("undos have %d and %d entries, want 1 and 1", first.undo.Load().Len(), second.undo.Load().Len())
	}
}

func TestClosingASnapshotGivesBackFilesAndMemory(t *testing.T) {
	fsys := vfs.NewMem()
	e := openIn(t, fsys, smallest())
	const keys = 300
	fill := func() {
		for i := range keys {
			put(t, e, fmt.Sprint("key", i), valueOf(i))
		}
	}
	fill()
	s := newSnapshot(t, e)
	fill()
	ctx := context.Background()
	if err := e.Compact(ctx, nil, nil); err != nil {
		t.Fatal(err)
	}
	var m engine.Metrics
	e.Metrics(&m)
	onDisk := func() int64 { return diskBytes(t, fsys, "/db/hot") + diskBytes(t, fsys, "/db/cold") }
	with, memory, pinned := onDisk(), m.Memory.Off.Or(0), int64(m.Space.PinnedBytes.Or(0))
	if pinned == 0 || pinned > with {
		t.Errorf("%d bytes of %d are pinned", pinned, with)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Compact(ctx, nil, nil); err != nil {
		t.Fatal(err)
	}
	e.Metrics(&m)
	if without, left := onDisk(), m.Space.PinnedBytes.Or(0); without > with-pinned/2 || left != 0 {
		t.Errorf("%d bytes on disk without the snapshot, %d with it, %d of them pinned; now %d", without, with, pinned, left)
	}
	if after := m.Memory.Off.Or(0); after >= memory {
		t.Errorf("%d bytes of memory with the snapshot, %d without", memory, after)
	}
	wantFreed(t, s)
}

// wantFreed: a closed index keeps but what it is itself.
func wantFreed(t *testing.T, s *frozen) {
	t.Helper()
	if bytes := s.undo.Load().Bytes(); bytes >= 128<<10 {
		t.Errorf("undo still has %d bytes", bytes)
	}
}

func TestClosingTheEngineEndsItsSnapshots(t *testing.T) {
	e := openIn(t, vfs.NewMem(), smallest())
	for i := range 1000 {
		put(t, e, fmt.Sprint("key", i), "old")
	}
	s := newSnapshot(t, e)
	put(t, e, "key0", "new")
	begun, closing := make(chan struct{}), make(chan error)
	go func() {
		<-begun
		closing <- e.Close()
	}()
	n := 0
	err := s.Scan(context.Background(), func(_, _ []byte) error {
		if n++; n == 1 {
			close(begun)
			for !e.closed.Load() {
				time.Sleep(0)
			}
		}
		return nil
	})
	if !errors.Is(err, engine.ErrClosed) || n != 1 {
		t.Errorf("scan: %v after %d keys", err, n)
	}
	if err := <-closing; err != nil {
		t.Error(err)
	}
	wantFreed(t, s)
	if _, err := s.Get(nil, []byte("key0")); err != engine.ErrClosed { //nolint:errorlint // as it is
		t.Errorf("get: %v", err)
	}
	if err := s.Scan(context.Background(), nil); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("scan: %v", err)
	}
	if _, err := e.NewSnapshot(); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("new snapshot: %v", err)
	}
}

func TestAClosedSnapshotEndsItsScan(t *testing.T) {
	e := openIn(t, vfs.NewMem(), smallest())
	for i := range 1000 {
		put(t, e, fmt.Sprint("key", i), "old")
	}
	s := newSnapshot(t, e)
	n := 0
	err := s.Scan(context.Background(), func(_, _ []byte) error {
		n++
		return s.Close()
	})
	if !errors.Is(err, engine.ErrClosed) || n != 1 {
		t.Errorf("%v after %d keys", err, n)
	}
}

func TestGettingFromASnapshotDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	e := openIn(t, vfs.NewMem(), smallest())
	const keys = 1000
	for i := range keys {
		put(t, e, fmt.Sprint("key", i), valueOf(i))
	}
	s := newSnapshot(t, e)
	for i := range keys / 2 {
		put(t, e, fmt.Sprint("key", i), "new")
	}
	dst, all := make([]byte, 0, 4096), make([][]byte, keys+1)
	for i := range all {
		all[i] = fmt.Append(nil, "key", i) // the last is absent
	}
	i := 0
	allocs := testing.AllocsPerRun(2*keys, func() {
		_, err := s.Get(dst, all[i%len(all)])
		if err != nil && i%len(all) < keys {
			t.Fatal(err)
		}
		i++
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestASnapshotOfAnEngineThatIsOpenForReading(t *testing.T) {
	fsys := vfs.NewMem()
	e := openIn(t, fsys, smallest())
	put(t, e, "a", "1")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	s := newSnapshot(t, openIn(t, fsys, map[string]string{"read_only": "true"}))
	if got, err := s.Get(nil, []byte("a")); err != nil || string(got) != "1" {
		t.Errorf("%q, %v", got, err)
	}
	if got := contents(t, s); len(got) != 1 {
		t.Errorf("%v", got)
	}
}
