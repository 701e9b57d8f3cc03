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
//	files.go        files come from Env.FS
//	crash.go        power losses; recover, go on, lose power again
//	copies.go       checkpoints stay what they were
//	faults.go       file operations that fail, a full disk, sudden ends
//	damage.go       changed bytes, files cut short or missing
//	history.go      what the writers of these loops do
//	journal.go      what they were told, and what may be there by that
//	trial.go        a history on a file system that is forked as it runs
//	seer.go         which files are a log
//
// # Power, faults and damage
//
// The clauses of crash.go, faults.go and damage.go apply to engines that work
// on a file system that Env.FS hands them; Run finds out by opening one on a
// vfs.Mem. An engine that uses the machine's files whatever Env.FS says must
// refuse any other with ErrUnsupported. There is nothing to be done for an
// engine that is not Persistent.
//
// What a power loss may leave is judged by what had been acknowledged before
// it and what had begun: all that was acknowledged at Sync, or before a Sync
// that has returned, is there. With Caps().PowerLossPrefix what is there is
// what each writer wrote first; and a write that had returned before another
// began, of whatever writer, is not missing where the other is there. Without
// it, each key has the value of its last durable write or of a later one.
// Writers that use the level None use no other.
//
// After a fault the engine may refuse to write, but what it shows is what it
// had acknowledged. Opened again it shows at least what was acknowledged at OS,
// and what it shows then survives a power loss after the next Sync: an engine
// must sync what it recovers, names too, before it acknowledges more.
//
// Damage is an error that wraps ErrCorrupt, with file and offset, or makes no
// difference. Only a log that was not closed may end before a changed byte,
// and only a log that was cut short or is missing may end early after a clean
// close. A log is what was written under the class vfs.Log.
//
// The loops open the engine with every size and count at its least, with the
// defaults, and with random settings; Tiny adds settings of the caller's.
//
// Budgets are short. KVBENCH_SOAK, a duration, is what the random tests of one
// engine may take together instead. Random tests print their seed;
// KVBENCH_SEED repeats one.
package enginetest
