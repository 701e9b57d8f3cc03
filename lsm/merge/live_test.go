package merge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"pgregory.net/rapid"
)

// older answers for sources what LiveOptions.Older asks, from their entries.
func older(sources [][]entry) func(int, []byte, []byte, ikey.Seq) bool {
	return func(i int, lower, upper []byte, seq ikey.Seq) bool {
		return !slices.ContainsFunc(sources[i], func(e entry) bool {
			return e.t.Seq() >= seq && e.key >= string(lower) && (upper == nil || e.key < string(upper))
		})
	}
}

// bounded is those of rows that are within bounds.
func bounded(rows []entry, lower, upper []byte) []entry {
	return slices.DeleteFunc(rows, func(e entry) bool {
		return e.key < string(lower) || upper != nil && e.key >= string(upper)
	})
}

func TestALiveShowsWhatIsSeenOfEveryHistoryOfTwoKeys(t *testing.T) {
	// Each of 4 ops is one of 7, in one of two sources; all walks of 4 moves,
	// at each number.
	const ops = 4
	for history := range 7 * 7 * 7 * 7 {
		sources := make([][]entry, 2)
		var ranges []tombstone.Range
		for i, h := 0, history; i < ops; i, h = i+1, h/7 {
			seq := ikey.Seq(i + 1)
			src := &sources[(history/3+i)%2]
			switch h % 7 {
			case 1:
				*src = append(*src, put("a", seq))
			case 2:
				*src = append(*src, put("b", seq))
			case 3:
				*src = append(*src, del("a", seq))
			case 4:
				*src = append(*src, expiring("b", seq, int64(seq)))
			case 5:
				ranges = append(ranges, rangeDelete("a", "b", seq))
			case 6:
				ranges = append(ranges, rangeDelete("b", "", seq))
			}
		}
		it := newIter(sources...)
		all := slices.Concat(sources...)
		var l Live
		for at := ikey.Seq(history % 2); at <= ops; at += 2 {
			o := LiveOptions{At: at, Ranges: []*tombstone.Set{nil, tombstone.Build(ranges)}, Now: 2, SkipAfter: 1 + history%3}
			if history%5 == 0 {
				o.Older = older(sources)
			}
			l.Init(it, o)
			m := &model{rows: view(all, ranges, at, 2)}
			for walk := range 6 * 8 {
				m.do(t, &l, walk%6%4, []byte{"ab"[walk&1]})
				for i := range 3 {
					m.do(t, &l, 4+walk/6>>i&1, nil)
				}
			}
		}
	}
}

func TestALiveWalksLikeANaiveView(t *testing.T) {
	keys := drawKeys()
	rapid.Check(t, func(t *rapid.T) {
		sources := make([][]entry, rapid.IntRange(1, 5).Draw(t, "sources"))
		sets := make([]*tombstone.Set, len(sources))
		var ranges []tombstone.Range
		universe := rapid.SliceOfN(keys, 1, 12).Draw(t, "keys")
		one := rapid.SampledFrom(universe)
		const most = 120
		for seq := range rapid.IntRange(0, most).Draw(t, "ops") {
			n := rapid.IntRange(0, len(sources)-1).Draw(t, "source")
			src, s, key := &sources[n], ikey.Seq(seq+1), one.Draw(t, "key")
			switch rapid.IntRange(0, 7).Draw(t, "op") {
			case 0, 1:
				*src = append(*src, del(key, s))
			case 2:
				*src = append(*src, expiring(key, s, int64(rapid.IntRange(0, 20).Draw(t, "expires"))))
			case 3:
				r := rangeDelete(key, rapid.SampledFrom(append(universe, "")).Draw(t, "upper"), s)
				ranges = append(ranges, r)
				sets[n] = tombstone.Merge(sets[n], tombstone.Build([]tombstone.Range{r}))
			default:
				*src = append(*src, put(key, s))
			}
		}
		o := LiveOptions{
			At:     ikey.Seq(rapid.IntRange(0, most+1).Draw(t, "at")),
			Ranges: sets, SkipAfter: rapid.IntRange(0, 4).Draw(t, "skip"),
			Now: int64(rapid.IntRange(0, 20).Draw(t, "now")),
		}
		if rapid.Bool().Draw(t, "older") {
			o.Older = older(sources)
		}
		if rapid.Bool().Draw(t, "lower") {
			o.Lower = []byte(keys.Draw(t, "Lower"))
		}
		if rapid.Bool().Draw(t, "upper") {
			o.Upper = []byte(keys.Draw(t, "Upper"))
		}
		l := NewLive(newIter(sources...), o)
		m := &model{rows: bounded(view(slices.Concat(sources...), ranges, o.At, o.Now), o.Lower, o.Upper)}
		for range rapid.IntRange(1, 15).Draw(t, "walks") {
			m.do(t, l, rapid.IntRange(0, 5).Draw(t, "op"), []byte(keys.Draw(t, "seek")))
			op := 4 + rapid.IntRange(0, 1).Draw(t, "way")
			for range rapid.IntRange(0, 15).Draw(t, "steps") {
				m.do(t, l, op, nil)
			}
		}
	})
}

