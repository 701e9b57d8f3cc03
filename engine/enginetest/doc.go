// Package enginetest is the contract of package engine as tests. An engine is
// what passes them:
//
//	func TestTheContract(t *testing.T) { enginetest.Run(t, Driver()) }
//
// Each clause of the contract is a subtest that carries the clause as its
// name. A clause applies when the Caps of the opened engine promise what it
// tests. An engine that cannot keep one says so twice: as an asterisk of its
// driver, and with Excuse in its test, in the same words.
//
// # Map
//
//	run.go          Run, its options, and which clauses apply
//	clause.go       the table of clauses, and what one is given
//	rig.go          helpers that clauses share: open, put, get, expect
//	values.go       what was written is read
//	keys.go         order and limits
//	batches.go      batches and range deletes
//	durability.go   levels: refused, never weaker
//	closing.go      Close, and what is left after it
//	directories.go  reopening, markers, locks, read_only
//	settings.go     what every driver must know, and Caps
//	iterators.go    positions, bounds, directions
//	views.go        what iterators and snapshots see
//	roles.go        scans, checkpoints, maintenance
//	loading.go      bulk loads and expiry
//	metrics.go      counters, allocations
//	concurrent.go   many goroutines, for the race detector
//	oracle.go       a sorted slice that is right because it is simple
//	ops.go          random streams of ops
//	model.go        streams against the oracle, shortened when they fail
//	play.go         one op on an engine and on the oracle
//	kill.go         kill -9 of a real process; writer.go starts it
//
// Budgets are short. KVBENCH_SOAK, a duration, is what the random tests of one
// engine may take together instead. Random tests print their seed;
// KVBENCH_SEED repeats one.
package enginetest
