package compare

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/results"
)

// labelOf names the engine of a cell, with its settings where a run has
// several.
func labelOf(c *results.Cell) string { return c.Engine.Title() }

// A dimension is what the sides of one run differ in.
type dimension struct {
	name string
	// of is a cell's side; ok is false for a cell that has none.
	of func(c *results.Cell) (value string, ok bool)
	// clear removes the dimension from what the sides have in common.
	clear func(k *common)
}

// common is what the cells of one group have in common.
type common struct {
	Setup  results.Setup
	Engine string
	Axes   map[string]string
}

func commonOf(c *results.Cell) common {
	return common{Setup: results.SetupOf(c), Engine: labelOf(c), Axes: maps.Clone(c.Axes)}
}

func (k *common) text() string {
	text, err := json.Marshal(k)
	if err != nil {
		return err.Error() // only of a number that JSON lacks
	}
	return string(text)
}

// subject is what the setup does not say.
func (k *common) subject() string {
	var parts []string
	if k.Engine != "" {
		parts = append(parts, k.Engine)
	}
	for _, name := range slices.Sorted(maps.Keys(k.Axes)) {
		if name != "threads" && name != "rate" && !strings.Contains(k.Engine, k.Axes[name]) {
			parts = append(parts, name+"="+k.Axes[name])
		}
	}
	return strings.Join(parts, " ")
}

// dimensionOf finds what to compare by. Axes of a run come last: a setup's
// fields are more than their names.
func dimensionOf(by string, axes []string) (*dimension, []string) {
	list := setupDimensions()
	for _, axis := range axes {
		if !slices.ContainsFunc(list, func(d dimension) bool { return d.name == axis }) {
			list = append(list, axisDimension(axis))
		}
	}
	var names []string
	for _, d := range list {
		names = append(names, d.name)
		if d.name == by {
			return &d, nil
		}
	}
	return nil, names
}

func setupDimensions() []dimension {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 12, 64) }
	known := func(f func(c *results.Cell) string) func(*results.Cell) (string, bool) {
		return func(c *results.Cell) (string, bool) { return f(c), true }
	}
	return []dimension{
		{"engine", known(labelOf), func(k *common) {
			k.Engine = ""
			// Settings of an engine are the side's own; the workload's are not.
			maps.DeleteFunc(k.Axes, func(name, _ string) bool { return !strings.HasPrefix(name, "workload.") })
		}},
		{"threads", known(func(c *results.Cell) string { return strconv.Itoa(c.Load.Threads) }), func(k *common) {
			k.Setup.Threads = 0
			delete(k.Axes, "threads")
		}},
		{"rate", func(c *results.Cell) (string, bool) {
			if c.Load.Rate == nil {
				return "", false
			}
			return number(*c.Load.Rate), true
		}, func(k *common) {
			k.Setup.Rate = nil
			delete(k.Axes, "rate")
		}},
		{"workload", known(func(c *results.Cell) string { return c.Workload.Name }), func(k *common) { clearWorkload(&k.Setup) }},
		{"records", known(func(c *results.Cell) string { return strconv.FormatUint(c.Workload.Records, 10) }), func(k *common) {
			k.Setup.Records, k.Setup.Operations = 0, 0
			delete(k.Axes, "workload.recordcount")
		}},
		{"value_bytes", known(func(c *results.Cell) string { return number(c.Workload.ValueBytes) }), func(k *common) { k.Setup.ValueBytes = 0 }},
		{"dist", known(func(c *results.Cell) string { return c.Workload.Dist }), func(k *common) { k.Setup.Dist = "" }},
		{"compat", known(func(c *results.Cell) string { return c.Workload.Compat }), func(k *common) { k.Setup.Compat = "" }},
		{"regime", known(func(c *results.Cell) string { return c.Regime }), func(k *common) { k.Setup.Regime = "" }},
		{"cache_regime", known(func(c *results.Cell) string { return c.CacheRegime }), func(k *common) { k.Setup.CacheRegime = "" }},
		{"mode", known(func(c *results.Cell) string { return c.Load.Mode }), func(k *common) {
			k.Setup.Mode, k.Setup.Rate, k.Setup.Arrival = "", nil, ""
		}},
		{"driver", known(func(c *results.Cell) string { return c.Load.Driver }), func(k *common) { k.Setup.Driver = "" }},
	}
}

// clearWorkload leaves how it was driven.
func clearWorkload(s *results.Setup) {
	s.Workload, s.Compat, s.Records, s.ValueBytes = "", "", 0, 0
	s.KeyFormat, s.Mix, s.Dist, s.UpdateMode, s.Operations = "", nil, "", "", 0
}

// axisDimension is one of a sweep's. That of a setting makes labels of its
// own, and that of a property another workload.
func axisDimension(name string) dimension {
	return dimension{
		name: name,
		of: func(c *results.Cell) (string, bool) {
			value, ok := c.Axes[name]
			return value, ok
		},
		clear: func(k *common) {
			delete(k.Axes, name)
			switch {
			case strings.HasPrefix(name, "workload."):
				clearWorkload(&k.Setup)
			default:
				k.Engine, _, _ = strings.Cut(k.Engine, "@")
			}
		},
	}
}

// inOrder sorts names as given in the plan; then numbers by size; then by
// first appearance.
func inOrder(names []string, planned []string) []string {
	out := slices.Clone(names)
	place := func(name string) int {
		if i := slices.Index(planned, name); i >= 0 {
			return i
		}
		engine, _, _ := strings.Cut(name, "@")
		if i := slices.Index(planned, engine); i >= 0 {
			return i
		}
		return len(planned)
	}
	slices.SortStableFunc(out, func(a, b string) int {
		if d := cmp.Compare(place(a), place(b)); d != 0 {
			return d
		}
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		if errX == nil && errY == nil {
			return cmp.Compare(x, y)
		}
		return 0
	})
	return out
}

func join(parts []string, with string) string { return strings.Join(parts, with) }
