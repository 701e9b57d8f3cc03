package page

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A machine changes a page and its model in the same ways.
type machine struct {
	t    *rapid.T
	m    *model
	p    []byte
	keys *rapid.Generator[string]
	most int // bytes of a payload
	made uint32
}

func (s *machine) draw() entry {
	e := entry{key: s.keys.Draw(s.t, "key")}
	if !s.m.covers(e.key) {
		return e
	}
	s.made++
	if s.m.kind == Inner {
		e.child = 2000 + s.made
		return e
	}
	n := min(rapid.IntRange(0, s.most).Draw(s.t, "payload"), MaxInline(len(s.p))-len(e.key))
	e.flags = uint8(s.made)
	e.payload = strings.Repeat(fmt.Sprint(s.made, ","), n)[:n]
	return e
}

// insert inserts an entry; where there is no room, it splits, and goes on with
// the half that has it.
func (s *machine) insert() {
	e := s.draw()
	i, found := s.m.find(e.key)
	if found || !s.m.covers(e.key) {
		return
	}
	before := bytes.Clone(s.p)
	if s.m.insert(s.p, e) {
		return
	}
	if !bytes.Equal(before, s.p) {
		s.t.Fatal("no room, but changed")
	}
	grown := *s.m
	grown.entries = append(slices.Clone(grown.entries), e)
	if n := grown.size(); n <= len(s.p) {
		s.t.Fatalf("no room for %d bytes", n)
	}
	fill := rapid.SampledFrom([]float64{0.5, 0.9, 1}).Draw(s.t, "fill")
	s.split(SplitPoint(s.p, i, e.need(), fill, rapid.Bool().Draw(s.t, "appending")), e.key)
	if !s.m.insert(s.p, e) {
		s.t.Fatalf("no room for an entry of %d after a split", e.need())
	}
}

// split splits at a place and goes on with the half that has a key.
func (s *machine) split(at int, key string) {
	right, r, err := s.m.split(s.p, at)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, err := range []error{s.m.check(s.p), r.check(right)} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if r.covers(key) {
		s.p, *s.m = right, r
	}
}

// replace changes a payload or a separator.
func (s *machine) replace() {
	if len(s.m.entries) == 0 {
		return
	}
	i := rapid.IntRange(0, len(s.m.entries)-1).Draw(s.t, "i")
	e, before := s.draw(), bytes.Clone(s.p)
	old := s.m.entries[i]
	done := false
	if s.m.kind == Leaf {
		e.key = old.key
		e.payload = e.payload[:min(len(e.payload), MaxInline(len(s.p))-len(e.key))]
		done = Replace(s.p, i, e.flags, []byte(e.payload))
	} else {
		e.child = old.child
		if i > 0 && e.key <= s.m.entries[i-1].key || i+1 < len(s.m.entries) && e.key >= s.m.entries[i+1].key || !s.m.covers(e.key) {
			return
		}
		done = SetSeparator(s.p, i, []byte(e.key))
	}
	s.m.entries[i] = e
	if done {
		return
	}
	if n := s.m.size(); n <= len(s.p) {
		s.t.Fatalf("no room for %d bytes", n)
	}
	s.m.entries[i] = old
	if !bytes.Equal(before, s.p) {
		s.t.Fatal("no room, but changed")
	}
	if s.m.kind == Leaf {
		s.split(SplitPoint(s.p, i, e.need(), 0.5, false), e.key)
		i, _ = s.m.find(e.key)
		if !Replace(s.p, i, e.flags, []byte(e.payload)) {
			s.t.Fatalf("no room for a payload of %d after a split", len(e.payload))
		}
		s.m.entries[i] = e
	}
}

func (s *machine) remove() {
	for n := rapid.IntRange(0, 3).Draw(s.t, "n"); n > 0 && len(s.m.entries) > 0; n-- {
		s.m.remove(s.p, rapid.IntRange(0, len(s.m.entries)-1).Draw(s.t, "i"))
	}
}

