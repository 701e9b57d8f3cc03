package offheap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func alloc(t testing.TB, a *Allocator, n int) []byte {
	t.Helper()
	b, err := a.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func free(t testing.TB, a *Allocator, b []byte) {
	t.Helper()
	if err := a.Free(b); err != nil {
		t.Fatal(err)
	}
}

// empty checks that a holds nothing, not even address space, once closed.
func empty(t testing.TB, a *Allocator) {
	t.Helper()
	CheckLeaks(t, a)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	s := a.Stats()
	if s.Total != (ClassStats{}) || s.Idle != 0 || s.Large != (ClassStats{}) {
		t.Errorf("an allocator that was closed holds %+v", s)
	}
	if b := a.options.Budget; b != nil && b.Used() != 0 {
		t.Errorf("%d bytes stay charged", b.Used())
	}
}

func TestEverySizeIsHandedOutAndTakenBack(t *testing.T) {
	for _, huge := range []bool{false, true} {
		budget := NewBudget(0)
		a := NewAllocator(Options{HugePages: huge, Budget: budget})
		var sizes []int
		for _, s := range shapes {
			sizes = append(sizes, s.bytes, s.bytes+1)
		}
		for _, n := range append(sizes, 1, 3<<20) {
			b := alloc(t, a, n)
			if len(b) != n || addrOf(b)%classStep != 0 {
				t.Fatalf("%d bytes: %d at %#x", n, len(b), addrOf(b))
			}
			full := b[:cap(b)]
			for i := range full {
				full[i] = byte(n)
			}
			s := a.Stats().Total
			if s.Live != int64(n) || s.Rounded != int64(cap(b)) || s.Objects != 1 || budget.Used() != s.Rounded {
				t.Errorf("%d bytes: %+v, charged %d", n, s, budget.Used())
			}
			free(t, a, b[:0]) // any length, if it begins where it began
		}
		empty(t, a)
	}
}

func TestWholePagesBeginOnAPage(t *testing.T) {
	const pageBytes = 4096
	a := NewAllocator(Options{})
	for n := pageBytes; n <= maxClassBytes+pageBytes; n += pageBytes {
		// Two, as the first object of a span is aligned anyway.
		first, second := alloc(t, a, n), alloc(t, a, n)
		if addrOf(first)%pageBytes != 0 || addrOf(second)%pageBytes != 0 {
			t.Errorf("%d bytes at %#x and %#x", n, addrOf(first), addrOf(second))
		}
		free(t, a, first)
		free(t, a, second)
	}
	empty(t, a)
}

func TestWhatIsFreedIsHandedOutAgain(t *testing.T) {
	a := NewAllocator(Options{})
	for _, n := range []int{64, 4096, 10_000, 300_000} {
		for range 3 * shapes[classOf(n)].objects {
			free(t, a, alloc(t, a, n))
		}
		// One span per shard at most: this goroutine's stack may move.
		s := shapes[classOf(n)]
		for _, c := range a.Stats().Classes {
			if c.Bytes == s.bytes && c.Mapped > int64(s.shards*s.units*unitBytes) {
				t.Errorf("%d bytes, one at a time: %+v", n, c)
			}
		}
	}
	empty(t, a)
}

func TestWrongFreesAreErrorsAndChangeNothing(t *testing.T) {
	a, other := NewAllocator(Options{Budget: NewBudget(0)}), NewAllocator(Options{})
	for _, n := range []int{1, 64, 5000, 1 << 20, 2 << 20} {
		kept, b, foreign := alloc(t, a, n), alloc(t, a, n), alloc(t, other, n)
		before, charged := a.Stats().Total, a.options.Budget.Used()
		for name, wrong := range map[string][]byte{
			"nil":              nil,
			"no capacity":      b[:0:0],
			"another's":        foreign,
			"from the Go heap": make([]byte, n),
			"from its middle":  b[:cap(b)][cap(b)/2:],
			"from its end":     b[:cap(b)][cap(b)-1:],
		} {
			if n == 1 && name == "from its end" {
				wrong = b[:cap(b)][63:]
			}
			if err := a.Free(wrong); !errors.Is(err, ErrForeign) {
				t.Errorf("%d bytes, %s: %v", n, name, err)
			}
		}
		if after := a.Stats().Total; after != before || a.options.Budget.Used() != charged {
			t.Errorf("%d bytes: %+v, charged %d; before %+v, %d", n, after, a.options.Budget.Used(), before, charged)
		}
		free(t, a, b)
		before, charged = a.Stats().Total, a.options.Budget.Used()
		for range 3 {
			if err := a.Free(b); !errors.Is(err, ErrFreed) && !errors.Is(err, ErrForeign) {
				t.Errorf("%d bytes, freed twice: %v", n, err)
			}
		}
		if after := a.Stats().Total; after != before || a.options.Budget.Used() != charged {
			t.Errorf("%d bytes: %+v, charged %d; before %+v, %d", n, after, a.options.Budget.Used(), before, charged)
		}
		free(t, a, kept)
		free(t, other, foreign)
	}
	empty(t, a)
	empty(t, other)
}

func TestASecondFreeIsFoundAfterItsSpanIsGone(t *testing.T) {
	a := NewAllocator(Options{})
	b := alloc(t, a, 100)
	keep := alloc(t, a, 5000) // keeps the chunk
	free(t, a, b)
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	if err := a.Free(b); !errors.Is(err, ErrFreed) {
		t.Errorf("got %v", err)
	}
	free(t, a, keep)
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	if err := a.Free(b); !errors.Is(err, ErrForeign) {
		t.Errorf("after the chunk is gone: %v", err)
	}
	empty(t, a)
}

func TestTheTailOfASpanIsNobodys(t *testing.T) {
	a := NewAllocator(Options{})
	for class, s := range shapes {
		tail := s.units*unitBytes - s.objects*s.bytes
		if tail == 0 {
			continue
		}
		b := alloc(t, a, s.bytes)
		c := a.pages.index.find(addrOf(b))
		sp := &c.spans[headUnit(c.heads[int(addrOf(b)-c.base)/unitBytes].Load())]
		if sp.class != class {
			t.Fatalf("class %d, want %d", sp.class, class)
		}
		end := c.mapped.mem[sp.unit*unitBytes+s.objects*s.bytes:]
		if err := a.Free(end[:1]); !errors.Is(err, ErrForeign) {
			t.Errorf("class %d: %v", class, err)
		}
		free(t, a, b)
	}
	empty(t, a)
}

func TestImpossibleAllocationsAreErrors(t *testing.T) {
	all := NewBudget(1 << 20)
	a := NewAllocator(Options{Budget: all.Sub("cache", 0)})
	for _, c := range []struct {
		n    int
		want error
	}{{0, ErrSize}, {-1, ErrSize}, {maxMapBytes + 1, ErrSize}, {1<<20 + 1, ErrBudget}} {
		if b, err := a.Alloc(c.n); !errors.Is(err, c.want) || b != nil {
			t.Errorf("%d bytes: %v", c.n, err)
		}
	}
	b := alloc(t, a, 1<<20)
	_, err := a.Alloc(1)
	if !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), "all holds 1048576 of 1048576 bytes") {
		t.Errorf("got %v", err)
	}
	free(t, a, b)
	free(t, a, alloc(t, a, 1))
	empty(t, a)
	if _, err := a.Alloc(1); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	all.SetLimit(0)
	big := NewAllocator(Options{Budget: all})
	empty(t, big)
	if _, err := big.Alloc(2 << 20); !errors.Is(err, ErrClosed) {
		t.Errorf("large after Close: %v", err)
	}
	if all.Used() != 0 {
		t.Errorf("what was refused stays charged: %d bytes", all.Used())
	}
}

