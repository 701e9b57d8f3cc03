package tombstone

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/ikey"
)

var update = flag.Bool("update", false, "rewrite golden files")

// goldenSet has every form of a field.
func goldenSet() *Set {
	return Build([]Range{
		{nil, []byte("apple"), 1},
		{[]byte("ape"), []byte("application"), ikey.MaxSeq},
		{[]byte("ape"), []byte("apple"), 300},
		{[]byte("k"), []byte("k\x00"), 7},
		{[]byte("z"), nil, 8},
	})
}

func TestTheBytesOfASetAreTheGoldenOnes(t *testing.T) {
	path := filepath.Join("testdata", "set.hex")
	got := hex.Dump(goldenSet().Encode(nil))
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
		t.Errorf("bytes are\n%s, want\n%s", got, want)
	}
	if empty := (*Set)(nil).Encode(nil); !bytes.Equal(empty, []byte{1, 0}) {
		t.Errorf("an empty set is % x", empty)
	}
}

func TestASetCutAnywhereIsCorrupt(t *testing.T) {
	whole := goldenSet().Encode(nil)
	for n := range whole {
		if _, err := Decode(whole[:n]); !errors.Is(err, engine.ErrCorrupt) {
			t.Errorf("cut to %d of %d bytes: %v", n, len(whole), err)
		}
	}
	if _, err := Decode(append(whole, 0)); !errors.Is(err, engine.ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestADamagedFieldIsFound(t *testing.T) {
	highest := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f} // 2^56-1
	for _, c := range []struct {
		want string
		data []byte
	}{
		{"format version", []byte{2, 0}},
		{"2 fragments do not fit", []byte{1, 2, 0, 1, 'a', 0, 0, 1, 1}},
		{"no number", []byte{1, 0x80, 0}},
		{"left over", []byte{1, 0, 0}},
		{"1 bytes of a bound of 0", []byte{1, 1, 1, 1, 'a', 0, 0, 1, 1}},
		{"9 bytes of a bound, 5 are left", []byte{1, 1, 0, 9, 'a', 0, 0, 1, 1}},
		{"shares more than 0", []byte{1, 1, 0, 1, 'a', 0, 3, 'a', 'b', 1, 1}},
		{"2 bytes of a bound of 1", []byte{1, 1, 0, 1, 'a', 2, 3, 'a', 'b', 1, 1}},
		{"no upper bound, and 1 bytes", []byte{1, 1, 0, 1, 'a', 1, 0, 1, 1}},
		{"holds no key", []byte{1, 1, 0, 1, 'b', 0, 2, 'a', 1, 1}},
		{"holds no key", []byte{1, 1, 0, 1, 'b', 1, 1, 1, 1}},
		{"0 numbers", []byte{1, 1, 0, 1, 'a', 0, 0, 0, 1}},
		{"3 numbers in 1 bytes", []byte{1, 1, 0, 1, 'a', 0, 0, 3, 1}},
		{"number is 0", []byte{1, 1, 0, 1, 'a', 0, 0, 1, 0}},
		{"number is 72057594037927936", append([]byte{1, 1, 0, 1, 'a', 0, 0, 1}, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1)},
		{"number 0 below 1", []byte{1, 1, 0, 1, 'a', 0, 0, 2, 1, 0}},
		{"number 1 below 1", []byte{1, 1, 0, 1, 'a', 0, 0, 2, 1, 1}},
		{"begins before the end", []byte{1, 2, 0, 1, 'a', 0, 2, 'c', 1, 1, 0, 1, 'b', 0, 2, 'd', 1, 1}},
		{"begins before the end", []byte{1, 2, 0, 1, 'a', 0, 0, 1, 1, 0, 1, 'b', 0, 2, 'd', 1, 1}},
		{"goes on with", []byte{1, 2, 0, 1, 'a', 0, 2, 'c', 1, 1, 1, 0, 0, 2, 'd', 1, 1}},
	} {
		_, err := Decode(c.data)
		if !errors.Is(err, engine.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("% x: %v, want %q", c.data, err, c.want)
		}
	}
	for _, fine := range [][]byte{
		append([]byte{1, 1, 0, 1, 'a', 0, 0, 1}, highest...),
		{1, 2, 0, 1, 'a', 0, 2, 'c', 1, 1, 1, 0, 0, 2, 'd', 1, 2},
	} {
		if _, err := Decode(fine); err != nil {
			t.Errorf("% x: %v", fine, err)
		}
	}
}

// FuzzDecode: any bytes are either damage or the one encoding of a Set.
func FuzzDecode(f *testing.F) {
	f.Add(goldenSet().Encode(nil))
	f.Add(many(20).Encode(nil))
	f.Add([]byte{1, 0})
	f.Add([]byte{1, 1, 0, 1, 'a', 0, 3, 'a', 'b', 1, 1})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Decode(data)
		if err != nil {
			if !errors.Is(err, engine.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if err := check(s); err != nil {
			t.Fatal(err)
		}
		if again := s.Encode(nil); !bytes.Equal(again, data) {
			t.Fatalf("% x comes back as % x", data, again)
		}
		if s.Covering([]byte("k"), ikey.MaxSeq) > math.MaxUint32<<32 {
			t.Fatal("no number")
		}
	})
}
