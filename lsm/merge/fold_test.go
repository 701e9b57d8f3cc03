package merge

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"pgregory.net/rapid"
)

// A folding is the inputs of a fold, and what is older than them.
type folding struct {
	sources   [][]entry
	ranges    []tombstone.Range
	older     []entry
	snapshots []ikey.Seq
	zero      ikey.Seq
	now       int64
	blind     bool // Bottom says that there may be older data, whatever there is
	keepAll   bool // all range deletes are written, though not all need be
}

func (c folding) String() string {
	s := fmt.Sprintf("inputs: %s ranges:", list(slices.Concat(c.sources...)))
	for _, r := range c.ranges {
		s += fmt.Sprintf(" [%q, %q):%d", r.Lower, r.Upper, r.Seq)
	}
	return fmt.Sprintf("%s; older: %s snapshots: %v, zero below %d, now %d, blind %v, keep all %v",
		s, list(c.older), c.snapshots, c.zero, c.now, c.blind, c.keepAll)
}

func (c folding) bottom(key []byte) bool {
	return !c.blind && !slices.ContainsFunc(c.older, func(e entry) bool { return e.key == string(key) })
}

// readers are the numbers that are read at: the snapshots, and newer ones.
func (c folding) readers() []ikey.Seq { return append(slices.Clone(c.snapshots), 100, ikey.MaxSeq) }

// withoutSeqs is what a user sees of rows.
func withoutSeqs(rows []entry) []entry {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].t = ikey.Make(0, rows[i].t.Kind())
	}
	return rows
}

// check folds, and compares all that can be seen before and after, and what
// was kept with what can be seen.
func (c folding) check(t failer) FoldStats {
	t.Helper()
	inputs := slices.Concat(c.sources...)
	f := NewFold(newIter(c.sources...), FoldOptions{
		Snapshots: c.snapshots, Ranges: tombstone.Build(c.ranges), Bottom: c.bottom, ZeroBelow: c.zero, Now: c.now,
	})
	var kept []entry
	for f.Next() {
		kept = append(kept, entry{string(f.Key()), f.Trailer(), string(f.Value())})
	}
	if err := f.Err(); err != nil {
		t.Fatalf("%v\n%v", err, c)
	}
	if !slices.IsSortedFunc(kept, compareEntries) {
		t.Fatalf("kept is not in order: %s\n%v", list(kept), c)
	}
	ranges := c.ranges
	if !c.keepAll {
		ranges = nil
		for _, f := range tombstone.Build(c.ranges).Keep(c.snapshots, len(c.older) == 0 && !c.blind).Fragments() {
			for _, d := range f.Seqs {
				ranges = append(ranges, tombstone.Range{Lower: f.Lower, Upper: f.Upper, Seq: d})
			}
		}
	}
	seen := map[entry]bool{}
	for _, at := range c.readers() {
		want := withoutSeqs(view(slices.Concat(inputs, c.older), c.ranges, at, c.now))
		got := withoutSeqs(view(slices.Concat(kept, c.older), ranges, at, c.now))
		sameEntries(t, fmt.Sprintf("%v\nkept: %s\nread at %d", c, list(kept), at), got, want)
		for _, e := range view(inputs, c.ranges, at, c.now) {
			seen[e] = true
		}
	}
	c.checkKept(t, kept, inputs, seen)
	s := f.Stats()
	if s.Read != s.Kept+s.Obsolete+s.Covered+s.Tombstones+s.Expired || s.Kept != uint64(len(kept)) || s.Read != uint64(len(inputs)) {
		t.Fatalf("counts %+v\n%v", s, c)
	}
	return s
}

// checkKept checks that puts were kept if and only if somebody sees them, that
// no needless delete was, and that numbers are 0 that may be.
func (c folding) checkKept(t failer, kept, inputs []entry, seen map[entry]bool) {
	t.Helper()
	oldest := ikey.MaxSeq
	if len(c.snapshots) > 0 {
		oldest = c.snapshots[0]
	}
	puts := 0
	for _, e := range kept {
		if e.t.Kind() == ikey.Delete {
			if e.t.Seq() <= oldest && c.bottom([]byte(e.key)) {
				t.Fatalf("kept %v, that hides nothing\n%v", e, c)
			}
			continue
		}
		puts++
		original := slices.IndexFunc(inputs, func(i entry) bool { return i.key == e.key && i.value == e.value })
		if original < 0 || !seen[inputs[original]] {
			t.Fatalf("kept %v, that nobody sees\n%v", e, c)
		}
		q := inputs[original].t.Seq()
		old := slices.ContainsFunc(c.ranges, func(r tombstone.Range) bool {
			return r.Seq <= oldest && covers([]tombstone.Range{r}, e.key, 0, ikey.MaxSeq)
		})
		zero := q <= oldest && q <= c.zero && c.bottom([]byte(e.key)) && !old
		if want := ikey.Seq(0); !zero && e.t.Seq() != q || zero && e.t.Seq() != want {
			t.Fatalf("kept %v, which was %v\n%v", e, inputs[original], c)
		}
	}
	if puts != len(seen) {
		t.Fatalf("kept %s; %d puts can be seen\n%v", list(kept), len(seen), c)
	}
}

