// Package tombstone keeps the range deletes of an LSM tree: it cuts what may
// overlap into fragments that do not, and answers which delete covers a key.
//
//	s := tombstone.Build(ranges)
//	d := s.Covering(key, at) // the newest delete of key that a reader at at sees
//	if entry.Seq() < d { ... } // is deleted
//
// # Map
//
//   - set.go: Range, Fragment, Set and what may be asked of it
//   - build.go: Build, Merge: overlapping ranges to fragments
//   - keep.go: Clip, Keep: what a compaction writes to its output
//   - format.go: Encode, Decode (byte table)
//   - list.go: List, what a memtable has
//
// # What a range delete is
//
// A Range deletes all entries with Lower <= key < Upper whose number is below
// its Seq. A nil Upper is no bound: all keys from Lower on. A Lower of length 0
// is before all keys. A range that holds no key, and one of Seq 0, which no
// entry can be older than, are no ranges: Build drops them.
//
// For a reader at S only deletes with Seq <= S count. Of those that cover a
// key the newest decides: what an older one deletes, it deletes too.
//
// # Canonical form
//
// Fragments are in the order of their keys, disjoint and not empty; each has
// at least one Seq, falling, none twice; two that touch have different Seqs.
// So two Sets that delete the same have the same fragments and the same bytes.
// An empty Set is nil, and nil may be asked anything.
//
// n ranges that all overlap each other in different bounds have fragments
// times n numbers: it is the depth that costs, not the count. What Keep leaves
// has at most one per snapshot stripe.
//
// # What a compaction keeps
//
// Snapshots S1 < S2 < ... < Sn cut the numbers into stripes (0, S1], (S1, S2],
// ..., (Sn, MaxSeq]; without snapshots there is one. Whoever still reads the
// output reads at one of the snapshots or at the newest number, that is: at
// the upper end of a stripe. The rules that Keep follows for deletes, and a
// compaction must follow for entries:
//
//  1. An entry of number e goes if a range delete d > e covers it and lies in
//     e's stripe: whoever sees the entry sees the delete. In any other stripe
//     above, some snapshot sees the entry without the delete.
//  2. Of the deletes of a fragment the newest of each stripe stays. The others
//     of the stripe are seen by nobody who does not see that one.
//  3. If nothing older than the inputs can lie below them, those of the oldest
//     stripe go: everybody sees them, and all entries that they cover have
//     gone by rule 1. Those of other stripes stay, since what they cover may
//     be in an older stripe, kept for a snapshot.
//
// # Goroutines and locks
//
// A Set never changes and owns its bytes: it may be read from anywhere, for as
// long as somebody has it. A List has a lock, for Add and for the first Set
// after an Add.
package tombstone
