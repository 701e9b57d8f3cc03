// Package mem is an engine in memory on google/btree: the reference rail for
// what an ordered map costs when nothing is stored.
//
// # Map
//
//	driver.go    Driver and its settings
//	store.go     the engine: one tree behind one lock
//	frozen.go    frozen trees: snapshots, and scans in any order
//	iter.go      iterators over a frozen tree, a buffer of items at a time
//
// # Cost of frozen trees
//
// Snapshots and iterators read a clone of the tree. To clone takes the lock
// for a moment and copies nothing; but from then on the first write into each
// node that both share copies that node (copy on write), about 2*degree items
// on each level of the tree. Iterators and snapshots born between two writes
// share one clone, so that reading alone never costs a copy. A snapshot keeps
// the nodes and values that it sees in memory until it is closed.
//
// # Locks
//
// store.mu guards the live tree and all counters: gets share it, writes and
// clones hold it alone. Frozen trees are never written and need no lock.
package mem
