//go:build lmdb

package lmdb

import (
	"bytes"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func TestWhatIsStoredIsNeverEmptyAndLoadsAsItWas(t *testing.T) {
	for _, value := range []string{"", "\x00", "\x00\x00", "\x00\x01", "\x01\x00", "a", "a\x00", "\x00a\x00"} {
		s := stored([]byte(value))
		if len(s) == 0 {
			t.Errorf("%q is stored as nothing", value)
		}
		if got := loaded(bytes.Clone(s)); string(got) != value {
			t.Errorf("%q is stored as %q and loads as %q", value, s, got)
		}
	}
}

// The binding faults on an empty value at the end of the file. The first put
// makes the last page, and fills it from its end; a key of even length leaves
// no byte of padding.
func TestAnEmptyValueIsReadFromTheEndOfTheFile(t *testing.T) {
	e := mustOpen(t, t.TempDir(), nil)
	mustPut(t, e, "kk", "")
	if v, err := e.Get(nil, []byte("kk")); err != nil || len(v) != 0 {
		t.Errorf("get: %q, %v", v, err)
	}
	it, err := e.NewIter(engine.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	if !it.First() {
		t.Fatal("no key:", it.Err())
	}
	if v, err := it.Value(); err != nil || len(v) != 0 {
		t.Errorf("value: %q, %v", v, err)
	}
}
