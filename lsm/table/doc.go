// Package table is the sorted files of an LSM tree: their writer, their
// reader, and how tables and runs of them are walked.
//
// # Map
//
//   - format.go: blocks, the index, properties and the footer, byte by byte
//   - properties.go: what a table says of itself
//   - separator.go: the short keys between blocks
//   - index.go: the index in memory, and its search
//   - writer.go: Writer; finish.go: what comes after the data
//   - reader.go: Reader, open.go: how one comes to be; load.go: reading blocks
//   - iter.go: Iter; ahead.go: reading ahead; run.go: RunIter
//   - check.go: Reader.Check, everything that can be checked of a file
//
// # A lookup
//
//	if !r.MayContain(hash) { the table has no entry of the key }
//	n, ok := r.BlockFor(key)
//	for ok {
//	    data, hit := r.Cached(n)       // pinned, no I/O
//	    // or: held, err := r.Load(n)  // not pinned, reads
//	    t, value, found, more, err := r.Find(data, key, seq)
//	    if found or !more or !r.BlockMayContinue(n, key) { done }
//	    n++
//	}
//
// All of it allocates nothing while blocks are in the cache.
//
// # What is where
//
// The index and the filter of an open table are in memory outside the Go heap
// for as long as it is open. Range deletes are decoded onto the heap: tables
// have few. Data blocks are read when they are needed, and kept by the block
// cache under the table's id and the block's offset. What the cache keeps of
// a block that is not compressed is the block as it is on disk, its trailer
// included, so that it is read where it will be; of a compressed one, what it
// was before. With [Mmap] blocks that are not compressed are used where they
// are mapped, and their checksums verified at first use.
//
// # Concurrency
//
// A Reader serves many goroutines. A Writer and an iterator belong to one.
// Nothing here counts references: a Reader is closed when nobody can use it
// any more, which is for the tree to know.
package table