func TestMemoryGoesBackToTheSystem(t *testing.T) {
	a := NewAllocator(Options{})
	var all [][]byte
	for range 1000 {
		all = append(all, alloc(t, a, 50_000))
	}
	if m := a.Stats().Total.Mapped; m < 50_000_000 || m > 60_000_000 {
		t.Errorf("%d bytes mapped for 50 MB", m)
	}
	for _, b := range all {
		free(t, a, b)
	}
	if m := a.Stats().Total.Mapped; m > (1+keepSpares)*chunkBytes {
		t.Errorf("%d bytes stay mapped", m)
	}
	if err := a.Trim(); err != nil {
		t.Error(err)
	}
	if s := a.Stats(); s.Total.Mapped != 0 {
		t.Errorf("after Trim: %+v", s)
	}
	free(t, a, alloc(t, a, 1)) // and it goes on
	empty(t, a)
}

func TestLeaksAreListedWithTheirSites(t *testing.T) {
	a := NewAllocator(Options{Sites: true})
	leaked := [][]byte{alloc(t, a, 100), alloc(t, a, 2<<20)}
	for range 2 {
		leaked = append(leaked, alloc(t, a, 5000))
	}
	free(t, a, alloc(t, a, 100))

	var r report
	CheckLeaks(&r, a)
	if len(r) != 3 || !strings.Contains(r[0], "1 x 2097152 bytes from ") || !strings.Contains(r[1], "2 x 5000 bytes from ") {
		t.Errorf("got %q", r)
	}
	for _, line := range r {
		if !strings.Contains(line, "TestLeaksAreListedWithTheirSites") || !strings.Contains(line, "alloc_test.go:") {
			t.Errorf("no site in %q", line)
		}
	}
	var leak *LeakError
	if err := a.Close(); !errors.As(err, &leak) || len(leak.Leaks) != 3 {
		t.Errorf("got %v", err)
	}
	for _, b := range leaked {
		b[0], b[len(b)-1] = 1, 1 // still there
		free(t, a, b)
	}
	empty(t, a)
}

type report []string

func (*report) Helper() {}

