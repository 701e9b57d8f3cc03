package compare

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// kinds are the operations that cells count.
func kinds() []string {
	return []string{
		"read", "update", "insert", "scan", "read-modify-write", "delete", "read-absent", "reverse-scan", "delete-range", "put",
	}
}

// A quantile of the times of one kind of operation.
type quantile struct {
	name string
	of   func(*results.Latency) float64
}

func quantiles() []quantile {
	return []quantile{
		{"p50", func(l *results.Latency) float64 { return float64(l.P50) }},
		{"p90", func(l *results.Latency) float64 { return float64(l.P90) }},
		{"p95", func(l *results.Latency) float64 { return float64(l.P95) }},
		{"p99", func(l *results.Latency) float64 { return float64(l.P99) }},
		{"p999", func(l *results.Latency) float64 { return float64(l.P999) }},
		{"p9999", func(l *results.Latency) float64 { return float64(l.P4N) }},
		{"max", func(l *results.Latency) float64 { return float64(l.P100) }},
		{"mean", func(l *results.Latency) float64 { return l.Mean }},
	}
}

// latencyMetric finds "p99" or "response.p99" of a kind of operation.
func latencyMetric(kind, figure string) (Metric, error) {
	if !slices.Contains(kinds(), kind) {
		return Metric{}, fmt.Errorf("%w: metric %q: %q is no kind of operation%s",
			engine.ErrInvalid, kind+"."+figure, kind, engine.Suggest(kind, kinds()))
	}
	name, response := strings.CutPrefix(figure, "response.")
	about := "from call to return"
	if response {
		about = "from the intended start, in an open loop"
	}
	var known []string
	for _, q := range quantiles() {
		known = append(known, q.name)
		if q.name != name {
			continue
		}
		value := func(c *results.Cell) *float64 {
			s := c.Ops[kind]
			if s == nil || s.N == 0 {
				return nil
			}
			l := s.Service
			if response {
				l = s.Response
			}
			if l == nil {
				return nil
			}
			return results.Num(q.of(l))
		}
		return Metric{
			Name: kind + "." + figure, Unit: "ns", Better: BetterLower,
			About: q.name + " of the times of " + kind + ", " + about, value: value,
		}, nil
	}
	return Metric{}, fmt.Errorf("%w: metric %q: %s has no %q%s",
		engine.ErrInvalid, kind+"."+figure, kind, name, engine.Suggest(name, known))
}

// ioMetrics are the counts of results.IO, per operation.
func ioMetrics() []Metric {
	var list []Metric
	t := reflect.TypeFor[results.IO]()
	for i := range t.NumField() {
		name := jsonName(t.Field(i))
		unit := "bytes/op"
		if slices.Contains([]string{"syscr", "syscw", "fsync"}, name) {
			unit = "count/op"
		}
		list = append(list, Metric{
			Name: "io." + name, Unit: unit, Better: BetterLower, Counted: true,
			About: "io." + name + " of the cell, per operation",
			value: perOp(func(c *results.Cell) engine.Count {
				count, _ := reflect.ValueOf(&c.IO).Elem().Field(i).Interface().(engine.Count)
				return count
			}),
		})
	}
	return list
}

// engineMetrics are the engine's own counters, per operation, and its gauges
// as they are.
func engineMetrics() []Metric {
	var list []Metric
	groups := reflect.TypeFor[engine.Metrics]()
	for i := range groups.NumField() {
		group := groups.Field(i)
		for j := range group.Type.NumField() {
			list = append(list, engineMetric(i, j, group, group.Type.Field(j)))
		}
	}
	return list
}

func engineMetric(i, j int, group, field reflect.StructField) Metric {
	count := func(c *results.Cell) engine.Count {
		count, _ := reflect.ValueOf(&c.Metrics).Elem().Field(i).Field(j).Interface().(engine.Count)
		return count
	}
	name := jsonName(field)
	timed := name == "ns" || strings.HasSuffix(name, "_ns")
	m := Metric{
		Name: "metrics." + jsonName(group) + "." + name, Better: BetterLower, Counted: !timed,
		Unit: unitOf(jsonName(group), name, timed),
	}
	if name == "hits" || strings.HasSuffix(name, "_hits") || name == "filter_negatives" || name == "syncs_avoided" {
		m.Better = BetterHigher
	}
	if field.Tag.Get("kind") == "gauge" {
		m.About = "the engine's gauge at the end"
		m.value = func(c *results.Cell) *float64 { return number(count(c)) }
		return m
	}
	m.Unit += "/op"
	m.About = "the engine's own counter, per operation"
	m.value = perOp(count)
	return m
}

// unitOf tells bytes from counts by how the engine's metrics are named.
func unitOf(group, name string, timed bool) string {
	switch {
	case timed:
		return "ns"
	case group == "memory", strings.Contains(name, "bytes"):
		return "bytes"
	}
	return "count"
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
