package merge

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
	"pgregory.net/rapid"
)

// iterOf returns an Iter over what the sources say, and the model of it.
func iterOf(sources [][]entry) (*Iter, *model) {
	all := slices.Concat(sources...)
	slices.SortStableFunc(all, compareEntries) // of equals the newer source first
	return newIter(sources...), &model{rows: all}
}

func TestThreeSourcesAreWalkedInEveryWay(t *testing.T) {
	// Each of 4 entries, of 2 keys, is in one of 3 sources: all 81 ways; and
	// all walks of 5 moves from each start.
	entries := []entry{put("a", 1), put("a", 2), put("b", 3), put("b", 4)}
	for way := range 81 {
		sources := make([][]entry, 3)
		for i, w := 0, way; i < len(entries); i, w = i+1, w/3 {
			sources[w%3] = append(sources[w%3], entries[i])
		}
		it, m := iterOf(sources)
		for start := range 16 {
			for steps := range 32 {
				m.do(t, it, start/4, []byte{"`abc"[start%4]})
				for i := range 5 {
					m.do(t, it, 4+steps>>i&1, nil)
				}
			}
		}
	}
}

// drawKeys returns a generator of keys with long and short common beginnings.
func drawKeys() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		prefix := rapid.SampledFrom([]string{"", "u", "user0000", "user00001", "user1", "\xff\xff\xff\xff\xff\xff\xff\xff"}).Draw(t, "prefix")
		return prefix + rapid.SampledFrom([]string{"", "\x00", "a", "b", "\xff", "0000000000", "0000000001", "00000000\x00"}).Draw(t, "rest") +
			rapid.StringOfN(rapid.SampledFrom([]rune("ab")), 0, 2, -1).Draw(t, "end") + "k"
	})
}

func TestAnIterWalksLikeASortedSlice(t *testing.T) {
	keys := drawKeys()
	rapid.Check(t, func(t *rapid.T) {
		sources := make([][]entry, rapid.IntRange(1, 9).Draw(t, "sources"))
		for seq := range rapid.IntRange(0, 200).Draw(t, "entries") {
			i := rapid.IntRange(0, len(sources)-1).Draw(t, "source")
			sources[i] = append(sources[i], put(keys.Draw(t, "key"), ikey.Seq(seq)))
		}
		it, m := iterOf(sources)
		it.patience = 0
		for range rapid.IntRange(1, 30).Draw(t, "walks") {
			m.do(t, it, rapid.IntRange(0, 5).Draw(t, "op"), []byte(keys.Draw(t, "seek")))
			op := 4 + rapid.IntRange(0, 1).Draw(t, "way")
			for range rapid.IntRange(0, 40).Draw(t, "steps") {
				m.do(t, it, op, nil)
			}
		}
	})
}

func TestOfEqualEntriesTheNewerSourceComesFirst(t *testing.T) {
	for n := range 4 {
		sources := make([][]entry, n+2)
		for i := range sources {
			sources[i] = []entry{{"k", ikey.Make(7, ikey.Put), fmt.Sprint(i)}, {"l", ikey.Make(7, ikey.Put), fmt.Sprint(i)}}
		}
		it, m := iterOf(sources)
		sameEntries(t, "forward", walk(t, it), m.rows)
		m.do(t, it, 1, nil)
		for range m.rows {
			m.do(t, it, 5, nil)
		}
	}
}

func TestHeadsAreTakenAnewWhereTheyTie(t *testing.T) {
	sources := make([][]entry, 3)
	for i := range 30000 {
		sources[i%3] = append(sources[i%3], put(fmt.Sprintf("user%020d", i), ikey.Seq(i)))
	}
	it, m := iterOf(sources)
	compared := 0
	m.do(t, it, 0, nil)
	for range m.rows {
		before := it.ties
		m.do(t, it, 4, nil)
		compared += max(it.ties-before, 0)
	}
	if compared > len(m.rows)/10 {
		t.Fatalf("%d comparisons of whole keys for %d rows", compared, len(m.rows))
	}
}

func TestEntriesThatComeInLaterDoNotBreakTheOrder(t *testing.T) {
	old := &sliceIter{entries: []entry{put("a", 1), put("m", 1), put("z", 1)}}
	young := &sliceIter{entries: []entry{put("b", 2), put("x", 2)}}
	it := New([]ikey.Iterator{young, old})
	it.SeekGE([]byte("m"))
	if got := string(it.Key()); got != "m" {
		t.Fatalf("came to %q", got)
	}
	// Between m and x, where young stands, three come in.
	young.entries = []entry{put("b", 2), put("n", 3), put("o", 4), put("p", 5), put("x", 2)}
	young.at = 4
	if !it.Prev() || string(it.Key()) != "b" {
		t.Fatalf("before m comes %q", it.Key())
	}
	young.entries = []entry{put("b", 2), put("bb", 9), put("n", 3)}
	if !it.Next() || string(it.Key()) != "bb" {
		t.Fatalf("after b comes %q", it.Key())
	}
}