func (r *report) Errorf(format string, args ...any) { *r = append(*r, fmt.Sprintf(format, args...)) }

// TestAnyHistoryKeepsContentsAndAccounts is the allocator beside a list of
// what it should hold.
func TestAnyHistoryKeepsContentsAndAccounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := NewBudget(64 << 20)
		a := NewAllocator(Options{Budget: budget, HugePages: rapid.Bool().Draw(t, "huge")})
		var held [][]byte
		live, serial := 0, uint64(0)
		size := rapid.OneOf(rapid.IntRange(8, 2048), rapid.IntRange(8, 70_000), rapid.IntRange(8, 3<<20))
		drop := func(i int) {
			b := held[i]
			stamp := binary.LittleEndian.Uint64(b)
			if !bytes.Equal(b[len(b)-8:], b[:8]) && len(b) >= 16 {
				t.Fatalf("object %d of %d bytes was overwritten", stamp, len(b))
			}
			live -= len(b)
			held[i] = held[len(held)-1]
			held = held[:len(held)-1]
			if err := a.Free(b); err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"alloc": func(t *rapid.T) {
				n := size.Draw(t, "n")
				for range rapid.IntRange(1, 40).Draw(t, "times") {
					b, err := a.Alloc(n)
					if err != nil {
						if !errors.Is(err, ErrBudget) {
							t.Fatal(err)
						}
						return
					}
					serial++
					binary.LittleEndian.PutUint64(b[len(b)-8:], serial)
					binary.LittleEndian.PutUint64(b, serial)
					live += n
					held = append(held, b)
				}
			},
			"free": func(t *rapid.T) {
				for range rapid.IntRange(1, 40).Draw(t, "times") {
					if len(held) > 0 {
						drop(rapid.IntRange(0, len(held)-1).Draw(t, "i"))
					}
				}
			},
			"trim": func(t *rapid.T) {
				if err := a.Trim(); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				if why := broken(a); why != "" {
					t.Fatal(why)
				}
				s := a.Stats()
				if s.Total.Live != int64(live) || s.Total.Objects != len(held) || s.Total.Rounded != budget.Used() {
					t.Fatalf("%+v, want %d bytes in %d objects, charged %d", s, live, len(held), budget.Used())
				}
				for _, c := range append(s.Classes, s.Total, s.Large) {
					if c.Live > c.Rounded || c.Rounded > c.Mapped {
						t.Fatalf("%+v", c)
					}
				}
				sum := 0
				for _, l := range a.Leaks() {
					sum += l.Count * l.Bytes
				}
				if sum != live {
					t.Fatalf("leaks of %d bytes, want %d", sum, live)
				}
			},
		})
		for len(held) > 0 {
			drop(0)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if s := a.Stats().Total; s != (ClassStats{}) || budget.Used() != 0 {
			t.Fatalf("%+v, charged %d", s, budget.Used())
		}
	})
}

func TestManyGoroutinesShareAnAllocator(t *testing.T) {
	const workers = 4
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	a := NewAllocator(Options{Budget: NewBudget(0)})
	var wg sync.WaitGroup
	next := make([]chan []byte, workers)
	for w := range next {
		next[w] = make(chan []byte, 64)
	}
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			check := func(b []byte) {
				if b[0] != b[len(b)-1] {
					t.Error("an object was overwritten")
				}
				if err := a.Free(b); err != nil {
					t.Error(err)
				}
			}
			for range 3000 {
				b, err := a.Alloc(1 + rng.IntN(1<<rng.IntN(18)))
				if err != nil {
					t.Error(err)
					return
				}
				x := byte(rng.Uint32())
				b[0], b[len(b)-1] = x, x
				select { // another goroutine frees it, or this one
				case next[rng.IntN(workers)] <- b:
				default:
					check(b)
				}
				select {
				case b := <-next[w]:
					check(b)
				default:
				}
			}
		})
	}
	wg.Wait()
	for _, c := range next {
		for len(c) > 0 {
			free(t, a, <-c)
		}
	}
	empty(t, a)
}

func TestRacingFreesOfOneObjectFreeItOnce(t *testing.T) {
	a := NewAllocator(Options{Budget: NewBudget(0)})
	for i := range 600 {
		b := alloc(t, a, []int{64, 20_000, 2 << 20}[i%3])
		var wg sync.WaitGroup
		var errs [2]error
		for g := range errs {
			wg.Go(func() { errs[g] = a.Free(b) })
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("got %v and %v", errs[0], errs[1])
		}
	}
	empty(t, a)
}

func TestNothingIsPromisedAboutContents(t *testing.T) {
	if !OnHeap {
		t.Skip("only builds that look for misuse poison")
	}
	a := NewAllocator(Options{})
	b := alloc(t, a, 100)
	clear(b)
	free(t, a, b)
	if b[0] != poisonByte || b[99] != poisonByte {
		t.Error("what is freed keeps its content")
	}
	empty(t, a)
}
