// Package cache keeps blocks of files in memory outside the Go heap: the block
// cache of the engines.
//
// # Map
//
//   - cache.go: [New], [Cache.Get], [Cache.Resize], [Cache.Close]
//   - handle.go: [Cache.Acquire] and [Handle], for who needs a block for long
//   - insert.go: [Cache.Insert]; erase.go: [Cache.Erase], [Cache.EraseFile]
//   - shard.go: a part of the keys with its lock, and how garbage is freed
//   - evict.go: making room; scanned blocks and those of high priority
//   - policy.go: what a policy is; s3fifo.go with ghost.go, lru.go, clock.go
//   - table.go: from keys to entries; entry.go: entries, slabs, queues
//   - memory.go: what things cost; stats.go: counters
//   - curve.go: the miss ratio curve
//
// # A hit
//
// The hash of the key chooses a shard, its table yields the entry, whose key
// is compared in full, and the entry says where the block is: three cache
// lines and the block. If the policy has not seen the block hit often enough
// (three times, S3-FIFO), the hit stores a higher frequency. It counts itself
// in a stripe of the counters. That is all: no lock, no reference count, no
// allocation. LRU is the exception, on purpose: an exact order needs a lock.
//
// # Why a hit is safe without a lock
//
//  1. What a table's slot names is an entry whose key, data, size and class
//     were written before the slot. Both are atomic operations on the slot, so
//     who sees the slot sees the entry.
//  2. A block and its entry are written again only after bringOut. That runs
//     as a free function of the epoch, which was retired after the slot had
//     been cleared. Who found the entry before that was pinned at the time, so
//     it has unpinned since. Who pinned later found no slot: not in this
//     table, nor in an earlier one, since the table is replaced as a whole
//     before any slot of the new one is cleared, and a reader that still is in
//     the old one pinned before that.
//  3. Keys are compared in full on such an entry, so a hit is never another
//     key's block, whatever hashes collide.
//  4. The number in a slot leads to an entry through the slab's directory,
//     which is loaded after the slot. It had been extended before.
//  5. A handle's reference is taken by compare and swap from a count above
//     zero. The count falls to zero once, when the table's part and all handles
//     are gone, and who takes it there retires the entry.
//
// A reader may miss a block that is entered at that moment, and may find one
// that is erased or evicted at that moment, as if it had come earlier. A block
// that stays is always found: growing copies a table before it is replaced,
// and clearing a slot leaves the way to others intact.
//
// # Locks
//
//	Cache.mu      Resize and Close
//	shard.mu      tables, entries, queues, policies, accounts
//	sampler.mu    the sample; hits and Inserts only try it
//
// They are taken in this order, one shard at a time, and those of
// engine/offheap after them. Never under shard.mu: fill functions, Retire and
// Reclaim of the epoch, whose free functions take it.
//
// # Goroutines
//
// The cache starts none. Garbage is freed by whoever inserts.
//
// # Memory
//
// Blocks, entries (48 bytes), tables (13 to 20 bytes per block) and the ghosts
// of S3-FIFO (12 to 18) are all charged to one budget. It is never exceeded: an
// Insert that finds no memory serves its caller from the Go heap, and the block
// is not kept. On the Go heap are the slabs' directories, 8 bytes per 128
// blocks, and a function per eviction while it is in limbo.
//
// An evicted block is free when all readers that were pinned have unpinned.
// Until then it is in limbo and counts. Hence each shard keeps a reserve free,
// from a 128th of its limit up to an eighth where Inserts starved. Readers
// that stay pinned for long make that worse, handles do not: what they hold is
// known, and less is kept beside it.
//
// Entries and tables grow with the number of blocks and do not shrink, except
// when Resize would leave them more than half of the limit. So a cache of many
// small blocks that turns to large ones keeps less of those.
//
// # Invariants
//
//   - An entry is in the table if and only if it is in exactly one queue and
//     its refs carry linked.
//   - resident, filling, held and limbo of a shard are the charges of its
//     blocks in the table, under way, out of the table with handles, retired;
//     a block is in one of these at a time.
//   - When an Insert is promised room, resident + filling + held + meta do not
//     exceed the limit. That is what evicting aims at; what keeps the promise
//     of Options.Bytes at every moment, limbo and growing tables included, is
//     the budget that all memory comes from.
package cache
