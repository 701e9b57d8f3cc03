package page

import (
	"bytes"
	"testing"
)

// tight is a leaf or an inner page without room in its arrays, so that its
// first bytes are few.
func tight(p []byte) []byte {
	var s scratch
	c, a, _ := s.copyOf(p)
	low, high, bounded, _ := Fences(c)
	l := plan{kind: a.kind, low: low, high: high, bounded: bounded, parts: []part{{c, a, 0, a.count}}, most: anyPrefix}
	l.fit(&s, len(p))
	l.room = l.count
	q := bytes.Clone(p)
	l.write(q)
	return q
}

// FuzzPage reads and changes pages of any bytes, of which the first and the
// last are given.
func FuzzPage(f *testing.F) {
	for _, g := range golden {
		p := g.make()
		if KindOf(p) <= Inner {
			p = tight(p)
		}
		first := bytes.TrimRight(p[:len(p)/2], "\x00")
		last := bytes.TrimLeft(p[len(p)/2:], "\x00")
		f.Add(first, last, []byte("treetop"))
	}
	f.Fuzz(func(t *testing.T, first, last, key []byte) {
		p := make([]byte, MinPageBytes)
		copy(p[max(0, len(p)-len(last)):], last)
		copy(p, first)
		if err := probe(p, key, []byte("treehouse")); err != nil {
			t.Fatal(err)
		}
		torn := append(bytes.Clone(first), last...)
		if err := poke(torn, key); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzLeaf changes a leaf as bytes tell, and compares it with a sorted slice.
func FuzzLeaf(f *testing.F) {
	f.Add([]byte("\x03\x10abc\x04\x80abcd\x01\x00x\x83\x00abc\x02\xffab"), uint8(0))
	f.Add(bytes.Repeat([]byte("\x02\xffaa\x03\x7faab\x42\x01\x03\xffzzz"), 30), uint8(1))
	f.Fuzz(func(t *testing.T, ops []byte, shape uint8) {
		m := &model{kind: Leaf, id: 2}
		if shape%3 > 0 {
			m.low, m.high, m.bounded = "a", "\xff", shape%3 == 1
			if !m.bounded {
				m.high = ""
			}
		}
		p := m.newPage(MinPageBytes)
		for len(ops) > 1 && len(ops) < 1<<12 {
			n, size := int(ops[0]), int(ops[1])
			length := min(1+n%16, len(ops)-1)
			e := entry{key: string(ops[1 : 1+length]), flags: uint8(n), payload: string(bytes.Repeat(ops[:1], size))}
			ops = ops[1+length:]
			i, found := m.find(e.key)
			switch {
			case !m.covers(e.key):
			case n >= 128 && len(m.entries) > 0:
				m.remove(p, min(i, len(m.entries)-1))
			case found && Replace(p, i, e.flags, []byte(e.payload)):
				m.entries[i] = e
			case !found && !m.insert(p, e) && len(m.entries) > 1:
				if _, _, err := m.split(p, SplitPoint(p, i, e.need(), 1, n%2 == 0)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := m.check(p); err != nil {
			t.Fatal(err)
		}
	})
}
