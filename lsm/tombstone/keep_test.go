package tombstone

import (
	"slices"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// subset are the numbers from 1 whose bits are set, rising.
func subset(bits int) (all []ikey.Seq) {
	for i := range smallSeqs {
		if bits>>i&1 == 1 {
			all = append(all, ikey.Seq(i+1))
		}
	}
	return all
}

// visible is the entry that a reader sees, of which bottom is one older than
// all others; -1 if none.
func visible(entries []ikey.Seq, s *Set, at ikey.Seq, bottom bool) int {
	newest := -1
	if bottom {
		newest = 0
	}
	for _, e := range entries {
		if e <= at {
			newest = max(newest, int(e))
		}
	}
	if newest >= 0 && int(s.Covering([]byte("k"), at)) > newest {
		return -1
	}
	return newest
}

// fold is what a compaction keeps of the entries of a key: rule 1, and the
// newest of each stripe.
func fold(entries []ikey.Seq, s *Set, snapshots []ikey.Seq) (kept []ikey.Seq) {
	end := func(e ikey.Seq) ikey.Seq {
		for _, at := range snapshots {
			if e <= at {
				return at
			}
		}
		return ikey.MaxSeq
	}
	for i, e := range entries {
		newest := i+1 == len(entries) || end(entries[i+1]) != end(e)
		if newest && s.Covering([]byte("k"), end(e)) <= e {
			kept = append(kept, e)
		}
	}
	return kept
}

// Of all sets of deletes, entries and snapshots of four numbers: whoever may
// still read sees after a compaction what it saw before.
func TestACompactionChangesNothingForAnyReader(t *testing.T) {
	for i := range 1 << (3 * smallSeqs) {
		deletes, entries, snapshots := subset(i), subset(i>>smallSeqs), subset(i>>(2*smallSeqs))
		var ranges []Range
		for _, d := range deletes {
			ranges = append(ranges, Range{[]byte("a"), nil, d})
		}
		before := Build(ranges)
		after := fold(entries, before, snapshots)
		readers := append(slices.Clone(snapshots), ikey.MaxSeq)
		for _, older := range []bool{false, true} {
			kept := before.Keep(snapshots, !older)
			if err := check(kept); err != nil {
				t.Fatal(err)
			}
			for _, at := range readers {
				want, got := visible(entries, before, at, older), visible(after, kept, at, older)
				if got != want {
					t.Fatalf("entries %v, deletes %v, snapshots %v, older %t: at %d there is %d, want %d",
						entries, deletes, snapshots, older, at, got, want)
				}
			}
			if kept.Len() > 0 && len(kept.fragments[0].Seqs) > len(readers) {
				t.Fatalf("of %v are kept %v for %v", deletes, kept.fragments[0].Seqs, snapshots)
			}
		}
	}
}

func TestKeepHasOneNumberPerStripe(t *testing.T) {
	all := []Range{{[]byte("a"), []byte("b"), 3}, {[]byte("b"), []byte("c"), 5}}
	for seq := range ikey.Seq(10) {
		all = append(all, Range{[]byte("k"), []byte("l"), seq + 1})
	}
	s := Build(all)
	for _, c := range []struct {
		name      string
		snapshots []ikey.Seq
		bottom    bool
		fragments int
		want      []ikey.Seq // of the last fragment
	}{
		{"no snapshots", nil, false, 3, []ikey.Seq{10}},
		{"no snapshots, bottom", nil, true, 0, nil},
		{"snapshots", []ikey.Seq{4, 7}, false, 3, []ikey.Seq{10, 7, 4}},
		{"snapshots, bottom", []ikey.Seq{4, 7}, true, 2, []ikey.Seq{10, 7}},
		{"a snapshot of all", []ikey.Seq{20}, false, 3, []ikey.Seq{10}},
		{"a snapshot of all, bottom", []ikey.Seq{20}, true, 0, nil},
		{"a snapshot of nothing, bottom", []ikey.Seq{0}, true, 3, []ikey.Seq{10}},
		{"two snapshots of the same", []ikey.Seq{20, 30}, true, 0, nil},
	} {
		kept := s.Keep(c.snapshots, c.bottom)
		if err := check(kept); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if kept.Len() != c.fragments {
			t.Errorf("%s: %d fragments, want %d", c.name, kept.Len(), c.fragments)
		} else if c.fragments > 0 && !slices.Equal(kept.fragments[c.fragments-1].Seqs, c.want) {
			t.Errorf("%s: %v, want %v", c.name, kept.fragments[c.fragments-1].Seqs, c.want)
		}
	}
}

func TestFragmentsThatBecomeTheSameBecomeOne(t *testing.T) {
	s := Build([]Range{{[]byte("a"), []byte("z"), 9}, {[]byte("c"), []byte("d"), 2}})
	if kept := s.Keep(nil, false); s.Len() != 3 || kept.Len() != 1 {
		t.Errorf("%d fragments, then %d", s.Len(), kept.Len())
	}
}

func TestKeepWhereAsksForEachFragment(t *testing.T) {
	s := Build([]Range{{[]byte("a"), []byte("b"), 1}, {[]byte("c"), nil, 2}})
	kept := s.KeepWhere(nil, func(lower, upper []byte) bool {
		if string(lower) == "c" && upper != nil {
			t.Errorf("the last fragment ends at %q", upper)
		}
		return string(lower) == "a"
	})
	if kept.Len() != 1 || string(kept.fragments[0].Lower) != "c" {
		t.Errorf("kept %v", kept.Fragments())
	}
}

// Of all pairs of ranges of the small universe, clipped to all bounds.
func TestAClippedSetCoversWhatIsInside(t *testing.T) {
	lowers := append(slices.Clone(smallBounds[:5]), nil)
	all := smallRanges()
	for _, a := range all {
		for _, b := range all[:40] {
			s := Build([]Range{a, b})
			for _, lower := range lowers {
				for _, upper := range smallBounds {
					c := s.Clip(lower, upper)
					if err := check(c); err != nil {
						t.Fatal(err)
					}
					for _, key := range smallKeys {
						want := ikey.Seq(0)
						if (Range{lower, upper, 1}).holds(key) {
							want = s.Covering(key, ikey.MaxSeq)
						}
						if got := c.Covering(key, ikey.MaxSeq); got != want {
							t.Fatalf("%v %v in [%q, %q): %q is covered by %d, want %d", a, b, lower, upper, key, got, want)
						}
					}
				}
			}
		}
	}
}