func TestAnErrorOfASourceEndsTheWalk(t *testing.T) {
	for _, moves := range []string{"first", "last"} {
		for failing := range 3 {
			for n := 1; n < 20; n++ {
				var its []ikey.Iterator
				for i := range 3 {
					s := &sliceIter{}
					for j := range 5 {
						s.entries = append(s.entries, put(fmt.Sprintf("k%02d", 3*j+i), 1))
					}
					if i == failing {
						s.failAt = n
					}
					its = append(its, s)
				}
				it := New(its)
				rows := 0
				step, ok := it.Next, false
				if moves == "last" {
					step, ok = it.Prev, it.Last()
				} else {
					ok = it.First()
				}
				for ; ok; ok = step() {
					rows++
				}
				want := 15
				switch at := 3*(n-2) + failing; {
				case n == 1:
					want = 0
				case n <= 6 && moves == "first":
					want = at + 1
				case n <= 6:
					want = 15 - (3*(6-n) + failing)
				}
				if rows != want || errors.Is(it.Err(), errBroken) != (n <= 6) {
					t.Fatalf("%s: source %d fails at move %d: %d rows, want %d; error %v", moves, failing, n, rows, want, it.Err())
				}
				if it.Next() || it.Prev() {
					t.Fatal("the walk went on")
				}
				if err := it.Close(); (err != nil) != (n <= 6) {
					t.Fatalf("Close returned %v", err)
				}
			}
		}
	}
}

func TestASeekAfterAnErrorTriesAgain(t *testing.T) {
	s := &sliceIter{entries: []entry{put("a", 1), put("b", 1)}, failAt: 2}
	it := New([]ikey.Iterator{s, &sliceIter{}})
	if !it.First() || it.Next() || !errors.Is(it.Err(), errBroken) {
		t.Fatalf("error %v", it.Err())
	}
	s.failAt, s.err = 0, nil
	sameEntries(t, "again", walk(t, it), s.entries)
}

func TestCloseClosesEachSourceOnce(t *testing.T) {
	a, b := &sliceIter{}, &sliceIter{err: errBroken}
	it := New([]ikey.Iterator{a, b})
	for range 2 {
		if err := it.Close(); !errors.Is(err, errBroken) {
			t.Fatalf("Close returned %v", err)
		}
	}
	if a.closed != 1 || b.closed != 1 {
		t.Fatalf("closed %d and %d times", a.closed, b.closed)
	}
	if it.First() || it.Last() || it.SeekGE(nil) || it.SeekLT(nil) || it.Next() || it.Prev() {
		t.Fatal("it walks on")
	}
}

func TestAnIterIsUsedAgain(t *testing.T) {
	it := newIter([]entry{put("a", 1)}, []entry{put("b", 2)}, []entry{put("c", 3)})
	if got := len(walk(t, it)); got != 3 {
		t.Fatalf("%d rows", got)
	}
	it.Init([]ikey.Iterator{&sliceIter{entries: []entry{put("d", 4)}}})
	sameEntries(t, "after Init", walk(t, it), []entry{put("d", 4)})
	it.Init(nil)
	if it.First() || it.Last() {
		t.Fatal("none of no sources has entries")
	}
	its := []ikey.Iterator{}
	for i := range 5 {
		its = append(its, &sliceIter{entries: []entry{put(strings.Repeat("x", 9)+fmt.Sprint(i), 1)}})
	}
	it.Init(its)
	if got := len(walk(t, it)); got != 5 {
		t.Fatalf("%d rows", got)
	}
}

func TestWalkingAllocatesNothing(t *testing.T) {
	it := newIter(benchEntries(3, 1000)...)
	l := NewLive(newIter(benchEntries(3, 1000)...), LiveOptions{At: ikey.MaxSeq})
	from := []byte("user5")
	for name, w := range map[string]walker{"iter": it, "live": l} {
		for _, op := range []func(){
			func() {
				for ok := w.SeekGE(from); ok; ok = w.Next() {
				}
			},
			func() {
				for ok := w.Last(); ok; ok = w.Prev() {
				}
			},
		} {
			op()
			if n := testing.AllocsPerRun(5, op); n > 0 {
				t.Fatalf("%s: %v allocations per walk", name, n)
			}
		}
	}
}
