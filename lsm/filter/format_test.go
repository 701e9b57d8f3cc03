package filter

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

// goldens are filters of 20 hashes.
func goldens() (policies []Policy, hashes []uint64) {
	return []Policy{{Bloom, 10}, {Blocked, 10}, {Kind: Fuse8}, {Kind: Fuse16}}, randoms(20, 42)
}

func TestTheFormatIsThatOfTheGoldenFiles(t *testing.T) {
	policies, hashes := goldens()
	for _, p := range policies {
		_, data := build(t, p, hashes)
		path := filepath.Join("testdata", p.Kind.String()+".hex")
		if *update {
			if err := os.WriteFile(path, []byte(hex.Dump(data)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if hex.Dump(data) != string(want) {
			t.Errorf("a %v filter is\n%swant\n%s", p.Kind, hex.Dump(data), want)
		}
	}
}

func TestEachDamagedFieldIsNamed(t *testing.T) {
	policies, hashes := goldens()
	filters := map[Kind][]byte{}
	for _, p := range policies {
		_, filters[p.Kind] = build(t, p, hashes)
	}
	type damage struct {
		kind Kind
		want string
		do   func(f []byte) // the footer
	}
	put := binary.LittleEndian.PutUint32
	all := []damage{
		{Bloom, "has version 2", func(f []byte) { f[15] = 2 }},
		{Bloom, "kind(5), which cannot", func(f []byte) { f[14] = 5 }},
		{Bloom, "none, which cannot", func(f []byte) { f[14] = 0 }},
		{Bloom, "0 probes, want 1 to 28", func(f []byte) { f[13] = 0 }},
		{Bloom, "29 probes", func(f []byte) { f[13] = 29 }},
		{Blocked, "0 probes, want 1 to 14", func(f []byte) { f[13] = 0 }},
		{Blocked, "15 probes", func(f []byte) { f[13] = 15 }},
		{Fuse8, "has 1 probes", func(f []byte) { f[13] = 1 }},
		{Fuse16, "has 1 probes", func(f []byte) { f[13] = 1 }},
		{Bloom, "has a seed", func(f []byte) { f[0] = 1 }},
		{Blocked, "has a seed", func(f []byte) { f[7] = 1 }},
		{Blocked, "has a seed or segments", func(f []byte) { f[8] = 1 }},
		{Bloom, "has a seed or segments", func(f []byte) { f[12] = 1 }},
		{Fuse8, "segments of 2^19", func(f []byte) { f[12] = 19 }},
		{Fuse8, "are not", func(f []byte) { f[12]++ }},
		{Fuse8, "are not", func(f []byte) { f[8]++ }},
		{Fuse16, "are not", func(f []byte) { f[8]-- }},
		{Fuse16, "4294967295+2 segments", func(f []byte) { put(f[8:], 1<<32-1) }},
		{Fuse16, "0+2 segments of 2^0", func(f []byte) { put(f[8:], 0); f[12] = 0 }},
	}
	for _, d := range all {
		data := slices.Clone(filters[d.kind])
		d.do(data[len(data)-footerBytes:])
		if _, err := Open(data); err == nil || !strings.Contains(err.Error(), d.want) {
			t.Errorf("%v: %v, want %q", d.kind, err, d.want)
		}
	}
}

func TestAFilterWithoutAByteIsNone(t *testing.T) {
	policies, hashes := goldens()
	for _, p := range policies {
		_, data := build(t, p, hashes)
		for n := 1; n < len(data); n++ {
			f, err := Open(data[n:]) // the footer is whole
			unit := map[Kind]int{Bloom: 8, Blocked: 64, Fuse8: 1 << 20, Fuse16: 1 << 20}[p.Kind]
			if whole := n%unit == 0 && n < len(data)-footerBytes; whole != (err == nil) {
				t.Errorf("%v without its first %d bytes: %v", f.Kind(), n, err)
			}
		}
		if _, err := Open(data[:len(data)-1]); err == nil {
			t.Errorf("%v without its last byte passes", p.Kind)
		}
		if _, err := Open(append([]byte{0}, data...)); err == nil {
			t.Errorf("%v with a byte more passes", p.Kind)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := Open(data)
		if err != nil {
			return
		}
		if x.Bytes() != len(data) {
			t.Fatalf("a filter of %d bytes is %d", len(data), x.Bytes())
		}
		for _, h := range append(randoms(100, 1), 0, 1<<64-1) {
			x.MayContain(h)
		}
	})
}

func FuzzBuild(f *testing.F) {
	f.Fuzz(func(t *testing.T, kind uint8, bits float64, prefixes bool, data []byte) {
		b := NewBuilder(Policy{Kind(kind), bits})
		var hashes []uint64
		for ; len(data) >= 3; data = data[3:] {
			h := uint64(data[0])<<56 | uint64(data[1])<<20 | uint64(data[2])
			hashes = append(hashes, h)
			if prefixes && h&1 != 0 {
				b.AddPrefix(h)
			} else {
				b.Add(h)
			}
		}
		x, err := Open(b.Finish(nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hashes {
			if !x.MayContain(h) {
				t.Fatalf("%x is absent", h)
			}
		}
	})
}
