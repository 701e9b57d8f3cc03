// Command kvbench measures key-value engines with one harness.
//
// It is wiring: flags become a bench.Experiment, which package bench plans and
// runs, and package results records and prints. Nothing is measured here.
//
// # Map
//
//	main.go        streams in, exit code out
//	exit.go        which error ends with which exit code
//	root.go        the commands; how errors about flags read
//	args.go        YCSB's single-dash spellings
//	app.go         what all commands share: streams, terminal, command line
//	run.go         run: the command and its flags
//	experiment.go  from flags to an experiment
//	steady.go      warming up until steady, and asking for it; regime.go  where
//	               the data are
//	openloop.go    rates, arrivals and searches for a rate
//	select.go      which workloads; settings.go which engines and settings
//	values.go      flag types
//	counters.go    run --counters; thresholds.go  run --threshold
//	demo.go        run without arguments
//	sweepcmd.go    sweep: axes and its file; resume.go: going on with a run
//	baseline.go    the comparison below the table of a run
//	perform.go     a plan run from the empty directory to the table
//	cellcmd.go     the hidden command that is a cell's process
//	background.go  signals
//	progress.go    bars on a terminal, lines elsewhere
//	announce.go    what a run will do, and what came of it
//	spec.go        spec.resolved.yaml
//	machine.go     the machine and the program, for the manifest
//	directory.go   whose a directory is; tables of it
//	expcmd.go      exp: built-in experiments; exptext.go  what they print
//	tracecmd.go    trace; traceprint.go: what it prints; tracerun.go: record and replay
//	loadcmd.go, inspectcmd.go, verifycmd.go, enginecmd.go, workloadcmd.go,
//	calibratecmd.go, comparecmd.go, explaincmd.go, checkcmd.go, reportcmd.go,
//	versioncmd.go
//
// A command is a file: a function that returns its cobra.Command and one that
// does the work. A new command adds a file and a line in root.go.
//
// # Streams
//
// Standard output carries what was asked for and nothing else: a table, JSON,
// a listing. Progress, warnings and errors go to standard error.
package main
