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
		d, err := catalog.Lookup(name)
		if err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(list, func(c bench.EngineChoice) bool { return c.Driver.Name == d.Name }) {
			return nil, nil, usagef("engine %s is given twice", d.Name)
		}
		list = append(list, bench.EngineChoice{Driver: d, Settings: make(map[string]string)})
	}
	if notes, err = o.applyCache(list); err != nil {
		return nil, nil, err
	}
	if err := o.applyFile(list); err != nil {
		return nil, nil, err
	}
	for _, set := range o.sets {
		key, value, ok := strings.Cut(set, "=")
		if !ok {
			return nil, nil, usagef("--set %s: want ENGINE.KEY=VALUE", set)
		}
		name, setting, ok := strings.Cut(strings.TrimSpace(key), ".")
		if !ok || name == "" || setting == "" {
			return nil, nil, usagef("--set %s: want ENGINE.KEY=VALUE", set)
		}
		c, err := chosen(list, name)
		if err != nil {
			return nil, nil, fmt.Errorf("--set %s: %w", set, err)
		}
		c.Settings[setting] = value
	}
	var errs []error
	for _, c := range list {
		if _, err := engine.Resolve(c.Driver.Settings, c.Settings); err != nil {
			errs = append(errs, fmt.Errorf("engine %s: %w", c.Driver.Name, err))
		}
	}
	return list, notes, errors.Join(errs...)
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
	for _, name := range slices.Sorted(maps.Keys(byEngine)) {
		d, err := catalog.Lookup(name)
		if err != nil {
			return fmt.Errorf("settings file %s: %w", o.file, err)
		}
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
		if c, err := chosen(list, name); err == nil {
			maps.Copy(c.Settings, given)
		}
	}
	return nil
}

// chosen finds an engine of the run by name.
func chosen(list []bench.EngineChoice, name string) (bench.EngineChoice, error) {
	var names []string
	for _, c := range list {
		if strings.EqualFold(c.Driver.Name, name) {
			return c, nil
		}
		names = append(names, c.Driver.Name)
	}
	if _, err := catalog.Lookup(name); err != nil {
		return bench.EngineChoice{}, err
	}
	return bench.EngineChoice{}, usagef("engine %s is not in this run (%s)", name, strings.Join(names, ", "))
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
