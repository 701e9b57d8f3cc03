package tombstone

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// The small universe: bounds a to e and none, keys between and around them.
var (
	smallBounds = [][]byte{[]byte("a"), []byte("b"), []byte("c"), []byte("d"), []byte("e"), nil}
	smallKeys   = [][]byte{[]byte("A"), []byte("a"), []byte("aa"), []byte("b"), []byte("c"), []byte("cc"), []byte("d"), []byte("e"), []byte("z")}
)

const smallSeqs = 4

// smallRanges are all ranges of the small universe, also those that are none.
func smallRanges() (all []Range) {
	for _, lower := range smallBounds[:5] {
		for _, upper := range smallBounds {
			for seq := range ikey.Seq(smallSeqs + 1) {
				all = append(all, Range{lower, upper, seq})
			}
		}
	}
	return all
}

func (r Range) holds(key []byte) bool {
	return bytes.Compare(r.Lower, key) <= 0 && (r.Upper == nil || bytes.Compare(key, r.Upper) < 0)
}

// naive is what a Set must answer.
func naive(ranges []Range, key []byte, at ikey.Seq) (seq ikey.Seq) {
	for _, r := range ranges {
		if r.holds(key) && r.Seq <= at {
			seq = max(seq, r.Seq)
		}
	}
	return seq
}

// check says what is not canonical.
func check(s *Set) error {
	if s == nil {
		return nil
	}
	if s.Len() == 0 {
		return fmt.Errorf("an empty set is not nil")
	}
	for i, f := range s.fragments {
		if (Range{f.Lower, f.Upper, 1}).Empty() {
			return fmt.Errorf("fragment %d holds no key", i)
		}
		if len(f.Seqs) == 0 || f.Seqs[len(f.Seqs)-1] == 0 {
			return fmt.Errorf("fragment %d has the numbers %v", i, f.Seqs)
		}
		for j := range f.Seqs[1:] {
			if f.Seqs[j] <= f.Seqs[j+1] {
				return fmt.Errorf("fragment %d has the numbers %v", i, f.Seqs)
			}
		}
		if i == 0 {
			continue
		}
		before := s.fragments[i-1]
		switch c := compareUpper(before.Upper, f.Lower); {
		case c > 0:
			return fmt.Errorf("fragment %d overlaps the one before", i)
		case c == 0 && slices.Equal(before.Seqs, f.Seqs):
			return fmt.Errorf("fragment %d goes on with the one before", i)
		}
	}
	return nil
}

// agrees says where a Set does not answer as its ranges.
func agrees(s *Set, ranges []Range, keys [][]byte, seqs ikey.Seq) error {
	if err := check(s); err != nil {
		return err
	}
	for _, key := range keys {
		for at := range seqs + 2 {
			want := naive(ranges, key, at)
			if got := s.Covering(key, at); got != want {
				return fmt.Errorf("%q at %d is covered by %d, want %d", key, at, got, want)
			}
			if err := agreesAround(s, ranges, keys, key, at, want); err != nil {
				return err
			}
		}
	}
	return nil
}

// agreesAround checks a window.
func agreesAround(s *Set, ranges []Range, keys [][]byte, key []byte, at, want ikey.Seq) error {
	got, lower, upper := s.CoveringWindow(key, at)
	window := Range{lower, upper, 1}
	if got != want || !window.holds(key) {
		return fmt.Errorf("%q at %d is covered by %d in [%q, %q), want %d", key, at, got, lower, upper, want)
	}
	for _, k := range keys {
		if window.holds(k) && naive(ranges, k, at) != want {
			return fmt.Errorf("%q is in [%q, %q) of %q at %d, and not covered by %d", k, lower, upper, key, at, want)
		}
	}
	return nil
}

func TestOneRangeAndTwoRangesCoverWhatTheyHold(t *testing.T) {
	all := smallRanges()
	for i, a := range all {
		if err := agrees(Build([]Range{a}), []Range{a}, smallKeys, smallSeqs); err != nil {
			t.Fatalf("%v: %v", a, err)
		}
		for _, b := range all[i:] {
			two := []Range{a, b}
			s := Build(two)
			if err := agrees(s, two, smallKeys, smallSeqs); err != nil {
				t.Fatalf("%v: %v", two, err)
			}
			if merged := Merge(Build(two[1:]), nil, Build(two[:1])); !same(merged, s) {
				t.Fatalf("%v: merged they are %v", two, merged.Fragments())
			}
		}
	}
}

