package space

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is a Map, slot by slot.
type model struct {
	reserved    uint64
	held, fixed map[uint64]bool
	defects     uint64
}

func (o *model) used(s uint64) bool { return s < o.reserved || o.held[s] || o.fixed[s] }

func (o *model) end() uint64 {
	end := o.reserved
	for _, m := range []map[uint64]bool{o.held, o.fixed} {
		for s := range m {
			end = max(end, s+1)
		}
	}
	return end
}

func (o *model) stats() Stats {
	st := Stats{Slots: o.end(), Held: o.reserved + uint64(len(o.held)), Fixed: uint64(len(o.fixed)), Defects: o.defects}
	for s := range st.Slots {
		if !o.used(s) {
			st.Free++
		}
	}
	return st
}

// rows are where n free slots in a row begin that end below the end.
func (o *model) rows(n uint64) (first []uint64) {
	run, end := uint64(0), o.end()
	for s := range end {
		run++
		if o.used(s) {
			run = 0
		}
		if run >= n {
			first = append(first, s+1-n)
		}
	}
	return first
}

// invariants compares every bit and count of m with the model.
func invariants(t *rapid.T, m *Map, o *model) {
	if got, want := m.Stats(), o.stats(); got != want || m.End() != want.Slots {
		t.Fatalf("stats %+v, end %d, want %+v", got, m.End(), want)
	}
	for s := range uint64(len(m.held)) * 64 {
		if m.Held(s) != (s < o.reserved || o.held[s]) || m.Fixed(s) != o.fixed[s] {
			t.Fatalf("slot %d: held %v, fixed %v", s, m.Held(s), m.Fixed(s))
		}
	}
	for w := range m.held {
		full := m.held[w]|m.fixed[w] == ^uint64(0)
		if has(m.full, uint64(w)) != full {
			t.Fatalf("word %d: full is %v", w, !full)
		}
	}
	for i := range m.low {
		if m.full[i] != ^uint64(0) {
			t.Fatalf("low is %d, but word %d of full is %#x", m.low, i, m.full[i])
		}
	}
}

func TestAMapDoesWhatItsModelDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &model{held: map[uint64]bool{}, fixed: map[uint64]bool{}}
		o.reserved = rapid.SampledFrom([]uint64{0, 1, 2, 64, 70}).Draw(t, "reserved")
		m := New(o.reserved)
		m.SetSpare(rapid.SampledFrom([]float64{0, 0.125, 0.5, 1}).Draw(t, "spare"))
		most := rapid.SampledFrom([]uint64{80, 300, 9000}).Draw(t, "most")
		slot := rapid.Uint64Range(0, most)
		refused := func(err, want error) {
			if !errors.Is(err, want) || (want == nil) != (err == nil) {
				t.Fatalf("%v, want %v", err, want)
			}
			if want != nil {
				o.defects++
			}
		}
		refusal := func(s uint64, bad bool, why error) error {
			switch {
			case s < o.reserved:
				return ErrReserved
			case bad:
				return why
			}
			return nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { invariants(t, m, o) },
			"take": func(t *rapid.T) {
				n := rapid.IntRange(0, 200).Draw(t, "n")
				got := m.Take([]uint64{7}, n)
				want := []uint64{7}
				for s := uint64(0); len(want) < n+1; s++ {
					if !o.used(s) {
						want = append(want, s)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("took %v, want %v", got, want)
				}
				for _, s := range got[1:] {
					o.held[s] = true
				}
			},
			"take run": func(t *rapid.T) {
				n := rapid.IntRange(-1, 200).Draw(t, "n")
				o.takeRun(t, m, n)
			},
			"hold": func(t *rapid.T) {
				s := slot.Draw(t, "s")
				why := refusal(s, o.held[s], ErrHeld)
				refused(m.Hold(s), why)
				if why == nil {
					o.held[s] = true
				}
			},
			"fix": func(t *rapid.T) {
				s := slot.Draw(t, "s")
				why := refusal(s, false, nil)
				refused(m.Fix(s), why)
				if why == nil {
					o.fixed[s] = true
				}
			},
			"drop many": func(t *rapid.T) {
				from, n := slot.Draw(t, "from"), rapid.Uint64Range(1, 100).Draw(t, "n")
				for s := from; s < from+n; s++ {
					refused(m.Drop(s), refusal(s, !o.held[s], ErrNotHeld))
					delete(o.held, s)
				}
			},
			"unfix many": func(t *rapid.T) {
				from, n := slot.Draw(t, "from"), rapid.Uint64Range(1, 100).Draw(t, "n")
				for s := from; s < from+n; s++ {
					refused(m.Unfix(s), refusal(s, !o.fixed[s], ErrNotFixed))
					delete(o.fixed, s)
				}
			},
			"shrink": func(t *rapid.T) { o.shrink(t, m) },
		})
	})
}

