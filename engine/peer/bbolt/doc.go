// Package bbolt adapts bbolt, etcd's copy-on-write B+tree in one mapped file,
// to the contract of package engine. It is a peer: a yardstick, not a part of
// the house.
//
// # Map
//
//	driver.go    Driver: settings, asterisks, Open
//	store.go     the engine: reads, writes, Sync, Close
//	view.go      read transactions: snapshots and iterators
//	maintain.go  Checkpoint, Metrics
//	inspect.go   Verify and Inspect
//
// # Durability
//
// An opened engine has one level, sync or os (NoSync). They cannot be mixed by
// the call, although NoSync may be changed between two commits. A commit
// reuses the pages that the commit before the last one freed, and without
// syncs the kernel may write them before the meta page that no longer needs
// them. So a sync commit that two os commits follow may be torn by a power
// loss: only an engine that syncs every commit keeps Caps.PowerLossPrefix, and
// the Sync of one at os holds until the next writes. A kill -9 loses nothing
// at either level: commits write(2).
//
// # Failures
//
// bbolt panics at pages that make no sense. In a read that is damage; in a
// write it may leave the writer's lock held, so that Close cannot close bbolt:
// it says so and leaves the directory locked until the process ends.
//
// # Locks
//
// A view's mutex guards its transaction, which is for one goroutine; cursors
// of one transaction do not touch each other.
package bbolt
