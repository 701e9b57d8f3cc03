package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/catalog"
)

// engineOptions are the flags that say whom to ask, and with which settings.
type engineOptions struct {
	engines []string
	sets    []string
	file    string
	cache   string
}

func (o *engineOptions) add(f *pflag.FlagSet) {
	f.StringSliceVarP(&o.engines, "engines", "e", nil, "`ENGINES`, beside those given as arguments (kvbench engine list)")
	f.StringArrayVar(&o.sets, "set", nil, "`ENGINE.KEY=VALUE`, an engine's setting; repeatable (kvbench engine describe ENGINE)")
	f.StringVar(&o.file, "settings", "", "YAML `FILE` of settings, {ENGINE: {KEY: VALUE}}; --set wins")
	f.StringVar(&o.cache, "cache", "", "`SIZE` of each engine's own cache, such as 256m, where it has one")
}

// choose looks the engines up and gives each its settings.
func (o *engineOptions) choose(names []string) (list []bench.EngineChoice, notes []string, err error) {
	for _, name := range names {
		c, err := variant(name)
		if err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(list, func(o bench.EngineChoice) bool { return o.Name() == c.Name() }) {
			return nil, nil, usagef("engine %s is given twice; to measure it with other settings, too, call it %s@NAME and give those by --set %s@NAME.KEY=VALUE",
				c.Name(), c.Driver.Name, c.Driver.Name)
		}
		list = append(list, c)
	}
	if notes, err = o.applyCache(list); err != nil {
		return nil, nil, err
	}
	if err := o.applyFile(list); err != nil {
		return nil, nil, err
	}
	if err := o.applySets(list); err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, c := range list {
		if _, err := engine.Resolve(c.Driver.Settings, c.Settings); err != nil {
			errs = append(errs, fmt.Errorf("engine %s: %w", c.Name(), err))
		}
	}
	return list, notes, errors.Join(errs...)
}

// variant looks up ENGINE, or ENGINE@LABEL: the engine under another name, so
// that it can be in one run with several settings.
func variant(name string) (bench.EngineChoice, error) {
	c := bench.EngineChoice{Settings: make(map[string]string)}
	plain, label, labelled := strings.Cut(name, "@")
	d, err := catalog.Lookup(plain)
	if err != nil {
		return c, err
	}
	c.Driver = d
	if !labelled {
		return c, nil
	}
	odd := func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if label == "" || strings.ContainsFunc(label, odd) {
		return c, usagef("engine %q: behind the @ goes a name of letters, digits, - and _", name)
	}
	c.Label = d.Name + "@" + label
	return c, nil
}

// applySets gives each engine what --set says of it: first what is said of all
// of a name, then what is said of one label.
func (o *engineOptions) applySets(list []bench.EngineChoice) error {
	for _, ofLabel := range []bool{false, true} {
		for _, set := range o.sets {
			key, value, ok := strings.Cut(set, "=")
			name, setting, dotted := strings.Cut(strings.TrimSpace(key), ".")
			if !ok || !dotted || name == "" || setting == "" {
				return usagef("--set %s: want ENGINE.KEY=VALUE", set)
			}
			if strings.Contains(name, "@") != ofLabel {
				continue
			}
			some, err := chosen(list, name)
			if err != nil {
				return fmt.Errorf("--set %s: %w", set, err)
			}
			for _, c := range some {
				c.Settings[setting] = value
			}
		}
	}
	return nil
}

// applyCache sizes the cache of every engine that has one.
func (o *engineOptions) applyCache(list []bench.EngineChoice) (notes []string, err error) {
	if o.cache == "" {
		return nil, nil
	}
	if _, err := engine.ParseSize(o.cache); err != nil {
		return nil, fmt.Errorf("--cache: %w", err)
	}
	for _, c := range list {
		s, ok := c.Driver.Setting(engine.CacheBytesName)
		if ok && s.Inapplicable == "" {
			c.Settings[engine.CacheBytesName] = o.cache
		} else if !c.Driver.Rail {
			notes = append(notes, fmt.Sprintf("--cache does not apply to %s: %s", c.Driver.Name, s.Inapplicable))
		}
	}
	return notes, nil
}

// applyFile takes the settings of a YAML file. Engines that the run leaves out
// may have some, so that one file serves many runs; unknown ones may not.
func (o *engineOptions) applyFile(list []bench.EngineChoice) error {
	if o.file == "" {
		return nil
	}
	data, err := os.ReadFile(o.file)
	if err != nil {
		return usagef("settings file: %w", err)
	}
	var byEngine map[string]map[string]any
	if err := yaml.UnmarshalWithOptions(data, &byEngine, yaml.Strict()); err != nil {
		return usagef("settings file %s: want {ENGINE: {KEY: VALUE}}: %s", o.file, oneLine(yaml.FormatError(err, false, false)))
	}
	for _, name := range slices.Sorted(maps.Keys(byEngine)) { // lsm before lsm@small
		v, err := variant(name)
		if err != nil {
			return fmt.Errorf("settings file %s: %w", o.file, err)
		}
		d := v.Driver
		given := make(map[string]string)
		for key, value := range byEngine[name] {
			switch value.(type) {
			case map[string]any, []any, nil:
				return usagef("settings file %s: %s.%s: want one value", o.file, name, key)
			}
			given[key] = fmt.Sprint(value)
		}
		if _, err := engine.Resolve(d.Settings, given); err != nil {
			return fmt.Errorf("settings file %s: engine %s: %w", o.file, d.Name, err)
		}
		if some, err := chosen(list, name); err == nil {
			for _, c := range some {
				maps.Copy(c.Settings, given)
			}
		}
	}
	return nil
}

// chosen finds the engines of the run that go by a name: all choices of an
// engine, or the one of a label. Their settings are the run's own.
func chosen(list []bench.EngineChoice, name string) ([]bench.EngineChoice, error) {
	var names []string
	var some []bench.EngineChoice
	for _, c := range list {
		if strings.EqualFold(c.Driver.Name, name) || strings.EqualFold(c.Label, name) {
			some = append(some, c)
		}
		names = append(names, c.Name())
	}
	if len(some) > 0 {
		return some, nil
	}
	if _, err := variant(name); err != nil {
		return nil, err
	}
	return nil, usagef("engine %s is not in this run (%s)", name, strings.Join(names, ", "))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// completeEngines offers the engines of this build to the shell.
func completeEngines(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, d := range catalog.All() {
		if !slices.Contains(args, d.Name) {
			names = append(names, d.Name+"\t"+d.Title)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
