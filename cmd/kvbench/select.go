package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
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
	o.shape["records"] = f.StringP("records", "n", "", "`COUNT` of records to load, such as 100k or 1m (default: a file's own, at most "+defaultRecords+" for presets)")
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
	spec, err := workloads.Parse(in)
	if err != nil {
		return nil, usage(errors.New(spelling.Replace(err.Error())))
	}
	own, err := stated(in)
	if err != nil {
		return nil, err
	}
	if in.Preset != "" && own.Records == 0 && spec.Records > 0 {
		if spec, err = c.capRecords(in, spec); err != nil {
			return nil, err
		}
	}
	c.explicitOps = own.Operations > 0
	switch {
	case c.LoadOnly:
		spec.Name = bench.LoadWorkload
	case in.Preset != "" && len(files) > 0:
		spec.Name = in.Preset // not the last file's: they are the same for all
	}
	c.Spec = spec
	for _, w := range spec.Warnings {
		c.notes = append(c.notes, fmt.Sprintf("workload %s: %s", spec.Name, w))
	}
	if spec.TargetOps > 0 {
		return nil, usagef("workload %s: a target rate (target=%g) needs the open loop, which is not available yet; leave it out to run as fast as possible",
			spec.Name, spec.TargetOps)
	}
	return c, nil
}

func suggestLoad(name string, err error) error {
	if strings.HasPrefix(engine.Suggest(name, []string{bench.LoadWorkload}), "; did you mean") {
		return fmt.Errorf("%w; or %q for the load phase", err, bench.LoadWorkload)
	}
	return err
}

// stated resolves what the user gave without the preset, to tell what is
// theirs: a property that is absent there has come from the preset.
func stated(in workloads.Input) (*workloads.Spec, error) {
	in.Preset = ""
	if !slices.ContainsFunc(append(in.Overrides, contents(in.Files)...), mentionsCount) {
		return &workloads.Spec{}, nil
	}
	spec, err := workloads.Parse(in)
	if err != nil {
		// Whatever is wrong without the preset is not wrong with it.
		return &workloads.Spec{}, nil
	}
	return spec, nil
}

func contents(files []workloads.File) []string {
	var list []string
	for _, f := range files {
		list = append(list, string(f.Data))
	}
	return list
}

func mentionsCount(text string) bool {
	return strings.Contains(text, "recordcount") || strings.Contains(text, "operationcount")
}

// capRecords lowers a preset's number of records to the default.
func (c *choice) capRecords(in workloads.Input, spec *workloads.Spec) (*workloads.Spec, error) {
	override, _ := workloads.OverrideFor("records", defaultRecords)
	capped := in
	capped.Overrides = append([]string{override}, in.Overrides...)
	small, err := workloads.Parse(capped)
	if err != nil || small.Records >= spec.Records {
		return spec, nil //nolint:nilerr // it does not fit this workload
	}
	return small, nil
}
