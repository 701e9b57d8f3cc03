package experiments

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// A Side is an engine with settings: what the cells of a matrix differ in.
type Side struct {
	Engine   string
	Label    string            // unique in the study; empty: the engine's name
	Settings map[string]string // as --set gives them
	Axes     map[string]string
	Optional bool // left out where the engine or a setting is missing
}

// label is the name of the side in cells.
func (s Side) label() string {
	if s.Label != "" {
		return s.Label
	}
	return s.Engine
}

// needs lists the features of the side.
func (s Side) needs() []Need {
	list := []Need{{Engine: s.Engine, Optional: s.Optional}}
	for _, name := range slices.Sorted(maps.Keys(s.Settings)) {
		list = append(list, Need{Engine: s.Engine, Setting: name, Value: s.Settings[name], Optional: s.Optional})
	}
	return list
}

// needsOf lists the features of sides.
func needsOf(sides []Side) (list []Need) {
	for _, s := range sides {
		list = append(list, s.needs()...)
	}
	return list
}

// Work is a workload of a matrix.
type Work struct {
	Name       string   // unique in the study
	Preset     string   // empty: Properties alone
	Properties []string // NAME=VALUE; recordcount and operationcount among them
	LoadOnly   bool     // the load itself is measured
	Axes       map[string]string
}

// A Matrix is cells that run in processes of their own: each side with each
// workload. At the tiny scale they are bound by operations, at others by time
// unless ByOperations.
type Matrix struct {
	Sides        []Side
	Works        []Work
	Threads      []int  // empty: one
	Durability   string // empty: async
	ByOperations bool
	Untimed      bool // one repetition is enough: only counters are looked at
}

// Matrix runs the cells. A cell that fails is in the results, and no error.
func (l *Lab) Matrix(ctx context.Context, m Matrix) error {
	x, err := l.experiment(m)
	if err != nil {
		return err
	}
	if x.Dir, err = l.place("matrix"); err != nil {
		return err
	}
	plan, err := x.Plan()
	if err != nil {
		return err
	}
	described := x.Manifest(plan).Plan
	err = l.o.Results.UpdateManifest(func(all *results.Manifest) {
		if len(all.Plan.Order) == 0 {
			all.Plan = described
			return
		}
		all.Plan.Order = append(all.Plan.Order, described.Order...)
	})
	if err != nil {
		return err
	}
	return (&bench.Runner{Starter: l.o.Starter, Watcher: l.o.Watcher, Results: l.o.Results}).Run(ctx, x, plan)
}

func (l *Lab) experiment(m Matrix) (*bench.Experiment, error) {
	x := &bench.Experiment{
		Name: l.o.Name, Command: l.o.Command, Seed: l.Seed, Reps: l.reps(),
		Threads: m.Threads, Durability: m.Durability, LoadThreads: 1,
		Interval: time.Second, Settle: l.settleTime(), Verify: bench.VerifySample, Timing: bench.Timing{Auto: true},
		Warmup:    pick(l.Scale, 0, 500*time.Millisecond, 2*time.Second),
		Duration:  pick(l.Scale, 0, 2*time.Second, 10*time.Second),
		Calibrate: pick(l.Scale, 0, 200*time.Millisecond, 300*time.Millisecond),
	}
	if len(x.Threads) == 0 {
		x.Threads = []int{1}
	}
	if x.Durability == "" {
		x.Durability = results.RegimeAsync
	}
	if m.ByOperations {
		x.Duration, x.Warmup = 0, 0
	}
	if m.Untimed && l.o.Reps == 0 {
		x.Reps = 1
	}
	for _, s := range m.Sides {
		choice, ok, err := l.choice(s)
		if err != nil {
			return nil, err
		}
		if ok {
			x.Engines = append(x.Engines, choice)
		}
	}
	for _, w := range m.Works {
		spec, err := w.spec()
		if err != nil {
			return nil, err
		}
		x.Workloads = append(x.Workloads, bench.WorkloadChoice{Spec: spec, LoadOnly: w.LoadOnly, Axes: w.Axes})
	}
	return x, nil
}

// choice resolves a side; ok is false for an optional one that is missing.
func (l *Lab) choice(s Side) (c bench.EngineChoice, ok bool, err error) {
	for _, n := range s.needs() {
		if err := n.unmet(l.o.Lookup); err != nil {
			if s.Optional {
				l.Say("%s is left out: %v", s.label(), err)
				return c, false, nil
			}
			return c, false, err
		}
	}
	d, err := l.o.Lookup(s.Engine)
	return bench.EngineChoice{Driver: d, Settings: s.Settings, Label: s.Label, Axes: s.Axes}, true, err
}

func (w Work) spec() (*workloads.Spec, error) {
	spec, err := workloads.Parse(workloads.Input{Preset: w.Preset, Overrides: w.Properties})
	if err != nil {
		return nil, fmt.Errorf("workload %s: %w", w.Name, err)
	}
	spec.Name = w.Name
	return spec, nil
}

// resolved is the settings of a side with every default.
func resolved(d engine.Driver, given map[string]string) map[string]string {
	all, err := engine.Resolve(d.Settings, given)
	if err != nil { // Open refuses them
		return given
	}
	return all
}
