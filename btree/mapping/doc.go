// Package mapping says where each page is: in which frame, or at which slot of
// the file. Inner pages hold ids of pages, never places, so a page that moves
// changes one word here and no parent.
//
//	t := mapping.New(options)
//	id, err := t.Take()                                // the writer
//	t.Store(id, mapping.Resident(frame))
//	e := t.Load(id)                                    // anyone, without locks
//	ok := t.CompareAndSwap(id, e, mapping.OnDisk(slot, check))
//
// # Map
//
//   - entry.go: what a word says
//   - table.go: Table, Load, Store, CompareAndSwap, the durable entries
//   - chunks.go: the memory, which grows and never moves
//   - ids.go: which ids are free: Take, Give, Trim, Restore, FreeZero
//
// # Memory
//
// Entries are words outside the Go heap in chunks of 32 KiB, found through a
// directory; each has a twin of the last checkpoint beside it. A table takes
// nothing until its first id, then 64 KiB; later regions are a quarter of what is
// there, up to 8 MiB. The kernel provides what is touched: 16.1 bytes for an id.
// Huge pages, if asked for, begin at half a million ids; a Load among so many is
// a miss of the TLB without them.
//
// # Invariants
//
//   - An id is free or taken. Free ones below the end are in a bitmap; their
//     entry is 0 as long as callers keep to the contract of Give.
//   - Take hands out the lowest free id, so that ids, and with them the pages
//     of the map on disk, stay as few as they can.
//   - A chunk never moves, and is there until Close. The directory is published
//     before the limit that lets anybody look into it: whoever loads the limit
//     first and then the directory finds all chunks below that limit.
package mapping
