package page

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

// build makes a page of 4 KiB of a model.
func build(m model) []byte {
	entries := m.entries
	m.entries = nil
	p := bytes.Clone(m.newPage(MinPageBytes))
	for _, e := range entries {
		m.insert(p, e)
	}
	return p
}

// trees is a leaf between two others, whose fences share a prefix.
func trees() []byte {
	p := build(model{kind: Leaf, id: 3, low: "tree", high: "trz", bounded: true, next: 4, entries: []entry{
		{"tree", 0, "oak", 0},
		{"treehouse", FlagExpires, "8 bytes, then some", 0},
		{"treetop", 0, "", 0},
		{"tray", FlagOverflow, "page, length", 0},
		{"tree\x00", 0, "between", 0},
	}[:3]})
	Insert(p, 3, []byte("try"), FlagOverflow, []byte("page, length"))
	Insert(p, 1, []byte("tree\x00"), 0, []byte("between"))
	Delete(p, 2)
	return p
}

// lastLeaf has no bound above, and a prefix that its cells have, too.
func lastLeaf() []byte {
	p := build(model{kind: Leaf, id: 6, low: "user", entries: []entry{
		{"user1001", 0, "one", 0}, {"user1002", 0, "two", 0}, {"user1003", 0, "three", 0},
	}})
	Rebuild(p)
	return p
}

// forks is an inner page.
func forks() []byte {
	return build(model{kind: Inner, id: RootID, first: 9, entries: []entry{
		{"m", 0, "", 10}, {"ma", 0, "", 11}, {"trees", 0, "", 12},
	}})
}

// boughs is an inner page between two others.
func boughs() []byte {
	return build(model{kind: Inner, id: 8, low: "treea", high: "treet", bounded: true, first: 9, entries: []entry{
		{"treem", 0, "", 10}, {"treema", 0, "", 11}, {"trees", 0, "", 12},
	}})
}

// chained is a page of a value.
func chained() []byte {
	p := make([]byte, MinPageBytes)
	InitOverflow(p, 12, 13, []byte("a part of a value"))
	SetStamp(p, 5)
	return p
}

// golden are the pages of the files that hold the format, sealed.
var golden = []struct {
	name string
	make func() []byte
}{
	{"leaf", trees},
	{"leaf-last", lastLeaf},
	{"inner-root", forks},
	{"inner", boughs},
	{"overflow", chained},
}

// dump is hex.Dump, but of equal lines only the first is there.
func dump(p []byte) string {
	var out []string
	last, skipped := "", false
	for _, line := range strings.SplitAfter(hex.Dump(p), "\n") {
		at, text, _ := strings.Cut(line, "  ")
		if text == last && text != "" {
			skipped = true
			continue
		}
		if skipped {
			out = append(out, "*\n")
		}
		out, last, skipped = append(out, at+"  "+text), text, false
	}
	return strings.TrimSpace(strings.Join(out, "")) + "\n"
}

func TestTheFormatIsThatOfTheGoldenFiles(t *testing.T) {
	for _, g := range golden {
		p := g.make()
		if err := Check(p); err != nil {
			t.Errorf("%s: %v", g.name, err)
		}
		check := Seal(p, 4711)
		if err := Verify(p, IDOf(p), 4711, check); err != nil {
			t.Errorf("%s: %v", g.name, err)
		}
		got := dump(p)
		path := filepath.Join("testdata", g.name+".hex")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: a page is\n%swant\n%s", g.name, got, want)
		}
	}
}

func TestAPageIsWhatTheByteTableSays(t *testing.T) {
	for _, g := range golden[:4] {
		p := g.make()
		if err := decode(p).check(p); err != nil {
			t.Errorf("%s: %v", g.name, err)
		}
	}
	want := &model{kind: Leaf, id: 3, low: "tree", high: "trz", bounded: true, next: 4, stamp: 77 << 40, entries: []entry{
		{"tree", 0, "oak", 0}, {"tree\x00", 0, "between", 0}, {"treetop", 0, "", 0}, {"try", FlagOverflow, "page, length", 0},
	}}
	if got := decode(trees()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// probe reads and changes a page of any bytes in every way.
func probe(p []byte, keys ...[]byte) error {
	if err := poke(p, keys...); err != nil {
		return err
	}
	if err := Check(p); err == nil && KindOf(p) <= Inner {
		if err := decode(p).check(p); err != nil {
			return fmt.Errorf("Check finds it right, but %w", err)
		}
	} else if d := new(DamageError); err != nil && (!errors.As(err, &d) || d.Offset < 0 || d.Offset >= max(1, len(p))) {
		return fmt.Errorf("%w is no damage", err)
	}
	for _, key := range keys {
		if err := change(p, key); err != nil {
			return err
		}
	}
	return nil
}

// someKeys are before, among and after those of the examples.
var someKeys = [][]byte{nil, []byte("tree"), []byte("treehouse"), []byte("user1002"), []byte("\xff\xff\xff"), []byte("ma")}

func TestNoFlippedByteLeadsAstray(t *testing.T) {
	for _, g := range golden {
		full := g.make()
		sealed := bytes.Clone(full)
		check := Seal(sealed, 1)
		for i := range full {
			if i >= 80 && i < len(full)-100 && i%64 > 2 {
				continue // mostly free
			}
			for _, bit := range []byte{1, 2, 0x10, 0x80, 0xff} {
				p := bytes.Clone(full)
				p[i] ^= bit
				if err := probe(p, someKeys[1+i%3]); err != nil {
					t.Fatalf("%s: byte %d ^ %x: %v", g.name, i, bit, err)
				}
				sealed[i] ^= bit
				if err := Verify(sealed, IDOf(full), 1, check); err == nil {
					t.Fatalf("%s: byte %d ^ %x: not noticed", g.name, i, bit)
				}
				sealed[i] ^= bit
			}
		}
	}
}

func TestAPageThatIsCutMakesNoSense(t *testing.T) {
	for _, g := range golden {
		full := g.make()
		for n := range 400 {
			p := full[:n:n]
			if err := poke(p, someKeys...); err != nil {
				t.Errorf("%s: cut at %d: %v", g.name, n, err)
			}
			if Check(p) == nil {
				t.Errorf("%s: cut at %d: no error", g.name, n)
			}
			if Verify(p, 1, 1, 1) == nil {
				t.Errorf("%s: cut at %d: verified", g.name, n)
			}
		}
	}
}

func TestVerifyTellsPagesSlotsAndVersionsApart(t *testing.T) {
	p := trees()
	old := Seal(p, 9)
	for want, err := range map[string]error{
		"page 3, not 4":   Verify(p, 4, 9, old),
		"slot 10":         Verify(p, 3, 10, old),
		"slot 9":          Verify(append(p[:len(p)-1:len(p)-1], p[len(p)-1]^1), 3, 9, old),
		"another version": Verify(p, 3, 9, old^1),
	} {
		var d *DamageError
		if !errors.As(err, &d) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if old>>27 != 0 {
		t.Errorf("%#x has more than 27 bits", old)
	}
	SetStamp(p, Stamp(p)+1)
	if Seal(p, 9) == old {
		t.Error("another stamp, but the same checksum")
	}
}
