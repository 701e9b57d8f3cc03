package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

// sweeps draws what varied in a run: its axes or, in a run that is no sweep,
// the numbers of threads.
func (b *builder) sweeps() error {
	for _, s := range b.src {
		axes := s.run.Manifest.Axes
		if len(axes) == 0 && len(s.run.Manifest.Plan.Threads) > 1 {
			axis := results.Axis{Name: "threads"}
			for _, n := range s.run.Manifest.Plan.Threads {
				axis.Values = append(axis.Values, strconv.Itoa(n))
			}
			axes = []results.Axis{axis}
		}
		if len(axes) == 0 {
			continue
		}
		points := s.sweepPoints(axes)
		for _, workload := range workloadsOf(points) {
			for _, name := range []string{rateMetric, "read.p99", "update.p99", "write_amp_settled", spaceMetric} {
				b.sweep(s, axes, workload, name, points)
			}
		}
	}
	return nil
}

// A sweepPoint is one entry at one place of a sweep.
type sweepPoint struct {
	*lot
	workload string
	at       []string // the value of each axis; empty where it does not apply
}

// sweepPoints places the entries. An axis that a cell does not name is read
// from its load, so that threads and rates need no axes of their own.
func (s *source) sweepPoints(axes []results.Axis) []sweepPoint {
	var points []sweepPoint
	for _, g := range s.groups {
		for _, l := range g.ranked {
			p := sweepPoint{lot: l, workload: g.Setup.Workload}
			for _, a := range axes {
				p.at = append(p.at, axisValue(a.Name, g, l))
			}
			points = append(points, p)
		}
	}
	return points
}

func axisValue(axis string, g *group, l *lot) string {
	if v, ok := l.all[0].Axes[axis]; ok {
		return v
	}
	switch axis {
	case "threads":
		return strconv.Itoa(g.Setup.Threads)
	case "rate":
		if g.Setup.Rate != nil {
			return strconv.FormatFloat(*g.Setup.Rate, 'f', -1, 64)
		}
	}
	return ""
}

func workloadsOf(points []sweepPoint) []string {
	var names []string
	for _, p := range points {
		if !slices.Contains(names, p.workload) {
			names = append(names, p.workload)
		}
	}
	return names
}

// sweep makes the chart of one metric of one workload, if anybody knows it.
func (b *builder) sweep(s *source, axes []results.Axis, workload, name string, points []sweepPoint) {
	m, err := compare.FindMetric(name)
	if err != nil {
		return
	}
	sweep := Sweep{
		Run: s.id, Title: fmt.Sprintf("%s over %s, workload %s", titleOf(name), axisNames(axes), workload),
		Workload: workload, Metric: name, Unit: m.Unit, Better: m.Better, Axes: axes, Numeric: true,
	}
	lines := map[string]*Line{}
	var order []string
	known := false
	for _, p := range points {
		if p.workload != workload || p.at[0] == "" {
			continue
		}
		key := lineName(axes, p)
		line, ok := lines[key]
		if !ok {
			line = &Line{Name: key, Color: p.Color}
			lines[key], order = line, append(order, key)
		}
		f := brief(p.used, m.Value)
		point := LinePoint{X: p.at[0], Num: asNumber(p.at[0]), Y: f.Median, Low: f.Low, High: f.High, N: f.N, Lamp: p.Lamp}
		if f.Median == nil {
			point.Note = p.Text
		}
		known = known || f.Median != nil
		sweep.Numeric = sweep.Numeric && point.Num != nil
		line.Points = append(line.Points, point)
	}
	if !known {
		return
	}
	for _, key := range order {
		line := lines[key]
		slices.SortStableFunc(line.Points, func(x, y LinePoint) int {
			return place(axes[0].Values, x.X) - place(axes[0].Values, y.X)
		})
		sweep.Lines = append(sweep.Lines, *line)
	}
	if len(axes) == 2 {
		sweep.Heats = heats(axes, workload, m, points)
	}
	b.m.Sweeps = append(b.m.Sweeps, sweep)
}

func titleOf(metric string) string {
	kind, figure, ok := strings.Cut(metric, ".")
	switch {
	case ok:
		return figure + " of " + kind + "s"
	case metric == rateMetric:
		return "operations a second"
	case metric == spaceMetric:
		return "space amplification"
	}
	return "write amplification, settled"
}

func axisNames(axes []results.Axis) string {
	var names []string
	for _, a := range axes {
		names = append(names, a.Name)
	}
	return list(names)
}

func place(values []string, v string) int {
	if i := slices.Index(values, v); i >= 0 {
		return i
	}
	return len(values)
}

func asNumber(text string) *float64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	return &x
}

// lineName is the engine with the values of all axes but the first.
func lineName(axes []results.Axis, p sweepPoint) string {
	parts := []string{p.row.Engine}
	for i := 1; i < len(axes); i++ {
		if p.at[i] != "" {
			parts = append(parts, axes[i].Name+"="+p.at[i])
		}
	}
	return strings.Join(parts, " ")
}

// heats makes one map an engine.
func heats(axes []results.Axis, workload string, m compare.Metric, points []sweepPoint) []Heat {
	byEngine := map[string]*Heat{}
	for _, p := range points {
		column, row := place(axes[0].Values, p.at[0]), place(axes[1].Values, p.at[1])
		if p.workload != workload || column == len(axes[0].Values) || row == len(axes[1].Values) {
			continue
		}
		h, ok := byEngine[p.row.Engine]
		if !ok {
			h = emptyHeat(p.row.Engine, p.Color, len(axes[1].Values), len(axes[0].Values))
			byEngine[p.row.Engine] = h
		}
		y := brief(p.used, m.Value).Median
		h.Cells[row][column] = y
		h.Texts[row][column] = textOf(m.Unit)(y)
		if y != nil {
			h.Min, h.Max = results.Num(min(*y, orElse(h.Min, *y))), results.Num(max(*y, orElse(h.Max, *y)))
		}
	}
	var list []Heat
	for _, name := range slices.Sorted(maps.Keys(byEngine)) {
		list = append(list, *byEngine[name])
	}
	return list
}

func emptyHeat(name string, color, rows, columns int) *Heat {
	h := &Heat{Name: name, Color: color}
	for range rows {
		h.Cells = append(h.Cells, make([]*float64, columns))
		texts := make([]string, columns)
		for i := range texts {
			texts[i] = results.TextNumber(nil)
		}
		h.Texts = append(h.Texts, texts)
	}
	return h
}

// textOf is how a unit is written for people.
func textOf(unit string) func(*float64) string {
	switch unit {
	case "ops/s", "rows/s":
		return results.TextCount
	case "ns", "ns/op":
		return results.TextNs
	case "bytes", "bytes/op":
		return results.TextBytes
	case "x":
		return results.TextFactor
	case "share":
		return results.TextShare
	}
	return results.TextNumber
}
