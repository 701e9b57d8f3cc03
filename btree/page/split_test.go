package page

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A crowd makes pages whose fences and entries take as much as they may.
type crowd struct {
	t       *rapid.T
	size    int
	m       *model
	prefix  string // of all keys
	stretch int    // bytes that many keys share behind their first letter
	shares  []int  // how large an entry is, in parts of 4
}

func newCrowd(t *rapid.T, kind Kind) *crowd {
	size := rapid.SampledFrom(pageSizes).Draw(t, "page bytes")
	most := MaxKey(size)
	n := rapid.SampledFrom([]int{0, 1, 3, most / 2, most - 8}).Draw(t, "prefix")
	c := &crowd{t: t, size: size, prefix: strings.Repeat("p", n)}
	c.stretch = rapid.SampledFrom([]int{0, 10, most}).Draw(t, "stretch")
	c.shares = rapid.SliceOfN(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4, 4}), 1, 12).Draw(t, "shares")
	c.m = &model{kind: kind, id: 3}
	if kind == Inner {
		c.m.first = 7
	}
	if rapid.Bool().Draw(t, "low fence") {
		c.m.low = c.prefix + strings.Repeat("a", most-n)
	}
	if rapid.Bool().Draw(t, "high fence") {
		c.m.high, c.m.bounded = c.prefix+strings.Repeat("z", most-n), true
	}
	return c
}

// entry draws the n-th entry.
func (c *crowd) entry(n int) entry {
	most := MaxKey(c.size)
	share := c.shares[n%len(c.shares)]
	key := []byte(c.prefix)
	seed := rapid.Uint32().Draw(c.t, "key")
	key = append(key, 'b'+byte(seed%8))
	if seed>>3%4 > 0 {
		key = append(key, strings.Repeat("m", c.stretch)...)
	}
	key = key[:min(len(key), most-4)]
	for range 4 {
		seed = seed*1664525 + 1013904223
		key = append(key, 'b'+byte(seed>>24%24))
	}
	if share > 1 {
		key = append(key, strings.Repeat("t", most)...)[:max(len(key), most*share/4)]
	}
	e := entry{key: string(key)}
	if c.m.kind == Inner {
		e.child = 9
	} else {
		e.payload = strings.Repeat("v", (MaxInline(c.size)-len(key))*share/4)
	}
	return e
}

// room reports an error if a half could not take the entry that is its i-th,
// were its fences the longest.
func (c *crowd) room(i, at int, e entry) error {
	m := *c.m
	m.entries = nil
	empty := m.size() - len(m.low) - len(m.high) + 2*MaxKey(c.size) + 3
	left, right := c.m.entries[:at], c.m.entries[at:]
	if m.kind == Inner {
		right = right[1:]
	}
	for side, entries := range [][]entry{left, right} {
		if side == 0 && i > at || side == 1 && (i < at || i == at && m.kind == Inner) {
			continue
		}
		n := empty
		for _, e := range append(entries[:len(entries):len(entries)], e) {
			one := m
			one.entries = []entry{e}
			n += one.size() - m.size()
		}
		if n > c.size {
			return fmt.Errorf("split at %d of %d, a half with entry %d may take %d bytes", at, len(c.m.entries), i, n)
		}
	}
	return nil
}

func testSplitPoint(t *rapid.T, kind Kind) {
	c := newCrowd(t, kind)
	m := c.m
	p := m.newPage(c.size)
	var e entry
	full := false
	for n := 0; n < 1500 && !full; n++ {
		e = c.entry(n)
		if _, found := m.find(e.key); !found {
			full = !m.insert(p, e)
		}
	}
	if !full {
		return // keys are used up
	}
	appending := rapid.Bool().Draw(t, "appending")
	fill := rapid.SampledFrom([]float64{0.5, 0.7, 0.9, 1}).Draw(t, "fill")
	i, _ := m.find(e.key)
	at := SplitPoint(p, i, e.need(), fill, appending)
	if err := c.room(i, at, e); err != nil {
		t.Fatal(err)
	}
	right, r, err := m.split(p, at)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.entries) == 0 || len(r.entries) == 0 {
		t.Fatalf("%d and %d entries", len(m.entries), len(r.entries))
	}
	half, hm := p, m
	if r.covers(e.key) {
		half, hm = right, &r
	}
	if !hm.insert(half, e) {
		t.Fatalf("at %d of %d: an entry of %d does not fit", at, len(m.entries)+len(r.entries), e.need())
	}
	for _, err := range []error{m.check(p), r.check(right)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAfterASplitTheEntryFitsIntoItsHalf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { testSplitPoint(t, Leaf) })
}

func TestAfterASplitOfAnInnerPageTheSeparatorFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { testSplitPoint(t, Inner) })
}

