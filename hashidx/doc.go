// Package hashidx is the hash engine: one log, which is both the write-ahead
// log and the data, and an index of it outside the Go heap, which says for
// each key where its last op is. It is for access by key; it has no order.
//
//	dir/KVBENCH   the marker
//	dir/hot/      the log of all writes, in order (engine/wal)
//
// # Map
//
//   - driver.go: Driver, settings; store.go: opening, replaying, closing
//   - write.go: Put, Delete, PutTTL, Sync, what a failure does
//   - batch.go: Apply, and how readers see it whole
//   - read.go: Get, MultiGet, Scan; where an op's bytes come from
//   - segments.go: places, files of the log; tail.go: its end in memory
//   - metrics.go: counters
//   - record: the bytes of an op; index: from hashes to places
//
// # Path of a write
//
// Encode the op as a frame; take the lock of the key's hash; find its present
// place, comparing keys by reading; append the frame to the log, which only
// copies it; copy it to the tail; make the index name the new place; unlock;
// wait until the log has written or synced it. Under the lock, the log's order
// is the index's, so that replaying the log makes the same index. What others
// see before it is durable may be lost with it, never without it.
//
// A delete takes the key out of the index; its op stays in the log.
//
// # Path of a read
//
// Pin the epoch; for each place that the index has for the hash, look at the op
// there and compare keys. An op lies in the tail's pages, or is read from its
// file with one read, if it is not long, and its checksum is compared. The
// value is copied to dst. An expired op is no op. Two keys rarely share what
// the index keeps of a hash, so that absent keys need no reads.
//
// # Place
//
// A place is the number of a segment, 16 bits, and the offset of a frame in its
// file, 32 bits. Numbers are given out while the engine is open, so that no
// file holds a place yet, nor what hash is used.
//
// # Crashes
//
// The log is delivered in order up to where it ends; a record is whole or not
// there. So what a crash leaves is a prefix of the log, batches are atomic, and
// what was waited for is there. Open replays all of the log, and reads a key's
// former op for each overwrite: its time grows with the log, of which nothing
// is given back.
//
// # Locks
//
// In this order: closing; scans (held by Scan, taken for ever by Close); the
// index's locks, several in the order of index.LockOrder; then segments.mu,
// segment.opening or tail.mu, and the log's own. tail.mu may be held while the
// log writes. Readers take none of them, but segment.opening once per file;
// they wait while a batch with a key of the same lock changes the index, which
// is memory only.
//
// # Epochs
//
// Every call is pinned from before it looks at closed until it is done with
// index, pages and files; Close waits for that. Dropped pages are retired. A
// write that waits for the log is not pinned.
//
// # Goroutines
//
// None but those of the log.
package hashidx
