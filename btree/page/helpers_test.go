package page

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"pgregory.net/rapid"
)

// pageSizes are those that a tree may have.
var pageSizes = []int{4096, 8192, 16384, 32768}

// An entry is one of a model: of a leaf, or a separator with the child to its
// right.
type entry struct {
	key     string
	flags   uint8
	payload string
	child   ID
}

// A model is what a page should hold.
type model struct {
	kind      Kind
	id        ID
	low, high string
	bounded   bool
	first     ID
	next      ID
	stamp     uint64
	entries   []entry
}

// newPage makes the empty page of a model.
func (m *model) newPage(size int) []byte {
	p := bytes.Repeat([]byte{0xa5}, size)
	var high []byte
	if m.bounded {
		high = []byte(m.high)
	}
	if m.kind == Leaf {
		InitLeaf(p, m.id, []byte(m.low), high, m.next)
	} else {
		InitInner(p, m.id, 2, []byte(m.low), high, m.first)
	}
	m.stamp = 77 << 40
	SetStamp(p, m.stamp)
	return p
}

// find is Find of the model.
func (m *model) find(key string) (i int, found bool) {
	i = sort.Search(len(m.entries), func(i int) bool { return m.entries[i].key >= key })
	return i, i < len(m.entries) && m.entries[i].key == key
}

// covers reports whether a key is within the fences.
func (m *model) covers(key string) bool { return key >= m.low && (!m.bounded || key < m.high) }

// need is what an entry needs, as SplitPoint is told.
func (e entry) need() int { return len(e.key) + len(e.payload) }

// size is how much of a page a model takes at least.
func (m *model) size() int {
	strip := 0
	if m.bounded && m.low != "" {
		strip = common([]byte(m.low), []byte(m.high))
	}
	n := 48 + (strip+3)/4*4 + len(m.low) + len(m.high)
	if m.kind == Inner {
		n += 4
	}
	for _, e := range m.entries {
		n += len(e.key) - strip + len(e.payload) + 11 // head, slot, 5 bytes
		if m.kind == Inner {
			n++ // head, slot, child, 2 bytes
		}
	}
	return n
}

// insert adds an entry to page and model.
func (m *model) insert(p []byte, e entry) bool {
	i, _ := m.find(e.key)
	if m.kind == Leaf && !Insert(p, i, []byte(e.key), e.flags, []byte(e.payload)) {
		return false
	}
	if m.kind == Inner && !InsertChild(p, i, []byte(e.key), e.child) {
		return false
	}
	m.entries = slices.Insert(m.entries, i, e)
	return true
}

// remove takes entry i out of page and model.
func (m *model) remove(p []byte, i int) {
	if m.kind == Leaf {
		Delete(p, i)
	} else {
		RemoveChild(p, i)
	}
	m.entries = slices.Delete(m.entries, i, i+1)
}

// split splits page and model, and returns the right halves.
func (m *model) split(p []byte, at int) (right []byte, r model, err error) {
	right = bytes.Repeat([]byte{0x5a}, len(p))
	all := m.entries
	r = *m
	r.id = m.id + 1
	var sep []byte
	ok := false
	if m.kind == Leaf {
		sep, ok = Split(p, right, at, r.id)
		m.next = r.id
		r.entries = slices.Clone(all[at:])
	} else if sep, ok = SplitInner(p, right, at, r.id); ok {
		if string(sep) != all[at].key {
			return nil, r, fmt.Errorf("%q moves up, it is %q", sep, all[at].key)
		}
		r.first = all[at].child
		r.entries = slices.Clone(all[at+1:])
	}
	if !ok {
		return nil, r, fmt.Errorf("no split at %d of %d", at, len(all))
	}
	m.entries = slices.Clone(all[:at])
	r.low, m.high, m.bounded = string(sep), string(sep), true
	if m.kind == Leaf {
		last, first := all[at-1].key, all[at].key
		if !(last < r.low && r.low <= first) || first[:len(sep)-1] > last {
			return nil, r, fmt.Errorf("%q is not the shortest between %q and %q", sep, last, first)
		}
	}
	return right, r, nil
}

