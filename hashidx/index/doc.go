// Package index maps hashes to places, in memory outside of the Go heap: the
// index of the hash engine. It knows neither keys nor files. A place is a
// number of 48 bits; whoever asks reads the record there and compares its key.
//
//	x, err := index.New(index.Options{Domain: d, Budget: b})
//
//	g := d.Pin()
//	for c := x.Find(hash); ; {
//		place, ok := c.Next()
//		... // the key is absent if !ok; else compare the record's key
//	}
//	g.Unpin()
//
//	l := x.Lock(hash) // no other writer has this key
//	...               // find its place as above, with l.Find
//	l.Replace(old, place) // or l.Insert(place), l.Delete(old)
//	l.Unlock()
//
// # Map
//
//   - index.go: Options, Index, New, Close; stripes; which bucket a hash has
//   - line.go: a cache line of 6 entries (byte table), codes
//   - pages.go: numbered lines; pool.go: overflow lines, free and not yet free
//   - read.go: Find and Touch; write.go: Lock, LockAll, Insert, Replace, Delete,
//     Load
//   - fill.go: Filler, which loads what Walk has yielded
//   - grow.go: when to split, splitting, keeping chains dense
//   - walk.go: all entries, for snapshots, and how far that is
//   - stats.go: memory, chains
//
// # Layout
//
// This is linear hashing (Litwin, VLDB 1980). There are count buckets; with
// count = 2^L + s, buckets 0 to s-1 have been split into themselves and the one
// 2^L further on. A bucket is a chain of lines.
//
// Of a hash the index keeps a code of 42 bits: bits 0 to 9 in the number of the
// bucket, of which there are never fewer than 1024, bits 10 to 25 in the lows
// of a line, bits 48 to 63, the tag, in the slot. So a split reads no record,
// and Walk yields all that Load needs. A key that is absent meets a candidate
// in about 1 of 2^42 / entries lookups; at 10 million that is 1 in 440,000.
//
// # Memory
//
// A line of 64 bytes holds 6 entries, 10.7 bytes each if it were full. A bucket
// is split whenever home and overflow lines, free ones too, come to less than
// 16.5 bytes per key, so they take that at every moment of growth; what varies
// is how long the chains are, between 1.08 and 1.2 lines per hit. Pages that
// are not used up, directories and locks add 1 to 2 % and about 600 KB.
// Home lines are never given back: an index that has lost most of its keys
// takes what it took at its peak.
//
// # Why no reader misses an entry
//
// All steps below are operations of sync/atomic, in one order that all agree
// on. Writers of a chain hold its stripe.
//
//	Find   F1  n := count; b := bucket of the code among n
//	       F2  next := home.next; if 0 go to F4
//	       F3  m := moves of the stripe; next := home.next again
//	       F4  look at the home line, then follow next: of each line read
//	           its next, then its lows (those in the tail with next, at one
//	           moment), then the slots with the code's lows
//	       F5  if F3 ran and moves is not m, go to F1
//	       F6  if the code's bucket among count is not b, go to F1
//	Copy   C1  write the lows of a free slot
//	       C2  write its word; so is an entry inserted, too
//	Split  S1  copy entries into the new bucket, which nobody can reach
//	       S2  count := n+1
//	       S3  clear their old slots
//	Move   M1  copy an entry within its chain, from the first overflow line
//	       M2  moves++
//	       M3  clear its old slot; later unlink the line if it is empty
//
// Claim 1: at every moment an entry that stays is in the chain of its code's
// bucket among count. It is in both chains from S1 to S3, and S2 is between.
//
// Claim 2: if F6 finds b again, it was b all along: count only grows, and a
// code's bucket changes only to a greater one. So, by claim 1, the entry was in
// the chain of b from F1 to F6.
//
// Claim 3: if next was 0 at F2 or F3, the entry was then in the home line. From
// there entries only go by a split, which claim 2 excludes: moves start at
// overflow lines. Its lows were written before and stay with it. F4 looks at
// its lows then or later, and at its slot, so it sees it.
//
// Claim 4: otherwise F5 found no M2 since F3. At F3 the entry is in the slot of
// its last copy whose M2 came before, or where it was inserted, and only a
// later M2 lets that slot be cleared: it keeps the entry, and its lows, until
// F5, and F4 reads both after F3. The line of that slot is not empty, so it is
// linked at the second reading of home.next, and stays so. Only the first
// overflow line is ever unlinked, and keeps its next; new lines come before all
// others. So from the line that home.next named, next leads to it.
//
// An unlinked line is not used again while a reader is pinned who may be in it.
// A word of a slot is written in one step, so no place is torn. A reader who
// pairs the lows of one entry with the word of the next in that slot has lost
// none that stayed, and maybe one candidate too many. What is not there all the
// time may be found or not, and Replace is one store: never neither.
//
// A reader that starts again was overtaken by a writer of the same stripe or a
// split of its bucket, so somebody always makes progress.
//
// # Locks
//
//   - Index.growing: who splits; only ever tried.
//   - stripe.mu, 1024 of them by the lowest bits of the hash: the chains, and
//     whether a Walk has passed them. A bucket and what it is split into have
//     the same stripe. Several are taken in the order of LockOrder. A split
//     only tries it, after growing.
//   - pool.mu: free overflow lines; innermost.
//
// The domain's free functions run under none of them. The package starts no
// goroutine.
package index
