package tombstone

import (
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// someRange draws ranges over keys that share prefixes of all lengths, also
// beyond a head.
func someRange() *rapid.Generator[Range] {
	key := someKey()
	return rapid.Custom(func(t *rapid.T) Range {
		r := Range{Lower: key.Draw(t, "lower"), Seq: rapid.Custom(someSeq).Draw(t, "seq")}
		if rapid.IntRange(0, 9).Draw(t, "bounded") > 0 {
			r.Upper = key.Draw(t, "upper")
		}
		return r
	})
}

func someSeq(t *rapid.T) ikey.Seq { return ikey.Seq(rapid.IntRange(0, 30).Draw(t, "n")) }

func someKey() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		prefix := rapid.SampledFrom([]string{"", "p", "prefix", "prefixprefix", "prefixprefix1"}).Draw(t, "prefix")
		return append([]byte(prefix), rapid.SliceOfN(rapid.ByteRange('a', 'd'), 0, 3).Draw(t, "rest")...)
	})
}

func TestSetsOfAnyRangesAgreeWithThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ranges := rapid.SliceOfN(someRange(), 0, 30).Draw(t, "ranges")
		keys := rapid.SliceOfN(someKey(), 1, 30).Draw(t, "keys")
		s := Build(ranges)
		if err := agrees(s, ranges, keys, 30); err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(ranges)).Draw(t, "cut")
		if merged := Merge(Build(ranges[:cut]), Build(ranges[cut:])); !same(merged, s) {
			t.Fatalf("cut at %d and merged they are %v, want %v", cut, merged.Fragments(), s.Fragments())
		}
		middle := someKey().Draw(t, "middle")
		if len(middle) > 0 {
			if halves := Merge(s.Clip(nil, middle), s.Clip(middle, nil)); !same(halves, s) {
				t.Fatalf("clipped at %q and merged they are %v, want %v", middle, halves.Fragments(), s.Fragments())
			}
		}
		decoded, err := Decode(s.Encode(nil))
		if err != nil || !same(decoded, s) {
			t.Fatalf("decoded they are %v, %v, want %v", decoded.Fragments(), err, s.Fragments())
		}
	})
}

func TestAListHasWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l List
		var all []Range
		for range rapid.IntRange(1, 12).Draw(t, "rounds") {
			added := rapid.SliceOfN(someRange(), 0, 12).Draw(t, "added")
			for _, r := range added {
				l.Add(r)
			}
			all = append(all, added...)
			s := l.Set()
			if !same(s, Build(all)) {
				t.Fatalf("%v: %v, want %v", all, s.Fragments(), Build(all).Fragments())
			}
			if l.Set() != s || l.now.Load() != s || len(l.waits) > 0 {
				t.Fatal("the set is made again")
			}
		}
	})
}

func TestAListThatNothingWasAddedToHasNoSet(t *testing.T) {
	var l List
	l.Add(Range{[]byte("b"), []byte("a"), 1})
	l.Add(Range{[]byte("a"), nil, 0})
	if l.Set() != nil || l.Len() != 0 || l.Bytes() != 0 {
		t.Error("the list has something")
	}
	if n := testing.AllocsPerRun(10, func() { l.Set() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	l.Add(Range{[]byte("a"), []byte("bc"), 1})
	s := l.Set()
	if s.Len() != 1 || l.Len() != 1 || l.Bytes() != 3 {
		t.Errorf("%d fragments, %d ranges, %d bytes", s.Len(), l.Len(), l.Bytes())
	}
	l.Reset()
	if l.Set() != nil || l.Len() != 0 || l.Bytes() != 0 {
		t.Error("after Reset the list has something")
	}
	if s.Covering([]byte("a"), 1) != 1 {
		t.Error("Reset changed a set")
	}
}

func TestAListCopiesWhatIsAdded(t *testing.T) {
	var l List
	lower, upper := []byte("a"), []byte("c")
	l.Add(Range{lower, upper, 1})
	clear(lower)
	clear(upper)
	if s := l.Set(); s.Covering([]byte("b"), 1) != 1 || s.Covering([]byte("c"), 1) != 0 {
		t.Error("the list changes with its argument")
	}
}

// Each writer asks for its range as soon as it was added, while others add.
func TestASetAfterAnAddHasIt(t *testing.T) {
	const writers, each = 4, 200
	var l List
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				seq := ikey.Seq(i*writers + w + 1)
				key := fmt.Appendf(nil, "%d-%04d", i%3, w*each+i)
				l.Add(Range{key, append(key, 'x'), seq})
				if got := l.Set().Covering(key, ikey.MaxSeq); got != seq {
					t.Errorf("%q is covered by %d, want %d", key, got, seq)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := l.Set().Len(); n != writers*each {
		t.Errorf("%d fragments, want %d", n, writers*each)
	}
}
