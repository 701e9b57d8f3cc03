// Package rocksdb adapts RocksDB, the C++ LSM tree, to the contract of package
// engine. It is a peer: a yardstick, not a part of the house.
//
// Without the build tag rocksdb the package is this comment only. With it, cgo
// and the system's RocksDB (7.8, Debian's librocksdb-dev) are needed, which
// engine/peer/install-cgo.sh sets up; `make peers-cgo` builds and tests it.
//
// # Map
//
//	driver.go    Driver: settings, asterisks, Open
//	options.go   the settings as RocksDB's options, and who frees what
//	store.go     the engine: reads, writes, durability, Close
//	batch.go     batches and range deletes
//	iter.go      iterators
//	snapshot.go  snapshots
//	maintain.go  Settle, Compact, Checkpoint
//	metrics.go   counters from properties and, if asked for, statistics
//	inspect.go   Verify and Inspect
//	errors.go    RocksDB's error texts as the contract's errors
//
// # Durability
//
// One opened engine has the levels that its durability setting allows:
//
//	os, sync   os and sync: the log is written with write(2), and fdatasync
//	buffered   buffered, os and sync: manual_wal_flush keeps the log in the
//	           process until a stronger write or Sync pushes it out
//	none       none only: disableWAL
//
// None is not to be mixed with the others: a log that holds later writes but
// not earlier ones would leave something after a crash that is no prefix.
//
// # Locks
//
// store.compacting is held through a manual compaction, snapshot.mu around
// each use of a snapshot. The rest is package adapt's: Close ends the views
// that are left open, so that no call of theirs reaches freed memory.
package rocksdb
