package block

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
)

var update = flag.Bool("update", false, "rewrite golden files")

// mixed are entries of several kinds, with keys that end within their heads.
func mixed() []item {
	return []item{
		{"tree", ikey.Make(300, ikey.Delete), ""},
		{"tree", ikey.Make(7, ikey.Put), "oak"},
		{"treehouse", ikey.Make(9, ikey.PutTTL), "8 bytes, then some"},
		{"treetop", ikey.Make(301, ikey.Put), ""},
		{"try", ikey.Make(8, ikey.PutBlob), "place"},
	}
}

// settled are entries as the last level has them.
func settled() []item {
	return []item{
		{"user1001aa", ikey.Make(0, ikey.Put), "one"},
		{"user1002", ikey.Make(0, ikey.Put), "two"},
		{"user1002b", ikey.Make(0, ikey.Put), "three"},
	}
}

// even are entries whose keys have one length, and whose values have one.
func even() []item {
	return []item{
		{"user100107", ikey.Make(0, ikey.Put), "one"},
		{"user100213", ikey.Make(0, ikey.Put), "two"},
		{"user111409", ikey.Make(0, ikey.Put), "six"},
	}
}

// wide has a value of more than 64 KiB.
func wide() []item {
	all := mixed()
	all[1].value = strings.Repeat("oak ", 20000)
	return all
}

// golden are the files that hold the format.
var golden = []struct {
	name  string
	o     Options
	items []item
}{
	{"heads-mixed", Options{}, mixed()},
	{"heads-settled", Options{}, settled()},
	{"heads-even", Options{}, even()},
	{"restarts", Options{Layout: Restarts, RestartInterval: 2}, mixed()},
}

func TestTheFormatIsThatOfTheGoldenFiles(t *testing.T) {
	for _, g := range golden {
		got := hex.Dump(encode(g.o, g.items))
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
			t.Errorf("%s: a block is\n%swant\n%s", g.name, got, want)
		}
	}
}

// someKeys are before, among and after those of the examples.
func someKeys() [][]byte {
	var keys [][]byte
	for _, k := range asked(slices.Concat(mixed(), settled(), even())) {
		keys = append(keys, []byte(k))
	}
	return append(keys, nil, []byte("t"), []byte("tr"))
}

func TestABlockThatIsCutAnywhereIsNoticed(t *testing.T) {
	for _, g := range golden {
		full := encode(g.o, g.items)
		if _, err := Check(full); err != nil {
			t.Fatal(err)
		}
		for n := range full {
			if _, err := Check(full[:n:n]); err == nil {
				t.Errorf("%s: cut at %d: no error", g.name, n)
			}
			if _, err := walk(full[:n:n]); err == nil && g.o.Layout != Restarts {
				t.Errorf("%s: cut at %d: walked without error", g.name, n)
			}
			if err := poke(full[:n:n], someKeys()); err != nil {
				t.Errorf("%s: cut at %d: %v", g.name, n, err)
			}
		}
	}
}

func TestNoFlippedByteLeadsAstray(t *testing.T) {
	wideBlock := encode(Options{}, wide())
	for _, g := range golden {
		full := encode(g.o, g.items)
		for i := range full {
			for _, bit := range []byte{1, 2, 4, 0x10, 0x80, 0xff} {
				p := bytes.Clone(full)
				p[i] ^= bit
				if err := poke(p, someKeys()); err != nil {
					t.Fatalf("%s: byte %d ^ %x: %v", g.name, i, bit, err)
				}
			}
		}
	}
	for i := range 130 {
		for _, bit := range []byte{1, 0x80} {
			p := bytes.Clone(wideBlock)
			p[i] ^= bit
			if err := poke(p, someKeys()[:12]); err != nil {
				t.Fatalf("wide: byte %d ^ %x: %v", i, bit, err)
			}
		}
	}
}

// wantDamage checks that damage makes Check say so.
func wantDamage(t *testing.T, full []byte, want string, damage func(p []byte) []byte) {
	t.Helper()
	p := damage(bytes.Clone(full))
	_, err := Check(p)
	var d *DamageError
	if !errors.As(err, &d) || !strings.Contains(err.Error(), want) || d.Offset < 0 || d.Offset > len(p) {
		t.Errorf("%v, want %q", err, want)
	}
	if err := poke(p, someKeys()); err != nil {
		t.Errorf("%q: %v", want, err)
	}
}

