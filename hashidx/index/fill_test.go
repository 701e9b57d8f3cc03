package index

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine/offheap"
)

// walked returns the entries of an index in the order of a walk, and its
// buckets.
func walked(t testing.TB, x *Index) (all []Entry, buckets uint64) {
	w := x.StartWalk()
	if err := w.All(func(some []Entry) error { all = append(all, some...); return nil }); err != nil {
		t.Fatal(err)
	}
	return all, w.Buckets()
}

// sameEntries checks that an index has these entries and no others.
func sameEntries(t testing.TB, x *Index, want []Entry) {
	t.Helper()
	got, _ := walked(t, x)
	got, want = slices.Clone(got), slices.Clone(want)
	slices.SortFunc(got, compareEntries)
	slices.SortFunc(want, compareEntries)
	if !slices.Equal(got, want) || x.Len() != len(want) {
		t.Fatalf("%d entries, Len is %d, want %d", len(got), x.Len(), len(want))
	}
	for _, e := range want {
		if !has(x, e.Hash, e.Place) {
			t.Fatalf("%#x is not found", e.Hash)
		}
	}
	checkDense(t, x)
}

func compareEntries(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Place, b.Place))
}

func TestAFilledIndexIsTheOneThatWasWalked(t *testing.T) {
	for _, n := range []uint64{0, 1, 2000, 20_000} {
		from := newIndex(t, Options{})
		for i := range n {
			insert(t, from, scramble(i), i+1)
			insert(t, from, scramble(i%(n/40+1)), i+1) // long chains
		}
		all, buckets := walked(t, from)
		to := newIndex(t, Options{Buckets: buckets})
		f := to.Filler(0, buckets)
		for some := range slices.Chunk(slices.Clone(all), 77) {
			if rest, err := f.Fill(some); err != nil || len(rest) != 0 {
				t.Fatal(rest, err)
			}
		}
		f.Close()
		if to.Buckets() != buckets || to.Stats().Splits != 0 {
			t.Errorf("%d buckets, want %d", to.Buckets(), buckets)
		}
		sameEntries(t, to, all)
		for i := range n { // it grows on
			insert(t, to, scramble(i+n), 1)
			all = append(all, Entry{codeOf(scramble(i + n)).hash(), 1})
		}
		sameEntries(t, to, all)
	}
}

func TestFillersTakeTheirBucketsInAnyOrderAndReturnTheOthers(t *testing.T) {
	all := make([]Entry, 30_000)
	for i := range all {
		all[i] = Entry{codeOf(scramble(uint64(i % 29_000))).hash(), uint64(i) + 1}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	x := newIndex(t, Options{Buckets: 5000})
	bounds := []uint64{0, 1000, 1001, 4096, 4500, 9999} // one gap, one end beyond
	rests := make([][]Entry, len(bounds))
	var fillers sync.WaitGroup
	for i := range len(bounds) - 1 {
		if bounds[i] == 4096 {
			continue
		}
		fillers.Go(func() {
			f := x.Filler(bounds[i], bounds[i+1])
			defer f.Close()
			for some := range slices.Chunk(slices.Clone(all), 1000) {
				rest, err := f.Fill(some)
				if err != nil {
					t.Error(err)
				}
				rests[i] = append(rests[i], rest...)
			}
		})
	}
	fillers.Wait()
	for i, rest := range rests[:len(rests)-1] {
		want := 0
		for _, e := range all {
			if b := x.Bucket(e.Hash); b < bounds[i] || b >= bounds[i+1] {
				want++
			}
		}
		if bounds[i] != 4096 && len(rest) != want {
			t.Errorf("from bucket %d to %d: %d entries returned, want %d", bounds[i], bounds[i+1], len(rest), want)
		}
	}
	for _, e := range all {
		if b := x.Bucket(e.Hash); b >= 4096 && b < 4500 {
			insert(t, x, e.Hash, e.Place)
		}
	}
	sameEntries(t, x, all)
}

func TestAFillerThatCannotGoOnSaysWhy(t *testing.T) {
	b := offheap.NewBudget(int64(pageBytes) * 2)
	x := newIndex(t, Options{Budget: b})
	f := x.Filler(0, x.Buckets())
	for _, place := range []uint64{0, MaxPlace + 1} {
		if _, err := f.Fill([]Entry{{1, place}}); !errors.Is(err, ErrPlace) {
			t.Errorf("place %#x: %v", place, err)
		}
	}
	var all []Entry
	for n := uint64(0); ; n++ {
		e := Entry{codeOf(scramble(n)).hash(), n + 1}
		if _, err := f.Fill([]Entry{e}); err != nil {
			if !errors.Is(err, offheap.ErrBudget) {
				t.Fatal(err)
			}
			break
		}
		all = append(all, e)
	}
	f.Close()
	if len(all) < pageLines*lineSlots {
		t.Errorf("refused after %d entries", len(all))
	}
	sameEntries(t, x, all)
	if _, err := New(Options{Domain: x.domain, Buckets: 1 << 63}); !errors.Is(err, offheap.ErrSize) {
		t.Errorf("an index of 2^63 buckets: %v", err)
	}
}
