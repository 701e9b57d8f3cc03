package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kvbench/kvbench/results"
)

// quantity writes a measure with its unit, as the tables of package results
// write it.
func quantity(x *float64, unit string) string {
	switch {
	case x == nil:
		return results.TextCount(nil)
	case unit == "ns":
		return results.TextNs(x)
	case unit == "bytes":
		return results.TextBytes(x)
	case unit == "bytes/op", unit == "bytes/s":
		return results.TextBytes(x) + strings.TrimPrefix(unit, "bytes")
	case unit == "count/op":
		return results.TextNumber(x) + "/op"
	case unit == "share":
		return results.TextShare(x)
	case unit == "x":
		return results.TextFactor(x)
	case unit == "":
		return results.TextNumber(x)
	default:
		return results.TextCount(x)
	}
}

func quantities(xs []*float64, unit string) string {
	var out []string
	for _, x := range xs {
		if x != nil {
			out = append(out, quantity(x, unit))
		}
	}
	return strings.Join(out, ", ")
}

// interval is empty where none is known.
func interval(low, high *float64, unit string) string {
	if low == nil || high == nil {
		return ""
	}
	return quantity(low, unit) + " – " + quantity(high, unit)
}

// ratioText is a ratio with its interval.
func ratioText(m *Match) string {
	if m == nil || m.Ratio == nil {
		return ""
	}
	text := results.TextFactor(m.Ratio)
	if ci := interval(m.Low, m.High, "x"); ci != "" {
		text += " [" + ci + "]"
	}
	return text
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }

func countText[N int | uint64 | float64](n N) string { x := float64(n); return results.TextCount(&x) }

func shareText(x *float64) string { return results.TextShare(x) }

