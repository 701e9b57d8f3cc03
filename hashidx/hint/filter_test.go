package hint

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// strangers counts to how many of 100000 hashes that are not there f says yes.
func strangers(f *Filter) (yes int) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 100000 {
		if f.MayHold(r.Uint64()&kept, math.MaxUint64) {
			yes++
		}
	}
	return yes
}

func TestTheFilterDeniesMostOfWhatIsNotThere(t *testing.T) {
	all := ops(20000, 100)
	_, f, err := read(put(t, file(t, all)))
	if err != nil {
		t.Fatal(err)
	}
	if yes := strangers(f); yes > 800 {
		t.Errorf("yes to %d of 100000 hashes that are not there", yes)
	}
	first := all[0]
	if f.MayHold(first.Hash, first.Sequence) {
		t.Error("nothing is below the lowest sequence")
	}
	if !f.MayHold(first.Hash|1<<30, first.Sequence+1) {
		t.Error("bits that are not kept matter, or the op is denied")
	}
}

func TestAFilterOfTwiceItsOpsDeniesMostStill(t *testing.T) {
	f := NewFilter(10000)
	for _, o := range ops(20000, 100) {
		f.Add(o.Hash, o.Sequence)
	}
	if yes := strangers(f); yes > 12000 {
		t.Errorf("yes to %d of 100000 hashes that are not there", yes)
	}
}

func TestAFilterMadeOpByOpIsThatOfTheHint(t *testing.T) {
	for _, all := range [][]Op{odd(), ops(1, 10), ops(20000, 100)} {
		f := NewFilter(len(all))
		for _, o := range all {
			f.Add(o.Hash, o.Sequence)
		}
		m := newDir(t)
		w, err := Create(m, dir, segment)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range all {
			if err := w.Add(o); err != nil {
				t.Fatal(err)
			}
		}
		if w.Filter() != nil {
			t.Error("there is a filter before Finish")
		}
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		_, read, err := read(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range []*Filter{read, w.Filter()} {
			if g.Lowest() != f.Lowest() || !bytes.Equal(g.words, f.words) || g.Bytes() != f.Bytes() {
				t.Errorf("filters of %d ops differ: lowest %d and %d", len(all), g.Lowest(), f.Lowest())
			}
		}
		if w.Ops() != uint64(len(all)) || w.Lowest() != f.Lowest() || w.Highest() < all[len(all)-1].Sequence {
			t.Errorf("%d ops of %d to %d", w.Ops(), w.Lowest(), w.Highest())
		}
	}
}

func TestAFilterNeverDeniesAnOpBelow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := NewFilter(rapid.IntRange(0, 40).Draw(t, "room"))
		small := rapid.Uint64Range(0, 30)
		lowest := map[uint64]uint64{} // by code
		least := uint64(math.MaxUint64)
		for range rapid.IntRange(0, 60).Draw(t, "ops") {
			hash, sequence := small.Draw(t, "hash")<<48, small.Draw(t, "sequence")
			// What lies between the kept bits does not matter.
			f.Add(hash|small.Draw(t, "middle")<<lowBits, sequence)
			if was, ok := lowest[hash]; !ok || sequence < was {
				lowest[hash] = sequence
			}
			least = min(least, sequence)
			for h := range uint64(31) {
				s := small.Draw(t, "below")
				may := f.MayHold(h<<48, s)
				if low, ok := lowest[h<<48]; ok && low < s && !may {
					t.Fatalf("hash %d has an op of %d, and is denied below %d", h, low, s)
				}
				if may && least >= s {
					t.Fatalf("there is nothing below %d, but maybe hash %d", s, h)
				}
			}
		}
		if f.Lowest() != least {
			t.Fatalf("lowest is %d, want %d", f.Lowest(), least)
		}
	})
}

func TestReadingAndAddingAllocateNothing(t *testing.T) {
	m := put(t, file(t, ops(3000, 100)))
	r, err := Open(m, dir, segment)
	if err != nil {
		t.Fatal(err)
	}
	var (
		b    Buffer
		seen int
		f    = NewFilter(3000)
	)
	each := func(ops []Op) error {
		seen += len(ops)
		for i := range ops {
			f.Add(ops[i].Hash, ops[i].Sequence)
		}
		return nil
	}
	if n := testing.AllocsPerRun(5, func() { err = r.EachIn(&b, each) }); n > 0 || err != nil || seen != 6*3000 {
		t.Errorf("%v allocations, %v, %d ops", n, err, seen)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}