func TestEntriesThatComeInLaterAreNotShown(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 300 {
		young := &sliceIter{}
		old := &sliceIter{}
		for i := range 40 {
			old.entries = append(old.entries, put(fmt.Sprintf("k%02d", i), 1))
		}
		l := NewLive(New([]ikey.Iterator{young, old}), LiveOptions{At: 5})
		m := &model{rows: slices.Clone(old.entries)}
		m.do(t, l, 2, fmt.Appendf(nil, "k%02d", r.IntN(40)))
		for n := range 60 {
			e := put(fmt.Sprintf("k%02d", r.IntN(40)), ikey.Seq(10+n))
			i, _ := slices.BinarySearchFunc(young.entries, e, compareEntries)
			young.entries = slices.Insert(young.entries, i, e)
			if i <= young.at {
				young.at++
			}
			m.do(t, l, 4+(round+r.IntN(4)/3)%2, nil)
			if t.Failed() {
				t.Logf("seed %d, round %d", seed, round)
			}
		}
	}
}

// countMoves is a Live over two sources, and how often they were moved.
func countMoves(o LiveOptions, sources ...[]entry) (*Live, func() int) {
	var its []ikey.Iterator
	for _, s := range sources {
		slices.SortFunc(s, compareEntries)
		its = append(its, &sliceIter{entries: s})
	}
	return NewLive(New(its), o), func() int {
		n := 0
		for _, it := range its {
			n += it.(*sliceIter).moves
		}
		return n
	}
}

func TestManyVersionsOfAKeyAreSeekedPast(t *testing.T) {
	var old []entry
	for i := range 10000 {
		old = append(old, put("k", ikey.Seq(i+1)))
	}
	for _, young := range [][]entry{{put("k", 20000), put("z", 20001)}, {del("k", 20000), put("z", 20001)}} {
		for _, back := range []bool{false, true} {
			l, moves := countMoves(LiveOptions{At: ikey.MaxSeq}, young, slices.Clone(old))
			m := &model{rows: view(young, nil, ikey.MaxSeq, 0)}
			if back {
				m.do(t, l, 1, nil)
				m.do(t, l, 5, nil)
				m.do(t, l, 5, nil)
			} else {
				m.do(t, l, 0, nil)
				m.do(t, l, 4, nil)
				m.do(t, l, 4, nil)
			}
			if n := moves(); n > 2*DefaultSkipAfter {
				t.Errorf("%d moves; backward %v", n, back)
			}
			if s := l.Stats(); s.Seeks == 0 || s.Obsolete < DefaultSkipAfter || s.Obsolete > 2*DefaultSkipAfter {
				t.Errorf("counts %+v; backward %v", s, back)
			}
		}
	}
}