// splitAndMerge does both, somewhere: nothing changes.
func (s *machine) splitAndMerge() {
	n := len(s.m.entries)
	if s.m.kind == Inner {
		n--
	}
	if n < 2 {
		return
	}
	was, before := *s.m, bytes.Clone(s.p)
	right, r, err := s.m.split(s.p, rapid.IntRange(1, n-1).Draw(s.t, "at"))
	if err != nil { // not where SplitPoint says: it may not fit
		if !bytes.Equal(before, s.p) {
			s.t.Fatal("no split, but changed")
		}
		*s.m = was
		return
	}
	if err := r.check(right); err != nil {
		s.t.Fatal(err)
	}
	left := bytes.Clone(s.p)
	done := false
	if s.m.kind == Leaf {
		done = Merge(s.p, right)
	} else {
		done = MergeInner(s.p, right, []byte(r.low))
	}
	if done {
		*s.m = was
		return
	}
	if n := was.size(); n <= len(s.p) {
		s.t.Fatalf("%d bytes do not fit", n)
	}
	if !bytes.Equal(left, s.p) {
		s.t.Fatal("no merge, but changed")
	}
}

// widen gives the page wider fences.
func (s *machine) widen() {
	before := bytes.Clone(s.p)
	was := *s.m
	if rapid.Bool().Draw(s.t, "below") {
		s.m.low = s.m.low[:rapid.IntRange(0, len(s.m.low)).Draw(s.t, "low")]
	}
	if rapid.Bool().Draw(s.t, "above") {
		s.m.high, s.m.bounded = "", false
	}
	if SetFences(s.p, []byte(s.m.low), []byte(s.m.high), s.m.bounded) {
		return
	}
	if n := s.m.size(); n <= len(s.p) {
		s.t.Fatalf("%d bytes do not fit", n)
	}
	if !bytes.Equal(before, s.p) {
		s.t.Fatal("no room, but changed")
	}
	*s.m = was
}

func run(t *rapid.T, kind Kind) {
	size := rapid.SampledFrom(pageSizes).Draw(t, "page bytes")
	m := &model{kind: kind, id: 5}
	if kind == Inner {
		m.first = 1000
	} else {
		m.next = 9
	}
	s := machine{t: t, m: m, keys: keysOf(t, size)}
	if rapid.Bool().Draw(t, "bounded") {
		low, high := s.keys.Draw(t, "low"), s.keys.Draw(t, "high")
		if low < high {
			m.low, m.high, m.bounded = low, high, true
		}
	}
	s.p = m.newPage(size)
	s.most = rapid.SampledFrom([]int{0, 10, 150, size}).Draw(t, "payload bytes")
	bulk := rapid.SampledFrom([]int{0, 10, 100}).Draw(t, "bulk")
	for range bulk {
		s.insert()
	}
	t.Repeat(map[string]func(*rapid.T){
		"insert":  func(*rapid.T) { s.insert() },
		"insert2": func(*rapid.T) { s.insert() },
		"insert many": func(*rapid.T) {
			for range 10 {
				s.insert()
			}
		},
		"replace":   func(*rapid.T) { s.replace() },
		"remove":    func(*rapid.T) { s.remove() },
		"rebuild":   func(*rapid.T) { Rebuild(s.p) },
		"split":     func(*rapid.T) { s.splitAndMerge() },
		"widen":     func(*rapid.T) { s.widen() },
		"set child": func(t *rapid.T) { s.setChild() },
		"": func(t *rapid.T) {
			if err := m.check(s.p); err != nil {
				t.Fatal(err)
			}
		},
	})
}

func (s *machine) setChild() {
	if s.m.kind != Inner {
		return
	}
	s.made++
	i := rapid.IntRange(0, len(s.m.entries)).Draw(s.t, "i")
	SetChild(s.p, i, s.made)
	if i == 0 {
		s.m.first = s.made
	} else {
		s.m.entries[i-1].child = s.made
	}
}

func TestALeafDoesWhatASortedSliceDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { run(t, Leaf) })
}

func TestAnInnerPageDoesWhatASortedSliceDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { run(t, Inner) })
}
