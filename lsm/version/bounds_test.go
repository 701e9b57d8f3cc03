package version

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawBounds draws bounds, maybe empty.
func drawBounds(t *rapid.T, what string) Bounds {
	key := rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 3, -1)
	b := Bounds{Lower: []byte(key.Draw(t, what+" lower")), Exclusive: rapid.Bool().Draw(t, what+" exclusive")}
	b.Upper = []byte(key.Draw(t, what+" upper"))
	if len(b.Upper) == 0 {
		b.Upper, b.Exclusive = nil, true
	}
	return b
}

// has is Contains, for people.
func has(b Bounds, key []byte) bool {
	c := bytes.Compare(key, b.Upper)
	return bytes.Compare(key, b.Lower) >= 0 && (b.Upper == nil || c < 0 || c == 0 && !b.Exclusive)
}

// meet reports whether a key is in both: the larger lower bound is the first
// that may be.
func meet(a, b Bounds) bool {
	first := slices.MaxFunc([][]byte{a.Lower, b.Lower}, bytes.Compare)
	return has(a, first) && has(b, first)
}

func TestBoundsOverlapWhereAKeyIsInBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawBounds(t, "a"), drawBounds(t, "b")
		if a.Overlaps(b) != meet(a, b) || b.Overlaps(a) != meet(a, b) {
			t.Fatalf("%v overlaps %v: %t", a, b, a.Overlaps(b))
		}
		if a.Empty() == has(a, a.Lower) {
			t.Fatalf("%v is empty: %t", a, a.Empty())
		}
		if a.Contains(b.Lower) != has(a, b.Lower) {
			t.Fatalf("%v contains %q: %t", a, b.Lower, a.Contains(b.Lower))
		}
		if !a.Empty() && !b.Empty() {
			if a.Before(b) != (!meet(a, b) && bytes.Compare(a.Lower, b.Lower) < 0) {
				t.Fatalf("%v before %v: %t", a, b, a.Before(b))
			}
			u := a.Union(b)
			for _, key := range [][]byte{a.Lower, b.Lower, a.Upper, b.Upper, []byte("bbbb")} {
				if in := has(a, key) || has(b, key); in && !has(u, key) {
					t.Fatalf("%v and %v: %q is not in %v", a, b, key, u)
				}
			}
			if end := u.Upper; end != nil && has(u, end) != (has(a, end) || has(b, end)) {
				t.Fatalf("%v and %v: %v", a, b, u)
			}
			if u.Upper == nil && a.Upper != nil && b.Upper != nil {
				t.Fatalf("%v and %v: %v", a, b, u)
			}
		}
	})
}

func TestUnionEndsWhereTheLaterOneDoes(t *testing.T) {
	for _, c := range [][3]string{
		{"[a,c)", "[b,c]", "[a,c]"},
		{"[b,c)", "[a,c)", "[a,c)"},
		{"[a,c]", "[b,c]", "[a,c]"},
		{"[a,c]", "[b,d)", "[a,d)"},
		{"[a,)", "[b,d]", "[a,)"},
	} {
		a, err1 := parseBounds(c[0])
		b, err2 := parseBounds(c[1])
		if err1 != nil || err2 != nil || a.Union(b).String() != c[2] || b.Union(a).String() != c[2] {
			t.Error(a, b, a.Union(b), b.Union(a), err1, err2)
		}
	}
}

// drawRun draws tables that do not overlap.
func drawRun(t *rapid.T, what string, first uint64) []*Table {
	var all []*Table
	for range rapid.IntRange(0, 6).Draw(t, what) {
		b := drawBounds(t, "table")
		if b.Empty() || slices.ContainsFunc(all, func(o *Table) bool { return meet(b, o.Bounds()) }) {
			continue
		}
		all = append(all, &Table{
			ID: first + uint64(len(all)), Bytes: 1,
			Smallest: b.Lower, Largest: b.Upper, LargestExclusive: b.Exclusive,
		})
	}
	return all
}

