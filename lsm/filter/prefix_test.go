package filter

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestAPrefixIsThatOfAllKeysOfAScan(t *testing.T) {
	for _, c := range []struct {
		lower, upper string
		n            int
		want         string
	}{
		{"user1:a", "user1:b", 6, "user1:"},
		{"user1:", "user1;", 6, "user1:"}, // what prefix scans ask for
		{"user1:a", "user1;", 6, "user1:"},
		{"user1:", "user1;a", 6, ""},
		{"user1:", "user2", 6, ""},
		{"a\xff", "b", 2, "a\xff"},
		{"a\xff\xff", "b", 3, "a\xff\xff"},
		{"a\xff", "b\x00", 2, ""},
		{"a\xfe", "b", 2, ""},
		{"\xff", "\xff\xff", 1, "\xff"},
		{"ab", "c", 2, ""},
		{"a", "b", 2, ""},
		{"a", "b", 0, ""},
		{"ab", "", 2, ""},
	} {
		if got := Prefix([]byte(c.lower), []byte(c.upper), c.n); string(got) != c.want {
			t.Errorf("[%q, %q), %d bytes: %q, want %q", c.lower, c.upper, c.n, got, c.want)
		}
	}
	if got := Prefix([]byte("\xff\xff"), nil, 2); got != nil {
		t.Errorf("no upper bound: %q", got)
	}
}

func TestNoKeyOfAScanHasAnotherPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0xfe, 0xff}), 0, 4)
		lower, upper, key := draw.Draw(t, "lower"), draw.Draw(t, "upper"), draw.Draw(t, "key")
		n := rapid.IntRange(1, 3).Draw(t, "n")
		p := Prefix(lower, upper, n)
		if p != nil && bytes.Compare(key, lower) >= 0 && bytes.Compare(key, upper) < 0 && !bytes.HasPrefix(key, p) {
			t.Fatalf("%x is in [%x, %x) without %x", key, lower, upper, p)
		}
	})
}
