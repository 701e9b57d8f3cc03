// Package badger adapts Badger, Dgraph's LSM tree with a value log, to the
// contract of package engine. It is a peer: a yardstick, not a part of the
// house.
//
// # Map
//
//	driver.go    Driver: settings, asterisks, Open
//	store.go     the engine: reads, writes, Close
//	durable.go   Sync: what Badger's own leaves out
//	view.go      read transactions: snapshots and iterators
//	maintain.go  Settle, Compact, Metrics
//	inspect.go   Verify and Inspect
//
// # Durability
//
// Badger writes a memtable's log through a shared memory map, so that a write
// survives a kill -9 without a sync: that is os. With SyncWrites, an option of
// the opened database, it syncs the map before a commit returns: an engine
// opened at sync has that level only.
//
// An engine opened at os has sync as well, as a commit followed by our own
// sync. Badger's Sync covers the active memtable only, and a commit may have
// gone to one that was rotated since and is not flushed yet; ours syncs all
// logs that are there, by their files, which on Linux also writes back what
// maps have dirtied. Logs that are gone have become tables, which Badger
// syncs. A power loss may take the end of one log and not of the next, so that
// only an engine opened at sync keeps Caps.PowerLossPrefix.
package badger
