package diskindex

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

// Between the steps of a walk keys are moved, inserted and deleted, and files
// change. What Passed says tells what the walk yields.
func TestPassedTellsWhatAWalkYields(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 2))
		x := newIndex(t, options(newDir(t)))
		const n = 20_000
		places, want := make([]uint64, n), make([]uint64, n)
		for i := range places {
			places[i] = uint64(i + 1)
			load(t, x, []index.Entry{{Hash: scramble(uint64(i)), Place: places[i]}})
			if i == n/2 && seed%2 == 0 {
				merge(t, x, "first")
			}
		}
		copy(want, places)
		change := func(w *Walk) {
			i := r.IntN(n)
			hash, to := scramble(uint64(i)), places[i]+n
			l := x.Lock(hash)
			defer l.Unlock()
			ok, err := true, error(nil)
			switch {
			case places[i] == 0: // was deleted
				to = uint64(i + 1)
				err = l.Insert(to)
			case r.IntN(4) == 0:
				to = 0
				ok, err = l.Delete(places[i])
			default:
				ok, err = l.Replace(places[i], to)
			}
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			places[i] = to
			if !w.Passed(hash) {
				want[i] = to
			}
		}
		got := make([]uint64, n)
		w := x.StartWalk()
		for step, more := 0, true; more; step++ {
			var err error
			more, err = w.Next(func(entries []index.Entry) {
				for _, e := range entries {
					i := (e.Place - 1) % n
					if got[i] != 0 {
						t.Fatalf("seed %d: key %d was walked at %d and %d", seed, i, got[i], e.Place)
					}
					got[i] = e.Place
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				change(w)
			}
			if step%100 == 50 {
				merge(t, x, fmt.Sprint(step))
			}
		}
		if !slices.Equal(got, want) {
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("seed %d: key %d was walked at %d, want %d", seed, i, got[i], want[i])
				}
			}
		}
		if more, err := w.Next(nil); more || err != nil || !w.Passed(^uint64(0)) {
			t.Fatal(more, err)
		}
	}
}

func TestAWalkThatFailedGoesOn(t *testing.T) {
	f := vfs.NewFault(newDir(t))
	x, want := newIndex(t, options(f)), image(5000)
	load(t, x, want)
	merge(t, x, "1")
	var got []index.Entry
	w, failures := x.StartWalk(), 0
	f.Set(vfs.Rule{Kind: vfs.KindRead, Every: 3, Err: syscall.EIO})
	for {
		more, err := w.Next(func(some []index.Entry) { got = append(got, some...) })
		if err != nil {
			failures++
		} else if !more {
			break
		}
	}
	if !slices.Equal(inOrder(got), want) || failures == 0 {
		t.Fatalf("%d entries, want %d, after %d failures", len(got), len(want), failures)
	}
}

func TestAWalkEndsWhereItsCallerWants(t *testing.T) {
	x := newIndex(t, options(newDir(t)))
	load(t, x, image(5000))
	merge(t, x, "1")
	n := 0
	if err := x.Walk(func(index.Entry) bool { n++; return n < 3000 }); n != 3000 || err != nil {
		t.Fatal(n, err)
	}
	full := errors.New("full")
	if err := x.StartWalk().All(func([]index.Entry) error { return full }); !errors.Is(err, full) {
		t.Fatal(err)
	}
}

func TestAWalkHasTheEntriesOfAnotherIndexOnceBesideIts(t *testing.T) {
	x := newIndex(t, options(newDir(t)))
	load(t, x, image(30_000))
	merge(t, x, "1")
	other, err := index.New(index.Options{Domain: x.domain})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	want := image(10_000)
	if err := other.Load(want); err != nil {
		t.Fatal(err)
	}
	var got, beside []index.Entry
	w := x.StartWalk()
	for more := true; more; {
		more, err = w.Next(func([]index.Entry) {
			beside = w.Beside(beside[:0], other)
			for _, e := range beside {
				if w.Passed(e.Hash) {
					t.Fatalf("%x was passed before it was yielded", e)
				}
			}
			got = append(got, beside...)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(inOrder(got), want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
}
