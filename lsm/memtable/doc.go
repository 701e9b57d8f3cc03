// Package memtable holds the newest ops of an LSM tree in memory outside of
// the Go heap, by key and newest first, until they are flushed.
//
//	m, err := memtable.New(memtable.Options{Bytes: 16 << 20})
//
//	if !m.Reserve(memtable.Need(len(key), len(value)), 1) { // one at a time
//		... // it is full: begin another
//	}
//	m.Add(hash, trailer, key, value) // by many at once
//
//	trailer, value, ok := m.Get(hash, key, at)
//	it := m.NewIter()
//
// # Map
//
//   - table.go: Options, Table, New, Reserve, counts, Reset
//   - node.go: key nodes and versions (byte tables below), Need
//   - add.go: Add; index.go: the side index, Get
//   - leaf.go: leaves, views of them, seeking; order.go: Order, the linker
//   - iter.go: Iter
//   - prefetch_amd64.go: a hint to the processor
//
// # Parts
//
// A hash index finds the node of a key: a Get needs no order. The node has the
// key's versions as a chain, newest first. Writers do not put keys in order.
// They leave new ones in pending lists, which the linker, one goroutine at a
// time, sorts and links into leaves, for iterators: once if a table is only
// written and flushed; by 256 from its first iterator on.
//
// # Memory
//
// One mapping, in which things have offsets of 32 bits. Numbers have the
// machine's byte order: nothing of this leaves the process.
//
//	index | nodes and versions, taken upwards -> ... <- leaves, taken downwards
//
// Nothing is given back before Reset, and nothing moves: an offset stays good.
//
// A slot of the index is 8 bytes, 0 if it is empty. A key begins to look at the
// line that the lower half of its hash says, and goes on from slot to slot.
//
//	slot    bits    what
//	        0-31    offset of the key's node
//	        32-63   upper half of the hash
//
//	node    offset  size  field
//	        0       4     newest   offset of the first version; 0 unsettled, 1 orphan
//	        4       4     pending  the next node of a pending list
//	        8       16    version  that the node came with: as below, keyed
//	        24      2     length   of the key
//	        26      -     key
//	        -       -     value    of that version
//
//	version offset  size  field
//	        0       8     trailer
//	        8       4     older    offset of the next version, 0 none; bit 0: keyed
//	        12      4     length   of the value
//	        16      -     value; if keyed, a key with its length comes first
//
//	leaf    offset  size  field
//	        0       8     low      head of the key where the leaf begins
//	        8       4     lowKey   its node; 0 in the first leaf, before all keys
//	        12      4     height   how many links
//	        16      8     perm     which slots are in use, in their order: see perm
//	        24      4     prev     the leaf before, or one before that
//	        28      4     next     the leaf behind: link of level 0
//	        32      112   heads    of keys, by slot
//	        144     56    keys     their nodes, by slot
//	        200     4     links of level 1 and higher
//
// Leaves are a skiplist: those of height h are linked at levels 0 to h-1. They
// hold every key once, whatever versions it has. A leaf holds the keys from its
// low up to the next leaf's; its low never changes, and no leaf ever goes.
//
// Need counts a node with key and value, and [leafShare] bytes of leaves, which
// TestLeavesKeepWithinTheirShare tries to exceed. Ops that find their key take
// no more than a version, and return the rest to Reserve.
//
// Heads are of what follows the prefix that keys had in common when there were
// 64 of them, or at the first Order if that came later. If it changes until there
// are 1024, all is linked anew from a new first leaf, a new basis. Iterators
// stay on the old one, which has all they must see and gets no more keys.
//
// # Concurrency
//
// What is written before an offset is published never changes after, but for
// fields that are atomic: slots, newest, older, the heads of pending lists,
// perm, prev, links, and the slots of leaves. All these are operations of
// sync/atomic, in one order that all agree on, and an offset is only learned
// through one of them: so who has an offset sees what is behind it.
//
// The index. Slots are filled by compare-and-swap and never emptied. All that
// look for a key pass the same slots, and those before the first empty one are
// full for ever. So of writers that race to bring a key, the first to fill that
// slot wins; the others meet the winner's node there or further on.
//
// Add of a new key writes a node (newest: unsettled), makes it pending, fills the
// slot and settles the node: newest goes from 0 to its own version. Who loses
// the race makes the node an orphan, and its version one of the winner's.
// Orphans are dropped by the linker; it leaves unsettled nodes pending. Whoever
// finds a node in the index in order to add to it settles it first, if its own
// writer has not. So when any Add of a key has returned, the key has one node
// that is in the index, settled, and pending or linked: no Add waits for
// another, and an op does not depend on the one that brought its key, which
// may be newer and still under way.
//
// Versions of a key are a list in falling order into which a version is put by
// compare-and-swap, on newest if it is the newest, else on the older field of
// the last one that is newer. None is ever taken out, so a swap that succeeds
// links between two neighbours, and readers that pass meanwhile see all others.
// Bit 0 of older never changes.
//
// A Get at S that begins when all ops up to S were added sees them: it finds the
// node, since no slot empties, and passes all versions newer than S on the
// chain. NewIter first takes all that is pending and links it, and waits for
// a linker that has taken some: so all nodes that were settled are in leaves
// when it returns.
//
// Leaves are written by the linker, which has a lock, and read without one. A key
// is put into a slot that is not in use, and then appears at once, with
// the next perm. A leaf that is full is split in these steps:
//
//	S1  write a new leaf with the upper half of the keys, and link it
//	S2  perm := the lower half; slots of the others are free
//
// A view is made so:
//
//	V1  n := next
//	V2  p := perm
//	V3  read the slots of p
//	V4  once more from V1 unless perm is still p and next still n, in this order
//	V5  drop all from n's low key on
//
// Every split changes next to a leaf that is new. So if next was n at V1 and at
// the end of V4, no split passed S1 between. One S2 may have happened, of the
// split that made n; if perm was p both before and after, then not between V2
// and V4, because S2 counts in perm and after it perm only grows.
// So no slot of p was given to another key between V2 and V4, and what was read
// was right. It may be from before S2: then the upper half, which n has too,
// begins with n's low key, and V5 drops it. So a view has all keys of the leaf
// from its low up to that of n, which never changes: to go on at n, or forward
// from it to the leaf whose next is the current one, misses nothing and
// repeats nothing. prev may lag behind, but always is a leaf before this one that
// is linked: it changes when S1 is done.
//
// # Locks and goroutines
//
// There are no goroutines. linker.mu guards leaves and the linker. Readers and
// writers never wait for it: writers that order what they brought only try.
// NewIter and Order wait for it, which lasts as long as ordering does.
package memtable