func TestAnyPageHoldsThreeEntries(t *testing.T) {
	for _, kind := range []Kind{Leaf, Inner} {
		for _, size := range pageSizes {
			most := MaxKey(size)
			for prefix := range most {
				if prefix > 20 && prefix < most-20 && prefix%97 > 0 {
					continue
				}
				begin := strings.Repeat("p", prefix)
				m := &model{kind: kind, id: 3, low: begin + strings.Repeat("a", most-prefix), high: begin + strings.Repeat("z", most-prefix), bounded: true}
				if kind == Inner {
					m.first = 9
				}
				p := m.newPage(size)
				for n := range 3 {
					e := entry{key: begin + strings.Repeat("bcd"[n:n+1], most-prefix), child: 9}
					if kind == Leaf {
						e.child, e.payload = 0, strings.Repeat("v", MaxInline(size)-most)
					}
					if !m.insert(p, e) {
						t.Fatalf("%v of %d: no room for entry %d behind a prefix of %d", kind, size, n, prefix)
					}
				}
				if err := m.check(p); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// filled is a leaf that is full of equal entries in the order of a counter.
func filled(m *model, size int) (p []byte, next func() entry) {
	p = m.newPage(size)
	n := 0
	next = func() entry {
		n++
		return entry{key: fmt.Sprintf("%07d", n), payload: "a value of some bytes"}
	}
	for m.insert(p, next()) {
	}
	n--
	return p, next
}

func TestAnAppendingSplitLeavesTheLeftHalfFull(t *testing.T) {
	for _, size := range pageSizes {
		for _, fill := range []float64{0.5, 0.75, 0.9, 1} {
			m := &model{kind: Leaf, id: 3}
			p, next := filled(m, size)
			e := next()
			at := SplitPoint(p, len(m.entries), e.need(), fill, true)
			right, r, err := m.split(p, at)
			if err != nil {
				t.Fatal(err)
			}
			share := float64(Used(p)) / float64(size)
			if share > fill+0.005 || share < fill-0.03 {
				t.Errorf("left is full to %.3f, not to %g", share, fill)
			}
			if !r.insert(right, e) || fill == 1 && len(r.entries) > 2 {
				t.Errorf("right has %d entries", len(r.entries))
			}
		}
	}
}

func TestASplitInTheMiddleHalves(t *testing.T) {
	for _, size := range pageSizes {
		m := &model{kind: Leaf, id: 3}
		p, next := filled(m, size)
		n := len(m.entries)
		for _, i := range []int{0, n / 2, n} {
			at := SplitPoint(p, i, next().need(), 1, false)
			if at < n*4/10 || at > n*6/10 {
				t.Errorf("at %d of %d", at, n)
			}
		}
	}
}

func TestAMiddleSplitHasRoomWhereverALargeEntryGoes(t *testing.T) {
	for _, size := range pageSizes {
		m := &model{kind: Leaf, id: 3}
		p, next := filled(m, size)
		e := next()
		e.payload = strings.Repeat("v", MaxInline(size)-len(e.key))
		c := crowd{size: size, m: m}
		for i := range len(m.entries) + 1 {
			if err := c.room(i, SplitPoint(p, i, e.need(), 1, false), e); err != nil {
				t.Fatal(err)
			}
			if i != len(m.entries) {
				continue
			}
			if err := c.room(i, SplitPoint(p, i, e.need(), 0.5, true), e); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAmongEqualSeparatorsTheMiddleOneIsTaken(t *testing.T) {
	m := &model{kind: Leaf, id: 3}
	p := m.newPage(4096)
	n := 0
	for n < 200 && m.insert(p, entry{key: string([]byte{byte(n)}), payload: strings.Repeat("v", 28)}) {
		n++
	}
	for _, i := range []int{0, n} {
		if at := SplitPoint(p, i, 29, 1, false); at < n/2-1 || at > n/2+1 {
			t.Errorf("entry %d: at %d of %d", i, at, n)
		}
	}
}

func TestASplitPrefersAShortSeparator(t *testing.T) {
	m := &model{kind: Leaf, id: 3}
	p := m.newPage(4096)
	for _, first := range "abcdefghijklmnopqrst" {
		for _, second := range "01234" {
			m.insert(p, entry{key: "long" + string(first) + strings.Repeat("m", 20) + string(second), payload: "v"})
		}
	}
	for i := range len(m.entries) {
		at := SplitPoint(p, i, 30, 1, false)
		if sep, ok := Split(bytes.Clone(p), make([]byte, 4096), at, 9); !ok || len(sep) != 5 {
			t.Errorf("with an entry %d: %q", i, sep)
		}
	}
}

func TestASplitThatLeavesNothingIsRefused(t *testing.T) {
	p := trees()
	was := bytes.Clone(p)
	for _, at := range []int{-1, 0, Count(p), Count(p) + 1} {
		if sep, ok := Split(p, make([]byte, len(p)), at, 9); ok {
			t.Errorf("split at %d by %q", at, sep)
		}
	}
	if _, ok := Split(p, make([]byte, len(p)/2), 1, 9); ok {
		t.Error("split into a page of another size")
	}
	if _, ok := SplitInner(p, make([]byte, len(p)), 1, 9); ok {
		t.Error("split a leaf as an inner page")
	}
	if !bytes.Equal(p, was) {
		t.Error("changed")
	}
}
