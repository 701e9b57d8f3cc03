package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// group makes the table of one setup, whose rows are neighbours.
func (b *builder) group(s *source, key string, rows []results.Row) *group {
	setup := rows[0].Setup
	g := &group{src: s, Table: Table{
		Run: s.id, Key: key, Title: shortTitle(&setup), About: aboutOf(s, rows),
		Setup: setup, Load: setup.IsLoad(),
	}}
	labels := labelsOf(rows)
	ops := map[string]bool{}
	for i := range rows {
		l := b.lot(labels[i], &rows[i])
		for op := range l.Ops {
			ops[op] = true
		}
		if l.row.Rail {
			g.rails = append(g.rails, l)
		} else {
			g.ranked = append(g.ranked, l)
		}
	}
	for op := range ops {
		g.Ops = append(g.Ops, op)
	}
	slices.SortFunc(g.Ops, results.CompareOps)
	g.rank(b.o.IncludeRed)
	return g
}

// shortTitle leaves what a regime means to About.
func shortTitle(s *results.Setup) string {
	return strings.Replace(s.Title(), results.TextRegime(s.Regime), s.Regime, 1)
}

func aboutOf(s *source, rows []results.Row) []string {
	about := results.About(s.run, rows)
	if regime := results.TextRegime(rows[0].Regime); regime != rows[0].Regime {
		about = append(about, regime)
	}
	return about
}

// labelsOf names engines and rails alike.
func labelsOf(rows []results.Row) []string { return results.Labels(rows) }

// lot makes the entry of one row.
func (b *builder) lot(label string, r *results.Row) *lot {
	l := &lot{row: *r, all: r.Cells()}
	slices.SortStableFunc(l.all, func(x, y *results.Cell) int { return cmp.Compare(x.Rep, y.Rep) })
	var red []*results.Cell
	for _, c := range l.all {
		switch {
		case c.Status != r.Status || c.OpsPerS == nil:
		case c.LampOf() == results.LampRed && !b.o.IncludeRed:
			red = append(red, c)
		default:
			l.used = append(l.used, c)
		}
	}
	if len(l.used) == 0 {
		l.used = red // better a figure with its lamp than none; it is not ranked
	} else {
		l.Left = len(red)
	}
	l.Engine, l.Color = label, b.color(label, r)
	l.Status, l.Why, l.Level, l.Version = r.Status, r.Reason, r.Durability, r.Version
	if r.Durability != engine.Default {
		l.Survives = &r.SurvivesKill
	}
	l.N, l.Reps = len(l.used), len(l.all)
	l.Flags = append(l.missing(), flagsOf(l.all)...)
	l.measure()
	l.Lamp = l.lamp()
	l.Text = l.text()
	return l
}

// missing says which repetitions are not in the figures, as flags do.
func (l *lot) missing() []results.Flag {
	var flags []results.Flag
	if len(l.used) == 0 {
		return nil
	}
	if l.Left > 0 {
		flags = append(flags, results.Flag{Name: "left_out", Level: results.LampYellow, Reason: fmt.Sprintf(
			"%d of %s left out, because the lamp is red", l.Left, count(len(l.all), "repetition"),
		)})
	}
	for _, status := range []results.Status{results.StatusFailed, results.StatusPartial, results.StatusUnsupported, results.StatusSkipped} {
		if n := l.row.Outcomes[status]; n > 0 {
			flags = append(flags, results.Flag{Name: string(status), Level: results.LampYellow, Reason: fmt.Sprintf(
				"%d of %s: %s", n, count(len(l.all), "repetition"), cmp.Or(l.row.Reason, "no reason was recorded"),
			)})
		}
	}
	return flags
}

// lamp is red when the figures rest on red cells, and at most yellow when some
// repetition was left out of them.
func (l *lot) lamp() string {
	if len(l.used) == 0 {
		return ""
	}
	lamp := results.LampGreen
	if l.Left > 0 || len(l.used) < len(l.all) {
		lamp = results.LampYellow
	}
	for _, c := range l.used {
		switch c.LampOf() {
		case results.LampRed:
			return results.LampRed
		case results.LampYellow:
			lamp = results.LampYellow
		}
	}
	return lamp
}

// flagsOf has each flag of the cells once, at its worst, red ones first.
func flagsOf(cells []*results.Cell) []results.Flag {
	var flags []results.Flag
	for _, c := range cells {
		for _, f := range c.Quality.Flags {
			f.Reason = results.FirstLine(f.Reason)
			i := slices.IndexFunc(flags, func(g results.Flag) bool { return g.Name == f.Name })
			switch {
			case i < 0:
				flags = append(flags, f)
			case f.Level == results.LampRed && flags[i].Level != results.LampRed:
				flags[i] = f
			}
		}
	}
	slices.SortStableFunc(flags, func(x, y results.Flag) int {
		return cmp.Or(cmp.Compare(levelOrder(x.Level), levelOrder(y.Level)), strings.Compare(x.Name, y.Name))
	})
	return flags
}

