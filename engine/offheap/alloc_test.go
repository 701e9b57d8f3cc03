package offheap

import (
	"errors"
	"testing"
)

func TestMemoryThatIsFreedIsUsedAgain(t *testing.T) {
	a := NewAllocator(Options{Sites: true})
	for n := 1; n < 3<<20; n = n*9/8 + 1 {
		b, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != n {
			t.Fatalf("%d bytes, want %d", len(b), n)
		}
		clear(b[:cap(b)])
		if err := a.Free(b); err != nil {
			t.Fatal(err)
		}
		if err := a.Free(b); !errors.Is(err, ErrFreed) && !errors.Is(err, ErrForeign) {
			t.Fatalf("%d: freed twice: %v", n, err)
		}
	}
	b, _ := a.Alloc(7)
	t.Log(a.Stats())
	t.Log(a.Close())
	a.Free(b)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if m := a.Stats().Total; m != (ClassStats{}) {
		t.Error(m)
	}
}
