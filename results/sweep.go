package results

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Base is a name without the values that a sweep put behind it: "lsm" of
// "lsm@size_ratio=4", "C" of "C@theta=1.2".
func Base(name string) string {
	base, _, _ := strings.Cut(name, "@")
	return base
}

// isSweep reports whether cells differ along the axes of the manifest.
func isSweep(run *Run) bool {
	return slices.ContainsFunc(run.Manifest.Axes, func(a Axis) bool {
		return slices.ContainsFunc(run.Cells, func(c Cell) bool { return c.Axes[a.Name] != "" })
	})
}

// sweep writes all combinations of a sweep as one table, regime by regime: a
// line each, with the values of the axes in front.
func sweep(p *page, run *Run, groups []group) {
	byRegime := map[string][]Row{}
	var regimes []string
	for _, g := range groups {
		key := strings.TrimSuffix(regimeText(g.Regime)+", "+g.CacheRegime, ", ")
		if _, ok := byRegime[key]; !ok {
			regimes = append(regimes, key)
		}
		byRegime[key] = slices.Concat(byRegime[key], g.rows, g.rails)
	}
	var notes footnotes
	for _, regime := range regimes {
		rows := byRegime[regime]
		sortByAxes(run.Manifest.Axes, rows)
		p.heading(2, "sweep, "+regime)
		p.line(repsText(rows))
		p.blank()
		p.table(sweepColumns(p, run.Manifest.Axes, rows, &notes))
	}
	notes.write(p)
}

// sortByAxes orders rows by workload, engine and the axes' values as given.
func sortByAxes(axes []Axis, rows []Row) {
	slices.SortStableFunc(rows, func(a, b Row) int {
		c := cmp.Or(strings.Compare(Base(a.Workload), Base(b.Workload)), strings.Compare(a.Engine, b.Engine))
		for _, axis := range axes {
			c = cmp.Or(c, cmp.Compare(slices.Index(axis.Values, a.axis(axis.Name)), slices.Index(axis.Values, b.axis(axis.Name))))
		}
		return c
	})
}

// axis is the value that a sweep gave the row, "" where the axis does not
// concern it.
func (r *Row) axis(name string) string {
	if len(r.cells) == 0 {
		return ""
	}
	return r.cells[0].Axes[name]
}

func sweepColumns(p *page, axes []Axis, rows []Row, notes *footnotes) []column {
	var columns []column
	name := func(title string, of func(r *Row) string) {
		c := column{title: title, left: true}
		differs := false
		for i := range rows {
			c.cells = append(c.cells, of(&rows[i]))
			differs = differs || c.cells[i] != c.cells[0]
		}
		if differs || title == "engine" {
			columns = append(columns, c)
		}
	}
	name("workload", func(r *Row) string { return Base(r.Workload) })
	name("engine", func(r *Row) string { return r.Engine })
	for _, axis := range axes {
		name(axis.Name, func(r *Row) string { return cmp.Or(r.axis(axis.Name), unknownText) })
	}
	add := func(block int, title string, cell func(r *Row) string) {
		c := column{title: title, block: block}
		for i := range rows {
			text := ""
			if rows[i].OpsPerS != nil {
				text = cell(&rows[i])
			}
			c.cells = append(c.cells, text)
		}
		if slices.ContainsFunc(c.cells, func(s string) bool { return s != "" && s != unknownText }) {
			columns = append(columns, c)
		}
	}
	labels := engineLabels(rows)
	rates := column{title: "ops/s", block: blockSpeed}
	for i := range rows {
		rates.cells = append(rates.cells, rateText(p, &rows[i], labels[i], notes))
	}
	columns = append(columns, rates)
	add(blockSpeed, "min .. max", func(r *Row) string { return humanCount(*r.OpsPerSMin) + " .. " + humanCount(*r.OpsPerSMax) })
	add(blockSpeed, "n", func(r *Row) string { return strconv.Itoa(r.N) })
	for i, op := range opsOf(rows) {
		add(blockLatency+i, shortOp(op)+" p50", func(r *Row) string { return orUnknown(r.Ops[op].P50, humanNs) })
		add(blockLatency+i, "p99", func(r *Row) string { return orUnknown(r.Ops[op].P99, humanNs) })
	}
	add(blockCost, "w-amp", func(r *Row) string { return orUnknown(r.WriteAmp, significant) })
	add(blockCost, "settled", func(r *Row) string { return orUnknown(r.WriteAmpSettled, significant) })
	add(blockCost, "r-amp", func(r *Row) string { return orUnknown(r.ReadAmp, significant) })
	add(blockCost, "s-amp", func(r *Row) string { return orUnknown(r.SpaceAmp, significant) })
	add(blockCost, "peak RSS", func(r *Row) string { return orUnknown(r.PeakRSS, humanBytes) })
	return append(columns, lampColumn(p, rows, labels, notes)...)
}
