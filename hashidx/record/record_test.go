package record

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
)

// examples are one op of each shape.
func examples() []Op {
	return []Op{
		{Kind: Put, Key: []byte("key"), Value: []byte("value")},
		{Kind: Put, Key: []byte("k"), Value: []byte{}},
		{Kind: Delete, Key: []byte("gone"), Value: []byte{}},
		{Kind: PutExpiring, Key: []byte("key"), Value: []byte("v"), Expire: 0x0102030405060708},
		{Kind: PutExpiring, Key: []byte("old"), Value: []byte("v"), Expire: math.MinInt64, Sequenced: true, Sequence: 0x1112131415161718},
		{Kind: Delete, Key: []byte("gone"), Value: []byte{}, Sequenced: true, Sequence: 1},
		{Kind: Put, Colliding: true, Key: []byte("twin"), Value: []byte("v")},
		{Kind: PutExpiring, Colliding: true, Key: []byte("k"), Value: []byte("v"), Expire: 1, Sequenced: true, Sequence: 2},
	}
}

func TestTheBytesAreThoseOfTheGoldenFile(t *testing.T) {
	text, err := os.ReadFile("testdata/ops.hex")
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	want, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for _, op := range examples() {
		got = Append(got, &op)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", hex.Dump(got), hex.Dump(want))
	}
	for i, wantOp := range examples() {
		op, n, err := Parse(want)
		if err != nil || !reflect.DeepEqual(op, wantOp) {
			t.Fatalf("op %d is %+v, %v, want %+v", i, op, err, wantOp)
		}
		b := KindByte(want)
		if KindOf(b) != op.Kind || (b&FlagColliding != 0) != op.Colliding || (b&FlagSequenced != 0) != op.Sequenced {
			t.Errorf("op %d has kind byte %d: %+v", i, b, op)
		}
		want = want[n:]
	}
}

func TestAFrameCutAnywhereIsShort(t *testing.T) {
	for _, op := range examples() {
		p := Append(nil, &op)
		for n := range p {
			if _, _, err := Parse(p[:n]); !errors.Is(err, ErrShort) {
				t.Errorf("%v cut to %d: %v", op.Kind, n, err)
			}
		}
		if n, err := Length(p[:min(len(p), MaxHeader)]); err != nil || n != len(p) {
			t.Errorf("length %d, %v, want %d", n, err, len(p))
		}
	}
}

func TestEveryChangedBitIsNoticed(t *testing.T) {
	for _, op := range examples() {
		p := Append(nil, &op)
		for i := range 8 * len(p) {
			p[i/8] ^= 1 << (i % 8)
			if _, _, err := Parse(p); err == nil {
				t.Errorf("bit %d of %x was not missed", i, p)
			}
			p[i/8] ^= 1 << (i % 8)
		}
	}
}

func TestMarkingAFrameIsEncodingTheMarkedOp(t *testing.T) {
	for _, op := range examples() {
		p := Append([]byte("before"), &op)
		MarkColliding(p[len("before"):])
		op.Colliding = true
		if want := Append([]byte("before"), &op); !bytes.Equal(p, want) {
			t.Errorf("marked %x, want %x", p, want)
		}
	}
}

// sign makes the crc right, so that only the field is wrong.
func sign(p []byte) []byte {
	binary.LittleEndian.PutUint32(p, crc32.Checksum(p[4:], castagnoli))
	return p
}

func TestEachFieldIsChecked(t *testing.T) {
	for _, c := range []struct {
		what  string
		frame []byte
		want  error
	}{
		{"crc", []byte{1, 2, 3, 4, 1, 1, 0, 'k'}, ErrChecksum},
		{"no kind", make([]byte, 30), ErrKind},
		{"kind 4", sign([]byte{0, 0, 0, 0, 4, 1, 0, 'k'}), ErrKind},
		{"kind 0 with a sequence", sign(append([]byte{0, 0, 0, 0, 128, 1, 0}, make([]byte, 9)...)), ErrKind},
		{"kind 4 with both flags", sign(append([]byte{0, 0, 0, 0, 196, 1, 0}, make([]byte, 9)...)), ErrKind},
		{"kind 0 that collides", sign([]byte{0, 0, 0, 0, 64, 1, 0, 'k'}), ErrKind},
		{"kind 32", sign([]byte{0, 0, 0, 0, 32 | 1, 1, 0, 'k'}), ErrKind},
		{"no key", sign([]byte{0, 0, 0, 0, 1, 0, 1, 'v'}), ErrLength},
		{"a key that is too long", sign([]byte{0, 0, 0, 0, 1, 0x81, 0x80, 4, 0, 'k'}), ErrLength},
		{"a long form of a length", sign([]byte{0, 0, 0, 0, 1, 0x81, 0, 0, 'k'}), ErrLength},
		{"a value that is too long", sign([]byte{0, 0, 0, 0, 1, 1, 0x81, 0x80, 0x80, 0x80, 4, 'k'}), ErrLength},
		{"an endless length", sign([]byte{0, 0, 0, 0, 1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}), ErrLength},
		{"a delete with a value", sign([]byte{0, 0, 0, 0, 2, 1, 1, 'k', 'v'}), ErrLength},
	} {
		if _, _, err := Parse(c.frame); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
}
