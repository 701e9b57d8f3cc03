// Package pogreb adapts pogreb, a hash index over a log in Go, to the contract
// of package engine. It is a peer: a yardstick, not a part of the house.
//
// # Map
//
//	driver.go      Driver: settings, asterisks, Open
//	files.go       the library's file system, with the syncs that it leaves out
//	store.go       the engine: reads, writes, Sync, Close
//	scan.go        the unordered scan
//	recover.go     deleted keys that the library's recovery brings back
//	background.go  syncs and compactions at intervals; Settle, Compact
//	inspect.go     Verify and Inspect, which read segments by themselves
//
// # Durability
//
// Every write is a write(2) to the newest segment, which is os; Sync, which
// syncs that segment, is sync. The library syncs neither directories, nor a
// segment that was rotated, nor what compaction has copied before it removes
// the original, nor the index at Close, after which it trusts it. Its files
// are wrapped to do all that, so that sync holds. Writes at os may lose the
// end of a rotated segment and keep the next one: Caps.PowerLossPrefix is
// false.
//
// Recovery cuts a torn segment but goes on to write where it ended before; the
// next recovery would stop at the hole. After a recovery the adapter closes
// and opens once more, which ends that.
//
// # Keys that are indexed twice
//
// The library looks for a key's slot in a chain of buckets and takes the first
// that is empty, although the key may be further on: after a delete in the
// chain, an overwrite puts the key in a second time. Gets find the newer one,
// which comes first, but a delete removes only that, and the older value is
// back. So the adapter deletes until the key is gone, and a scan passes over
// what it has just seen. A rebuilt index may have other pairs than the one
// that was lost; recover.go deletes what the log says is deleted. What cannot
// be mended: a compaction copies the older value behind the newer, and an
// unclean end after that makes it the value.
package pogreb
