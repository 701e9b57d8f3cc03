package offheap

import (
	"bytes"
	"errors"
	"math"
	"sync"
	"testing"
)

func newArena(t *testing.T, n int, o Options) *Arena {
	t.Helper()
	a, err := NewArena(n, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Free(); err != nil && !errors.Is(err, ErrFreed) {
			t.Error(err)
		}
	})
	return a
}

func TestPiecesOfAnArenaAreAlignedAndApart(t *testing.T) {
	a := newArena(t, 1<<20, Options{})
	var end uint32
	for n := uint32(1); ; n = n*3/2 + 1 {
		align := uint32(1) << (n % 13)
		offset, ok := a.Alloc(n, align)
		if !ok {
			break
		}
		if offset == 0 || offset%align != 0 || offset < end {
			t.Fatalf("%d bytes by %d at %d, after %d", n, align, offset, end)
		}
		end = offset + n
		b := a.Bytes(offset, n)
		if len(b) != int(n) || cap(b) != int(n) || addrOf(b)%uintptr(align) != 0 {
			t.Fatalf("%d bytes by %d: len %d, cap %d, at %#x", n, align, len(b), cap(b), addrOf(b))
		}
		if !bytes.Equal(b, make([]byte, n)) {
			t.Fatal("a new arena is not zero")
		}
	}
	if end < 1<<18 || a.Used() > a.Size() || a.Size() != 1<<20 {
		t.Errorf("end %d, used %d of %d", end, a.Used(), a.Size())
	}
}

func TestAnArenaRefusesWhatDoesNotFit(t *testing.T) {
	a := newArena(t, 1024, Options{})
	for _, c := range []struct{ n, align uint32 }{
		{0, 8},
		{8, 0},
		{8, 3},
		{8, 8192},
		{1024, 8},
		{1017, 1},
		{math.MaxUint32, 1},
		{math.MaxUint32, 4096},
	} {
		if offset, ok := a.Alloc(c.n, c.align); ok || offset != 0 {
			t.Errorf("%d bytes by %d: %d, %t", c.n, c.align, offset, ok)
		}
	}
	if used := a.Used(); used != arenaWord {
		t.Errorf("refusals used %d bytes", used)
	}
	if offset, ok := a.Alloc(1016, 1); !ok || offset != 8 {
		t.Errorf("all that is left: %d, %t", offset, ok)
	}
	if _, ok := a.Alloc(1, 1); ok {
		t.Error("a full arena hands out")
	}
}

func TestALostRaceForTheLastBytesFillsTheArena(t *testing.T) {
	a := newArena(t, 1024, Options{})
	if _, ok := a.Alloc(1000, 8); !ok {
		t.Fatal("does not fit")
	}
	if end, ok := a.claim(24); ok {
		t.Errorf("claimed up to %d of 1024", end)
	}
	if _, ok := a.Alloc(1, 1); ok || a.Used() != 1024 {
		t.Errorf("%d bytes used, and more handed out: %t", a.Used(), ok)
	}
	a.Reset()
	if end, ok := a.claim(1016); !ok {
		t.Errorf("all of it, up to %d, is refused", end)
	}
}

func TestAnArenaBeginsAnewAfterReset(t *testing.T) {
	a := newArena(t, 4096, Options{})
	first, _ := a.Alloc(100, 8)
	for ok := true; ok; {
		_, ok = a.Alloc(100, 8)
	}
	a.Reset()
	if again, ok := a.Alloc(100, 8); !ok || again != first {
		t.Errorf("after the reset: %d, %t, first %d", again, ok, first)
	}
}

