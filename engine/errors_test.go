package engine

import (
	"errors"
	"io"
	"testing"
)

func TestDamageSaysWhereItIs(t *testing.T) {
	err := Corrupt("000007.sst", 4096, "checksum is 1, want 2", io.ErrUnexpectedEOF)
	var damage *CorruptionError
	if !errors.As(err, &damage) || damage.File != "000007.sst" || damage.Offset != 4096 {
		t.Errorf("%#v", damage)
	}
	if !errors.Is(err, ErrCorrupt) || !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrNotFound) {
		t.Error("is not what it wraps")
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{err, "corrupt: 000007.sst at offset 4096: checksum is 1, want 2: unexpected EOF"},
		{Corrupt("f", 0, "", nil), "corrupt: f at offset 0"},
		{Corrupt("f", -1, "torn", nil), "corrupt: f: torn"},
	} {
		if c.err.Error() != c.want || !errors.Is(c.err, ErrCorrupt) {
			t.Errorf("%q, want %q", c.err, c.want)
		}
	}
}

func TestLimitsAreInclusiveAndZeroIsNone(t *testing.T) {
	limited, free := Caps{MaxKey: 3, MaxValue: 3}, Caps{}
	for _, c := range []struct {
		got, want error
	}{
		{limited.CheckKey([]byte("abc")), nil},
		{limited.CheckKey([]byte("abcd")), ErrTooLarge},
		{limited.CheckKey(nil), ErrEmptyKey},
		{limited.CheckValue([]byte("abc")), nil},
		{limited.CheckValue([]byte("abcd")), ErrTooLarge},
		{limited.CheckValue(nil), nil},
		{free.CheckKey(make([]byte, 1<<16)), nil},
		{free.CheckKey([]byte{}), ErrEmptyKey},
		{free.CheckValue(make([]byte, 1<<16)), nil},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
}
