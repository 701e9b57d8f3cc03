package btree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
)

func TestIteratorsMoveAsTheModelDoes(t *testing.T) {
	for seed := range uint64(6) {
		given := map[string]string{"cache_bytes": []string{"256k", "4m"}[seed%2], "io": []string{"pread", "mmap", "pread"}[seed%3]}
		t.Run(fmt.Sprint(seed, given), func(t *testing.T) {
			rng := seeded(t, seed)
			s := newSubject(t, given)
			for range 8 {
				s.change(t, rng, 500)
				for range 4 {
					o := randomBounds(rng)
					it := newIter(t, s, o)
					wander(t, rng, it, newWalker(s.rows(), o), 300)
					closeIt(t, it)
				}
			}
		})
	}
}

// A frozen is a snapshot or an iterator, and what it has to show.
type frozen struct {
	snapshot engine.Snapshot
	it       engine.Iterator
	o        engine.IterOptions
	at       time.Time
	rows     []kv
	walker   *walker
}

func TestSnapshotsAndIteratorsStayWhileAllChanges(t *testing.T) {
	for seed := range uint64(4) {
		given := map[string]string{"cache_bytes": []string{"256k", "4m"}[seed%2]}
		t.Run(fmt.Sprint(seed, given), func(t *testing.T) {
			rng := seeded(t, seed)
			s := newSubject(t, given)
			s.change(t, rng, 2000)
			var all []*frozen
			for range 60 {
				s.change(t, rng, rng.IntN(300))
				if rng.IntN(3) > 0 {
					all = append(all, s.freeze(t, rng))
				}
				for len(all) > 0 && rng.IntN(3) == 0 {
					i := rng.IntN(len(all))
					all[i].check(t, rng)
					all[i].close(t)
					all = slices.Delete(all, i, i+1)
				}
				if len(all) > 0 {
					all[rng.IntN(len(all))].check(t, rng)
				}
			}
			for _, f := range all {
				f.check(t, rng)
				f.close(t)
			}
			if n := s.clock.Count(); n != 0 {
				t.Errorf("%d moments are live after all was closed", n)
			}
		})
	}
}

func (s *subject) freeze(t testing.TB, rng *rand.Rand) *frozen {
	f := &frozen{rows: s.rows(), at: s.at, o: randomBounds(rng)}
	if rng.IntN(2) == 0 {
		f.it = newIter(t, s, f.o)
	} else {
		var err error
		if f.snapshot, err = s.NewSnapshot(); err != nil {
			t.Fatal(err)
		}
		if rng.IntN(2) == 0 {
			f.it = newIter(t, f.snapshot.(engine.Scanner), f.o)
			if rng.IntN(2) == 0 { // the iterator stays
				closeIt(t, f.snapshot)
				f.snapshot = nil
			}
		}
	}
	f.walker = newWalker(f.rows, f.o)
	return f
}

func (f *frozen) check(t testing.TB, rng *rand.Rand) {
	t.Helper()
	if f.it != nil {
		wander(t, rng, f.it, f.walker, 100)
	}
	if f.snapshot == nil {
		return
	}
	for range 20 {
		key := randomKey(rng)
		if len(f.rows) > 0 && rng.IntN(2) == 0 {
			key = f.rows[rng.IntN(len(f.rows))].key
		}
		got, err := f.snapshot.Get([]byte("dst"), []byte(key))
		i, ok := slices.BinarySearchFunc(f.rows, key, func(r kv, k string) int { return strings.Compare(r.key, k) })
		switch {
		case ok && (err != nil || string(got) != "dst"+f.rows[i].value):
			t.Fatalf("%.20q is %d bytes (%v), want %d", key, len(got), err, len(f.rows[i].value)+3)
		case !ok && (err != engine.ErrNotFound || string(got) != "dst"):
			t.Fatalf("%.20q is %.20q (%v), want nothing", key, got, err)
		}
	}
	it := newIter(t, f.snapshot.(engine.Scanner), engine.IterOptions{})
	i := 0
	for ok := it.First(); ok; ok = it.Next() {
		if i == len(f.rows) {
			t.Fatalf("more rows than %d: %.20q", len(f.rows), it.Key())
		}
		sameRow(t, it, f.rows[i])
		i++
	}
	if i < len(f.rows) || it.Err() != nil {
		t.Fatalf("%d rows, want %d: %v", i, len(f.rows), it.Err())
	}
	closeIt(t, it)
}