func TestAWideRangeDeleteIsSeekedPast(t *testing.T) {
	var old []entry
	for i := range 10000 {
		old = append(old, put(fmt.Sprintf("k%05d", i), ikey.Seq(i+1)))
	}
	young := []entry{put("a", 20001), put("k04000", 20002), put("z", 20003)}
	ranges := []tombstone.Range{rangeDelete("k", "y", 20000)}
	sources := [][]entry{young, old}
	for _, upper := range []string{"y", ""} {
		ranges[0] = rangeDelete("k", upper, 20000)
		o := LiveOptions{At: ikey.MaxSeq, Ranges: []*tombstone.Set{tombstone.Build(ranges)}, Older: older(sources)}
		for _, op := range []int{4, 5} {
			l, moves := countMoves(o, sources...)
			m := &model{rows: young}
			m.do(t, l, op-4, nil)
			for range 3 {
				m.do(t, l, op, nil)
			}
			if n := moves(); n > 2*DefaultSkipAfter {
				t.Errorf("%d moves", n)
			}
			if s := l.Stats(); s.Covered != DefaultSkipAfter || s.Seeks == 0 {
				t.Errorf("counts %+v", s)
			}
		}
	}
}

func TestASourceThatIsPastTheRangeDeleteIsNotMovedForEver(t *testing.T) {
	sources := [][]entry{{put("b", 1), put("c", 9)}, {put("z", 2)}}
	ranges := []tombstone.Range{rangeDelete("a", "d", 5)}
	o := LiveOptions{At: 20, Ranges: []*tombstone.Set{tombstone.Build(ranges)}, SkipAfter: 1, Older: older(sources)}
	l, moves := countMoves(o, sources...)
	for m, op := (&model{rows: []entry{put("c", 9), put("z", 2)}}), 0; op < 6; op += 4 {
		m.do(t, l, op, nil)
	}
	if n := moves(); n > 6 {
		t.Fatalf("%d moves", n)
	}
}

func TestWhatIsPassedIsCounted(t *testing.T) {
	o := LiveOptions{At: 10, Now: 5, Ranges: []*tombstone.Set{tombstone.Build([]tombstone.Range{rangeDelete("d", "e", 9)})}}
	entries := []entry{put("a", 11), put("a", 2), put("a", 1), del("b", 3), put("b", 2), expiring("c", 4, 5), put("d", 8)}
	want := LiveStats{Newer: 1, Obsolete: 2, Tombstones: 1, Expired: 1, Covered: 1}
	for op := range 2 {
		l := NewLive(newIter(entries), o)
		m := &model{rows: []entry{put("a", 2)}}
		m.do(t, l, op, nil)
		m.do(t, l, op+4, nil)
		if got := l.Stats(); got != want {
			t.Errorf("way %d: %+v, want %+v", op, got, want)
		}
	}
}

func TestALiveEndsAtDamage(t *testing.T) {
	bad := []entry{{"k", ikey.Make(1, ikey.PutTTL), "1234567"}, {"k", ikey.Make(1, ikey.Kind(9)), ""}}
	for _, e := range bad {
		l := NewLive(newIter([]entry{put("a", 1), e, put("z", 1)}), LiveOptions{At: 9})
		if !l.First() || l.Next() || !errors.Is(l.Err(), engine.ErrCorrupt) || l.Next() {
			t.Fatalf("%v: error %v", e, l.Err())
		}
		if !l.Last() || l.Prev() || !errors.Is(l.Err(), engine.ErrCorrupt) || l.Prev() {
			t.Fatalf("%v: error %v", e, l.Err())
		}
		if err := l.Close(); !errors.Is(err, engine.ErrCorrupt) {
			t.Fatalf("Close returned %v", err)
		}
	}
}

func TestNoRowIsShownOfAKeyThatCouldNotBeReadWhole(t *testing.T) {
	entries := []entry{put("a", 1), put("k", 3), put("k", 2), put("k", 1)}
	for n := 1; n < 5; n++ {
		for _, skip := range []int{1, 9} {
			s := &sliceIter{entries: entries, failAt: n}
			l := NewLive(New([]ikey.Iterator{s}), LiveOptions{At: 9, SkipAfter: skip})
			if l.Last() && string(l.Value()) != "3" {
				t.Fatalf("move %d failed, and of k value %q is shown", n, l.Value())
			}
			if l.Prev() && (string(l.Key()) != "a" || s.err != nil) {
				t.Fatalf("move %d failed, and %q is shown", n, l.Key())
			}
			if s.err != nil && !errors.Is(l.Close(), errBroken) {
				t.Fatal("the error is lost")
			}
		}
	}
}