func pluralText(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// seedless is a line about a setup without its seeds, which are long: they are
// in the results, and the command draws them again.
func seedless(line string) string {
	line, _, _ = strings.Cut(line, ", seeds ")
	line, _, _ = strings.Cut(line, ", seed ")
	return line
}

// lamp says the colour in words, too.
func lamp(name string) template.HTML {
	if name == "" {
		return ""
	}
	name = template.HTMLEscapeString(name)
	return template.HTML(`<span class="lamp ` + name + `">` + name + `</span>`)
}

func (p *htmlPage) markOf(label string) template.HTML {
	if i := p.colorOf(label, -1); i >= 0 {
		return mark(i)
	}
	return ""
}

func (p *htmlPage) runName(id string) string {
	for _, r := range p.Runs {
		if r.ID == id {
			return r.Name
		}
	}
	return id
}

// shortNames names tables for places without room for titles: the workload,
// and whatever else tells it from the others.
func shortNames(m *Model) map[string]string {
	short := map[string]string{}
	parts := []func(*Table) string{
		func(t *Table) string { return t.Setup.Regime },
		func(t *Table) string { return t.Setup.CacheRegime },
		func(t *Table) string { return pluralText(t.Setup.Threads, "thread") },
		func(t *Table) string {
			if t.Setup.Rate == nil {
				return "closed loop"
			}
			return results.TextCount(t.Setup.Rate) + " op/s"
		},
		func(t *Table) string { return countText(t.Setup.Records) + " records" },
		func(t *Table) string { return number(t.Setup.ValueBytes) + " B" },
		func(t *Table) string { return runOf(m, t.Run) },
	}
	for i := range m.Tables {
		t := &m.Tables[i]
		name := t.Setup.Workload
		for _, part := range parts {
			text := part(t)
			differs := slices.ContainsFunc(m.Tables, func(o Table) bool {
				return o.Setup.Workload == t.Setup.Workload && part(&o) != text
			})
			if differs && text != "" {
				name += ", " + text
			}
		}
		short[t.ID] = name
	}
	return short
}

func runOf(m *Model, id string) string {
	p := htmlPage{Model: m}
	return p.runName(id)
}

// shortInRun is a table's short name without its run.
func (p *htmlPage) shortInRun(t *Table) string {
	return strings.TrimSuffix(p.names[t.ID], ", "+p.runName(t.Run))
}

// An overviewTable has a table a row and an engine a column.
type overviewTable struct {
	Engines []Engine
	Rows    []overviewRow
}

type overviewRow struct {
	Table   *Table
	Entries []*Entry // by column; null: not in this table
}

// overview is null where it would say nothing: of one table, or of a sweep
// with its many settings.
func (p *htmlPage) overview() *overviewTable {
	o := &overviewTable{}
	for _, e := range p.Engines {
		if !e.Rail {
			o.Engines = append(o.Engines, e)
		}
	}
	ranked := p.Ranked()
	if len(ranked) < 2 || len(o.Engines) == 0 || len(o.Engines) > 10 {
		return nil
	}
	for _, t := range ranked {
		row := overviewRow{Table: t, Entries: make([]*Entry, len(o.Engines))}
		for k := range t.Entries {
			if c := slices.IndexFunc(o.Engines, func(e Engine) bool { return e.Label == t.Entries[k].Engine }); c >= 0 {
				row.Entries[c] = &t.Entries[k]
			}
		}
		o.Rows = append(o.Rows, row)
	}
	return o
}

// A rankRow is an entry with the scale that it is drawn on, which may be null.
type rankRow struct {
	Entry *Entry
	Plot  *rankPlot
	Level bool // what a write has survived is a column of its own
}

func newRankRow(e Entry, p *rankPlot, t *Table) rankRow { return rankRow{&e, p, promises(t)} }

// promises reports whether the entries of a table may promise different
// things of a write.
func promises(t *Table) bool { return t.Setup.Regime == results.RegimeAsync }

// survives says what a write has survived when it is acknowledged.
func survives(e *Entry) string {
	switch {
	case e.Survives == nil:
		return ""
	case *e.Survives:
		return e.Level.String() + ", survives kill -9"
	}
	return e.Level.String() + ", lost by kill -9"
}

// seriesOf are the time series of a table that are worth a chart.
func (p *htmlPage) seriesOf(table string) []*Series {
	var out []*Series
	for i := range p.Series {
		if p.Series[i].Table == table && len(p.Series[i].T) >= leastRows {
			out = append(out, &p.Series[i])
		}
	}
	return out
}

// A timesRow is one entry's times of one kind of operation.
type timesRow struct {
	Op, Clock string
	Open      bool // the table has response times, too
	First     bool // of its kind of operation
	Span      int  // rows of the kind
	Entry     *Entry
	N         uint64
	Quantiles
}

// times lists a table's latencies by kind of operation.
func (p *htmlPage) times(t *Table) []timesRow {
	var out []timesRow
	for _, op := range t.Ops {
		begin := len(out)
		for i := range t.Entries {
			e := &t.Entries[i]
			o, ok := e.Ops[op]
			if !ok {
				continue
			}
			if o.Service.P50.N > 0 {
				out = append(out, timesRow{Op: op, Clock: "service", Entry: e, N: o.N, Quantiles: o.Service})
			}
			if o.Response.P50.N > 0 {
				out = append(out, timesRow{Op: op, Clock: "response", Entry: e, N: o.N, Quantiles: o.Response})
			}
		}
		if begin < len(out) {
			out[begin].First, out[begin].Span = true, len(out)-begin
		}
	}
	open := slices.ContainsFunc(out, func(r timesRow) bool { return r.Clock == "response" })
	for i := range out {
		out[i].Open = open
	}
	return out
}

// matrix arranges the pairs of a comparison: rows against columns.
func matrix(c *Comparison) [][]*Match {
	cells := make([][]*Match, len(c.Names))
	for i := range cells {
		cells[i] = make([]*Match, len(c.Names))
	}
	for i := range c.Pairs {
		row, col := slices.Index(c.Names, c.Pairs[i].Name), slices.Index(c.Names, c.Pairs[i].Baseline)
		if row >= 0 && col >= 0 {
			cells[row][col] = &c.Pairs[i]
		}
	}
	return cells
}

// A changeTable has all changes from one run to another.
type changeTable struct {
	Base, New string // names of the runs
	Rows      []changeRow
	Notes     []string
}

type changeRow struct {
	*Comparison
	What   string // the table, in short
	Engine string
	Match  *Match
}

// changeTables joins the changes, a group each, into a table a pair of runs.
func (p *htmlPage) changeTables() []changeTable {
	var out []changeTable
	for i := range p.Changes {
		c := &p.Changes[i]
		base, changed := p.runName(c.Base), p.runName(c.New)
		k := slices.IndexFunc(out, func(t changeTable) bool { return t.Base == base && t.New == changed })
		if k < 0 {
			k = len(out)
			out = append(out, changeTable{Base: base, New: changed})
		}
		for j := range c.Pairs {
			row := changeRow{c, c.Title, cmp.Or(c.Subject, c.Pairs[j].Name), &c.Pairs[j]}
			if t := p.tables[c.Table]; t != nil {
				row.What = p.shortInRun(t)
			}
			out[k].Rows = append(out[k].Rows, row)
		}
		for _, n := range c.Notes {
			if !slices.Contains(out[k].Notes, n) {
				out[k].Notes = append(out[k].Notes, n)
			}
		}
	}
	return out
}

// shortVerdict is the verdict of a comparison in a few words.
func shortVerdict(m *Match) string {
	switch {
	case m.Left != "":
		return m.Left
	case m.Needs > 0:
		return fmt.Sprintf("%s: it takes %d repetitions", m.Verdict, m.Needs)
	case !m.Told && m.MDE != nil:
		return m.Verdict + "; " + results.TextFactor(m.MDE) + " would have been found"
	}
	return m.Verdict
}

// weight is how strongly a difference is coloured, in percent of the full
// colour: none unless it is significant, more for a larger ratio.
func weight(m *Match) template.CSS {
	if m == nil || !m.Told || m.Ratio == nil || *m.Ratio <= 0 {
		return "0"
	}
	return template.CSS(strconv.Itoa(int(math.Round(min(12+12*math.Abs(math.Log2(*m.Ratio)), 45)))))
}

// A factsTable sets the environments of the runs side by side.
type factsTable struct {
	Name string
	Runs []string
	Rows []factsRow
}

type factsRow struct {
	Name    string
	Values  []string
	Differs bool
}

// factTable joins the groups of all runs by name.
func factTable(m *Model) []factsTable {
	var out []factsTable
	for col, e := range m.Environments {
		for _, g := range e.Groups {
			i := slices.IndexFunc(out, func(t factsTable) bool { return t.Name == g.Name })
			if i < 0 {
				i = len(out)
				out = append(out, factsTable{Name: g.Name})
				for _, other := range m.Environments {
					out[i].Runs = append(out[i].Runs, runOf(m, other.Run))
				}
			}
			for _, f := range g.Facts {
				t := &out[i]
				k := slices.IndexFunc(t.Rows, func(r factsRow) bool { return r.Name == f.Name })
				if k < 0 {
					k = len(t.Rows)
					t.Rows = append(t.Rows, factsRow{Name: f.Name, Values: slices.Repeat([]string{"-"}, len(m.Environments))})
				}
				t.Rows[k].Values[col] = f.Value
				t.Rows[k].Differs = t.Rows[k].Differs || f.Differs
			}
		}
	}
	return out
}

// An optionTable has the settings that differ apart from the others.
type optionTable struct {
	SettingsOf
	Differing, Equal []Setting
}

// optionRows are some rows of a table of settings.
type optionRows struct {
	SettingsOf
	Rows    []Setting
	Caption string
}

func newOptionTable(s SettingsOf) optionTable {
	t := optionTable{SettingsOf: s}
	for _, o := range s.Options {
		if o.Differs {
			t.Differing = append(t.Differing, o)
		} else {
			t.Equal = append(t.Equal, o)
		}
	}
	return t
}

// failedChecks says which properties of a stream were out.
func failedChecks(f *Fidelity) string {
	var out []string
	for _, c := range f.Checks {
		if !c.OK {
			out = append(out, fmt.Sprintf("%s: %s instead of %s ± %s", c.Name, number(c.Got), number(c.Want), number(c.Within)))
		}
	}
	return strings.Join(out, "; ")
}