// snapshotSets are all sets of numbers up to n.
func snapshotSets(n int) [][]ikey.Seq {
	var sets [][]ikey.Seq
	for bits := range 1 << (n + 1) {
		var s []ikey.Seq
		for i := range n + 1 {
			if bits>>i&1 == 1 {
				s = append(s, ikey.Seq(i))
			}
		}
		sets = append(sets, s)
	}
	return sets
}

func TestAFoldLosesNothingOfAnyHistoryOfAKey(t *testing.T) {
	const ops = 4 // with numbers 2..5; 1 is that of older data
	sets := snapshotSets(ops + 1)
	var total FoldStats
	for history := range 5 * 5 * 5 * 5 {
		c := folding{now: 10, sources: make([][]entry, 2)}
		for i, h := 0, history; i < ops; i, h = i+1, h/5 {
			seq := ikey.Seq(i + 2)
			src := &c.sources[(history+i)%2]
			switch h % 5 {
			case 1:
				*src = append(*src, put("k", seq))
			case 2:
				*src = append(*src, del("k", seq))
			case 3:
				c.ranges = append(c.ranges, rangeDelete("j", "l", seq))
			case 4:
				*src = append(*src, expiring("k", seq, 9+int64(seq)%3))
			}
		}
		for n, set := range sets {
			c.snapshots = set
			mode := (history + n/5) % 4
			c.older, c.blind, c.keepAll = nil, mode == 1, mode == 2
			if mode == 3 {
				c.older = []entry{put("k", 1)}
			}
			c.zero = ikey.Seq(history/4+n) % 7
			s := c.check(t)
			total.Obsolete += s.Obsolete
			total.Covered += s.Covered
			total.Tombstones += s.Tombstones
			total.Expired += s.Expired
			total.Buried += s.Buried
			total.Zeroed += s.Zeroed
		}
	}
	if total.Obsolete == 0 || total.Covered == 0 || total.Tombstones == 0 || total.Expired == 0 || total.Buried == 0 || total.Zeroed == 0 {
		t.Fatalf("some rule was never used: %+v", total)
	}
}

func TestAFoldLosesNothingOfRandomInputs(t *testing.T) {
	keys := rapid.SampledFrom([]string{"a", "aa", "b", "c", "cc", "ccccccccc", "cccccccccc", "d"})
	rapid.Check(t, func(t *rapid.T) {
		seq := ikey.Seq(0)
		var c folding
		for range rapid.IntRange(0, 4).Draw(t, "older") {
			seq++
			c.older = append(c.older, put(keys.Draw(t, "key"), seq))
		}
		c.sources = make([][]entry, rapid.IntRange(1, 4).Draw(t, "sources"))
		for range rapid.IntRange(0, 30).Draw(t, "ops") {
			seq += ikey.Seq(rapid.IntRange(1, 2).Draw(t, "gap"))
			key := keys.Draw(t, "key")
			src := &c.sources[rapid.IntRange(0, len(c.sources)-1).Draw(t, "source")]
			switch rapid.IntRange(0, 5).Draw(t, "op") {
			case 0:
				*src = append(*src, del(key, seq))
			case 1:
				*src = append(*src, expiring(key, seq, int64(rapid.IntRange(0, 20).Draw(t, "expires"))))
			case 2:
				c.ranges = append(c.ranges, rangeDelete(key, rapid.SampledFrom([]string{"", "c", "cccccccccc", "dd"}).Draw(t, "upper"), seq))
			default:
				*src = append(*src, put(key, seq))
			}
		}
		c.snapshots = slices.Sorted(slices.Values(rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) ikey.Seq {
			return ikey.Seq(rapid.IntRange(0, 70).Draw(t, "snapshot"))
		}), 0, 4, func(s ikey.Seq) ikey.Seq { return s }).Draw(t, "snapshots")))
		c.zero = ikey.Seq(rapid.IntRange(0, 70).Draw(t, "zero"))
		c.now = int64(rapid.IntRange(0, 20).Draw(t, "now"))
		c.blind, c.keepAll = rapid.Bool().Draw(t, "blind"), rapid.Bool().Draw(t, "keepAll")
		c.check(t)
	})
}

// folded is all that a fold of entries keeps.
func folded(t failer, o FoldOptions, entries ...entry) []entry {
	t.Helper()
	f := NewFold(newIter(entries), o)
	var kept []entry
	for f.Next() {
		kept = append(kept, entry{string(f.Key()), f.Trailer(), string(f.Value())})
	}
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	return kept
}

func always([]byte) bool { return true }

func TestADeleteStaysWhileSomethingOlderMayLieBelow(t *testing.T) {
	sameEntries(t, "may", folded(t, FoldOptions{}, del("k", 5), put("k", 4)), []entry{del("k", 5)})
	sameEntries(t, "may not", folded(t, FoldOptions{Bottom: always}, del("k", 5), put("k", 4)), nil)
	sameEntries(t, "a snapshot does not see it", folded(t, FoldOptions{Bottom: always, Snapshots: []ikey.Seq{4}},
		del("k", 5), put("k", 4), put("k", 3)), []entry{del("k", 5), put("k", 4)})
	sameEntries(t, "a snapshot sees it", folded(t, FoldOptions{Bottom: always, Snapshots: []ikey.Seq{5}},
		put("k", 6), del("k", 5), put("k", 4)), []entry{put("k", 6)})
}

