package diskindex

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

// A story is an index with a file, whose entries were changed since.
type story struct {
	x      *Index
	before []index.Entry // in the file
	now    []index.Entry
}

func newStory(t *testing.T, o Options) *story {
	t.Helper()
	s := &story{x: newIndex(t, o), before: image(1500)}
	load(t, s.x, s.before)
	merge(t, s.x, "1")
	s.change(t)
	return s
}

// change replaces, deletes and inserts.
func (s *story) change(t *testing.T) {
	t.Helper()
	s.now = entries(t, s.x)
	for i := range s.now {
		e := &s.now[i]
		var ok bool
		var err error
		switch i % 3 {
		case 0:
			ok, err = s.x.Replace(e.Hash, e.Place, e.Place^1<<20)
			e.Place ^= 1 << 20
		case 1:
			ok, err = s.x.Delete(e.Hash, e.Place)
			e.Place = 0
		default:
			ok = true
		}
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	s.now = slices.DeleteFunc(s.now, func(e index.Entry) bool { return e.Place == 0 })
	more := image(700)
	load(t, s.x, more)
	s.now = inOrder(append(s.now, more...))
}

func (s *story) check(t *testing.T) {
	t.Helper()
	if got := entries(t, s.x); !slices.Equal(got, s.now) {
		t.Fatalf("%d entries, want %d", len(got), len(s.now))
	}
}

// leftOf is what a crash has left of a file; nil if it is not there.
func leftOf(t *testing.T, m *vfs.Mem, name string) []index.Entry {
	t.Helper()
	f, err := openFile(m, dir, name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.handle.Close()
	got, _, err := newReader(f, 1000).buckets(nil, 0, f.buckets)
	if err != nil {
		t.Fatal(err)
	}
	return inOrder(unordered(got))
}

func TestACrashLeavesANewFileWholeOrNotAtAll(t *testing.T) {
	m := newDir(t)
	s := newStory(t, options(m))
	seed, whole, absent := uint64(1), 0, 0
	m.Watch(func(p vfs.Point) {
		for what, crashed := range m.Crashes(seed, 10) {
			if got := leftOf(t, crashed, "1"); !slices.Equal(got, s.before) {
				t.Fatalf("%s %s: the old file has %d entries", p.Op, what, len(got))
			}
			got := leftOf(t, crashed, "2")
			if got == nil {
				absent++
				continue
			}
			whole++
			if !slices.Equal(got, s.now) {
				t.Fatalf("%s %s: %d entries, want %d", p.Op, what, len(got), len(s.now))
			}
		}
		seed += 10
	})
	merge(t, s.x, "2")
	m.Watch(nil)
	if got := leftOf(t, m.Image(vfs.Synced), "2"); !slices.Equal(got, s.now) {
		t.Fatalf("%d entries after the merge, want %d", len(got), len(s.now))
	}
	if whole == 0 || absent == 0 {
		t.Fatalf("%d crashes left the file, %d did not", whole, absent)
	}
}

func TestAMergeThatFailedLeavesTheIndexComplete(t *testing.T) {
	unsynced := 0
	for nth := uint64(1); ; nth++ {
		m := newDir(t)
		f := vfs.NewFault(m)
		s := newStory(t, options(f))
		f.Set(vfs.Rule{Kind: vfs.KindAny, Nth: nth, Err: syscall.EIO, Lost: true})
		_, err := s.x.Merge(ctx, "2", head)
		if f.Fired() == 0 {
			if err != nil || nth < 10 || unsynced != 1 {
				t.Fatal(nth, err, unsynced)
			}
			return
		}
		f.Set()
		if err == nil && s.x.Stats().File != "2" || err != nil && !errors.Is(err, syscall.EIO) {
			t.Fatal(nth, err)
		}
		s.check(t)
		s.change(t)
		s.check(t)
		if err == nil {
			continue // it was the close of a file that was only read
		}
		if _, again := s.x.Merge(ctx, "3", head); again != nil {
			if last := f.Calls(); !errors.Is(again, syscall.EIO) || last.Of(vfs.KindSyncDir) != 2 {
				t.Fatal(nth, again)
			}
			unsynced++
			s.check(t)
			continue
		}
		s.check(t)
		merge(t, s.x, "4")
		s.check(t)
		if got := leftOf(t, m.Image(vfs.Synced), "4"); !slices.Equal(got, s.now) {
			t.Fatalf("call %d: %d entries in the file, want %d", nth, len(got), len(s.now))
		}
	}
}

func TestWhatAFailedMergeWasToWriteKeepsItsHeader(t *testing.T) {
	f := vfs.NewFault(newDir(t))
	s := newStory(t, options(f))
	f.Set(vfs.Rule{Kind: vfs.KindSync, Nth: 1, Err: syscall.EIO})
	if _, err := s.x.Merge(ctx, "2", Header{Covers: 100}); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	frozen := s.now
	s.change(t)
	info, err := s.x.Merge(ctx, "2", Header{Covers: 200})
	if err != nil || info.Header.Covers != 100 {
		t.Fatal(info, err)
	}
	if got := entries(t, reopen(t, options(f), "2")); !slices.Equal(got, frozen) {
		t.Fatalf("%d entries of the moment, want %d", len(got), len(frozen))
	}
	s.check(t)
	info, err = s.x.Merge(ctx, "3", Header{Covers: 300})
	if err != nil || info.Header.Covers != 300 {
		t.Fatal(info, err)
	}
	s.check(t)
}

func TestAMergeIsPacedAndEndsWithItsContext(t *testing.T) {
	m := newDir(t)
	o, paced := options(m), 0
	o.Pace = func(bytes int) { paced += bytes }
	s := newStory(t, o)
	for _, op := range []string{"", "create", "write"} {
		ctx, cancel := context.WithCancel(ctx)
		m.Watch(func(p vfs.Point) {
			if p.Op == op && p.Before {
				cancel()
			}
		})
		if op == "" {
			cancel()
		}
		if _, err := s.x.Merge(ctx, "2", head); !errors.Is(err, context.Canceled) {
			t.Fatal(op, err)
		}
		m.Watch(nil)
		cancel()
		s.check(t)
		if names, err := m.List(dir); err != nil || !slices.Equal(names, []string{"1"}) {
			t.Fatal(op, names, err)
		}
	}
	paced = 0
	info := merge(t, s.x, "2")
	if s.check(t); paced == 0 || paced > int(info.Bytes) || paced < int(info.Bytes)-2*pageBytes {
		t.Fatalf("paced for %d bytes of %d", paced, info.Bytes)
	}
}

func TestAReadThatFailsChangesNothing(t *testing.T) {
	f := vfs.NewFault(newDir(t))
	o := options(f)
	o.CacheBytes = 0
	s := newStory(t, o)
	f.Set(vfs.Rule{Kind: vfs.KindRead, Err: syscall.EIO})
	for i, e := range s.before[:100] {
		l := s.x.Lock(e.Hash)
		c := l.Find()
		_, err := drain(c)
		if !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		var ok bool
		if at := e.Place ^ 1<<21; i%2 == 0 {
			ok, err = l.Replace(at, 5)
		} else {
			ok, err = l.Delete(at)
		}
		l.Unlock()
		if ok || !errors.Is(err, syscall.EIO) {
			t.Fatal(ok, err)
		}
	}
	if _, err := Open(o, "1", nil); !errors.Is(err, syscall.EIO) || errors.Is(err, ErrUnusable) {
		t.Fatal(err)
	}
	f.Set()
	s.check(t)
}

func TestAnErrorEndsACursor(t *testing.T) {
	f := vfs.NewFault(newDir(t))
	o := options(f)
	o.CacheBytes = 0
	s := newStory(t, o)
	f.Set(vfs.Rule{Kind: vfs.KindRead, Err: syscall.EIO})
	g := s.x.domain.Pin()
	defer g.Unpin()
	c := s.x.Find(1)
	if _, ok, err := c.Next(); ok || !errors.Is(err, syscall.EIO) {
		t.Fatal(ok, err)
	}
	if _, ok, err := c.Next(); ok || err != nil {
		t.Fatal(ok, err)
	}
}

func TestWithoutMemoryNothingIsLost(t *testing.T) {
	b := offheap.NewBudget(0)
	o := options(newDir(t))
	o.Budget, o.CacheBytes = b, 0
	s := newStory(t, o)
	b.SetLimit(b.Used())
	failures := 0
	for i := uint64(0); failures < 200; i++ {
		// In one bucket of the front, so that its page of lines is soon full.
		hash := scramble(i) &^ (1<<10 - 1)
		if err := s.x.Insert(hash, i+1); err != nil {
			if !errors.Is(err, offheap.ErrBudget) {
				t.Fatal(err)
			}
			failures++
			continue
		}
		s.now = append(s.now, index.Entry{Hash: hash & kept, Place: i + 1})
	}
	inOrder(s.now)
	s.check(t)
	refused := 0
	for i := range s.now {
		e := &s.now[i]
		l := s.x.Lock(e.Hash)
		ok, err := l.Replace(e.Place, e.Place^1<<22)
		l.Unlock()
		switch {
		case errors.Is(err, offheap.ErrBudget) && !ok:
			refused++
		case err != nil || !ok:
			t.Fatal(ok, err)
		default:
			e.Place ^= 1 << 22
		}
	}
	inOrder(s.now)
	s.check(t)
	if _, err := s.x.Merge(ctx, "2", head); !errors.Is(err, offheap.ErrBudget) || refused == 0 {
		t.Fatal(refused, err)
	}
	s.check(t)
	b.SetLimit(0)
	merge(t, s.x, "2")
	s.check(t)
}
