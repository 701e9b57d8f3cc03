// Package epoch frees memory behind readers that take no locks, so that
// readers and writers never wait for each other.
//
// A reader pins the domain, follows pointers, copies what it needs and unpins.
// A writer first unlinks an object, so that no new reader can reach it, then
// retires it; its free function runs once everyone who was pinned at that
// moment has unpinned. An engine keeps one Domain for all that its readers
// reach without references: blocks of the cache, memtables, versions, pages.
//
//	g := d.Pin()
//	v := current.Load() // any atomic read of the structure
//	...                 // v and what it points to stay
//	g.Unpin()
//
//	old := current.Swap(next)     // unlink
//	d.Retire(old.bytes, old.free) // free when nobody can be reading it
//
// # Map
//
//   - epoch.go: Domain, Guard, pins, and how the epoch advances
//   - reclaim.go: Retire, Reclaim, Drain, Close: who frees, when, how much
//   - queue.go: what is retired and not yet free
//   - stats.go: what is pinned, what waits
//   - model_test.go: all interleavings of a model of the algorithm
//
// # Long pins
//
// While a guard is held, nothing that is retired meanwhile is freed,
// however much that is: garbage then grows without bound, and Stats shows it.
// So a pin lasts for one operation. An iterator or a snapshot takes a
// reference of its own to what it needs (a handle, a version) and pins only
// while it takes it. Nobody may block on a channel, a lock or a disk that
// depends on memory being freed while pinned.
//
// Without long pins, garbage is bounded: every 64 objects or 1 MiB that are
// retired make Retire look whether older ones are ripe, and free up to 256.
// Nothing is freed in between: what was retired last waits for the next Retire
// or Reclaim. Who retires little that is large, such as memtables, also calls
// Reclaim now and then.
//
// # Algorithm
//
// The epoch e is a number that only grows, one at a time. Each stripe counts
// guards by the parity of the epoch that they were taken in.
//
//	Pin      P1  e := epoch
//	         P2  count[stripe][e mod 2]++
//	         P3  if epoch != e, take P2 back and start again
//	Unpin    U   count[stripe][e mod 2]--, the same counter as P2
//	Retire   R   tag := epoch, after the object was unlinked
//	advance  A1  e := epoch
//	         A2  if any count[stripe][(e-1) mod 2] != 0, give up
//	         A3  compare and swap epoch from e to e+1
//	free     F   once epoch >= tag+2
//
// All these steps are operations of sync/atomic. The Go memory model makes
// those behave as if they were executed in one order, the same for all
// goroutines, that agrees with the order in each of them ("sequentially
// consistent"). Before and after below mean that order.
//
// Claim: while a guard with epoch p is held (from P3 to U), epoch <= p+1. At
// P3 the epoch is p. To leave p+1, somebody runs A1 with e = p+1, so after P3
// and hence after P2, and then finds each counter of parity p at 0 in A2. Each
// of them sums up increments that come before their own decrements, so the
// counter of our guard is at least 1 between P2 and U, whatever others add to
// and take from it. So A2 on our stripe came after U.
//
// A3 cannot fool that: it succeeds only while the epoch is still the e of its
// own A1, so every change from p+1 to p+2 has an A2 of its own between.
//
// Claim: F frees nothing that a guard protects. Say the guard has epoch p and
// its holder reached the object. It did so after P3, and before the object was
// unlinked, so before R: hence p <= tag. While the guard is held, epoch <= p+1
// <= tag+1, so F comes after U. Reads under the guard happen before the frees
// by the memory model as well: U is observed by A2, through the chain of
// increments and decrements of that counter, A3 by F.
//
// A goroutine that is preempted between P1 and P2 has promised nothing yet. If
// the epoch moved on meanwhile, by one or by many, P3 notices, since epochs do
// not repeat; the stale count only delays advances until it is taken back.
// P3 is needed: without it, P2 may come after A2 looked at its stripe but
// before A3, and be counted under a parity that the next A2 does not look at.
//
// Two parities are enough, since by the first claim guards have one of two
// epochs at any time, and A2 waits for the older one to be empty before it is
// used again. Two advances are needed: an object may be reached by guards of
// the epoch in which it is retired, and one advance does not wait for those.
//
// # Concurrency
//
// Everything may be called from many goroutines. Pin and Unpin write one
// counter, in a stripe chosen by the address of the goroutine's stack, which
// two goroutines that run at the same time rarely share; what both read, the
// epoch, changes only when it advances. The package starts no goroutine: free
// functions run in Retire, Reclaim, Drain and Close, one at a time. One lock
// guards the queue; it is held for a few instructions, never during a free
// function.
//
// On amd64 a pin costs two locked instructions, which is what an uncontended
// RWMutex or reference count costs too; the difference is that it costs no
// more with many readers.
package epoch
