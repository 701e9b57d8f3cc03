package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/results"
)

// runOptions are the flags of run, as given.
type runOptions struct {
	workloadOptions
	engineOptions
	measureOptions
	openOptions
	progressOptions
	counterOptions
	thresholdOptions
	baselineOptions

	dir        string
	keep       bool
	outDir     string
	format     string
	matrix     bool
	includeRed bool
	dryRun     bool
	profile    bool

	resume     string // results directory to go on with
	resumeInto string // the same, once its own command line is parsed again

	change func(x *bench.Experiment) error // no flag: what another command makes of the experiment
	demo   bool                            // no flag: neither engines nor workloads were given
	axes   axes                            // no flag of run
}

func newRunCommand(a *app) *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use:   "run [engine...]",
		Short: "Measure engines with workloads: load, warm up, measure",
		Long: `Run measures every engine with every workload and number of threads, each
combination several times. Data are loaded once an engine; every repetition
starts from a fresh copy, in a process of its own. Repetitions are interleaved
in balanced random order.

Without engines and workloads it is a demo of about a minute.

The table goes to standard output, everything else to standard error. All that
was measured is in the results directory.`,
		Example: `  kvbench run
  kvbench run pebble bbolt -w A,C --records 1m --threads 1,8 --duration 10s
  kvbench run pebble -P workload.properties -p readproportion=0.9 -threads 4
  kvbench run pebble bbolt -w load --durability sync --threads 1,8,64
  kvbench run lsm pebble -w A --rate 1k,50k --arrival poisson
  kvbench run lsm btree -w A --find-max 'p99<2ms'
  kvbench run pebble --set pebble.cache_bytes=64m -w C --format json`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.run(c.Context(), o, args)
		},
		ValidArgsFunction: completeEngines,
	}
	o.add(c.Flags())
	return c
}

// add defines the flags in the order in which help shows them.
func (o *runOptions) add(f *pflag.FlagSet) {
	f.SortFlags = false
	o.given = f.Changed
	o.workloadOptions.add(f)
	o.engineOptions.add(f)
	o.measureOptions.add(f)
	o.openOptions.add(f)
	o.counterOptions.add(f)
	o.thresholdOptions.add(f)
	o.baselineOptions.add(f)
	o.addPlaces(f)
	o.progressOptions.add(f)
}

func (o *runOptions) addPlaces(f *pflag.FlagSet) {
	f.StringVar(&o.dir, "dir", "", "`DIR` where engines keep their data; a directory of the run's own is made in it and removed at the end (default: in the results directory)")
	f.BoolVar(&o.keep, "keep", false, "leave the data of the last cell")
	f.StringVarP(&o.outDir, "out", "o", "", "results `DIR`, new or empty (default kvbench-results/TIME-NAME)")
	f.StringVar(&o.format, "format", "table", "`FORMAT` of the table: table, json, csv or markdown")
	f.BoolVar(&o.matrix, "matrix", false, "print rates alone, engines by workloads")
	f.BoolVar(&o.includeRed, "include-red", false, "rank engines whose lamp is red (!!) like the others")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the cells, the estimated time and the disk space, and do nothing")
	o.addResume(f)
	f.BoolVar(&o.profile, "profile", false, "write CPU and heap profiles of every cell into the results directory")
}

// measureOptions say how often, how long and how carefully.
type measureOptions struct {
	steadyOptions
	regimeOptions
	given func(flag string) bool // whether a flag was

	threads     string
	reps        int
	seed        uint64
	duration    span
	settle      span
	calibrate   span
	loadThreads int
	timing      string
	verify      string
	errors      string
	durability  string
	driver      string
}

// Defaults where neither flags nor the workload say anything.
const (
	maxPresetRecords = 200_000
	defaultReps      = 6
	defaultDuration  = 2 * time.Second
)

func (o *measureOptions) add(f *pflag.FlagSet) {
	o.duration, o.settle, o.calibrate = span(defaultDuration), span(10*time.Second), span(300*time.Millisecond)
	f.StringVarP(&o.threads, "threads", "c", "2", "workers: a `NUMBER`, or a list such as 1,8,64")
	f.VarP(&o.duration, "duration", "d", "of the measured phase; 0: by operations")
	o.steadyOptions.add(f)
	o.regimeOptions.add(f)
	f.IntVar(&o.reps, "reps", defaultReps, "`NUMBER` of repetitions")
	f.Uint64Var(&o.seed, "seed", 1, "`NUMBER` behind everything random; engines of one workload and repetition share theirs")
	f.StringVar(&o.durability, "durability", results.RegimeAsync, "`LEVEL` of writes: sync (on disk), async (each engine's level without fsync), os, buffered or none")
	f.StringVar(&o.timing, "timing", "auto", "which operations are timed, `HOW`: auto, all, sample:N, chained or off")
	f.StringVar(&o.verify, "verify", "sample", "what of each read is checked, `HOW`: off, header, sample (and every byte of 1 in 64) or full")
	f.StringVar(&o.errors, "errors", "stop", "`WHAT` to do after one: stop (it ends the cell) or count (and go on)")
	f.Var(&o.settle, "settle", "wait at most so long for background work after load and measurement")
	f.Var(&o.calibrate, "calibrate", "time to measure the harness itself before every cell")
	f.IntVar(&o.loadThreads, "load-threads", 0, "`NUMBER` of workers of a load that is not measured (0: as the first of --threads, at most 8)")
	f.StringVar(&o.driver, "driver", "kvbench", "`WHO` makes the operations: kvbench or go-ycsb")
}
