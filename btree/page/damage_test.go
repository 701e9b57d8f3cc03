package page

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// wantDamage checks that damage makes Check say so, and nobody panic.
func wantDamage(t *testing.T, p []byte, want string) {
	t.Helper()
	err := Check(p)
	var d *DamageError
	if !errors.As(err, &d) || !strings.Contains(err.Error(), want) || d.Offset < 0 || d.Offset > len(p) {
		t.Errorf("%v, want %q", err, want)
	}
	if err := probe(p, someKeys...); err != nil {
		t.Errorf("%q: %v", want, err)
	}
}

func TestEachDamagedFieldOfALeafIsNamed(t *testing.T) {
	full := trees()
	var a areas
	if !a.parse(full) || a.strip != 2 || a.count != 4 {
		t.Fatalf("%+v", a)
	}
	cell := a.slot(full, 1)
	for want, f := range map[string]func(p []byte){
		"kind is 0":                    func(p []byte) { p[atKind] = 0 },
		"kind is 6":                    func(p []byte) { p[atKind] = 6 },
		"id is 0":                      func(p []byte) { SetID(p, 0) },
		"leaf is at level 1":           func(p []byte) { p[atLevel] = 1 },
		"65535 entries, room":          func(p []byte) { put16(p, atCount, 1<<16-1) },
		"room for 65535":               func(p []byte) { put16(p, atRoom, 1<<16-1) },
		"room for 3":                   func(p []byte) { put16(p, atRoom, 3) },
		"a prefix of 65535":            func(p []byte) { put16(p, atPrefix, 1<<16-1) },
		"of 3 and 2 stripped":          func(p []byte) { put16(p, atPrefix, 3) },
		"2 and 1 stripped":             func(p []byte) { put16(p, atStrip, 1) },
		"0 bytes are stripped, not 2":  func(p []byte) { put16(p, atStrip, 0) },
		"2 bytes are stripped, not 0":  func(p []byte) { p[atFlags] = flagNoHigh; p[atHighSize] = 0 },
		"heap is at 10,":               func(p []byte) { put16(p, atHeap, 10) },
		"heap is at 4097,":             func(p []byte) { put16(p, atHeap, 4097) },
		"bytes are garbage":            func(p []byte) { put16(p, atHeap, get16(p, atHeap)-1) },
		"something else ends":          func(p []byte) { put16(p, atHeap, get16(p, atHeap)+1) },
		"30 bytes are garbage, not 31": func(p []byte) { p[atGarbage]++ },
		"fences are not in":            func(p []byte) { put16(p, atLow, 1<<16-1) },
		"not in the page":              func(p []byte) { put16(p, atHigh, 4094) },
		"is not below high":            func(p []byte) { put16(p, atHighSize, 0) },
		"fences are 600":               func(p []byte) { put16(p, atLow, 1000); put16(p, atLowSize, 600) },
		"but a fence of 3":             func(p []byte) { p[atFlags] = flagNoHigh },
		"flags are 0x2":                func(p []byte) { p[atFlags] = 2 },
		"flags are 0x100":              func(p []byte) { p[atFlags+1] = 1 },
		"reserved bytes":               func(p []byte) { p[atReserved+3] = 1 },
		"prefix is not that of":        func(p []byte) { p[HeaderBytes+1] = 'x' },
		"head of entry 1":              func(p []byte) { p[a.heads+4]++ },
		"cell of entry 2 is not":       func(p []byte) { put16(p, a.slots+4, 4093) },
		"cell of entry 3 is not":       func(p []byte) { put16(p, a.slots+6, 1<<16-1) },
		"cell of entry 1 is not":       func(p []byte) { put16(p, cell+2, 1<<16-1) },
		"key of 565 bytes":             func(p []byte) { put16(p, a.slots+2, 1000); put16(p, 1000, 563) },
		"and is 700":                   func(p []byte) { put16(p, a.slots+2, 1000); p[1000] = 100; put16(p, 1002, 598) },
		"entry 1 is out of order":      func(p []byte) { copyEntry(p, &a, 1, 0) },
		"entry 0 is not between":       func(p []byte) { p[a.slot(p, 0)+5] = 'a'; p[a.heads+3] = 'a' },
		"entry 3 is not between":       func(p []byte) { p[a.slot(p, 3)+5] = 'z'; p[a.heads+15] = 'z' },
	} {
		p := bytes.Clone(full)
		f(p)
		wantDamage(t, p, want)
	}
	wantDamage(t, full[:4095], "is 4095 bytes")
	wantDamage(t, full[:2048], "is 2048 bytes")
	wantDamage(t, make([]byte, 1<<16), "is 65536 bytes")
}

// copyEntry makes entry i the same as another.
func copyEntry(p []byte, a *areas, i, from int) {
	put32(p, a.heads+headBytes*i, get32(p, a.heads+headBytes*from))
	put16(p, a.slots+slotBytes*i, a.slot(p, from))
}

