// Package adapt holds what the adapters of peers share. A peer is a library
// with habits of its own: it panics when it is used after Close, closes under
// the feet of iterators, or keeps its own idea of where an iterator stands.
//
// # Map
//
//	gate.go    Gate: calls end before Close goes on, and none begins after
//	views.go   Views: iterators and snapshots that Close has to end
//	cursor.go  Cursor: the contract's positions over a library's iterator
//	writes.go  Writes: durability levels, and read-only after a failure
//	poll.go    Poll: wait for background work that can only be looked at
//	verify.go  Verify for libraries that check what they read
//	home.go    the marked directory, with the library's files below it
//
// # Locks
//
// A call passes the gate and takes no other lock of this package meanwhile,
// except that making or ending a view takes Views.mu or the view's own mutex.
// Close shuts the gate first, then ends the views.
package adapt
