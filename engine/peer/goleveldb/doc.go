// Package goleveldb adapts syndtr/goleveldb, LevelDB rewritten in Go, to the
// contract of package engine. It is a peer: a yardstick, not a part of the
// house.
//
// # Map
//
//	driver.go    Driver: settings, asterisks, Open
//	journal.go   the library's storage, with the journals' syncs made ours
//	store.go     the engine: reads, writes, Sync, Close
//	iter.go      iterators and snapshots
//	maintain.go  Settle, Compact, Metrics, Verify and Inspect
//
// # Durability
//
// Every write is flushed to the journal's file before it returns, which is os;
// Sync in its WriteOptions adds an fsync, which is sync. The library has no
// call that syncs what is written already, and closes a journal that is full
// without a sync; so its storage is wrapped, and Sync syncs the journals that
// still hold something, and the directory that names them. A journal that was
// closed unsynced may lose its end in a power loss while the next one was
// synced. Nothing written at sync is lost by that, but what is left may be no
// prefix: Caps.PowerLossPrefix is false.
package goleveldb
