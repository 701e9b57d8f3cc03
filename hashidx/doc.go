// Package hashidx is the hash engine: one log, which is both the write-ahead
// log and the data, and an index of it outside the Go heap, which says for
// each key where its last op is. It is for access by key; it has no order.
//
//	dir/KVBENCH     the marker
//	dir/MANIFEST    which segments live, their numbers, where recovery begins
//	dir/hot/        the log of all writes, in order (engine/wal)
//	dir/cold/       the log of what GC has copied (engine/wal)
//	dir/hint/       of each sealed segment: hash, place, sequence of its ops
//	dir/snapshot/   the last image of the index
//
// # Map
//
//   - driver.go: Driver, settings; store.go: opening and closing
//   - write.go: Put, Delete, PutTTL, Sync, what a failure does
//   - batch.go: Apply, and how readers see it whole
//   - read.go: Get; multiget.go; scan.go
//   - tail.go, resident.go, cache.go, io.go: where an op's bytes come from; prefetch*
//   - segments.go: places, files of the logs; notes.go: what is in them
//   - keeper.go: the goroutine in the background, Settle; seal.go: hints;
//     image.go: images of the index
//   - gc.go, pick.go, victim.go, live.go, copy.go, filters.go, drop.go,
//     pace.go: collecting garbage, Compact
//   - recover.go, replay.go: Open
//   - view.go: snapshots; checkpoint.go: copies of a directory
//   - verify.go, verify_*.go, inspect.go: looking at a directory
//   - metrics.go: counters
//   - record: the bytes of an op; index, diskindex: from hashes to places;
//     manifest, hint, snapshot: the other files
//
// # Path of a write
//
// Encode the op as a frame; take the lock of the key's hash; look at all that
// the index has for the hash, comparing keys by reading; append the frame to
// hot/, which only copies it; copy it to the tail; make the index name the new
// place; unlock; wait until the log has written or synced it. Under the lock,
// the log's order is the index's, so that replaying the log makes the same
// index. What others see before it is durable may be lost with it, never
// without it.
//
// A delete takes the key out of the index; its op stays in the log.
//
// # Path of a read
//
// Pin the epoch; for each place that the index has for the hash, look at the
// op there and compare keys. An op lies in a resident segment, in the tail's
// pages, in the record cache, in a mapping, or is read from its file with one read, and its checksum
// is compared; what was read so is given to the cache. The value is copied to
// dst. An expired op is no op. Two keys rarely share what the index keeps of a
// hash, so that absent keys need no reads.
//
// A Get ends its pin before it reads a file: see store.load. MultiGet goes the
// same way with many keys at a time, step by step, so that the processor waits
// for their memory together.
//
// # Places and sequences
//
// A place is the number of a segment, 16 bits, and the offset of a frame in its
// file, 32 bits. The manifest keeps the numbers. One that is free again is not
// given while an image, an open snapshot or a reader may have it.
//
// The sequence of an op in hot/ is the id of its segment and the offset of its
// frame: it follows from the place, and sequences have the order of the log.
// A copy in cold/ carries the sequence of its original.
//
// # What the state is
//
// The state is what performing all ops that exist, in the order of their
// sequences, leaves. GC may drop an op only where that stays the same:
//
//   - a put that was overwritten or deleted: always. Whatever ended it has a
//     higher sequence and exists, or was dropped by the next rule.
//   - a delete, and a put that has expired, which is as good as one: if no
//     other segment can have an op of this code with a lower sequence. Hints
//     have filters that tell. Else it is copied, as a delete.
//
// What made ops of a segment void must be durable before the segment goes:
// both logs are synced before the manifest drops it. It says up to where, so
// that damage to that is not taken for a torn tail.
//
// # GC
//
// A victim is sealed and all its ops have been in the index: what is dead stays
// dead, since the index comes to name only new places. Its hint tells its ops;
// what the index names is live. Live ops are copied to cold/, written, and then
// the index names the copy if it still names the op. Segments of hot/ that are
// not sealed have no op that a tombstone could hide: an op comes to cold/, or
// is a victim, once its segment and all before it are sealed. Copies that have
// no hint yet are in filters in memory.
//
// What looks dead by the counts but would be copied (tombstones) is remembered
// for a while (segment.kept), so that it is not looked at again and again. A
// segment that cannot be read stays as it is, and GC goes on with others.
//
// Files go once no reader is pinned in the epoch and nobody has pinned files
// (pins), which scans and snapshots do.
//
// # Codes and twins
//
// The index keeps 42 bits of a hash, its code. Keys with one code are twins. An
// op that finds another key's entry under its code is written with the flag
// colliding. So of two ops of a code, where the newer is not colliding, it ends
// the older: either they have one key, or the older one's key was absent by
// then. Recovery needs to read and compare keys only where the newer one is
// colliding, and hints do not have keys.
//
// # Recovery
//
// The manifest names the segments and says from where each log is replayed:
// what is before is sealed, and has a hint. If it names an image, that is
// loaded; it covers all ops below a position of each log. Then all that is not
// covered is applied: cold/ first, hot/ after it, of sealed segments by their
// hints, of others by replay. Without a usable image that is everything.
//
// Each op is applied if it is newer than what the index has for its key, so
// that ops may come twice, and in any order within cold/. Deletes in cold/ stay
// as entries until the end: older ops of hot/ come after them. Those of hot/
// need not, since everything after them is newer.
//
// An image is not of one moment: an entry may be newer than what it covers. But
// what it has for a code is the state of the code at some moment T after the
// covered positions were taken: a walk reads a chain under its lock. Ops of the
// code between them and T are applied again. That changes nothing. A put that
// was void by T is either older than the image's entry for its key, or ended by
// a later op that is applied as well: one of hot/ above what is covered. That
// holds for copies in cold/ too: GC makes no copy across the moment when the
// positions are taken, so a copy above was of an op that was live then.
//
// Places in an image are below positions that were durable when the manifest
// came to name it (Snapshot.Through), and a log that ends before is damaged.
//
// How much of a segment is live is exact while an engine is open that was
// empty, or closed with an image. Else it is what the manifest said with the
// image, corrected by what was applied, where the length of an op that was
// ended is taken to be its segment's average. It is a hint for GC, no more.
//
// # Crashes
//
// The log is delivered in order up to where it ends; a record is whole or not
// there. So what a crash leaves is a prefix of the log, batches are atomic, and
// what was waited for is there.
//
// # Locks
//
// In this order: closing; scans (held by Scan, tried by who gives the record
// cache something, taken for ever by Close);
// keeper.turn (who does the work of the background); maintenance (files come to
// be or cease); the index's locks, several in the order of index.LockOrder;
// then segments.mu, segment.opening, notes.mu, views.mu, frozen.making and the
// locks of its undo, or tail.mu, and the log's own. tail.mu may be held while
// the log writes. Readers take none of them, but segment.opening once per file;
// they wait while a batch with a key of the same lock changes the index, which
// is memory only.
//
// # Epochs
//
// Every call is pinned from before it looks at closed until it is done with
// index, pages and files; Close waits for that. Dropped pages and segments are
// retired. A write that waits for the log is not pinned, nor a Get that reads
// a file.
//
// # Goroutines
//
// Those of the logs, and the keeper, which Close ends and waits for. Settle and
// Compact do the keeper's work in their callers' goroutines.
package hashidx