// drawVersion draws a version of a few runs in levels 1 to 3.
func drawVersion(t *rapid.T) *Version {
	var all []Placed
	for id := range uint64(5) {
		for _, table := range drawRun(t, "run", 1+10*id) {
			all = append(all, Placed{1 + int(id)/2, 10 - id, table})
		}
	}
	v, err := Build(all, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOverlapFindsTheTablesThatTheDefinitionFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, b := drawVersion(t), drawBounds(t, "range")
		below := true
		for n := Levels - 1; n > 0; n-- {
			if got := v.NothingBelowBounds(n, b); got != below {
				t.Fatalf("nothing below level %d: %t", n, got)
			}
			var want []uint64
			for _, r := range v.Levels[n].Runs {
				for _, table := range r.Tables {
					if meet(table.Bounds(), b) {
						want = append(want, table.ID)
						below = false
					}
				}
				found := r.Find(b.Lower)
				i := slices.IndexFunc(r.Tables, func(t *Table) bool { return has(t.Bounds(), b.Lower) })
				if (i >= 0) != (found != nil) || i >= 0 && r.Tables[i] != found {
					t.Fatalf("find %q in %v: %v", b.Lower, r.Tables, found)
				}
			}
			got := ids(v.OverlapBounds(n, b))
			if !slices.Equal(got, want) {
				t.Fatalf("%v overlaps %v in level %d, want %v", b, got, n, want)
			}
			if b.Exclusive {
				if !slices.Equal(ids(v.Overlap(n, b.Lower, b.Upper)), want) || v.NothingBelow(n-1, b.Lower, b.Upper) != below {
					t.Fatalf("%v in level %d", b, n)
				}
			}
		}
	})
}

func TestUnionOfNothingIsEmpty(t *testing.T) {
	if b := UnionOf(nil); !b.Empty() || b.Overlaps(Span(nil, nil)) {
		t.Error(b)
	}
	v := parse(t, base)
	if b := UnionOf(v.Levels[1].Runs[0].Tables); b.String() != "[a,)" {
		t.Error(b)
	}
}

func TestOlderIsWhatIsBelowWithoutTheInputs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVersion(t)
		level := rapid.IntRange(1, 3).Draw(t, "level")
		run := rapid.Uint64Range(5, 11).Draw(t, "run id")
		var inputs, rest []*Table
		for _, p := range v.All() {
			switch {
			case rapid.IntRange(0, 3).Draw(t, "input") == 0:
				inputs = append(inputs, p.Table)
			case p.Level > level || p.Level == level && p.Run < run:
				rest = append(rest, p.Table)
			}
		}
		o := v.Older(level, run, inputs)
		keys := []string{"", "a", "aa", "aab", "ab", "aba", "abb", "b", "ba", "bb", "bbb", "c"}
		for _, key := range keys {
			want := slices.ContainsFunc(rest, func(t *Table) bool { return has(t.Bounds(), []byte(key)) })
			if rapid.Bool().Draw(t, "ask") && o.Has([]byte(key)) != want {
				t.Fatalf("%q: %t", key, !want)
			}
		}
		b := drawBounds(t, "range")
		if o.Overlaps(b) != slices.ContainsFunc(rest, func(t *Table) bool { return meet(t.Bounds(), b) }) {
			t.Fatalf("%v: %t", b, o.Overlaps(b))
		}
	})
}

func TestOlderThanARunOfLevel0IsFlushedBefore(t *testing.T) {
	v := parse(t, base)
	o := v.Older(0, 9, []*Table{v.Flushed[0].Table, v.Levels[1].Runs[0].Tables[0], v.Levels[1].Runs[0].Tables[1]})
	for key, want := range map[string]bool{"a": true, "d": true} {
		if o.Has([]byte(key)) != want {
			t.Error(key)
		}
	}
	o = v.Older(0, 8, nil)
	if o.Overlaps(Span([]byte("l"), []byte("m"))) != true || o.Overlaps(Span([]byte("e"), []byte("e\x00"))) != true {
		t.Error("levels below are missing")
	}
	v = parse(t, "L0 run 9: 21 [a,m] 1 seq 2-2\nL0 run 8: 20 [a,c] 1 seq 1-1")
	if v.Older(0, 8, nil).Has([]byte("a")) || !v.Older(0, 9, nil).Has([]byte("a")) || v.Older(0, 9, nil).Has([]byte("d")) {
		t.Error("what is flushed later is not older")
	}
}
