// Package moment numbers the groups of writes of a tree and knows which
// numbers snapshots are alive at.
//
// A group of writes has the number w, which is published+1 while it is under
// way, and it is published when it ends. A snapshot at n sees all groups
// through n. Before the writer changes a page that was made at stamp s it asks
// whether a live snapshot may look at it, one with n >= s; if so it leaves the
// page to the snapshot and changes a copy.
//
//	w := c.Begin()              // with the tree's lock
//	if c.Needed(stamp) { ... }  // copy the page; otherwise change it in place
//	c.End()
//
//	s, ok := c.Enter()          // anywhere
//	if !ok {                    // a group is under way: wait for its end
//		lock()
//		s = c.EnterHeld()
//		unlock()
//	}
//	... s.At() ...
//	s.Leave()
//
// # Map
//
//   - moment.go: Clock, groups, Needed
//   - snapshot.go: Enter and Leave
//   - live.go: which numbers are live
//   - model_test.go: all interleavings of a model of the algorithm
//
// # Algorithm
//
// A live snapshot is a number in a slot, stored as n+1, 0 being a free slot.
// newest is 1 + the highest number that anybody tried to enter at. Three
// numbers only grow: published <= started <= published+1, and newest.
//
//	Enter   R1  n := published
//	        R2  raise newest to n+1, if it is lower
//	        R3  compare and swap a slot from 0 to n+1
//	        R4  if started != n, put 0 back and give up
//	Leave   L   slot := 0
//	Begin   W1  started := published+1
//	Needed  W2  top := newest; if stamp >= top, no
//	        W3  top := the largest of all slots
//	        W4  yes if and only if stamp < top
//	End     W5  published := started
//
// All steps are operations of sync/atomic, which the Go memory model puts in
// one order that all goroutines agree with. Before and after mean that order.
//
// Claim: when a snapshot at n was granted in R4, Needed sees it in each group
// w > n until L. R4 found started = n, so it came before W1 of group n+1,
// since started only grows. R2 and R3 came before R4, W1 of group n+1 before
// or with W1 of group w, and W2 and W3 of group w after that. So W2 finds
// newest >= n+1 and W3, before L, finds n+1 in the slot.
//
// Claim: a snapshot at n sees all of group n and nothing of n+1. R1 found n
// published, so W5 of group n came before it; groups up to n are over. Group
// n+1 begins after R4 and finds the snapshot, by the first claim.
//
// R4 is needed: without it a reader can stop between R1 and R3 while group
// n+1 looks at the slots and changes pages in place that were made at n.
// W1 has to come before W2 and W3 for the same reason.
//
// A reader that gives up may have been seen meanwhile. Then the writer copies
// a page that nobody needs, no more.
//
// # What the writer remembers
//
// W3 is skipped if newest is what it was before the last W3, of group v say,
// and the slot in which that one found the largest number still holds it. Then
// W3 would find the same or numbers of readers that give up: a snapshot
// granted since has n >= v, because R4 came after W1 of group v, or else W3 of
// v would have seen it. So it raised newest to v+1 or more before it was
// granted, whereas newest was at most v during group v: nobody reads a
// published number above v-1 before W5 of v. So a scan is needed only after
// snapshots came or the newest one went, and none if there are no snapshots.
//
// # Live
//
// Live reads x := started before it looks at the slots. What it returns holds
// every n < x that is live when it returns: a snapshot that it missed was not
// in its slot yet when Live looked there, so R4 came after Live began, and n =
// started >= x. About numbers from x on it knows nothing, and groups may have
// begun since. So its last number is x, and stands for all from x on: who
// throws away what no live snapshot needs must keep what a snapshot at x or
// above could need.
//
// # Concurrency
//
// Begin, End, Needed and EnterHeld are called by the holder of the tree's
// lock, everything else by anybody. Enter and Leave take no lock as long as
// fewer than 128 snapshots are live; beyond, a mutex is held for a few
// instructions. Nothing waits for anything else.
package moment