func TestEachDamagedFieldOfHeadsIsNamed(t *testing.T) {
	full := encode(Options{}, mixed())
	var c columns
	if !c.parse(full) || c.width != 2 || c.kind != manyKinds || c.split != 0 || c.wide || c.even || c.prefix != 2 {
		t.Fatalf("%+v", c)
	}
	heads := headsHeader + c.prefix
	for want, f := range map[string]func(p []byte){
		"layout is 7":                        func(p []byte) { p[0] = 7 },
		"flags are 0x8":                      func(p []byte) { p[1] = 8 },
		"steps are 3 bytes":                  func(p []byte) { p[2] = 3 },
		"steps are 16 bytes":                 func(p []byte) { p[2] = 16 },
		"there are no entries":               func(p []byte) { clear(p[4:8]) },
		"4294967295 entries":                 func(p []byte) { binary.LittleEndian.PutUint32(p[4:], 1<<32-1) },
		"suffixes of 4278190097 do not fit":  func(p []byte) { p[11] = 0xff },
		"or values 26 of 25":                 func(p []byte) { p[8]++ },
		"a prefix of 65282":                  func(p []byte) { p[13] = 0xff },
		"reserved bytes":                     func(p []byte) { p[15] = 1 },
		"sequence number of entry 0 is":      func(p []byte) { p[23] = 1 },
		"head of entry 1":                    func(p []byte) { p[heads+4]++ },
		"the first pair is":                  func(p []byte) { p[c.pairs] = 1 },
		"suffix or value of entry 2 does":    func(p []byte) { p[c.pairs+4*3] = 0 },
		"or value of entry 2 does not":       func(p []byte) { p[c.pairs+4*3+2] = 0 },
		"or values 25 of 26":                 func(p []byte) { p[c.pairs+4*5+2]-- },
		"entry 1 is out of order":            func(p []byte) { p[c.steps+3] = 0xff },
		"kind of entry 2 is range-delete":    func(p []byte) { p[c.kinds+1] |= 15 },
		"there is a kind without an entry":   func(p []byte) { p[c.kinds+2] |= 0x10 },
		"head of entry 0 is not that of its": func(p []byte) { p[c.suffixes]++ },
	} {
		wantDamage(t, full, want, func(p []byte) []byte { f(p); return p })
	}
	for at := range 4 { // of the pair
		wantDamage(t, encode(Options{}, even()), "or do not fill", func(p []byte) []byte {
			p[headsHeader+5+3*headBytes+at]++
			return p
		})
	}
	wantDamage(t, encode(Options{}, even()), "or do not fill", func(p []byte) []byte { return append(p, 0, 0, 0) })
	wantDamage(t, full, "is empty", func(p []byte) []byte { return nil })
	wantDamage(t, full, "the header is 24", func(p []byte) []byte { return p[:23] })
	wantDamage(t, full, "values 26 of 27", func(p []byte) []byte { return append(p, 0) })
	wantDamage(t, encode(Options{}, settled()), "kind of entry 0 is kind(5)", func(p []byte) []byte { p[3] = 5; return p })
	wantDamage(t, encode(Options{}, []item{{"k", 0, ""}}), "key of entry 0 is 0 bytes", func(p []byte) []byte {
		p[12] = 0
		return slices.Delete(p, headsHeader, headsHeader+1)
	})
	wantDamage(t, encode(Options{}, []item{{"ka", ikey.Make(ikey.MaxSeq, 0), ""}, {"kb", 1, ""}}), "sequence number of entry 0 is 0xffffffffffffffff", func(p []byte) []byte {
		binary.LittleEndian.PutUint64(p[16:], 1<<63)
		binary.LittleEndian.PutUint64(p[len(p)-2-1-16:], 1<<63)
		return p
	})
}

func TestEachDamagedFieldOfRestartsIsNamed(t *testing.T) {
	full := encode(Options{Layout: Restarts, RestartInterval: 2}, mixed())
	var r restarts
	if !r.parse(full) || r.count != 3 {
		t.Fatalf("%+v", r)
	}
	first := r.entries
	second := first + 3 + 4 + 8
	for want, f := range map[string]func(p []byte){
		"reserved bytes":                  func(p []byte) { p[2] = 1 },
		"there are no restart points":     func(p []byte) { p[4] = 0 },
		"200 restart points do not":       func(p []byte) { p[4] = 200 },
		"the first entry is at":           func(p []byte) { p[8] = byte(second - first) },
		"restart point 1 is not an entry": func(p []byte) { p[12]++ },
		"the key of a restart point":      func(p []byte) { p[12] = byte(second - first) },
		"there should be an entry":        func(p []byte) { p[second] = 5 },
		"at byte 20: there should be":     func(p []byte) { p[first] = 1 },
		"byte 35: there should be":        func(p []byte) { p[second+1] = 0x7f },
		"at byte 35: there should":        func(p []byte) { p[second+2] = 0x7f },
		"kind is kind(9)":                 func(p []byte) { p[first+3+4] = 9 },
		"entry 1 is out of order":         func(p []byte) { p[second+3+7] = 1 },
	} {
		wantDamage(t, full, want, func(p []byte) []byte { f(p); return p })
	}
	wantDamage(t, full, "the header is 8", func(p []byte) []byte { return p[:7] })
	wantDamage(t, full, "there should be an entry", func(p []byte) []byte { return append(p, 0) })
}