// takeRun compares a TakeRun with what the model allows. Files here are
// shorter than a search, so a row that is there is found.
func (o *model) takeRun(t *rapid.T, m *Map, n int) {
	before := o.stats()
	first, ok := m.TakeRun(n)
	if n <= 0 {
		if ok {
			t.Fatalf("a run of %d", n)
		}
		return
	}
	rows := o.rows(uint64(n))
	grows := float64(before.Free) <= m.spare*float64(before.Slots) || before.Free < uint64(n) || n == 1
	switch {
	case n == 1 && len(rows) > 0 && first != rows[0]:
		t.Fatalf("a run of one is at %d, not the lowest, %d", first, rows[0])
	case ok != (len(rows) > 0 || grows):
		t.Fatalf("run of %d: %v; %d rows, %+v", n, ok, len(rows), before)
	case !ok:
		return
	case len(rows) > 0 && !slices.Contains(rows, first):
		t.Fatalf("run of %d at %d, not in %v", n, first, rows)
	case len(rows) == 0 && first != before.Slots:
		t.Fatalf("run of %d at %d, not at the end, %d", n, first, before.Slots)
	}
	for s := first; s < first+uint64(n); s++ {
		o.held[s] = true
	}
}

// shrink checks that all that is behind the target has room below it.
func (o *model) shrink(t *rapid.T, m *Map) {
	share := rapid.SampledFrom([]float64{0, 0.1, 1, -1, math.NaN(), math.Inf(1)}).Draw(t, "share")
	least := rapid.SampledFrom([]uint64{0, 5, math.MaxUint64}).Draw(t, "least")
	target, worth := m.ShrinkTo(share, least)
	st := o.stats()
	used, behind := st.Slots-st.Free, uint64(0)
	for s := target; s < st.Slots; s++ {
		if o.used(s) {
			behind++
		}
	}
	if got := m.UsedFrom(target); got != behind {
		t.Fatalf("%d are used from %d on, want %d", got, target, behind)
	}
	if target > st.Slots || target-(used-behind) < behind {
		t.Fatalf("target %d of %d: %d used, %d behind", target, st.Slots, used, behind)
	}
	slack := float64(least)
	if share > 0 {
		slack = max(slack, math.Ceil(share*float64(used)))
	}
	if want := float64(st.Slots)-float64(used)-slack > slack; worth != want {
		t.Fatalf("worth is %v: target %d of %d, used %d, slack %v", worth, target, st.Slots, used, slack)
	}
	if worth && float64(target-used) < slack {
		t.Fatalf("target %d keeps %d of slack, want %v", target, target-used, slack)
	}
}

func TestASlotThatNoFileCanHaveIsRefused(t *testing.T) {
	m := New(2)
	for _, s := range []uint64{maxSlots, math.MaxUint64} {
		if err := m.Hold(s); !errors.Is(err, ErrRange) {
			t.Errorf("hold %d: %v", s, err)
		}
		if err := m.Fix(s); !errors.Is(err, ErrRange) {
			t.Errorf("fix %d: %v", s, err)
		}
		if err := m.Drop(s); !errors.Is(err, ErrNotHeld) {
			t.Errorf("drop %d: %v", s, err)
		}
		if m.Held(s) || m.Fixed(s) {
			t.Errorf("slot %d is held or fixed", s)
		}
	}
	if want := (Stats{Slots: 2, Held: 2, Defects: 6}); m.Stats() != want {
		t.Errorf("%+v, want %+v", m.Stats(), want)
	}
}

