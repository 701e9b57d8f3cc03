package blob

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"
)

// pointers are with the bytes that they must have.
var pointers = []struct {
	pointer Pointer
	bytes   string
}{
	{Pointer{1, 32, 0}, "012000"},
	{Pointer{127, 128, 1 << 14}, "7f8001808001"},
	{Pointer{300, 256 << 20, 1000}, "ac028080808001e807"},
	{Pointer{math.MaxUint64, math.MaxUint64, math.MaxUint64}, "ffffffffffffffffff01ffffffffffffffffff01ffffffffffffffffff01"},
}

func TestTheBytesOfPointersAreTheGoldenOnes(t *testing.T) {
	for _, c := range pointers {
		p := c.pointer.Append([]byte("x"))
		if got := hex.EncodeToString(p[1:]); got != c.bytes || len(p)-1 > MaxPointer {
			t.Errorf("%v is %s, want %s", c.pointer, got, c.bytes)
		}
		if back, ok := ParsePointer(p[1:]); !ok || back != c.pointer {
			t.Errorf("%v comes back as %v, %t", c.pointer, back, ok)
		}
	}
}

func TestWhatIsNoPointerIsRefused(t *testing.T) {
	whole := pointers[2].pointer.Append(nil)
	bad := [][]byte{
		append(bytes.Clone(whole), 0),
		{0, 32, 1},
		{0x81, 0, 32, 1},
		{1, 0xa0, 0, 1},
		{1, 32, 0x80, 0},
		bytes.Repeat([]byte{0xff}, 11),
	}
	for n := range whole {
		bad = append(bad, whole[:n])
	}
	for _, p := range bad {
		if got, ok := ParsePointer(p); ok {
			t.Errorf("% x is %v", p, got)
		}
	}
}

func TestParsingAPointerAllocatesNothing(t *testing.T) {
	p := pointers[2].pointer.Append(nil)
	var sum uint64
	if n := testing.AllocsPerRun(100, func() { q, _ := ParsePointer(p); sum += q.Offset }); n > 0 || sum == 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParsePointer(f *testing.F) {
	for _, c := range pointers {
		f.Add(c.pointer.Append(nil))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if p, ok := ParsePointer(value); ok && !bytes.Equal(p.Append(nil), value) {
			t.Fatalf("% x is %v, whose bytes are % x", value, p, p.Append(nil))
		}
	})
}

func BenchmarkParsePointer(b *testing.B) {
	p := pointers[2].pointer.Append(nil)
	for b.Loop() {
		ParsePointer(p)
	}
}
