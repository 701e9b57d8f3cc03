package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/bench/goycsb"
	"github.com/kvbench/kvbench/engine"
)

// experiment turns the flags into an experiment without directories. Notes are
// warnings that concern the whole run.
func (o *runOptions) experiment(args []string) (x *bench.Experiment, notes []string, err error) {
	if err := o.counterOptions.apply(); err != nil {
		return nil, nil, err
	}
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	engines := append(words(args), words(o.engines)...)
	names := []string{"A"}
	if len(engines) == 0 && len(o.names) == 0 && len(o.files) == 0 {
		o.setDemo()
		names = demoWorkloads()
	}
	if len(engines) == 0 {
		engines = demoEngines()
	}
	choices, err := o.chooseVaried(names)
	if err != nil {
		return nil, nil, err
	}
	x = &bench.Experiment{Reps: o.reps, Seed: o.seed, Durability: strings.ToLower(o.durability)}
	if x.Engines, notes, err = o.engineOptions.choose(engines); err != nil {
		return nil, nil, err
	}
	if x.Engines, err = bench.VaryEngines(x.Engines, o.axes.engine); err != nil {
		return nil, nil, err
	}
	if err = o.among(x.Engines); err != nil {
		return nil, nil, err
	}
	x.Axes = o.axes.all
	for _, c := range choices {
		x.Workloads = append(x.Workloads, c.WorkloadChoice)
		notes = append(notes, c.notes...)
	}
	if err := o.measureOptions.apply(x); err != nil {
		return nil, nil, err
	}
	if err := o.limit(x, choices); err != nil {
		return nil, nil, err
	}
	o.steadyOptions.apply(x)
	more, err := o.regimeOptions.apply(x)
	if err != nil {
		return nil, nil, err
	}
	notes = append(notes, more...)
	if err := o.openOptions.apply(x, choices); err != nil {
		return nil, nil, err
	}
	x.Axes = recordedAxes(x)
	return x, notes, nil
}

// check refuses what is known and not available, and what can never be right.
func (o *runOptions) check() error {
	switch {
	case o.loadThreads < 0:
		return usagef("--load-threads %d: at least 0", o.loadThreads)
	case o.reps < 1:
		return usagef("--reps %d: at least 1", o.reps)
	case o.errors != "stop" && o.errors != "count":
		return usagef("--errors %q: want stop or count", o.errors)
	case o.findMax != "" && o.given("reps"):
		return usagef("--find-max repeats what it has to; leave --reps out")
	case o.findMax != "" && o.keep:
		return usagef("--keep leaves the data of the last cell, and --find-max does not know which that is; leave one out")
	}
	if err := o.steadyOptions.check(); err != nil {
		return err
	}
	_, err := o.tableFormat()
	return err
}

// apply fills in how to measure.
func (o *measureOptions) apply(x *bench.Experiment) (err error) {
	if x.Threads, err = parseThreads(o.threads); err != nil {
		return err
	}
	if x.Timing, err = bench.ParseTiming(o.timing); err != nil {
		return usagef("--timing: %w", err)
	}
	if x.Verify, err = bench.ParseVerify(o.verify); err != nil {
		return usagef("--verify: %w", err)
	}
	if _, err = bench.Regime(x.Durability); err != nil {
		return usagef("--durability: %w", err)
	}
	house := bench.Native{}.Name()
	drivers := []string{house, goycsb.Driver().Name()}
	if !slices.Contains(drivers, o.driver) {
		return usagef("--driver: unknown driver %q%s", o.driver, engine.Suggest(o.driver, drivers))
	}
	if o.driver != house {
		x.Driver = o.driver
	}
	x.CountErrors = o.errors == "count"
	x.Settle, x.Calibrate = time.Duration(o.settle), time.Duration(o.calibrate)
	x.LoadThreads = o.loadThreads
	return nil
}

// limit decides what ends the measured phase, and the workers: flags first,
// then what the workloads' files say, then the defaults.
func (o *runOptions) limit(x *bench.Experiment, choices []choice) error {
	seconds, err := agreed(choices, "maxexecutiontime", "--duration", func(c choice) float64 { return c.Spec.MaxSeconds })
	if err != nil && !o.given("duration") {
		return err
	}
	byOperations := slices.ContainsFunc(choices, func(c choice) bool { return c.explicitOps })
	switch {
	case o.given("duration"):
		x.Duration = time.Duration(o.duration)
	case seconds > 0:
		x.Duration = time.Duration(seconds * float64(time.Second))
	case !byOperations:
		x.Duration = time.Duration(o.duration)
	}
	if byOperations && x.Duration > 0 {
		count, err := agreed(choices, "operationcount", "--ops", func(c choice) float64 { return float64(c.Spec.Operations) })
		if err != nil {
			return err
		}
		x.Operations = uint64(count)
	}
	threads, err := agreed(choices, "threadcount", "--threads", func(c choice) float64 { return float64(c.Spec.Threads) })
	if o.given("threads") {
		return nil
	}
	if err == nil && threads > 0 {
		x.Threads = []int{int(threads)}
	}
	return err
}

// agreed returns what the workloads that state a property state, 0 if none
// does. Workloads that differ are an error that names the flag to decide with.
func agreed(choices []choice, property, flag string, of func(choice) float64) (value float64, err error) {
	from := ""
	for _, c := range choices {
		v := of(c)
		if v == 0 || c.LoadOnly {
			continue
		}
		if value != 0 && v != value {
			return 0, usagef("workloads %s and %s differ in %s (%g and %g); decide with %s", from, c.Spec.Name, property, value, v, flag)
		}
		value, from = v, c.Spec.Name
	}
	return value, nil
}

// title names an experiment after what it compares.
func title(x *bench.Experiment) string {
	engines := make([]string, 0, len(x.Engines))
	for _, e := range x.Engines {
		engines = append(engines, e.Name())
	}
	if len(engines) > 3 {
		engines = []string{fmt.Sprintf("%d-engines", len(engines))}
	}
	return strings.Join(append(engines, workloadNames(x)...), "-")
}

func workloadNames(x *bench.Experiment) []string {
	var names []string
	for _, w := range x.Workloads {
		names = append(names, w.Spec.Name)
	}
	return names
}
