// Package offheap is memory that the Go collector does not look at: it comes
// from the system, goes back to it, and costs a collection nothing, however
// much it is. It holds bytes, never Go pointers: an object that only off-heap
// memory points to is collected.
//
//	memory := offheap.NewBudget(1 << 30)
//	blocks := offheap.NewAllocator(offheap.Options{Budget: memory.Sub("cache", 512<<20)})
//	b, err := blocks.Alloc(8192)                    // a block of the cache
//	...
//	domain.Retire(len(b), func() { blocks.Free(b) }) // when no reader has it
//
// # Map
//
//   - budget.go: Budget, a tree of limits; the one count of an engine's memory
//   - region.go: Map and Region, one mapping: an index, a filter; Options
//   - arena.go: Arena, pieces of a region that go all at once: a memtable
//   - alloc.go, span.go, chunk.go, index.go, class.go: Allocator, objects of
//     any size that go one by one: blocks, pages
//   - large.go: objects above the classes
//   - stats.go, leak.go: what is held, and by whom
//   - map_linux.go, map_heap.go, poison.go: where memory comes from, by build
//
// # The allocator
//
// Memory comes from the system in chunks of 4 MiB, which are cut into 64
// units. A span is a run of units that holds objects of one class; classes are
// 64 bytes to 1 MiB in steps of an eighth. What is larger has a mapping of its
// own. A chunk lies at a multiple of its size, so an address finds its chunk,
// the chunk its span, and the span the object.
//
// All that is known about objects stands apart from them: bits for what is
// handed out on the Go heap, requested sizes in a mapping of their own. An
// object that is written beyond its end damages other objects, but not the
// allocator, and a second Free finds the bit cleared.
//
// Of spans without objects each home keeps one; the others go back to their
// chunk, and their pages to the system (not with HugePages, where that would
// break up the pages). Of chunks without spans one is kept. Trim keeps none.
//
// The budget is charged with classes, not with spans, so that what is freed
// can be taken again in any class: a cache that evicts until there is room
// comes to an end. What lies idle in spans is in Stats, as Mapped less
// Rounded. The bookkeeping is not charged: below 1 % of what is mapped, 2 %
// where all objects are tiny.
//
// # Invariants
//
//   - An object belongs to one span, a span to one home, as long as it has
//     units. A unit's head names its span; 0 is none.
//   - A span is in its home's open list if and only if it has room.
//   - home.empty is the number of spans in the list without objects.
//   - The budget holds the sum of the classes of what is handed out.
//   - An error of Free means that nothing was freed; or, if it is the
//     system's, that the object was freed and the system kept its pages.
//
// # Locks and goroutines
//
// The package starts no goroutine. Budget and Arena take no locks. An
// Allocator has a lock per home, which is one of up to 4 shards of a class: a
// goroutine prefers the shard that the address of its stack yields and takes
// another if that one is busy. Inside of a home's lock the lock of the pages
// may be taken, never the other way round, and no two homes at once. A call of
// the system happens under these locks only when a chunk comes or goes, or a
// span goes.
//
// # Builds
//
// With the tag offheap_onheap or race, and where the system is not Linux, all
// memory comes from the Go heap and is filled with 0xDB when it is freed. The
// race detector and the checks of unsafe pointers see it then, and a use after
// free reads what is no valid data, or is reported. In the ordinary build it
// ends the process, if the memory has gone back to the system, or goes
// unnoticed. On the Go heap, running out of memory ends the process, as
// always in Go; elsewhere it is an error.
package offheap
