package main

import (
	"maps"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
)

// resolvedSpec is spec.resolved.yaml: everything that decides what a run does,
// with every default filled in.
type resolvedSpec struct {
	Schema     string             `yaml:"schema"`
	Name       string             `yaml:"name"`
	Command    string             `yaml:"command"`
	Engines    []resolvedEngine   `yaml:"engines"`
	Workloads  []resolvedWorkload `yaml:"workloads"`
	Threads    []int              `yaml:"threads"`
	Rates      []float64          `yaml:"rates,omitempty"`   // of open loops
	Arrival    string             `yaml:"arrival,omitempty"` // of open loops
	FindMax    string             `yaml:"find_max,omitempty"`
	Reps       int                `yaml:"reps"`
	Seed       uint64             `yaml:"seed"`
	Durability string             `yaml:"durability"`
	Driver     string             `yaml:"driver"`

	Duration    string `yaml:"duration"`   // 0s: by operations
	Operations  uint64 `yaml:"operations"` // 0: as the workload says, or by duration
	Warmup      string `yaml:"warmup"`
	WarmupMax   string `yaml:"warmup_max"` // until steady; 0s: warmup as it is
	Settle      string `yaml:"settle"`
	Interval    string `yaml:"interval"`
	Calibrate   string `yaml:"calibrate"`
	LoadThreads int    `yaml:"load_threads"`
	Timing      string `yaml:"timing"`
	Verify      string `yaml:"verify"`
	Errors      string `yaml:"errors"`
}

type resolvedEngine struct {
	Name     string            `yaml:"name"`
	Label    string            `yaml:"label,omitempty"`
	Version  string            `yaml:"version"`
	Settings map[string]string `yaml:"settings"`
}

type resolvedWorkload struct {
	Name       string            `yaml:"name"`
	LoadOnly   bool              `yaml:"load_only"`
	Source     string            `yaml:"source"`
	Properties map[string]string `yaml:"properties"`
}

const specSchema = "kvbench.spec/1"

func specOf(x *bench.Experiment) resolvedSpec {
	s := resolvedSpec{
		Schema: specSchema, Name: x.Name, Command: x.Command,
		Threads: x.Threads, Reps: x.Reps, Seed: x.Seed, Durability: x.Durability, Driver: x.Driver,
		Duration: x.Duration.String(), Operations: x.Operations, Warmup: x.Warmup.String(), WarmupMax: x.WarmupMax.String(), Settle: x.Settle.String(),
		Interval: x.Interval.String(), Calibrate: x.Calibrate.String(), LoadThreads: x.LoadThreads,
		Timing: x.Timing.String(), Verify: string(x.Verify), Errors: "stop",
	}
	if len(x.Rates) > 0 {
		s.Rates, s.Arrival = x.Rates, x.Arrival.String()
	}
	if x.FindMax != nil {
		s.FindMax, s.Arrival = x.FindMax.Text, x.Arrival.String()
	}
	if x.CountErrors {
		s.Errors = "count"
	}
	if s.Driver == "" {
		s.Driver = bench.Native{}.Name()
	}
	for _, e := range x.Engines {
		settings, err := engine.Resolve(e.Driver.Settings, e.Settings)
		if err != nil { // Plan has resolved them before
			settings = maps.Clone(e.Settings)
		}
		s.Engines = append(s.Engines, resolvedEngine{Name: e.Driver.Name, Label: e.Label, Version: e.Driver.Version, Settings: settings})
	}
	for _, w := range x.Workloads {
		s.Workloads = append(s.Workloads, resolvedWorkload{
			Name: w.Spec.Name, LoadOnly: w.LoadOnly, Source: w.Spec.Source, Properties: w.Spec.Properties,
		})
	}
	return s
}
