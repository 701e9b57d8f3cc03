// Package pebble adapts Pebble, CockroachDB's LSM tree, to the contract of
// package engine. It is a peer: a yardstick, not a part of the house.
//
// # Map
//
//	driver.go    Driver: settings, asterisks, Open
//	options.go   the settings as Pebble's options
//	store.go     the engine: reads, writes, Sync, Close
//	batch.go     batches and range deletes
//	iter.go      iterators and snapshots
//	maintain.go  Settle, Compact, Checkpoint
//	load.go      bulk loads
//	metrics.go   counters from Pebble's own, its events, and the log's syncs
//	watch.go     Pebble's logger, events and file system, as we listen to them
//	inspect.go   Verify and Inspect
//
// # Durability
//
// Pebble's NoSync leaves a write in the log's buffer, inside the process,
// until 32 KiB are full or somebody syncs: that is buffered, not os, which
// Pebble does not have. Its Sync waits for the log's fdatasync. DisableWAL
// belongs to the opened database, so an engine opened at none has no other
// level. The log is synced when it is rotated and when it is closed, so that a
// crash leaves a prefix.
//
// # Failures
//
// Pebble ends the process when it cannot commit: it calls Fatalf of its
// logger, or panics in the writer's goroutine. Our Fatalf returns; both
// become the first failure, after which the engine takes no writes. A panic
// leaves Pebble's commit lock held. Then Close cannot close Pebble: it says so
// and leaves the directory locked until the process ends.
package pebble