// check compares a page with its model.
func (m *model) check(p []byte) error {
	if err := Check(p); err != nil {
		return err
	}
	low, high, bounded, ok := Fences(p)
	if !ok || string(low) != m.low || bounded != m.bounded || string(high) != m.high {
		return fmt.Errorf("fences %q %q, bounded is %t; want %q %q, %t", low, high, bounded, m.low, m.high, m.bounded)
	}
	if KindOf(p) != m.kind || IDOf(p) != m.id || Next(p) != m.next || Stamp(p) != m.stamp || Count(p) != len(m.entries) {
		return fmt.Errorf("a %v %d, next %d, stamp %d, of %d entries; want %+v", KindOf(p), IDOf(p), Next(p), Stamp(p), Count(p), m)
	}
	// A prefix that is not stripped comes on top.
	if n := Used(p); n < m.size() || n > m.size()+MaxKey(len(p))+3 {
		return fmt.Errorf("%d bytes are used, the entries take %d", n, m.size())
	}
	var r Rows
	if r.Reset(p) != (m.kind == Leaf) || m.kind == Leaf && r.Count() != len(m.entries) {
		return fmt.Errorf("%d rows of %d", r.Count(), len(m.entries))
	}
	for i, e := range m.entries {
		key, ok := AppendKey([]byte("x"), p, i)
		if !ok || string(key) != "x"+e.key {
			return fmt.Errorf("key %d is %q, want %q; ok is %t", i, key, e.key, ok)
		}
		if m.kind == Leaf {
			flags, payload, ok := Cell(p, i)
			if !ok || flags != e.flags || string(payload) != e.payload {
				return fmt.Errorf("entry %d is %d %q, want %+v; ok is %t", i, flags, payload, e, ok)
			}
			if flags, payload, ok = r.Cell(i); !ok || flags != e.flags || string(payload) != e.payload {
				return fmt.Errorf("cell of row %d is %d %q, want %+v; ok is %t", i, flags, payload, e, ok)
			}
			key, flags, payload, ok = r.Row(key[:1], i)
			if !ok || string(key) != "x"+e.key || flags != e.flags || string(payload) != e.payload {
				return fmt.Errorf("row %d is %q %d %q, want %+v; ok is %t", i, key, flags, payload, e, ok)
			}
		} else if child, ok := ChildAt(p, i+1); !ok || child != e.child {
			return fmt.Errorf("child %d is %d, want %d", i+1, child, e.child)
		}
	}
	if first, _ := ChildAt(p, 0); m.kind == Inner && first != m.first {
		return fmt.Errorf("child 0 is %d, want %d", first, m.first)
	}
	for _, key := range m.asked() {
		if err := m.ask(p, key); err != nil {
			return err
		}
	}
	return nil
}

// asked are keys worth asking for.
func (m *model) asked() []string {
	keys := []string{m.low, m.high, "\x00", "\xff", "user", strings.Repeat("\xff", 20)}
	step := 1 + len(m.entries)/20
	for i := 0; i < len(m.entries); i += step {
		k := m.entries[i].key
		keys = append(keys, k, k+"\x00", k[:len(k)-1], k[:len(k)/2], k[:len(k)-1]+"\x00")
	}
	return keys
}

// ask compares what a page says of a key.
func (m *model) ask(p []byte, key string) error {
	want, wantFound := m.find(key)
	i, found, ok := Find(p, []byte(key))
	if !ok || i != want || found != wantFound {
		return fmt.Errorf("find %q: %d %t, want %d %t; ok is %t", key, i, found, want, wantFound, ok)
	}
	if m.kind == Leaf {
		flags, payload, found, ok := Get(p, []byte(key))
		if !ok || found != wantFound || found && (flags != m.entries[i].flags || string(payload) != m.entries[i].payload) {
			return fmt.Errorf("get %q: %d %q %t; ok is %t", key, flags, payload, found, ok)
		}
		return nil
	}
	wantChild := m.first
	if wantFound {
		want++
	}
	if want > 0 {
		wantChild = m.entries[want-1].child
	}
	if child, i, ok := Child(p, []byte(key)); !ok || i != want || child != wantChild {
		return fmt.Errorf("child of %q: %d, the %d-th, want %d %d; ok is %t", key, child, i, wantChild, want, ok)
	}
	return nil
}

// keysOf draws a generator of keys, which often share prefixes and heads.
func keysOf(t *rapid.T, size int) *rapid.Generator[string] {
	most := MaxKey(size)
	prefix := rapid.SampledFrom([]string{
		"", "", "user0000", strings.Repeat("\xff", 7), strings.Repeat("\x00", 5), strings.Repeat("long", 100), strings.Repeat("p", most-3),
	}).Draw(t, "prefix")
	letters := rapid.SampledFrom([]string{"ab", "\x00a\xff", "0123456789"}).Draw(t, "letters")
	lengths := rapid.SampledFrom([][2]int{{0, 3}, {0, 12}, {8, 8}, {0, most}}).Draw(t, "lengths")
	odd := rapid.SampledFrom([]int{0, 0, 5, 40}).Draw(t, "odd one in")
	return rapid.Custom(func(t *rapid.T) string {
		key := prefix
		if odd > 0 && rapid.IntRange(0, odd).Draw(t, "is odd") == 0 {
			key = key[:rapid.IntRange(0, len(key)).Draw(t, "shared")]
		}
		n := rapid.IntRange(lengths[0], lengths[1]).Draw(t, "length")
		seed := rapid.Uint64().Draw(t, "tail")
		tail := make([]byte, n)
		for i := range tail {
			tail[i] = letters[seed%uint64(len(letters))]
			seed = seed/uint64(len(letters)) ^ seed*0x9e3779b97f4a7c15>>7
		}
		key += string(tail)
		if key == "" {
			key = "\x00"
		}
		return key[:min(len(key), most)]
	})
}