// A key of the small universe, or one just behind it, is in each range of keys
// that some Set of it tells apart.
func TestCoveringAllIsTheLeastOfAllKeys(t *testing.T) {
	var keys [][]byte
	for _, k := range smallKeys {
		keys = append(keys, k, append(bytes.Clone(k), 0))
	}
	all := smallRanges()
	for i, a := range all {
		for j := i; j < len(all); j += 11 {
			ranges := []Range{a, all[j], {[]byte("b"), []byte("d"), 2}}
			s := Build(ranges)
			for _, lower := range keys {
				for _, upper := range append(keys, nil) {
					for _, inclusive := range []bool{false, true} {
						within := Range{lower, upper, 1}
						if inclusive && upper != nil {
							within.Upper = append(bytes.Clone(upper), 0)
						}
						if within.Empty() {
							continue
						}
						want := ikey.MaxSeq
						for _, k := range keys {
							if within.holds(k) {
								want = min(want, naive(ranges, k, 3))
							}
						}
						if got := s.CoveringAll(lower, upper, inclusive, 3); got != want {
							t.Fatalf("%v: [%q, %q] %t is covered by %d, want %d", ranges, lower, upper, inclusive, got, want)
						}
					}
				}
			}
		}
	}
	if (*Set)(nil).CoveringAll(nil, nil, false, 9) != 0 {
		t.Error("an empty set covers all")
	}
}

// same reports whether two Sets are one in all that they have.
func same(a, b *Set) bool {
	return reflect.DeepEqual(a, b) && bytes.Equal(a.Encode(nil), b.Encode(nil))
}

func TestAFragmentOfManyDeletesHasEach(t *testing.T) {
	for n := range ikey.Seq(40) {
		var ranges []Range
		for i := range n {
			ranges = append(ranges, Range{[]byte("a"), []byte("b"), 2*i + 1})
		}
		if err := agrees(Build(ranges), ranges, smallKeys[:3], 2*n); err != nil {
			t.Fatalf("%d deletes: %v", n, err)
		}
	}
}

func TestKeysOutsideOfTheCommonPrefixAreFound(t *testing.T) {
	ranges := []Range{
		{[]byte("prefix1"), []byte("prefix2"), 1}, {[]byte("prefix3"), []byte("prefix4"), 2}, {[]byte("prefix5"), nil, 3},
	}
	var keys [][]byte
	for _, k := range []string{"a", "p", "prefix", "prefix0", "prefix1", "prefix1x", "prefix2", "prefix33", "prefix5", "prefiy", "prefix9", "q", "z1234567", "prefiy0000"} {
		keys = append(keys, []byte(k))
	}
	if err := agrees(Build(ranges), ranges, keys, 3); err != nil {
		t.Error(err)
	}
}

func TestAnEmptySetCoversNothing(t *testing.T) {
	var s *Set
	if s.Covering([]byte("k"), ikey.MaxSeq) != 0 || s.Len() != 0 || s.MinSeq() != 0 || s.MaxSeq() != 0 {
		t.Error("a nil set has something")
	}
	if lower, upper := s.Bounds(); lower != nil || upper != nil {
		t.Error("a nil set has bounds")
	}
	if Build(nil) != nil || Merge() != nil || Merge(nil, nil) != nil || s.Clip([]byte("a"), nil) != nil || s.Keep(nil, false) != nil {
		t.Error("a set without deletes is not nil")
	}
}

func TestASetKeepsNothingOfItsArguments(t *testing.T) {
	lower, upper := []byte("aa"), []byte("bb")
	s := Build([]Range{{lower, upper, 7}})
	encoded := s.Encode(nil)
	decoded, err := Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	clear(lower)
	clear(upper)
	clear(encoded)
	for _, s := range []*Set{s, decoded} {
		if s.Covering([]byte("ab"), 7) != 7 || s.Covering([]byte("bb"), 7) != 0 {
			t.Error("a set changes with what it was made of")
		}
	}
}

func TestBoundsAndNumbersAreThoseOfAll(t *testing.T) {
	s := Build([]Range{{[]byte("c"), []byte("d"), 9}, {[]byte("a"), []byte("b"), 3}, {[]byte("a"), []byte("c"), 5}})
	lower, upper := s.Bounds()
	if string(lower) != "a" || string(upper) != "d" || s.MinSeq() != 3 || s.MaxSeq() != 9 || s.Len() != 3 {
		t.Errorf("[%q, %q), %d to %d, %d fragments", lower, upper, s.MinSeq(), s.MaxSeq(), s.Len())
	}
	if _, upper := Build([]Range{{nil, nil, 1}}).Bounds(); upper != nil {
		t.Error("there is an upper bound")
	}
}

func TestLookingUpAllocatesNothing(t *testing.T) {
	s := many(1000)
	key := []byte("user000000000500")
	var sum ikey.Seq
	n := testing.AllocsPerRun(100, func() {
		seq, _, _ := s.CoveringWindow(key, ikey.MaxSeq)
		sum += seq + s.Covering(key, ikey.MaxSeq)
	})
	if n > 0 || sum == 0 {
		t.Errorf("%v allocations, sum %d", n, sum)
	}
}

// many are n ranges with gaps between them.
func many(n int) *Set {
	var all []Range
	for i := range n {
		all = append(all, Range{
			fmt.Appendf(nil, "user%012d", 2*i), fmt.Appendf(nil, "user%012d", 2*i+1), ikey.Seq(i + 1),
		})
	}
	return Build(all)
}