func TestAPutThatExpiredStaysAsADeleteWhileSomethingOlderMayLieBelow(t *testing.T) {
	o := FoldOptions{Now: 100}
	sameEntries(t, "may", folded(t, o, expiring("k", 5, 100), put("k", 4)), []entry{del("k", 5)})
	sameEntries(t, "not expired", folded(t, o, expiring("k", 5, 101), put("k", 4)), []entry{expiring("k", 5, 101)})
	o.Bottom = always
	sameEntries(t, "may not", folded(t, o, expiring("k", 5, 100), put("k", 4)), nil)
}

func TestANumberIsNotZeroedUnderAnOlderRangeDelete(t *testing.T) {
	o := FoldOptions{
		Bottom: always, ZeroBelow: ikey.MaxSeq,
		Ranges: tombstone.Build([]tombstone.Range{rangeDelete("a", "c", 4)}),
	}
	got := folded(t, o, put("b", 5), put("c", 3))
	sameEntries(t, "kept", got, []entry{put("b", 5), {"c", ikey.Make(0, ikey.Put), "3"}})
}

func TestAFoldStaysInItsBounds(t *testing.T) {
	o := FoldOptions{Lower: []byte("b"), Upper: []byte("d")}
	got := folded(t, o, put("a", 1), put("b", 2), put("c", 3), put("d", 4), put("e", 5))
	sameEntries(t, "kept", got, []entry{put("b", 2), put("c", 3)})
}

func TestRelocateSeesWhatIsKeptAndNothingElse(t *testing.T) {
	var asked []string
	relocate := func(key []byte, kind ikey.Kind, value []byte) ([]byte, ikey.Kind, error) {
		asked = append(asked, fmt.Sprintf("%s %v %s", key, kind, value))
		if kind == ikey.PutBlob {
			return []byte("inline"), ikey.Put, nil
		}
		return value, kind, nil
	}
	blob := entry{"c", ikey.Make(7, ikey.PutBlob), "place"}
	f := NewFold(newIter([]entry{del("a", 5), put("a", 4), put("b", 3), put("b", 2), blob}), FoldOptions{Relocate: relocate})
	var kept []entry
	for f.Next() {
		kept = append(kept, entry{string(f.Key()), f.Trailer(), string(f.Value())})
	}
	sameEntries(t, "kept", kept, []entry{del("a", 5), put("b", 3), {"c", ikey.Make(7, ikey.Put), "inline"}})
	if want := []string{"b put 3", "c put-blob place"}; !slices.Equal(asked, want) {
		t.Fatalf("asked for %q, want %q", asked, want)
	}
	if s := f.Stats(); s.Moved != 1 || s.Kept != 3 || s.KeptBytes != 3+1+6 || s.ReadBytes != 5+3+5 {
		t.Fatalf("counts %+v", s)
	}
}

func TestAFoldEndsAtTheFirstError(t *testing.T) {
	cases := map[string]struct {
		e    entry
		o    FoldOptions
		want error
	}{
		"a range delete among entries": {entry{"k", ikey.Make(1, ikey.RangeDelete), ""}, FoldOptions{}, engine.ErrCorrupt},
		"an expiry cut short":          {entry{"k", ikey.Make(1, ikey.PutTTL), "1234567"}, FoldOptions{}, engine.ErrCorrupt},
		"relocate fails": {put("k", 1), FoldOptions{Relocate: func([]byte, ikey.Kind, []byte) ([]byte, ikey.Kind, error) {
			return nil, 0, errBroken
		}}, errBroken},
		"relocate makes a delete": {put("k", 1), FoldOptions{Relocate: func([]byte, ikey.Kind, []byte) ([]byte, ikey.Kind, error) {
			return nil, ikey.Delete, nil
		}}, nil},
		"relocate drops an expiry": {expiring("k", 1, 9), FoldOptions{Relocate: func([]byte, ikey.Kind, []byte) ([]byte, ikey.Kind, error) {
			return nil, ikey.Put, nil
		}}, nil},
	}
	for name, c := range cases {
		f := NewFold(newIter([]entry{put("a", 2), c.e, put("z", 3)}), c.o)
		for f.Next() {
		}
		if err := f.Err(); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if f.Next() {
			t.Errorf("%s: it went on", name)
		}
	}
	broken := &sliceIter{entries: []entry{put("a", 1), put("b", 1), put("c", 1)}, failAt: 3}
	f := NewFold(New([]ikey.Iterator{broken}), FoldOptions{})
	n := 0
	for f.Next() {
		n++
	}
	if n != 2 || !errors.Is(f.Err(), errBroken) {
		t.Fatalf("%d entries, then %v", n, f.Err())
	}
}
