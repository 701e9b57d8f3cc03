// Package engine is the contract that every storage engine of kvbench keeps,
// and nothing else: the interfaces, the values that cross them, the errors and
// the rules for settings. It knows no engine.
//
// # Map
//
//	engine.go      Engine, and the roles an engine may have besides
//	as.go          As: find a role through wrappers, as Caps allows it
//	caps.go        Caps: what an opened engine can do
//	durability.go  Durability: what a write has survived once it returned
//	batch.go       Batch: writes applied together; its bytes in batch_format.go
//	metrics.go     Metrics: counters that every engine fills, unknown ones apart
//	errors.go      sentinels, and CorruptionError with file and offset
//	driver.go      Driver: an engine's name, settings and entry points
//	setting.go     Setting, and the strict decoding of settings
//	marker.go      the file that says which engine a directory belongs to
//	home.go        Home: an opened, marked and locked engine directory
//	copy.go        Copy: a checkpoint of a Home, marked last
//
// The semantics that a signature cannot say are stated on Engine and fixed by
// the suite in package enginetest: an engine is one that passes it.
//
// # Glossary
//
// One word a thing, here and in every room above: key, value, op, batch;
// sequence number; memtable, table, block, filter, level, run, version,
// version edit, manifest, flush, compaction, tombstone, stall; page, leaf,
// inner, overflow, buffer pool, pin, dirty, checkpoint; keydir, segment, hint
// file, merge; record, torn; group, leader, term, commit index, applied index,
// slot; load phase, warm-up, service time, response time; write, read and
// space amplification.
package engine
