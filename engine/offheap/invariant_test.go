package offheap

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"testing"
)

// broken says which invariant of the package comment does not hold in an
// allocator that nobody uses at the moment.
func broken(a *Allocator) string {
	var spans [classCount][maxShards]int
	for _, c := range a.pages.chunks() {
		units := c.free
		for unit := range chunkUnits {
			word := c.heads[unit].Load()
			if free := c.free>>unit&1 != 0; free != (word == 0) {
				return fmt.Sprintf("unit %d: free %t, head %#x", unit, free, word)
			}
			if word == 0 || headUnit(word) != unit {
				continue
			}
			class, shard := headClass(word), headShard(word)
			s, shape := &c.spans[unit], &shapes[class]
			spans[class][shard]++
			units |= run(unit, shape.units)
			live := 0
			for i := range shape.objects {
				if s.holds(i) {
					live++
				}
			}
			all := 0
			for _, word := range s.used {
				all += bits.OnesCount64(word)
			}
			if s.unit != unit || s.class != class || s.live != live || all != live {
				return fmt.Sprintf("span at unit %d of class %d: %+v, %d objects, %d bits", unit, class, s, live, all)
			}
			if open := a.homes[class][shard].lists(s); open != (live < shape.objects) {
				return fmt.Sprintf("span with %d of %d objects: open %t", live, shape.objects, open)
			}
		}
		if units != ^uint64(0) {
			return fmt.Sprintf("units %b belong to nobody", ^units)
		}
	}
	for class := range a.homes {
		for shard := range a.homes[class] {
			h := &a.homes[class][shard]
			empty := 0
			for s := h.open; s != nil; s = s.next {
				if s.live == 0 {
					empty++
				}
			}
			if h.spans != spans[class][shard] || h.empty != empty || empty > keepEmpty {
				return fmt.Sprintf("class %d: %d spans of %d, %d empty of %d", class, h.spans, spans[class][shard], h.empty, empty)
			}
		}
	}
	return ""
}

// lists reports whether s is in the open list.
func (h *home) lists(s *span) bool {
	for o := h.open; o != nil; o = o.next {
		if o == s {
			return true
		}
	}
	return false
}

func TestASpanIsFilledWhereverItHasRoom(t *testing.T) {
	for _, n := range []int{64, 192, 640} {
		a := NewAllocator(Options{})
		count := shapes[classOf(n)].objects
		var held [][]byte
		for range count {
			held = append(held, alloc(t, a, n))
		}
		for i := 0; i < count; i += 3 { // in words before the last one used
			free(t, a, held[i])
			held[i] = nil
		}
		for i := 0; i < count; i += 3 {
			held[i] = alloc(t, a, n)
		}
		if why := broken(a); why != "" {
			t.Error(why)
		}
		for _, b := range held {
			free(t, a, b)
		}
		empty(t, a)
	}
}

// TestAFreeThatLostItsSpanFreesNothing stops a second Free between finding its
// span and locking it, and lets the memory get another owner meanwhile.
func TestAFreeThatLostItsSpanFreesNothing(t *testing.T) {
	a := NewAllocator(Options{})
	b := alloc(t, a, 64)
	c := a.pages.index.find(addrOf(b))
	word := c.heads[0].Load()
	h, s := &a.homes[headClass(word)][headShard(word)], &c.spans[0]
	h.mu.Lock()
	second := make(chan error)
	go func() { second <- a.Free(b) }()
	for stack := make([]byte, 1<<16); ; runtime.Gosched() {
		all := stack[:runtime.Stack(stack, true)]
		if i := bytes.Index(all, []byte("sync.(*Mutex).Lock")); i >= 0 && bytes.Contains(all[i:], []byte("(*Allocator).free(")) {
			break
		}
	}
	h.empty = keepEmpty // so that the span goes
	if err := a.put(h, s, 0); err != nil {
		t.Fatal(err)
	}
	h.empty = 0
	other := alloc(t, a, 128)
	if addrOf(other) != addrOf(b) {
		t.Fatal("the memory got no other owner")
	}
	h.mu.Unlock()
	if err := <-second; !errors.Is(err, ErrFreed) {
		t.Errorf("got %v", err)
	}
	if why := broken(a); why != "" {
		t.Error(why)
	}
	free(t, a, other)
	empty(t, a)
}

func TestAddressSpaceDoesNotLeak(t *testing.T) {
	if OnHeap {
		t.Skip("the collector takes its time")
	}
	size := func() int {
		var pages int
		statm, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			t.Skip(err)
		}
		if _, err := fmt.Sscan(string(statm), &pages); err != nil {
			t.Fatal(err)
		}
		return pages * pageBytes()
	}
	a := NewAllocator(Options{})
	before := size()
	for i := range 1000 {
		// Something small that changes where the next mapping is put.
		small, err := Map((1+i%5)*pageBytes(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		free(t, a, alloc(t, a, 64))
		free(t, a, alloc(t, a, 2<<20))
		if err := a.Trim(); err != nil {
			t.Fatal(err)
		}
		r, err := Map(100_000, Options{HugePages: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*Region{r, small} {
			if err := r.Free(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// A table of a chunk is 64 KiB, the least of what might leak.
	if grown := size() - before; grown > 48<<20 {
		t.Errorf("%d bytes of address space were lost", grown)
	}
	empty(t, a)
}