func TestEachDamagedFieldOfOtherPagesIsNamed(t *testing.T) {
	inner, last, part := boughs(), lastLeaf(), chained()
	var a, b areas
	if !a.parse(inner) || !b.parse(last) || b.prefix == 0 || b.strip != 0 {
		t.Fatal("another layout")
	}
	for _, c := range []struct {
		want string
		full []byte
		f    func(p []byte)
	}{
		{"inner is at level 0", inner, func(p []byte) { p[atLevel] = 0 }},
		{"next of an inner page is 4", inner, func(p []byte) { SetNext(p, 4) }},
		{"child 0 is 0", inner, func(p []byte) { SetChild(p, 0, 0) }},
		{"child 3 is 0", inner, func(p []byte) { SetChild(p, 3, 0) }},
		{"entry 3", inner, func(p []byte) { put16(p, atCount, 4) }},
		{"entry 1 has another prefix", last, func(p []byte) { p[b.slot(p, 1)+6] = 'z' }},
		{"prefix is 513", last, func(p []byte) { put16(p, atPrefix, 513) }},
		{"entry 0 is not between", last, func(p []byte) { copy(p[get16(p, atLow):], "vvvv") }},
		{"a part of 0", part, func(p []byte) { put16(p, atCount, 0) }},
		{"a part of 4049", part, func(p []byte) { put16(p, atCount, 4049) }},
		{"should be 0 is 3", part, func(p []byte) { p[atHeap] = 3 }},
		{"should be 0 is 4", part, func(p []byte) { p[atReserved] = 4 }},
		{"overflow is at level 1", part, func(p []byte) { p[atLevel] = 1 }},
	} {
		p := bytes.Clone(c.full)
		c.f(p)
		wantDamage(t, p, c.want)
	}
}

// hostile are numbers that a field may have.
var hostile = []uint64{0, 1, 2, 3, 47, 48, 49, 255, 4048, 4090, 4095, 4096, 1<<15 - 1, 1 << 15, 1<<16 - 1}

func TestNoPairOfHostileFieldsLeadsAstray(t *testing.T) {
	for _, g := range golden {
		full := g.make()
		for one := atKind; one < atNext; one += 2 {
			for two := atKind; two <= one; two += 2 {
				for _, v := range hostile {
					for _, w := range hostile {
						p := bytes.Clone(full)
						binary.LittleEndian.PutUint16(p[one:], uint16(v))
						binary.LittleEndian.PutUint16(p[two:], uint16(w))
						if err := poke(p, someKeys[1], someKeys[3]); err != nil {
							t.Fatalf("%s: %d at %d, %d at %d: %v", g.name, v, one, w, two, err)
						}
					}
				}
			}
		}
	}
}

func TestAnOverflowPageGivesItsPart(t *testing.T) {
	for _, size := range pageSizes {
		part := bytes.Repeat([]byte("part"), OverflowRoom(size)/4)
		p := bytes.Repeat([]byte{9}, size)
		for _, n := range []int{1, 100, len(part)} {
			InitOverflow(p, 12, 13, part[:n])
			got, ok := OverflowPart(p)
			if !ok || !bytes.Equal(got, part[:n]) || Next(p) != 13 || IDOf(p) != 12 || KindOf(p) != Overflow {
				t.Errorf("%d bytes of %d, ok is %t", len(got), n, ok)
			}
			if err := Check(p); err != nil {
				t.Error(err)
			}
			if Used(p) != HeaderBytes+n {
				t.Errorf("%d bytes are used", Used(p))
			}
		}
		put16(p, atCount, len(part)+1)
		if _, ok := OverflowPart(p); ok {
			t.Error("a part beyond the page")
		}
		InitLeaf(p, 1, nil, nil, 0)
		if _, ok := OverflowPart(p); ok {
			t.Error("a part of a leaf")
		}
	}
}

func TestPagesOfOthersHaveTheHeaderAlone(t *testing.T) {
	for _, kind := range []Kind{Map, Directory} {
		p := bytes.Repeat([]byte{9}, MinPageBytes)
		Init(p, kind, 4)
		SetCount(p, 500)
		p[HeaderBytes], p[len(p)-1] = 1, 2
		if err := Check(p); err != nil {
			t.Error(err)
		}
		if Count(p) != 500 || KindOf(p) != kind || IDOf(p) != 4 || Level(p) != 0 || Stamp(p) != 0 || Next(p) != 0 {
			t.Errorf("%v", p[:HeaderBytes])
		}
		if _, _, ok := Find(p, []byte("k")); ok {
			t.Error("found a key")
		}
		if err := probe(p, someKeys...); err != nil {
			t.Error(err)
		}
	}
	for kind, want := range map[Kind]string{Leaf: "leaf", Inner: "inner", Overflow: "overflow", Map: "map", Directory: "directory", 9: "kind(9)"} {
		if kind.String() != want {
			t.Errorf("%v, want %s", kind, want)
		}
	}
}
