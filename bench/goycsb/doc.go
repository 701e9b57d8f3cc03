// Package goycsb runs pingcap/go-ycsb v1.0.1 against any bench.Target: its own
// client (pkg/client) with its own core workload (pkg/workload), behind the
// interface of the house's loop. It is a cross-check of the house's loop by
// somebody else's code, and the way to repeat what go-ycsb's users measured.
//
// # Map
//
//	driver.go      Driver, Open; what of a workload go-ycsb cannot do
//	properties.go  a resolved workload as go-ycsb's properties
//	core.go        go-ycsb's core workload, kept from printing and panicking
//	phase.go       Load, Run: one go-ycsb client each
//	db.go          the ycsb.DB that go-ycsb's workers call
//	worker.go      counts and times of one go-ycsb thread
//	series.go      a row for each interval
//	background.go  progress
//	record.go      bytes of a record; codec.go records as go-ycsb sees them
//
// # What is go-ycsb's, and what is ours
//
// go-ycsb draws keys, kinds, fields and values, divides the operations among
// its threads and runs them. The adapter encodes records, calls the target,
// and counts and times with bench.Histogram in place of go-ycsb's global,
// locked measurement: both readings of the clock stand around the ycsb.DB
// call, as go-ycsb's own wrapper has them, so the time of encoding a record
// counts to it and the time of drawing an operation does not. Timing.Every
// chooses which calls are recorded; Chained has no meaning here.
//
// # What is counted
//
// The kinds in a PhaseResult are calls of ycsb.DB: read, update, insert and
// scan. A read-modify-write is two calls, a read and an update, and counts as
// two, as in go-ycsb's own TOTAL: throughput of workload F (half of its
// operations are read-modify-writes) is 1.5 times its operations a second.
// The house's loop counts it once. Limits.Operations and Progress count
// go-ycsb's operations, in which a read-modify-write is one.
//
// An update reads the record, replaces fields and writes it back, as go-ycsb's
// bindings of key-value stores do; with updatemode=blind it writes all fields
// and reads nothing. There is no lock around the two, as there is none in
// those bindings: of two simultaneous updates of one record one may be lost.
//
// # Deviations that come with go-ycsb
//
//   - Its random numbers are seeded from the clock. No seed decides what a run
//     does, and no run can be repeated exactly.
//   - Its hash differs from YCSB's. Data loaded by another driver have other
//     keys and other values: a load and its runs need the same driver.
//   - Its zipfian requests reach records that do not exist: at least one
//     number behind the last, and room for inserts. The answer is counted as
//     NotFound. The same holds for latest and exponential with an insertstart.
//   - Values are random letters, which compress to about 0.72 of their size.
//   - The table is ignored: there is one, and keys have no table in them.
//   - A target rate is kept by go-ycsb in the run phase, and its threads begin
//     with a sleep of up to threads/target seconds that nothing interrupts.
//   - Its generators write shared fields without locks. No value of theirs is
//     wrong by it, but the race detector reports runs with several threads.
//
// # Global state of go-ycsb
//
// Its workload prints a line when it is created; Open points os.Stdout at the
// null device meanwhile, and nothing else should print then. Its client ends
// the process when there are fewer operations than threads; the adapter then
// uses fewer threads. It would end it for properties it does not know; Open
// refuses those first. Its measurement is initialised once for the process
// and never asked to print, so that any number of loops may run after or
// beside one another.
//
// # Locks
//
// createMu (core.go) guards os.Stdout while a workload is created; series.mu
// and phase.mu are leaves. Nothing is held across a call of the target.
package goycsb