func (f *frozen) close(t testing.TB) {
	if f.it != nil {
		closeIt(t, f.it)
	}
	if f.snapshot != nil {
		closeIt(t, f.snapshot)
	}
}

func TestAnIteratorSkipsWhatHadExpiredAtItsBirth(t *testing.T) {
	s := newSubject(t, nil)
	for i := range 400 {
		s.putUntil(t, fmt.Sprintf("%04d", i), "v", start.Add(time.Duration(i%4)*time.Second))
	}
	it := newIter(t, s, engine.IterOptions{})
	defer closeIt(t, it)
	want := s.rows()
	if len(want) != 300 {
		t.Fatalf("%d rows at the start", len(want))
	}
	s.at = start.Add(time.Hour)
	wander(t, seeded(t, 1), it, newWalker(want, engine.IterOptions{}), 2000)
	later := newIter(t, s, engine.IterOptions{})
	defer closeIt(t, later)
	if later.First() || later.Last() || later.Err() != nil {
		t.Errorf("a row is left: %q %v", later.Key(), later.Err())
	}
}

func TestAnIteratorOfAClosedTreeFindsNothing(t *testing.T) {
	s := newSubject(t, nil)
	for i := range 1000 {
		s.put(t, fmt.Sprintf("%04d", i), strings.Repeat("v", 3000))
	}
	fresh, walking := newIter(t, s, engine.IterOptions{}), newIter(t, s, engine.IterOptions{})
	snap, err := s.NewSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	if !walking.First() || !walking.Next() {
		t.Fatal(walking.Err())
	}
	closeIt(t, s)
	for _, it := range []engine.Iterator{fresh, walking} {
		for _, name := range []string{"Next", "Prev", "First", "Last", "SeekGE", "SeekLT"} {
			if moveIt(it, name, "0500") || it.Err() != engine.ErrClosed {
				t.Errorf("%s after Close: %v", name, it.Err())
			}
		}
		_ = it.Close()
		if it.First() || it.Err() != engine.ErrClosed {
			t.Errorf("a closed iterator: %v", it.Err())
		}
	}
	if _, err := snap.Get(nil, []byte("0001")); err != engine.ErrClosed {
		t.Errorf("get of a snapshot: %v", err)
	}
	closeIt(t, snap)
	if _, err := s.NewIter(engine.IterOptions{}); err != engine.ErrClosed {
		t.Errorf("new iterator: %v", err)
	}
	if err := s.Scan(context.Background(), nil); err != engine.ErrClosed {
		t.Errorf("scan: %v", err)
	}
}