func levelOrder(level string) int {
	switch level {
	case results.LampRed:
		return 0
	case results.LampYellow:
		return 1
	}
	return 2
}

// text is the rate, or why there is none; never 0 for what was not measured.
func (l *lot) text() string {
	switch {
	case l.Rate.Median != nil:
		return results.TextCount(l.Rate.Median)
	case l.Status == results.StatusUnsupported:
		return "n/a"
	case l.Status == results.StatusFailed:
		return "FAILED"
	case l.Status == results.StatusSkipped:
		return "not run"
	case l.Status == results.StatusPartial:
		return "partial"
	}
	return results.TextCount(nil)
}

// measure fills the figures.
func (l *lot) measure() {
	l.Rate = summarize(l.used, metric("ops_per_s"))
	l.RowsPerS = summarize(l.used, metric("rows_per_s"))
	for name, f := range map[string]*Figure{
		"write_amp": &l.WriteAmp, "write_amp_settled": &l.WriteAmpSettled, "read_amp": &l.ReadAmp,
		"space_amp": &l.SpaceAmp, "rss": &l.PeakRSS, "allocs_per_op": &l.AllocsPerOp,
		"cpu_ns_per_op": &l.CPUPerOp, "harness_share": &l.HarnessShare, "settle_s": &l.SettleS, "debt_end": &l.DebtEnd,
	} {
		*f = brief(l.used, metric(name))
	}
	l.Ops = map[string]OpTimes{}
	for _, c := range l.used {
		for op, s := range c.Ops {
			if s != nil && s.N > 0 {
				t := l.Ops[op]
				t.N += s.N
				l.Ops[op] = t
			}
		}
	}
	for op, t := range l.Ops {
		t.Service = quantilesOf(l.used, op+".")
		t.Response = quantilesOf(l.used, op+".response.")
		l.Ops[op] = t
	}
	l.Open = openOf(l.used)
}

func quantilesOf(cells []*results.Cell, prefix string) Quantiles {
	of := func(name string) Figure { return brief(cells, metric(prefix+name)) }
	return Quantiles{Mean: of("mean"), P50: of("p50"), P99: of("p99"), P999: of("p999"), Max: of("max")}
}

// openOf is null in a closed loop.
func openOf(cells []*results.Cell) *Open {
	verdicts := map[string]int{}
	for _, c := range cells {
		if c.Open != nil {
			verdicts[c.Open.Verdict]++
		}
	}
	if len(verdicts) == 0 {
		return nil
	}
	of := func(f func(*results.OpenLoop) *float64) Figure {
		return brief(cells, func(c *results.Cell) *float64 {
			if c.Open == nil {
				return nil
			}
			return f(c.Open)
		})
	}
	return &Open{
		Offered:  of(func(o *results.OpenLoop) *float64 { return &o.OfferedPerS }),
		Achieved: of(func(o *results.OpenLoop) *float64 { return &o.AchievedPerS }),
		Dropped:  of(func(o *results.OpenLoop) *float64 { return results.Num(float64(o.Dropped)) }),
		Backlog:  of(func(o *results.OpenLoop) *float64 { return results.Num(float64(o.BacklogMax)) }),
		LagP99: of(func(o *results.OpenLoop) *float64 {
			if o.Lag == nil {
				return nil
			}
			return results.Num(float64(o.Lag.P99))
		}),
		Verdicts: tallies(verdicts, []string{results.OpenOK, results.OpenSaturated, results.OpenGeneratorLimited}),
	}
}

// rankable: it has a figure that is fit for a ranking, of whole repetitions,
// and never failed.
func (l *lot) rankable(includeRed bool) bool {
	return l.Rate.Median != nil && l.Status == results.StatusOK && l.row.Outcomes[results.StatusFailed] == 0 &&
		(includeRed || l.Lamp != results.LampRed)
}

// rank sorts the entries from the fastest and numbers them; those without a
// place come after.
func (g *group) rank(includeRed bool) {
	order := func(a, b *lot) int {
		if x, y := a.rankable(includeRed), b.rankable(includeRed); x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Or(
			cmp.Compare(orElse(b.Rate.Median, -1), orElse(a.Rate.Median, -1)),
			strings.Compare(a.Engine, b.Engine),
		)
	}
	slices.SortStableFunc(g.ranked, order)
	slices.SortStableFunc(g.rails, func(a, b *lot) int {
		return cmp.Compare(orElse(b.Rate.Median, -1), orElse(a.Rate.Median, -1))
	})
	for i, l := range g.ranked {
		if l.rankable(includeRed) {
			place := i + 1
			l.Rank = &place
		}
	}
}

func orElse(x *float64, other float64) float64 {
	if x == nil {
		return other
	}
	return *x
}
