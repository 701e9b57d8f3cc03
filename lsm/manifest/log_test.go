package manifest

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
)

const dir = "/db"

func newDir(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := errors.Join(m.MkdirAll(dir), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return m
}

func table(id uint64, lower, upper string) *version.Table {
	return &version.Table{
		ID: id, Bytes: 1 << 20, Smallest: []byte(lower), Largest: []byte(upper),
		MinSeq: ikey.Seq(10 * id), MaxSeq: ikey.Seq(10*id + 9), Entries: 10,
	}
}

// edits is a history that uses every field.
func edits() []*version.Edit {
	full := table(3, "a", "m")
	full.LargestExclusive = true
	full.Tombstones, full.RangeDeletes, full.KeyBytes, full.ValueBytes = 4, 300, 0x1234, 0x123456
	full.Created, full.OldestTombstone, full.LastExpiry = 1_800_000_000e9, -1, 2_000_000_000e9
	full.ExpiringBytes = 0x4321
	full.Blobs = []version.BlobUse{{File: 4, Values: 2, Bytes: 200}, {File: 5, Values: 1, Bytes: 300}}
	open := table(6, "n", "")
	open.LargestExclusive = true
	open.Blobs = []version.BlobUse{{File: 4, Values: 1, Bytes: 10}}
	return []*version.Edit{
		{Added: []version.Placed{{Level: 0, Run: 1, Table: table(1, "b", "k")}}, LogFrom: 1<<32 | 16, Note: "flush"},
		{
			Added:      []version.Placed{{Level: 0, Run: 2, Table: full}},
			AddedBlobs: []*version.Blob{{ID: 4, Bytes: 1000, ValueBytes: 900}, {ID: 5, Bytes: 500, ValueBytes: 400}},
			LogFrom:    1<<32 | 4096, Through: 2<<32 | 77, LastSeq: 200,
		},
		{Deleted: []version.Place{{Level: 0, ID: 3}}, Added: []version.Placed{{Level: 6, Run: 3, Table: full}}},
		{Added: []version.Placed{{Level: 6, Run: 3, Table: open}}, NextID: 9, NextRun: 12},
		{Deleted: []version.Place{{Level: 6, ID: 3}, {Level: 0, ID: 1}}, Note: strings.Repeat("n", version.MaxNote)},
		{Added: []version.Placed{{Level: 1, Run: 12, Table: table(9, "", "z")}}, LastSeq: ikey.MaxSeq},
	}
}

// model is the state after the first n edits.
func model(t testing.TB, n int) *version.State {
	t.Helper()
	s := version.NewState()
	for _, e := range edits()[:n] {
		var err error
		if s, _, err = s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func same(a, b *version.State) bool {
	x, y := *a, *b
	x.Version, y.Version = nil, nil
	return x == y && a.Version.String() == b.Version.String()
}

// history runs edits on a new directory, and returns how many were
// acknowledged.
func history(fsys vfs.FS, long int, done func(n int)) (n int, err error) {
	l, _, err := Open(fsys, dir, Options{})
	if err != nil {
		return 0, err
	}
	l.long = long
	for i, e := range edits() {
		if _, _, err := l.Append(e); err != nil {
			return i, errors.Join(err, l.Close())
		}
		done(i + 1)
	}
	return len(edits()), l.Close()
}

func nothing(int) {}

func TestANewDirectoryIsAnEmptyTree(t *testing.T) {
	m := newDir(t)
	if l, s, err := Open(m, dir, Options{ReadOnly: true}); err != nil || !same(s, version.NewState()) || l.Close() != nil {
		t.Fatal(err)
	}
	if names, _ := m.List(dir); len(names) != 0 {
		t.Fatal(names)
	}
	for range 3 {
		l, s, err := Open(m, dir, Options{})
		if err != nil || !same(s, version.NewState()) {
			t.Fatal(s, err)
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Fatal(err)
		}
		if names, _ := m.List(dir); len(names) != 2 {
			t.Fatal(names)
		}
	}
	if _, _, err := Open(m, "/absent", Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestWhatWasAppendedIsThereAfterOpen(t *testing.T) {
	for _, long := range []int{longBytes, 0} {
		m := newDir(t)
		if _, err := history(m, long, nothing); err != nil {
			t.Fatal(err)
		}
		want := model(t, len(edits()))
		for _, readOnly := range []bool{true, false, false, true} {
			l, s, err := Open(m, dir, Options{ReadOnly: readOnly})
			if err != nil || !same(s, want) || !same(l.State(), want) || l.Size() == 0 {
				t.Fatal(s, err)
			}
			if err := s.Version.Check(); err != nil {
				t.Fatal(err)
			}
			if _, _, err := l.Append(&version.Edit{NextID: 99}); readOnly != errors.Is(err, engine.ErrReadOnly) {
				t.Fatal(err)
			} else if err == nil {
				want.NextID = 99
			}
			if err := errors.Join(l.Close(), l.Close()); err != nil {
				t.Fatal(err)
			}
			if _, _, err := l.Append(edits()[0]); !errors.Is(err, ErrClosed) {
				t.Fatal(err)
			}
		}
		if names, _ := m.List(dir); len(names) != 2 {
			t.Fatal(names)
		}
	}
}

func TestAppendTellsWhichFilesMayGo(t *testing.T) {
	l, _, err := Open(newDir(t), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range edits() {
		s, dropped, err := l.Append(e)
		if err != nil || !same(s, model(t, i+1)) || s != l.State() {
			t.Fatal(err)
		}
		if gone := len(dropped.Tables) + 10*len(dropped.Blobs); gone != []int{0, 0, 0, 0, 12, 0}[i] {
			t.Errorf("edit %d: %+v", i, dropped)
		}
	}
	before := l.Size()
	if _, _, err := l.Append(&version.Edit{}); err != nil || l.Size() != before {
		t.Error("an edit of nothing was written", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestALongManifestIsBegunAnew(t *testing.T) {
	m := newDir(t)
	l, _, err := Open(m, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.long = 2000
	for i := range uint64(300) {
		if _, _, err := l.Append(&version.Edit{NextID: i + 2, Note: "a note of some length"}); err != nil {
			t.Fatal(err)
		}
		if l.Size() > 2000+frameBytes {
			t.Fatalf("%d bytes after %d edits", l.Size(), i)
		}
		if s, err := Scan(m, dir, nil, nil); err != nil || !same(s.State, l.State()) || s.State.NextID != i+2 {
			t.Fatal(s, err)
		}
		if names, _ := m.List(dir); len(names) != 2 {
			t.Fatal(names)
		}
	}
	if l.number < 5 {
		t.Error(l.number)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAManifestThatBeginsLongIsNotBegunAnewAtEachEdit(t *testing.T) {
	l, _, err := Open(newDir(t), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.long = 100
	for n := range uint64(100) {
		e := &version.Edit{Added: []version.Placed{{Level: 1, Run: n + 1, Table: table(n+1, "a", "b")}}}
		if _, _, err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if l.number < 4 || l.number > 20 {
		t.Errorf("100 edits began manifest %d", l.number)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCloseMakesTheLastMarkDurable(t *testing.T) {
	m := newDir(t)
	if _, err := history(m, longBytes, nothing); err != nil {
		t.Fatal(err)
	}
	s, err := Scan(m, dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := Scan(m.Image(vfs.Synced), dir, nil, nil); err != nil || after.Bytes != s.Bytes || after.Torn != 0 {
		t.Fatal(after, err)
	}
}

func TestAnEditThatBreaksARuleIsNotWritten(t *testing.T) {
	m := newDir(t)
	l, _, err := Open(m, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	size := l.Size()
	if _, _, err := l.Append(&version.Edit{Deleted: []version.Place{{Level: 1, ID: 1}}}); !errors.Is(err, version.ErrEdit) {
		t.Error(err)
	}
	if l.Size() != size {
		t.Error("it was written")
	}
	if _, _, err := l.Append(edits()[0]); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEditsOfManyGoroutinesAreAllThere(t *testing.T) {
	const writers, each = 4, 50
	m := newDir(t)
	l, _, err := Open(m, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.long = 3000
	var all sync.WaitGroup
	for w := range uint64(writers) {
		all.Go(func() {
			for i := range uint64(each) {
				id := 1 + w*each + i
				e := &version.Edit{Added: []version.Placed{{Level: 1 + int(w), Run: id, Table: table(id, "a", "b")}}}
				if s, _, err := l.Append(e); err != nil || s.Version.Totals().Tables <= int(i) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Scan(m, dir, nil, nil); err != nil || s.State.Version.Totals().Tables != writers*each {
		t.Fatal(err)
	}
}

func TestAfterAFailureNothingIsWritten(t *testing.T) {
	m := newDir(t)
	f := vfs.NewFault(m)
	l, _, err := Open(f, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.Set(vfs.Rule{Kind: vfs.KindSync, Nth: 1, Err: syscall.EIO})
	if _, _, err := l.Append(edits()[0]); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	size := l.Size()
	if _, _, err := l.Append(edits()[0]); !errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if !same(l.State(), version.NewState()) || l.Size() != size {
		t.Fatal("an edit that failed is true")
	}
	if err := l.Close(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
}

func TestACopyHasTheStateThatItWasGiven(t *testing.T) {
	m, want := newDir(t), model(t, 4)
	if err := Create(m, dir, want); err != nil {
		t.Fatal(err)
	}
	if s, err := Scan(m.Image(vfs.Synced), dir, nil, nil); err != nil || !same(s.State, want) {
		t.Fatal(s, err)
	}
	if err := Create(m, dir, want); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}

func TestADirectoryThatLostItsManifestIsDamaged(t *testing.T) {
	belongs := func(name string) bool { return strings.HasSuffix(name, ".table") }
	lose := func(name, as string) *vfs.Mem {
		m := newDir(t)
		if _, err := history(m, longBytes, nothing); err != nil {
			t.Fatal(err)
		}
		from := filepath.Join(dir, name)
		if as == "" {
			if err := m.Remove(from); err != nil {
				t.Fatal(err)
			}
		} else if err := m.Rename(from, filepath.Join(dir, as)); err != nil {
			t.Fatal(err)
		}
		return m
	}
	onlyTable := newDir(t)
	if f, err := onlyTable.Create(filepath.Join(dir, "7.table")); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	second := newDir(t)
	if f, err := second.Create(filepath.Join(dir, Name(2))); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	for file, m := range map[string]*vfs.Mem{
		"CURRENT: there is none, but there is MANIFEST-000001": lose(Current, ""),
		"CURRENT: there is none, but there is 7.table":         onlyTable,
		"CURRENT: there is none, but there is MANIFEST-000002": second,
		"MANIFEST-000001: CURRENT names it, but there is no":   lose(Name(1), ""),
		"MANIFEST-000001: CURRENT names it":                    lose(Name(1), Name(2)),
	} {
		for _, readOnly := range []bool{true, false} {
			before, _ := m.List(dir)
			_, _, err := Open(m, dir, Options{ReadOnly: readOnly, Belongs: belongs})
			if !errors.Is(err, engine.ErrCorrupt) || !strings.Contains(err.Error(), file) {
				t.Errorf("%v, want %q", err, file)
			}
			if after, _ := m.List(dir); len(after) != len(before) {
				t.Error(before, after)
			}
		}
	}
}
