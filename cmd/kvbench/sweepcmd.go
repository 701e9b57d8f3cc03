package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/catalog"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// sweepOptions are the flags of sweep besides those of run.
type sweepOptions struct {
	vary []string
	file string
	axes []results.Axis // of the file, then of --vary
}

func newSweepCommand(a *app) *cobra.Command {
	o := &runOptions{}
	s := &sweepOptions{}
	c := &cobra.Command{
		Use:   "sweep [engine...] --vary NAME=VALUE,VALUE... [--vary ...]",
		Short: "Measure engines while settings, workloads or load vary",
		Long: `Sweep is run for every combination of the values given: a matrix whose axes are
settings of engines, properties of workloads, or flags of the load. All cells
are one run: interleaved, compared with each other, in one results directory.

--vary NAME=V1,V2,... where NAME is one of
  ENGINE.SETTING       a setting of an engine (kvbench engine describe ENGINE)
  cache                the cache of every engine that has one
  threads, rate        as the flags of the same name
  records, value-size, dist, theta, update-mode, key-format, compress-ratio
                       as the flags of the same name
  workload.PROPERTY    any property of a workload (kvbench workload properties)
Values that hold commas go into a file.

A file says the same, and gives flags of run besides:

  engines: [lsm, btree]
  workloads: [A, C]
  vary:
    lsm.size_ratio: [2, 4, 8]
    threads: [1, 2]
  flags: {records: 100k, duration: 2s, reps: 6}

What is about to happen is printed first, with the time and the disk space it
may take; --dry-run stops there. A sweep that was interrupted goes on with
--resume DIR.`,
		Example: `  kvbench sweep lsm --vary lsm.size_ratio=2,4,8 --vary threads=1,2,4 -w A
  kvbench sweep lsm btree hash -w C --vary value-size=100,1000,4000 --reps 6
  kvbench sweep -f sweep.yaml --dry-run
  kvbench sweep --resume kvbench-results/20260101-120000-lsm-A`,
		RunE: func(c *cobra.Command, args []string) error {
			args, err := o.applySweep(s, c.Flags(), args)
			if err != nil {
				return err
			}
			return a.run(c.Context(), o, args)
		},
		ValidArgsFunction: completeEngines,
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringArrayVar(&s.vary, "vary", nil, "`NAME=VALUES` of one axis; repeatable")
	f.StringVarP(&s.file, "file", "f", "", "YAML `FILE` of engines, workloads, axes and flags")
	o.add(f)
	return c
}

// sweepFile is what -f reads.
type sweepFile struct {
	Engines   []string       `yaml:"engines"`
	Workloads []string       `yaml:"workloads"`
	Vary      yaml.MapSlice  `yaml:"vary"`
	Flags     map[string]any `yaml:"flags"`
}

// applySweep reads the file and the axes, and gives those that are flags to
// the flags. It returns the engines.
func (o *runOptions) applySweep(s *sweepOptions, f *pflag.FlagSet, args []string) ([]string, error) {
	if o.resume != "" || o.resumeInto != "" && s.file == "" && len(s.vary) == 0 {
		return args, nil
	}
	if s.file != "" {
		engines, err := s.read(f)
		if err != nil {
			return nil, err
		}
		if len(args) == 0 && len(o.engines) == 0 {
			args = engines
		}
	}
	for _, text := range s.vary {
		name, values, ok := strings.Cut(text, "=")
		if !ok || name == "" || values == "" {
			return nil, usagef("--vary %s: want NAME=VALUE,VALUE... such as lsm.size_ratio=2,4,8", text)
		}
		s.add(strings.TrimSpace(name), words([]string{values}))
	}
	if len(s.axes) == 0 {
		return nil, usagef("sweep: nothing to vary: give --vary NAME=VALUE,VALUE..., or -f FILE with such axes")
	}
	return args, o.spread(s, f)
}

func (s *sweepOptions) add(name string, values []string) {
	i := slices.IndexFunc(s.axes, func(a results.Axis) bool { return a.Name == name })
	if i < 0 {
		s.axes = append(s.axes, results.Axis{Name: name})
		i = len(s.axes) - 1
	}
	s.axes[i].Values = append(s.axes[i].Values, values...)
}

// read takes the file over; flags that were given win.
func (s *sweepOptions) read(f *pflag.FlagSet) (engines []string, err error) {
	data, err := os.ReadFile(s.file)
	if err != nil {
		return nil, usagef("sweep file: %w", err)
	}
	var file sweepFile
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.Strict()); err != nil {
		return nil, usagef("sweep file %s: want engines, workloads, vary and flags: %s", s.file, oneLine(yaml.FormatError(err, false, false)))
	}
	for _, item := range file.Vary {
		name, values := fmt.Sprint(item.Key), []string{}
		if list, ok := item.Value.([]any); ok {
			for _, v := range list {
				values = append(values, fmt.Sprint(v))
			}
		} else {
			return nil, usagef("sweep file %s: vary: %s: want a list of values, such as [2, 4, 8]", s.file, name)
		}
		s.add(name, values)
	}
	if len(file.Workloads) > 0 && !f.Changed("workload") {
		if err := f.Set("workload", strings.Join(file.Workloads, ",")); err != nil {
			return nil, usagef("sweep file %s: workloads: %w", s.file, err)
		}
	}
	for name, value := range file.Flags {
		flag := f.Lookup(name)
		if flag == nil || name == "vary" || name == "file" {
			var known []string
			f.VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
			return nil, usagef("sweep file %s: flags: unknown flag %q%s", s.file, name, engine.Suggest(name, known))
		}
		if flag.Changed {
			continue
		}
		if err := f.Set(name, fmt.Sprint(value)); err != nil {
			return nil, usagef("sweep file %s: flags: %s: %w", s.file, name, err)
		}
	}
	return file.Engines, nil
}