// poke asks a page all that may be asked, whatever its bytes are, and reports
// what is not of the page.
func poke(p []byte, keys ...[]byte) (err error) {
	within := func(what string, v []byte) {
		if len(v) > len(p) || cap(v) > len(v) || !bytes.Contains(p, v) {
			err = errors.Join(err, fmt.Errorf("%s: not of the page", what))
		}
	}
	low, high, _, _ := Fences(p)
	within("low fence", low)
	within("high fence", high)
	part, _ := OverflowPart(p)
	within("part", part)
	var r Rows
	r.Reset(p)
	for _, i := range []int{-1, 0, 1, 2, 3, 4, 7, 1 << 15, 1 << 16} {
		_, _, row, _ := r.Row(nil, i)
		within("row", row)
		_, row, _ = r.Cell(i)
		within("cell of a row", row)
		_, payload, _ := Cell(p, i)
		within("payload", payload)
		key, ok := AppendKey(nil, p, i)
		if _, isThere := ChildAt(p, i); ok && (i < 0 || i >= Count(p) || KindOf(p) == Inner && !isThere) {
			err = errors.Join(err, fmt.Errorf("entry %d is there", i))
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		_, payload, _, _ := Get(p, key)
		within("payload", payload)
		if i, found, ok := Find(p, key); found && (!ok || i >= Count(p)) {
			err = errors.Join(err, fmt.Errorf("found %q as entry %d", key, i))
		}
		Child(p, key)
	}
	return err
}

// decode reads a leaf or an inner page, by the byte table alone.
func decode(p []byte) *model {
	m := &model{kind: Kind(p[16]), id: get32(p, 4), next: get32(p, 40), bounded: p[38] == 0}
	m.stamp = uint64(get32(p, 8)) | uint64(get32(p, 12))<<32
	m.low = string(p[get16(p, 30):][:get16(p, 32)])
	m.high = string(p[get16(p, 34):][:get16(p, 36)])
	room := get16(p, 20)
	heads := 48 + get16(p, 22)
	for heads%4 > 0 {
		heads++
	}
	children := heads + 6*room
	if m.kind == Inner {
		m.first = get32(p, children)
	}
	for i := range get16(p, 18) {
		cell := p[get16(p, heads+4*room+2*i):]
		e := entry{key: string(p[48:][:get16(p, 24)])}
		if m.kind == Leaf {
			e.flags = cell[4]
			e.key += string(cell[5:][:get16(cell, 0)])
			e.payload = string(cell[5+get16(cell, 0):][:get16(cell, 2)])
		} else {
			e.key += string(cell[2:][:get16(cell, 0)])
			e.child = get32(p, children+4*i+4)
		}
		m.entries = append(m.entries, e)
	}
	return m
}

// change does to a page all that may be done to it. It fails if what was right
// before is not so after.
func change(p, key []byte) error {
	right := Check(p) == nil && len(key) > 0 && len(key) <= MaxKey(len(p))
	kind, buf := KindOf(p), make([]byte, len(p))
	steps := map[string]func(q []byte){
		"rebuild": func(q []byte) { Rebuild(q) },
		"insert": func(q []byte) {
			i, found, _ := Find(q, key)
			m := model{kind: kind}
			if right && kind <= Inner {
				m = *decode(q)
			}
			if right && (found || !m.covers(string(key))) {
				return
			}
			Insert(q, i, key, 1, key)
			InsertChild(q, i, key, 7)
		},
		"replace": func(q []byte) { Replace(q, 0, 2, nil) },
		"grow":    func(q []byte) { Replace(q, Count(q)-1, 2, bytes.Repeat(key, 2)) },
		"delete":  func(q []byte) { Delete(q, Count(q)-1); Delete(q, 0) },
		"remove":  func(q []byte) { RemoveChild(q, Count(q)-1); RemoveChild(q, 0) },
		"widen":   func(q []byte) { SetFences(q, nil, nil, false) },
		"split": func(q []byte) {
			at := SplitPoint(q, Count(q), len(key), 1, len(key)%2 == 0)
			if _, ok := Split(q, buf, at, 9); ok {
				Merge(q, buf)
			}
			if sep, ok := SplitInner(q, buf, at, 9); ok {
				MergeInner(q, buf, sep)
			}
		},
		"separator": func(q []byte) {
			if sep, ok := AppendKey(nil, q, 0); ok {
				SetSeparator(q, 0, sep)
				SetChild(q, 0, 5)
			}
		},
	}
	for name, step := range steps {
		q := bytes.Clone(p)
		step(q)
		if err := Check(q); right && err != nil {
			return fmt.Errorf("after %s: %w", name, err)
		}
	}
	return nil
}
