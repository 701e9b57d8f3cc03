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
//	run_open.go    the same for an open loop: operations at their intended starts
//	pacer.go       the schedule that workers share, and how they wait
//	arrival.go     how starts are spread over time; arrivals.go: drawing them
//	openloop.go    open loops in a plan, and the verdict on one; openflags.go: its flags
//	findmax.go     which rates a search tries; objective.go: what it asks of
//	               them; search.go: performing it
//	tape.go        operations drawn ahead
//	fidelity.go    what was asked against the workload's definition; fidelity_skew.go: which keys
//	record.go      a trace of a cell, written
//	replay.go      a trace, replayed: replay_feed.go reads it, replay_run.go does it
//	load.go        the load phase
//	rows.go        histograms on their way from the workers to the series
//	histogram.go   log-linear counts of durations
//	cellspec.go    what the process of a cell is told
//	filecount.go   bytes by the engine's own file counts
//	cell.go        a cell: open, load, warm up, measure, settle, conclude
//	measure.go     its phases
//	calibrate_cell.go  the harness's own cost, before every cell
//	warmup.go      the warm-up, and whether a phase was steady
//	cacheregime.go where the data are; memlimit_*.go: less memory than data
//	lamp.go        objections to a cell; flags.go: their bounds
//	process.go     what the kernel and the runtime say of this process; process_series.go: once an interval;
//	               process_waits.go: what it waited for
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
// is operations over the workers' mean active time, in an open loop over the
// time that went by. A closed loop starts an operation when the one before it
// has ended, so a stall delays the operations behind it without showing in
// their times.
//
// # Open loops
//
// With a rate, operations have intended starts that do not wait for each other:
// a schedule drawn from the seed before the phase begins, and later ahead of it
// by a goroutine of its own. All workers share it: a free worker claims the
// next start and waits for it, as clients do in front of a service with many
// servers. So a stalled operation holds up its own worker alone; starts that
// find all workers busy wait, and what waited is performed as fast as it goes.
// A schedule for each worker would delay those starts that happen to be the
// stalled worker's while others idle, and show more than the engine did.
//
// Every operation is timed: service from its start to its end, response from
// the intended start. Pacer lag is the start behind schedule of operations
// whose worker was free: the harness's own error. A worker sleeps while its
// start is more than 1.2 ms away, because sleeps are that coarse, and then
// gives way to other goroutines until it is due. So waiting workers use up
// processors that nothing else in the process wants: the CPU time of an open
// cell is not what the engine used. Each phase has a schedule of its own: what
// was waiting at the end of a warm-up does not reach the next phase.
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
// reports progress, and for an open loop one that draws starts and one that
// looks at the backlog; it waits for all of them. Process.Run starts one that ends
// the child when the context ends, and waits for it. ServeCell leaves one
// behind that waits for the end of the input; it ends with the process.
//
// # Locks
//
// collector.mu guards merged rows; a worker takes it once an interval.
// schedule.mu guards the drawing of starts; a worker takes it only when the
// goroutine that draws has not kept up.
// eventLog.mu guards events. Neither is held while calling out, and neither
// while holding the other.
package bench