func TestASlotIsTakenAgainOnlyWhenNeitherHeldNorFixed(t *testing.T) {
	m := New(1)
	s := m.Take(nil, 1)[0]
	next := func() uint64 {
		got := m.Take(nil, 1)[0]
		if err := m.Drop(got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	steps := []struct {
		name string
		do   func(uint64) error
		free bool
	}{
		{"held", func(uint64) error { return nil }, false},
		{"held and fixed", m.Fix, false},
		{"fixed", m.Drop, false},
		{"neither", m.Unfix, true},
	}
	for _, step := range steps {
		if err := step.do(s); err != nil {
			t.Fatal(step.name, err)
		}
		if got := next(); (got == s) != step.free {
			t.Errorf("%s: %d is taken next, %d was first", step.name, got, s)
		}
	}
}

func TestAFileGrowsForRunsNoFurtherThanItMay(t *testing.T) {
	for _, spare := range []float64{0, 0.25, 0.5} {
		m := New(0)
		m.SetSpare(spare)
		for _, s := range m.Take(nil, 3000) {
			if s%3 == 0 {
				must(t, m.Drop(s))
			}
		}
		first, ok := m.TakeRun(16)
		if grows := spare > 1.0/3; ok != grows || ok && first != 3000 {
			t.Errorf("a third is free, spare %v: a run at %d, %v", spare, first, ok)
		}
		// Without 1001 slots that are free it must grow.
		if first, ok := m.TakeRun(1001); !ok || first != m.End()-1001 {
			t.Errorf("spare %v: a run of more than is free at %d, %v", spare, first, ok)
		}
	}
}

func TestRunsAreFoundAmongScatteredSlots(t *testing.T) {
	m := New(1)
	slots := m.Take(nil, 200_010) // so that slots of the last word are behind the end
	for _, s := range slots {
		if s%2 == 0 {
			if err := m.Drop(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	end := m.End()
	for range 10 {
		if first, ok := m.TakeRun(2); ok {
			t.Fatalf("a run of 2 at %d, end %d", first, end)
		}
	}
	if got := m.Take(nil, 3); !slices.Equal(got, []uint64{2, 4, 6}) {
		t.Errorf("the lowest are %v", got)
	}
	// Now one row, far behind what one search looks at.
	const at = 150_001
	for s := uint64(at); s < at+64; s += 2 {
		if err := m.Drop(s); err != nil {
			t.Fatal(err)
		}
	}
	for try := range 5 {
		if first, ok := m.TakeRun(64); ok {
			if first != at-1 && first != at {
				t.Fatalf("a run at %d, want %d", first, at)
			}
			return
		} else if try == 4 {
			t.Fatal("the only row is not found by searches that together pass it")
		}
	}
}

func TestRowsAcrossTheEndsOfSearchesAreFound(t *testing.T) {
	for _, n := range []uint64{1, 63, 64, 65, 200, 70_000} {
		for _, at := range []uint64{searchWords*64 - n/2, searchWords * 64, searchWords*64 + 1} {
			t.Run(fmt.Sprint(n, " at ", at), func(t *testing.T) {
				m := New(1)
				m.Take(nil, 4*64*searchWords-1) // each round ends where it did
				for s := at; s < at+n; s++ {
					must(t, m.Drop(s))
				}
				for range 6 {
					if first, ok := m.TakeRun(int(n)); ok {
						if first != at {
							t.Fatalf("found at %d", first)
						}
						return
					}
				}
				t.Fatal("not found")
			})
		}
	}
}

func TestARowIsFoundWhereverTheSearchBegins(t *testing.T) {
	const at, n = 100, 300
	m := New(1)
	m.Take(nil, 1000)
	for s := uint64(at); s < at+n; s++ {
		must(t, m.Drop(s))
	}
	for hand := range m.End()/64 + 2 {
		m.hand = hand
		if first, ok := m.TakeRun(n); !ok || first != at {
			t.Fatalf("from word %d: at %d, %v", hand, first, ok)
		}
		for s := uint64(at); s < at+n; s++ {
			must(t, m.Drop(s))
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
