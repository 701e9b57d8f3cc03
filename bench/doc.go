// Package bench is the harness: it performs workloads against targets,
// measures what happened, and says how far to trust it.
//
// # Map
//
//	target.go      Target and Session: what is measured; an engine as one
//	loop.go        LoopDriver, Loop: who performs the operations, and what came of them
//	native.go      the house's own loop: workers, phases, progress
//	run_ops.go     the hot loop: a batch of operations, and which of them are timed
//	worker.go      one operation of each kind, and the check of its answer
//	scan.go        the check of a scan's records
//	tape.go        operations drawn ahead
//	fidelity.go    what was asked against the workload's definition; fidelity_skew.go: which keys
//	load.go        the load phase
//	rows.go        histograms on their way from the workers to the series
//	histogram.go   log-linear counts of durations
//	cellspec.go    what the process of a cell is told
//	filecount.go   bytes by the engine's own file counts
//	cell.go        a cell: open, load, warm up, measure, settle, conclude
//	measure.go     its phases
//	calibrate_cell.go  the harness's own cost, before every cell
//	warmup.go      the warm-up, and whether a phase was steady
//	lamp.go        objections to a cell; flags.go: their bounds
//	process.go     what the kernel and the runtime say of this process; process_series.go: once an interval
//	experiment.go  the matrix; order.go, prepare.go: its plan
//	sweep.go       engines multiplied by the axes of a sweep
//	run.go         performing a plan
//	spawn.go       a process for every cell; message.go: what it says
//	copydir.go     fresh copies of loaded data
//
// Subpackages: machine records the machine, steady tests whether a phase was
// steady, goycsb runs pingcap/go-ycsb's own client against a Target,
// experiments is the built-in studies.
//
// # Path of an operation
//
// A workloads.Generator draws operations onto a worker's tape before the clock
// starts. The hot loop takes one, resolves its key number, encodes the key
// into the worker's buffer, calls the Session and checks the answer. Nothing
// is allocated and nothing is shared with other workers, but for the sequence
// that hands out numbers to inserts. A tape that runs out is refilled while
// the worker's clock stands still; the share of that is reported.
//
// # What is timed
//
// With Timing all, every operation has two readings of the clock around it
// (the key's encoding and the check of the answer lie between them). With
// sample:N, one in N has. Batches of 16 are timed as a whole besides, so that
// a stall cannot hide between samples. Throughput never depends on timing: it
// is operations over the workers' mean active time. The loop is closed: an
// operation starts when the one before it has ended, so a stall delays the
// operations behind it without showing in their times.
//
// # Path of a cell
//
// The parent plans cells in balanced random order, loads data once for every
// engine, settings and shape of data, copies them for each cell, and starts a
// process for it. That process calibrates the loop against an engine that does
// nothing, and the checks of values beside, since such an engine returns none;
// it opens the engine, warms up, reads all counters, measures, reads them
// again, settles, and reports. A process that dies makes a failed cell.
//
// The copy is on disk and in the page cache when its cell begins, and so is
// the load it was made from: memory for both keeps cells alike.
//
// # Goroutines
//
// phase starts one goroutine a worker and one that watches the context and
// reports progress; it waits for all of them. Process.Run starts one that ends
// the child when the context ends, and waits for it. ServeCell leaves one
// behind that waits for the end of the input; it ends with the process.
//
// # Locks
//
// collector.mu guards merged rows; a worker takes it once an interval.
// eventLog.mu guards events. Neither is held while calling out, and neither
// while holding the other.
package bench
