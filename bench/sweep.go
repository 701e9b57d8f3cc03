package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// AxisEngineCache is the axis of every engine's own cache, where it has one.
const AxisEngineCache = "cache"

// Combinations returns every way to take one value of each axis, in the order
// of counting: the last axis changes fastest. No axis makes one combination,
// the empty one.
func Combinations(axes []results.Axis) []map[string]string {
	list := []map[string]string{{}}
	for _, axis := range axes {
		var next []map[string]string
		for _, c := range list {
			for _, value := range axis.Values {
				longer := map[string]string{axis.Name: value}
				for k, v := range c {
					longer[k] = v
				}
				next = append(next, longer)
			}
		}
		list = next
	}
	return list
}

// VaryEngines multiplies the choices by the axes of their settings: an axis
// ENGINE.SETTING concerns the choices of that engine or of that label, the
// axis "cache" all that have one. Every choice comes back once for each
// combination of the axes that concern it, labelled with the values. An axis
// that concerns nobody is an error.
func VaryEngines(choices []EngineChoice, axes []results.Axis) ([]EngineChoice, error) {
	used := make(map[string]bool)
	var out []EngineChoice
	for i := range choices {
		c := &choices[i]
		var mine []results.Axis
		for _, axis := range axes {
			if c.setting(axis.Name) != "" {
				mine = append(mine, axis)
				used[axis.Name] = true
			}
		}
		for _, values := range Combinations(mine) {
			v, err := c.with(mine, values)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
	for _, axis := range axes {
		if !used[axis.Name] {
			return nil, fmt.Errorf("%w: axis %s concerns no engine of this run (%s)",
				engine.ErrInvalid, axis.Name, strings.Join(choiceNames(choices), ", "))
		}
	}
	return out, nil
}

// setting is the setting of c that an axis varies, "" for none.
func (c *EngineChoice) setting(axis string) string {
	name, key, ok := strings.Cut(axis, ".")
	if ok && (strings.EqualFold(name, c.Driver.Name) || name == c.Label) {
		return key
	}
	if s, has := c.Driver.Setting(engine.CacheBytesName); axis == AxisEngineCache && has && s.Inapplicable == "" {
		return engine.CacheBytesName
	}
	return ""
}

// with is c at the values of its axes.
func (c *EngineChoice) with(axes []results.Axis, values map[string]string) (EngineChoice, error) {
	if len(axes) == 0 {
		return *c, nil
	}
	v := EngineChoice{Driver: c.Driver, Settings: make(map[string]string), Axes: make(map[string]string)}
	for key, value := range c.Settings {
		v.Settings[key] = value
	}
	for name, value := range c.Axes {
		v.Axes[name] = value
	}
	var parts []string
	for _, axis := range axes {
		key := c.setting(axis.Name)
		v.Settings[key], v.Axes[axis.Name] = values[axis.Name], values[axis.Name]
		parts = append(parts, key+"="+values[axis.Name])
	}
	v.Label = c.Name() + "@" + strings.Join(parts, ",")
	if strings.Contains(c.Name(), "@") {
		v.Label = c.Name() + "," + strings.Join(parts, ",")
	}
	if _, err := engine.Resolve(c.Driver.Settings, v.Settings); err != nil {
		return v, fmt.Errorf("%s: %w", v.Label, err)
	}
	return v, nil
}

func choiceNames(choices []EngineChoice) []string {
	var names []string
	for i := range choices {
		names = append(names, choices[i].Name())
	}
	return slices.Compact(names)
}

// axesOf joins the axes of a workload and of an engine with those of the
// block: threads and rate, where a sweep varies them.
func (x *Experiment) axesOf(b block, e *EngineChoice) map[string]string {
	all := make(map[string]string)
	for _, lot := range []map[string]string{b.workload.Axes, e.Axes} {
		for k, v := range lot {
			all[k] = v
		}
	}
	varies := func(name string) bool {
		return slices.ContainsFunc(x.Axes, func(a results.Axis) bool { return a.Name == name })
	}
	if varies("threads") {
		all["threads"] = strconv.Itoa(b.threads)
	}
	if varies("rate") {
		all["rate"] = strconv.FormatFloat(b.rate, 'f', -1, 64)
	}
	return all
}