func TestAScanEndsWhenItShould(t *testing.T) {
	s := newSubject(t, nil)
	for i := range 2000 {
		s.put(t, fmt.Sprintf("%04d", i), "v")
	}
	snap, err := s.NewSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	s.remove(t, "0000")
	for _, by := range []struct {
		engine.UnorderedScanner
		first string
	}{{s, "0001"}, {snap.(engine.UnorderedScanner), "0000"}} {
		n, first := 0, ""
		err := by.Scan(context.Background(), func(key, _ []byte) error {
			if n++; n == 1 {
				first = string(key)
			}
			return nil
		})
		if err != nil || n < 1999 || first != by.first {
			t.Errorf("%d rows from %q: %v", n, first, err)
		}
		enough := errors.New("enough")
		if err := by.Scan(context.Background(), func(_, _ []byte) error { return enough }); err != enough {
			t.Errorf("what f returns comes back as %v", err)
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		n = 0
		err = by.Scan(ctx, func(_, _ []byte) error { n++; cancel(enough); return nil })
		if !errors.Is(err, enough) || n > scanCheck {
			t.Errorf("cancelled, the scan saw %d rows: %v", n, err)
		}
	}
	closeIt(t, snap)
	if err := snap.(engine.UnorderedScanner).Scan(context.Background(), nil); err != engine.ErrClosed {
		t.Errorf("scan of a closed snapshot: %v", err)
	}
	if n := s.clock.Count(); n != 0 {
		t.Errorf("%d moments are live after all scans", n)
	}
}

func TestStepsOfAnIteratorDoNotAllocate(t *testing.T) {
	s := newSubject(t, nil)
	for i := range 3000 {
		s.put(t, fmt.Sprintf("%016d", i), strings.Repeat("v", 100))
	}
	it := newIter(t, s, engine.IterOptions{})
	defer closeIt(t, it)
	rows, key := 0, []byte("0000000000001234")
	scan := func() {
		for ok := it.First(); ok; ok = it.Next() {
			value, err := it.Value()
			if err != nil || len(it.Key()) != 16 || len(value) != 100 {
				t.Fatal("a row is wrong")
			}
			rows++
		}
		for ok := it.Last(); ok; ok = it.Prev() {
			rows++
		}
		for range 100 {
			it.SeekGE(key)
			it.SeekLT(key)
		}
	}
	if n := testing.AllocsPerRun(5, scan); n > 0 {
		t.Errorf("%v allocations in a walk of 6000 rows", n)
	}
	if rows != 6*6000 {
		t.Errorf("%d rows were walked", rows)
	}
	whole := testing.AllocsPerRun(50, func() {
		it, err := s.NewIter(engine.IterOptions{Lower: []byte("0000000000001234"), Upper: []byte("0000000000001239")})
		if err != nil {
			t.Fatal(err)
		}
		for ok := it.First(); ok; ok = it.Next() {
			rows++
		}
		it.Close()
	})
	if whole > 1 {
		t.Errorf("%v allocations of an iterator, want one", whole)
	}
}

func TestALeafThatDoesNotFollowItsNeighbourIsDamage(t *testing.T) {
	s := newSubject(t, nil)
	for i := range 2000 {
		s.put(t, fmt.Sprintf("%016d", i), strings.Repeat("v", 100))
	}
	it := newIter(t, s, engine.IterOptions{})
	if !it.First() || !it.Next() {
		t.Fatal(it.Err())
	}
	w := it.(*iterator).walk
	second := page.Next(w.image)
	f := s.pages.Load(second).Frame()
	third := page.Next(s.pool.Page(f))
	s.pool.Lock(f)
	page.SetNext(s.pool.Page(f), w.leaf)
	s.pool.Unlock(f)
	for it.Next() {
	}
	if !errors.Is(it.Err(), engine.ErrCorrupt) {
		t.Errorf("the leaf after the second is the first: %v", it.Err())
	}
	if it.Next() || it.Prev() || it.Err() == nil {
		t.Errorf("after damage the iterator goes on: %v", it.Err())
	}
	if !it.SeekGE([]byte("0000000000001000")) || string(it.Key()) != "0000000000001000" {
		t.Errorf("after damage elsewhere a seek finds nothing: %v", it.Err())
	}
	if err := it.Close(); !errors.Is(err, engine.ErrCorrupt) {
		t.Errorf("close reports %v", err)
	}
	s.pool.Lock(f)
	page.SetNext(s.pool.Page(f), third)
	s.pool.Unlock(f)
}

func TestBoundsAndSeekKeysMayBeReused(t *testing.T) {
	s := newSubject(t, nil)
	for i := range 500 {
		s.put(t, fmt.Sprintf("%04d", i), "v")
	}
	lower, upper := []byte("0100"), []byte("0200")
	it := newIter(t, s, engine.IterOptions{Lower: lower, Upper: upper})
	defer closeIt(t, it)
	copy(lower, "zzzz")
	copy(upper, bytes.Repeat([]byte{0}, 4))
	wander(t, seeded(t, 3), it, newWalker(s.rows(), engine.IterOptions{Lower: []byte("0100"), Upper: []byte("0200")}), 500)
}
