package main

import (
	"slices"
	"time"

	"github.com/kvbench/kvbench/engine/catalog"
)

// The demo is run without engines and workloads: under 90 s on 2 cores, with
// data enough to mean something, and as many repetitions as it takes to tell
// engines apart. Every flag changes it.
const (
	demoRecords   = "100k"
	demoReps      = 6
	demoDuration  = 300 * time.Millisecond
	demoWarmup    = 150 * time.Millisecond
	demoSettle    = time.Second
	demoInterval  = 50 * time.Millisecond
	demoCalibrate = 60 * time.Millisecond
)

// demoNext is what to try after it.
const demoNext = `next:    kvbench run lsm pebble bbolt -w B,E --records 1m --duration 10s
         kvbench run pebble bbolt pogreb -w load --durability sync --threads 1,8,64
         kvbench engine describe pebble; kvbench workload list; kvbench run --help
`

// demoEngines are the engines of the house, and those that people use most.
func demoEngines() []string {
	names := []string{"lsm", "btree", "hash", "pebble", "bbolt"}
	known := catalog.Names()
	return slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(known, name) })
}

func demoWorkloads() []string { return []string{"A", "C"} }

// setDemo gives flags that were not given the demo's values.
func (o *runOptions) setDemo() {
	o.demo = true
	if !o.given("records") {
		// As given, since a preset's own number would be taken otherwise.
		o.flags.Set("records", demoRecords) //nolint:errcheck // a constant that parses
	}
	if !o.given("reps") {
		o.reps = demoReps
	}
	o.warmup.auto = o.warmup.auto && o.given("warmup")
	for name, d := range map[string]struct {
		of *span
		to time.Duration
	}{
		"duration": {&o.duration, demoDuration}, "warmup": {&o.warmup.span, demoWarmup},
		"settle": {&o.settle, demoSettle}, "interval": {&o.interval, demoInterval},
		"calibrate": {&o.calibrate, demoCalibrate},
	} {
		if !o.given(name) {
			*d.of = span(d.to)
		}
	}
}
