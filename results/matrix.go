package results

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// matrixKey is what the cells of one matrix share: the regimes, the data and
// how it was driven. Workloads and threads are its columns.
func matrixKey(s *Setup) string {
	return keyText([]any{
		s.Regime, s.CacheRegime, s.Records, s.ValueBytes, s.KeyFormat, s.Compat, s.Mode, s.Rate, s.Driver,
	})
}

// matrices writes the median rates of engines by workloads.
func matrices(p *page, run *Run, groups []group) {
	for len(groups) > 0 {
		key := matrixKey(&groups[0].Setup)
		var same, rest []group
		for _, g := range groups {
			if matrixKey(&g.Setup) == key {
				same = append(same, g)
			} else {
				rest = append(rest, g)
			}
		}
		matrix(p, run, same)
		groups = rest
	}
}

// matrix writes one table, and one of rails.
func matrix(p *page, run *Run, groups []group) {
	s := &groups[0].Setup
	parts := []string{"ops/s", regimeText(s.Regime)}
	if s.CacheRegime != "" {
		parts = append(parts, s.CacheRegime)
	}
	p.heading(2, strings.Join(parts, ", "))
	p.line(matrixData(run, groups))
	p.blank()
	var notes footnotes
	rows := make([][]Row, len(groups))
	rails := make([][]Row, len(groups))
	for i, g := range groups {
		rows[i], rails[i] = g.rows, g.rails
	}
	labels := setupLabels(groups)
	engines := matrixColumns(p, &run.Manifest.Plan, labels, rows, &notes)
	if engines != nil {
		p.table(engines)
	}
	if t := matrixColumns(p, &run.Manifest.Plan, labels, rails, &notes); t != nil {
		if engines != nil {
			p.blank()
		}
		p.line(railText)
		p.table(t)
	}
	notes.write(p)
}

// matrixData says what all cells of a matrix have in common.
func matrixData(run *Run, groups []group) string {
	s := &groups[0].Setup
	parts := []string{data(s)}
	var rows []Row
	threads := s.Threads
	for _, g := range groups {
		rows = slices.Concat(rows, g.rows, g.rails)
		if g.Threads != threads {
			threads = 0
		}
	}
	if threads > 0 {
		parts = append(parts, plural(threads, "thread"))
	}
	if s.Mode != "" {
		parts = append(parts, s.Mode+" loop")
	}
	if s.Rate != nil {
		parts = append(parts, humanCount(*s.Rate)+" ops/s asked for")
	}
	if d := run.Manifest.Plan.DurationS; d > 0 {
		parts = append(parts, "warm-up "+plain(run.Manifest.Plan.WarmupS)+" s", "measured "+plain(d)+" s")
	}
	return strings.Join(append(parts, repsText(rows), seedsText(rows)), ", ")
}

// setupLabels names columns by their workload and, where several have the
// same, by what they differ in.
func setupLabels(groups []group) []string {
	traits := func(s *Setup) []string {
		return []string{
			"t=" + strconv.Itoa(s.Threads), s.Dist, s.UpdateMode, mixText(s.Mix),
			plain(s.DurationS) + " s", humanCount(float64(s.Operations)) + " ops",
		}
	}
	labels := make([]string, len(groups))
	for i := range groups {
		parts := []string{groups[i].Workload}
		mine := traits(&groups[i].Setup)
		for t := range mine {
			differs := slices.ContainsFunc(groups, func(o group) bool {
				return o.Workload == groups[i].Workload && traits(&o.Setup)[t] != mine[t]
			})
			if differs {
				parts = append(parts, mine[t])
			}
		}
		labels[i] = strings.Join(parts, " ")
	}
	return labels
}

// matrixColumns makes a column of each setup's rows, matched by engine,
// settings and level of durability; nil when there is no row.
func matrixColumns(p *page, plan *Plan, labels []string, setups [][]Row, notes *footnotes) []column {
	engines := matrixRows(slices.Concat(setups...))
	slices.SortStableFunc(engines, func(a, b Row) int {
		return cmp.Or(
			cmp.Compare(engineOrder(plan, a.Engine), engineOrder(plan, b.Engine)),
			strings.Compare(rowKey(&a), rowKey(&b)),
		)
	})
	engines = slices.CompactFunc(engines, func(a, b Row) bool { return rowKey(&a) == rowKey(&b) })
	if len(engines) == 0 {
		return nil
	}
	name := column{title: "engine", left: true, cells: engineLabels(engines)}
	columns := []column{name}
	if !engines[0].Rail {
		columns = append(columns, levelColumns(engines, 0)...)
	}
	for i, rows := range setups {
		c := column{title: labels[i], block: i + 1}
		for e := range engines {
			text := unknownText
			if at := findRow(rows, &engines[e]); at >= 0 {
				text = matrixText(p, &rows[at], name.cells[e], notes)
			}
			c.cells = append(c.cells, text)
		}
		columns = append(columns, c)
	}
	return columns
}

// matrixRows drops the rows without a rate of engines that have one elsewhere:
// findRow finds them by name.
func matrixRows(rows []Row) []Row {
	return slices.DeleteFunc(rows, func(r Row) bool {
		return r.OpsPerS == nil && slices.ContainsFunc(rows, func(o Row) bool {
			return o.OpsPerS != nil && o.Engine == r.Engine
		})
	})
}

// findRow finds the row of the same engine, settings and level. What was
// refused or failed may not know those: the engine's name will do.
func findRow(rows []Row, like *Row) int {
	if at := slices.IndexFunc(rows, func(r Row) bool { return rowKey(&r) == rowKey(like) }); at >= 0 {
		return at
	}
	return slices.IndexFunc(rows, func(r Row) bool { return r.OpsPerS == nil && r.Engine == like.Engine })
}

func rowKey(r *Row) string {
	return keyText([]any{r.Engine, r.Version, settingsText(r.Settings), r.Durability})
}

func engineOrder(p *Plan, name string) int {
	if i := slices.Index(p.Engines, name); i >= 0 {
		return i
	}
	return len(p.Engines)
}

// matrixText is the rate, with a mark when there is a grave objection, or why
// there is none. Reasons name the engine only, so that workloads share them.
func matrixText(p *page, r *Row, label string, notes *footnotes) string {
	text := rateText(p, r, label, notes)
	if r.OpsPerS == nil {
		return text
	}
	if _, reasons := objections(p, r, true); len(reasons) > 0 {
		text += " " + notes.mark(label+": "+strings.Join(reasons, "; "))
	}
	return text
}
