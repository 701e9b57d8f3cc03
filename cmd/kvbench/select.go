package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
)

// workloadOptions are the flags that say what to ask.
type workloadOptions struct {
	names      []string
	files      []string
	properties []string
	shape      map[string]*string // flags that stand for a property
	flags      *pflag.FlagSet
}

// shapeFlags stand for properties; see workloads.OverrideFor.
func shapeFlags() [][2]string {
	return [][2]string{
		{"ops", "`COUNT` of operations of the measured phase; with --duration whichever ends first"},
		{"value-size", "`BYTES` of a value: 1000, uniform:100-2000, zipfian:100-2000, pareto:..., hist:FILE"},
		{"key-format", "`FORMAT` of keys: ycsb, binary[:SIZE] or decimal[:SIZE]"},
		{"update-mode", "`HOW` updates work: field (read, change one field, write) or blind"},
		{"dist", "`DISTRIBUTION` of requests: zipfian (YCSB's flat one), zipf:THETA, uniform, latest, hotspot, exponential, sequential"},
		{"theta", "`EXPONENT` of the distribution"},
		{"compress-ratio", "`SHARE` of a value's size that is left after compression"},
		{"ycsb-compat", "`WHOSE` semantics: java or go-ycsb"},
	}
}

func (o *workloadOptions) add(f *pflag.FlagSet) {
	o.flags = f
	o.shape = make(map[string]*string)
	f.StringSliceVarP(&o.names, "workload", "w", nil, "`WORKLOADS`: names (kvbench workload list), property files, or load for the load phase")
	f.StringArrayVarP(&o.files, "properties", "P", nil, "property `FILE`; repeatable, later ones win")
	f.StringArrayVarP(&o.properties, "property", "p", nil, "`PROPERTY=VALUE`; repeatable, wins over files and flags")
	o.shape["records"] = f.StringP("records", "n", "", "`COUNT` of records to load, such as 100k or 1m (default: a file's own, at most 200k for presets)")
	for _, flag := range shapeFlags() {
		o.shape[flag[0]] = f.String(flag[0], "", flag[1])
	}
}

// overrides returns the properties that flags stand for, then those given as
// such, which win.
func (o *workloadOptions) overrides() (list []string, spelling *strings.Replacer) {
	var spellings []string
	names := []string{"records"}
	for _, flag := range shapeFlags() {
		names = append(names, flag[0])
	}
	for _, name := range names {
		if !o.flags.Changed(name) {
			continue
		}
		if override, ok := workloads.OverrideFor(name, *o.shape[name]); ok {
			list = append(list, override)
			spellings = append(spellings, "-p "+override, "--"+name+" "+*o.shape[name])
		}
	}
	return append(list, o.properties...), strings.NewReplacer(spellings...)
}

// choice is a workload and what its sources say of themselves.
type choice struct {
	bench.WorkloadChoice
	// explicitOps: the number of operations is the user's and not a preset's.
	explicitOps bool
	notes       []string
}

// choose resolves every workload that was asked for. names are those to take
// when none was given.
func (o *workloadOptions) choose(names []string) ([]choice, error) {
	if given := words(o.names); len(given) > 0 {
		names = given
	} else if len(o.files) > 0 {
		names = []string{""} // the files alone
	}
	files, err := readFiles(o.files)
	if err != nil {
		return nil, err
	}
	var list []choice
	for _, name := range names {
		c, err := o.resolve(name, files)
		if err != nil {
			return nil, err
		}
		for _, other := range list {
			if other.Spec.Name == c.Spec.Name && other.LoadOnly == c.LoadOnly {
				return nil, usagef("workload %s is given twice", c.Spec.Name)
			}
		}
		list = append(list, *c)
	}
	return list, nil
}

func readFiles(names []string) ([]workloads.File, error) {
	var files []workloads.File
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, usagef("property file: %w", err)
		}
		files = append(files, workloads.File{Name: name, Data: data})
	}
	return files, nil
}

// resolve makes a workload of its name, the files of -P and the overrides. An
// empty name is the files alone.
func (o *workloadOptions) resolve(name string, files []workloads.File) (*choice, error) {
	c := &choice{}
	c.LoadOnly = strings.EqualFold(name, bench.LoadWorkload)
	in := workloads.Input{}
	switch {
	case c.LoadOnly && len(files) == 0:
		in.Preset = "A"
	case c.LoadOnly, name == "":
	default:
		var err error
		if in, err = workloads.NewInput(name); err != nil {
			return nil, usage(suggestLoad(name, err))
		}
	}
	in.Files = append(in.Files, files...)
	given, spelling := o.overrides()
	in.Overrides = given
	spec, explicit, err := parse(in)
	if err != nil {
		return nil, usage(errors.New(spelling.Replace(err.Error())))
	}
	c.explicitOps = explicit
	switch {
	case c.LoadOnly:
		spec.Name = bench.LoadWorkload
	case in.Preset != "":
		spec.Name = in.Preset // not that of the last file
	}
	c.Spec = spec
	for _, w := range spec.Warnings {
		c.notes = append(c.notes, fmt.Sprintf("workload %s: %s", spec.Name, w))
	}
	return c, nil
}

func suggestLoad(name string, err error) error {
	if strings.HasPrefix(engine.Suggest(name, []string{bench.LoadWorkload}), "; did you mean") {
		return fmt.Errorf("%w; or %q for the load phase", err, bench.LoadWorkload)
	}
	return err
}

// parse resolves a workload. A preset's number of records yields to a default,
// and its number of operations, which decides how far the requests of some
// reach, stays in proportion to the records; whatever the user gives replaces
// both. explicit is set when the user gave the number of operations.
func parse(in workloads.Input) (spec *workloads.Spec, explicit bool, err error) {
	if in.Preset == "" {
		spec, err = workloads.Parse(in)
		return spec, err == nil && spec.Operations > 0, err
	}
	own, err := workloads.Parse(workloads.Input{Preset: in.Preset})
	if err != nil {
		return nil, false, err
	}
	records := min(own.Records, maxPresetRecords)
	if spec, err = parseWith(in, records, own.Operations+1); err != nil {
		return nil, false, err
	}
	if spec.Operations != own.Operations+1 {
		return spec, spec.Operations > 0, nil
	}
	operations := own.Operations
	if own.Records > 0 {
		operations = uint64(float64(own.Operations) * float64(spec.Records) / float64(own.Records))
	}
	spec, err = parseWith(in, records, operations)
	return spec, false, err
}

// parseWith puts numbers between a preset and what the user gives.
func parseWith(in workloads.Input, records, operations uint64) (*workloads.Spec, error) {
	numbers := fmt.Sprintf("operationcount=%d\n", operations)
	if records > 0 { // else the preset loads none
		numbers += fmt.Sprintf("recordcount=%d\n", records)
	}
	// Named as the preset, since errors name the last file.
	in.Files = append([]workloads.File{{Name: in.Preset, Data: []byte(numbers)}}, in.Files...)
	spec, err := workloads.Parse(in)
	if err == nil {
		spec.Source = strings.Replace(spec.Source, "preset, "+in.Preset, "preset", 1)
	}
	return spec, err
}
