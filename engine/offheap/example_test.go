package offheap_test

import (
	"fmt"

	"github.com/kvbench/kvbench/engine/offheap"
)

// One budget for all memory of an engine, with a part for its cache.
func Example() {
	memory := offheap.NewBudget(1 << 20)
	cache := memory.Sub("cache", 20_000)
	a := offheap.NewAllocator(offheap.Options{Budget: cache})

	block, err := a.Alloc(9000)
	fmt.Println(len(block), cap(block), err)
	_, err = a.Alloc(12_000)
	fmt.Println(err)

	fmt.Println(a.Free(block))
	for _, u := range memory.Report() {
		fmt.Println(u.Name, u.Used, u.Peak)
	}
	fmt.Println(a.Close())
	// Output:
	// 9000 9216 <nil>
	// offheap: allocate 12000 bytes: over budget, cache holds 9216 of 20000 bytes, all holds 9216 of 1048576 bytes
	// <nil>
	// all 0 9216
	// cache 0 9216
	// <nil>
}

// Offsets link the pieces of an arena; 0 is none.
func ExampleArena() {
	a, err := offheap.NewArena(1<<20, offheap.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var head uint32
	for _, word := range []string{"one", "two", "three"} {
		// A node: the next one's offset, the length, the text.
		at, _ := a.Alloc(uint32(8+len(word)), 4)
		a.Uint32(at).Store(head)
		a.Uint32(at + 4).Store(uint32(len(word)))
		copy(a.Bytes(at+8, uint32(len(word))), word)
		head = at
	}
	for at := head; at != 0; at = a.Uint32(at).Load() {
		fmt.Printf("%s\n", a.Bytes(at+8, a.Uint32(at+4).Load()))
	}
	fmt.Println(a.Free())
	// Output:
	// three
	// two
	// one
	// <nil>
}
