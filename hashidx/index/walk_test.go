package index

import (
	"errors"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine/offheap"
)

// A diary is one writer's keys, and what a walk must yield of them: each as it
// was when the walk passed it.
type diary struct {
	now  map[uint64]uint64 // place by hash; absent: no entry
	want map[uint64]uint64
	all  [][]uint64 // its hashes by the walk's bucket
}

// A shift is what writers and their walk know of each other.
type shift struct {
	over   atomic.Bool
	writes atomic.Uint64
}

// breathe lets writers do something.
func (s *shift) breathe() {
	for n := s.writes.Load(); s.writes.Load() < n+200; {
		runtime.Gosched()
	}
}

// write changes random keys of its own, many of them where the walk is, until
// that is over.
func (d *diary) write(t *testing.T, x *Index, w *Walk, r *rand.Rand, s *shift) {
	for ; !s.over.Load(); s.writes.Add(1) {
		b := r.Uint64N(w.first)
		if at := w.next.Load(); at < w.first && r.IntN(2) == 0 {
			b = at
		}
		if len(d.all[b]) == 0 {
			continue
		}
		h := d.all[b][r.IntN(len(d.all[b]))]
		p := 1 + r.Uint64N(MaxPlace)
		l := x.Lock(h)
		passed := w.Passed(h)
		old, there := d.now[h]
		switch {
		case !there:
			if err := l.Insert(p); err != nil {
				t.Error(err)
			}
			d.now[h] = p
		case r.IntN(3) == 0:
			if !l.Delete(old) {
				t.Errorf("%#x is not at %#x", h, old)
			}
			delete(d.now, h)
		default:
			if !l.Replace(old, p) {
				t.Errorf("%#x is not at %#x", h, old)
			}
			d.now[h] = p
		}
		if w.Passed(h) != passed {
			t.Errorf("the walk passed %#x while it was locked", h)
		}
		if p, there = d.now[h]; !passed && there {
			d.want[h] = p
		} else if !passed {
			delete(d.want, h)
		}
		l.Unlock()
	}
}

// walkBesideWriters returns what a walk yielded, and what it had to.
func walkBesideWriters(t *testing.T, seed, keys uint64, walk func(*Walk, *shift, func([]Entry))) (got, want map[uint64]uint64) {
	x := newIndex(t, Options{})
	diaries := make([]diary, 2)
	for writer := range diaries {
		d := &diaries[writer]
		d.now = map[uint64]uint64{}
		for k := range keys / 4 {
			h := codeOf(scramble(uint64(writer)<<32 | k)).hash()
			insert(t, x, h, k+1)
			d.now[h] = k + 1
		}
		d.want = maps.Clone(d.now)
	}
	w := x.StartWalk()
	var writers sync.WaitGroup
	var s shift
	for i := range diaries {
		d := &diaries[i]
		d.all = make([][]uint64, w.first)
		for k := range keys {
			c := codeOf(scramble(uint64(i)<<32 | k))
			b := bucketOf(c, w.first)
			d.all[b] = append(d.all[b], c.hash())
		}
		writers.Go(func() { d.write(t, x, w, rand.New(rand.NewPCG(seed, uint64(i))), &s) })
	}
	got = map[uint64]uint64{}
	walk(w, &s, func(entries []Entry) {
		for _, e := range entries {
			if _, twice := got[e.Hash]; twice {
				t.Errorf("%#x is yielded twice", e.Hash)
			}
			got[e.Hash] = e.Place
		}
	})
	s.over.Store(true)
	writers.Wait()
	if x.count.Load() == w.Buckets() {
		t.Error("no bucket was split meanwhile")
	}
	want = diaries[0].want
	maps.Copy(want, diaries[1].want)
	return got, want
}

func TestAWalkYieldsEachKeyAsItWasWhenTheWalkPassedIt(t *testing.T) {
	seed, keys, rounds := uint64(time.Now().UnixNano()), uint64(40_000), uint64(8)
	if offheap.OnHeap || testing.Short() {
		keys, rounds = 20_000, 2
	}
	t.Logf("seed %d", seed)
	for round := range rounds {
		got, want := walkBesideWriters(t, seed+round, keys, func(w *Walk, s *shift, f func([]Entry)) {
			if round%2 == 0 {
				for n := 0; w.Next(f); n++ {
					if n%64 == 0 {
						s.breathe()
					}
				}
				return
			}
			if err := w.All(func(entries []Entry) error { f(entries); s.breathe(); return nil }); err != nil {
				t.Error(err)
			}
		})
		if !maps.Equal(got, want) {
			wrong := 0
			for h := range want {
				if got[h] != want[h] {
					wrong++
				}
			}
			t.Fatalf("round %d: %d keys walked, want %d; %d are missing or at a wrong place", round, len(got), len(want), wrong)
		}
	}
}

func TestAWalkPassesWhatItHasYieldedAndNothingElse(t *testing.T) {
	x := newIndex(t, Options{})
	for i := range uint64(20_000) {
		insert(t, x, scramble(i), i+1)
	}
	w := x.StartWalk()
	yielded := map[uint64]bool{}
	check := func() {
		x.LockAll()
		defer x.UnlockAll()
		for i := range uint64(20_000) {
			if h := codeOf(scramble(i)).hash(); w.Passed(h) != yielded[h] {
				t.Fatalf("%#x: passed %v, yielded %v", h, w.Passed(h), yielded[h])
			}
		}
	}
	check()
	for n := 0; w.Next(func(entries []Entry) {
		for _, e := range entries {
			yielded[e.Hash] = true
		}
	}); n++ {
		if n%1000 == 0 {
			x.growing.Lock() // families of more than one bucket
			for range 200 {
				x.split()
			}
			x.growing.Unlock()
			check()
		}
	}
	check()
	if len(yielded) != 20_000 || w.Next(func([]Entry) { t.Error("called after the end") }) {
		t.Errorf("%d entries", len(yielded))
	}
}

func TestAllEndsWithTheErrorOfItsCallee(t *testing.T) {
	x := newIndex(t, Options{})
	for i := range uint64(20_000) {
		insert(t, x, scramble(i), i+1)
	}
	calls, enough := 0, errors.New("enough")
	w := x.StartWalk()
	if err := w.All(func([]Entry) error { calls++; return enough }); !errors.Is(err, enough) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	var rest []Entry
	if err := w.All(func(some []Entry) error { rest = append(rest, some...); return nil }); err != nil {
		t.Error(err)
	}
	if len(rest) == 0 || len(rest) > 20_000-walkBatch {
		t.Errorf("%d entries were left", len(rest))
	}
	if !slices.IsSortedFunc(rest, func(a, b Entry) int {
		return int(bucketOf(codeOf(a.Hash), w.Buckets())) - int(bucketOf(codeOf(b.Hash), w.Buckets()))
	}) {
		t.Error("buckets are out of order")
	}
}

func TestWhoHasLockedAllHoldsUpEveryWriter(t *testing.T) {
	x := newIndex(t, Options{})
	x.LockAll()
	for i := range x.stripes {
		if x.stripes[i].mu.TryLock() {
			t.Fatalf("lock %d is free", i)
		}
	}
	var writers sync.WaitGroup
	for i := range uint64(8) {
		writers.Go(func() { insert(t, x, i*100, 1) })
	}
	if n := x.Len(); n != 0 {
		t.Errorf("%d entries", n)
	}
	x.UnlockAll()
	writers.Wait()
	if n := x.Len(); n != 8 {
		t.Errorf("%d entries, want 8", n)
	}
}