func TestWordsOfAnArenaAreItsBytes(t *testing.T) {
	a := newArena(t, 4096, Options{})
	offset, _ := a.Alloc(16, 8)
	a.Uint64(offset).Store(math.MaxUint64)
	a.Uint32(offset + 8).Store(0x01010101)
	want := append(bytes.Repeat([]byte{255}, 8), 1, 1, 1, 1, 0, 0, 0, 0)
	if got := a.Bytes(offset, 16); !bytes.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestRacingPiecesDoNotOverlap(t *testing.T) {
	const writers, size = 4, 1 << 20
	a := newArena(t, size, Options{})
	var wg sync.WaitGroup
	var pieces [writers][][2]uint32
	start := make(chan bool)
	for w := range writers {
		wg.Go(func() {
			<-start
			for n := uint32(w + 1); ; n = n%97 + 1 {
				offset, ok := a.Alloc(n, 1<<(n%8))
				if !ok {
					return
				}
				b := a.Bytes(offset, n)
				for i := range b {
					b[i] += byte(w + 1) // the race detector sees an overlap too
				}
				pieces[w] = append(pieces[w], [2]uint32{offset, n})
			}
		})
	}
	close(start)
	wg.Wait()
	total := 0
	for w := range writers {
		total += len(pieces[w])
		for _, p := range pieces[w] {
			for i, x := range a.Bytes(p[0], p[1]) {
				if x != byte(w+1) {
					t.Fatalf("byte %d of %d at %d is %d, not %d", i, p[1], p[0], x, w+1)
				}
			}
		}
	}
	if total < size/200 {
		t.Errorf("%d pieces", total)
	}
}

func TestARegionIsAlignedZeroAndCharged(t *testing.T) {
	for _, huge := range []bool{false, true} {
		for _, n := range []int{1, 4096, 100_000, 5 << 20} {
			b := NewBudget(0)
			o := Options{Budget: b, HugePages: huge}
			r, err := Map(n, o)
			if err != nil {
				t.Fatal(err)
			}
			align, size := o.round(n)
			mem := r.Bytes()
			if len(mem) != n || cap(mem) != n || addrOf(mem)%uintptr(align) != 0 || b.Used() != int64(size) {
				t.Errorf("%d bytes, huge %t: len %d, cap %d at %#x, charged %d", n, huge, len(mem), cap(mem), addrOf(mem), b.Used())
			}
			if !bytes.Equal(mem, make([]byte, n)) {
				t.Error("not zero")
			}
			mem[0], mem[n-1] = 1, 1
			if err := r.Free(); err != nil {
				t.Error(err)
			}
			if err := r.Free(); !errors.Is(err, ErrFreed) {
				t.Errorf("freed twice: %v", err)
			}
			if b.Used() != 0 {
				t.Errorf("%d bytes stay charged", b.Used())
			}
		}
	}
}

func TestImpossibleMappingsAreErrors(t *testing.T) {
	b := NewBudget(10_000)
	sub := b.Sub("index", 0)
	for _, c := range []struct {
		n    int
		want error
	}{{0, ErrSize}, {-1, ErrSize}, {math.MaxInt, ErrSize}, {10_001, ErrBudget}} {
		if _, err := Map(c.n, Options{Budget: sub}); !errors.Is(err, c.want) {
			t.Errorf("map %d: %v", c.n, err)
		}
	}
	for _, n := range []int{0, -1, 8, math.MaxInt} {
		if _, err := NewArena(n, Options{}); !errors.Is(err, ErrSize) {
			t.Errorf("arena of %d: %v", n, err)
		}
	}
	if _, err := NewArena(1<<20, Options{Budget: sub}); !errors.Is(err, ErrBudget) {
		t.Errorf("an arena over budget: %v", err)
	}
	if b.Used() != 0 || sub.Used() != 0 {
		t.Errorf("%d and %d bytes stay charged", b.Used(), sub.Used())
	}
}

func TestMemoryThatTheSystemRefusesIsAnError(t *testing.T) {
	if OnHeap {
		t.Skip("the Go heap ends the process")
	}
	b := NewBudget(0)
	o := Options{Budget: b}
	a := NewAllocator(o)
	// A system that promises everything still has fewer addresses.
	for i := 0; ; i++ {
		r, err := Map(maxMapBytes, o)
		if err != nil {
			if errors.Is(err, ErrSize) || errors.Is(err, ErrBudget) {
				t.Error(err)
			}
			break
		}
		if i > 3 {
			t.Fatal("mapped 256 TiB")
		}
		defer r.Free()
	}
	if _, err := a.Alloc(maxMapBytes); err == nil || errors.Is(err, ErrSize) {
		t.Errorf("allocated more than there is: %v", err)
	}
	if held := b.Used() % maxMapBytes; held != 0 {
		t.Errorf("%d bytes stay charged", held)
	}
}
