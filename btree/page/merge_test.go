package page

import (
	"fmt"
	"testing"
)

// The separator that was between two inner pages is the first of the merged
// page, or the last, if one of them has an only child. What all entries share
// is then less than what those of the other page do.
func TestMergingAnInnerPageThatHasAnOnlyChildKeepsAllSeparators(t *testing.T) {
	const size = MinPageBytes
	more := func(p []byte, from string) {
		for i := range 4 {
			if !InsertChild(p, i, fmt.Appendf(nil, "%sshared%d", from, i), ID(20+i)) {
				t.Fatal("no room")
			}
		}
		Rebuild(p)
	}
	for _, emptyLeft := range []bool{true, false} {
		left, right := make([]byte, size), make([]byte, size)
		sep := []byte("m")
		InitInner(left, 2, 1, nil, sep, 10)
		InitInner(right, 3, 1, sep, nil, 11)
		want := []string{"m", "pshared0", "pshared1", "pshared2", "pshared3"}
		if emptyLeft {
			more(right, "p")
		} else {
			more(left, "b")
			want = []string{"bshared0", "bshared1", "bshared2", "bshared3", "m"}
		}
		if !MergeInner(left, right, sep) {
			t.Fatal("they do not fit")
		}
		if err := Check(left); err != nil {
			t.Errorf("left is empty: %v: %v", emptyLeft, err)
		}
		for i, key := range want {
			got, _ := AppendKey(nil, left, i)
			if string(got) != key {
				t.Errorf("left is empty: %v: separator %d is %q, want %q", emptyLeft, i, got, key)
			}
			if _, n, ok := Child(left, []byte(key)); !ok || n != i+1 {
				t.Errorf("left is empty: %v: %q belongs to child %d, want %d", emptyLeft, key, n, i+1)
			}
		}
	}
}
