// Package lmdb adapts LMDB, the memory-mapped copy-on-write B+tree, to the
// contract of package engine. It is a peer: a yardstick, not a part of the
// house.
//
// Without the build tag lmdb the package is this comment only. With it, cgo
// and a C compiler are needed; LMDB's source comes with the Go module
// PowerDNS/lmdb-go. `make peers-cgo` sets it up, builds and tests it.
//
// # Map
//
//	driver.go    Driver: settings, asterisks, Open
//	store.go     the engine: reads, writes, Close
//	reader.go    pooled read transactions
//	value.go     how values are stored
//	view.go      a read transaction that stays: snapshots
//	iter.go      iterators
//	maintain.go  Sync, Checkpoint, Metrics, Inspect
//	errors.go    LMDB's errors as the contract's
//
// # Durability
//
// An opened engine has one level, sync or os. They cannot be mixed by the
// call: LMDB writes a commit's pages in place of those that were freed two
// commits ago, and only the order of data sync, meta page, next commit keeps
// the last synced tree whole. With MDB_NOSYNC there is no order. The second
// unsynced commit may overwrite pages of the tree that a synced one had made
// durable, and the kernel may write either before the meta pages. So a sync
// write that os writes follow does not survive a power loss, and an engine at
// os has no Caps.PowerLossPrefix; its Sync holds until the next writes.
// A kill -9 loses nothing at either level: commits write(2).
//
// MDB_WRITEMAP is not offered: on a full disk it ends the process by SIGBUS.
//
// # Locks
//
// store.writer queues writers in Go, so that they do not each block a thread
// inside C. view.mu is held around each use of a read transaction that stays,
// because the binding's scratch space belongs to the transaction; it is taken
// last. The rest is package adapt's.
package lmdb