// loadAxes are axes that are flags with lists.
var loadAxes = []string{"threads", "rate"}

// spread sorts the axes by what they vary.
func (o *runOptions) spread(s *sweepOptions, f *pflag.FlagSet) error {
	for _, axis := range s.axes {
		for i, v := range axis.Values {
			if slices.Contains(axis.Values[:i], v) {
				return usagef("axis %s: %s is given twice", axis.Name, v)
			}
		}
		o.axes.all = append(o.axes.all, axis)
		property, isProperty := strings.CutPrefix(axis.Name, "workload.")
		override, isShape := workloads.OverrideFor(axis.Name, "")
		switch {
		case slices.Contains(loadAxes, axis.Name):
			if f.Changed(axis.Name) {
				return usagef("--%s is given and varied; choose one", axis.Name)
			}
			if err := f.Set(axis.Name, strings.Join(axis.Values, ",")); err != nil {
				return usagef("axis %s: %w", axis.Name, err)
			}
		case isProperty:
			o.axes.workload = append(o.axes.workload, workloadAxis{axis, property})
		case isShape:
			o.axes.workload = append(o.axes.workload, workloadAxis{axis, strings.TrimSuffix(override, "=")})
		case axis.Name == bench.AxisEngineCache, strings.Contains(axis.Name, "."):
			if err := checkEngineAxis(axis.Name); err != nil {
				return err
			}
			o.axes.engine = append(o.axes.engine, axis)
		default:
			known := append([]string{bench.AxisEngineCache, "records", "value-size", "dist", "theta", "update-mode", "key-format", "compress-ratio"}, loadAxes...)
			return usagef("axis %q: want ENGINE.SETTING, workload.PROPERTY or a flag%s", axis.Name, engine.Suggest(axis.Name, known))
		}
	}
	return nil
}

// checkEngineAxis says whether ENGINE.SETTING can be right.
func checkEngineAxis(name string) error {
	if name == bench.AxisEngineCache {
		return nil
	}
	of, key, _ := strings.Cut(name, ".")
	plain, _, _ := strings.Cut(of, "@")
	d, err := catalog.Lookup(plain)
	if err != nil {
		return fmt.Errorf("axis %s: %w", name, err)
	}
	if _, ok := d.Setting(key); !ok {
		var known []string
		for _, s := range d.Settings {
			known = append(known, s.Name)
		}
		return usagef("axis %s: engine %s has no setting %q%s", name, d.Name, key, engine.Suggest(key, known))
	}
	return nil
}

// axes is what a run varies besides its own lists.
type axes struct {
	all      []results.Axis
	engine   []results.Axis
	workload []workloadAxis
}

// workloadAxis varies one property of all workloads.
type workloadAxis struct {
	results.Axis
	property string
}

// chooseVaried resolves the workloads at every combination of their axes.
func (o *runOptions) chooseVaried(names []string) ([]choice, error) {
	if len(o.axes.workload) == 0 {
		return o.workloadOptions.choose(names)
	}
	var plain []results.Axis
	for _, a := range o.axes.workload {
		plain = append(plain, a.Axis)
	}
	var all []choice
	for _, values := range bench.Combinations(plain) {
		at := o.workloadOptions
		at.properties = slices.Clone(o.properties)
		var parts []string
		for _, axis := range o.axes.workload {
			at.properties = append(at.properties, axis.property+"="+values[axis.Name])
			parts = append(parts, strings.TrimPrefix(axis.Name, "workload.")+"="+values[axis.Name])
		}
		list, err := at.choose(names)
		if err != nil {
			return nil, err
		}
		for i := range list {
			list[i].Axes = values
			list[i].Spec.Name += "@" + strings.Join(parts, ",")
		}
		all = append(all, list...)
	}
	return all, nil
}

// recordedAxes writes the values of an axis as cells record them: rates are
// given as 50k.
func recordedAxes(x *bench.Experiment) []results.Axis {
	list := slices.Clone(x.Axes)
	for i := range list {
		if list[i].Name != "rate" {
			continue
		}
		list[i].Values = nil
		for _, r := range x.Rates {
			list[i].Values = append(list[i].Values, strconv.FormatFloat(r, 'f', -1, 64))
		}
	}
	return list
}
