package report

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/kvbench/kvbench/results"
)

// Markdown writes the model as a document that GitHub shows: the same content
// as the page, with tables for charts.
func Markdown(w io.Writer, m *Model) error {
	p := &mdPage{}
	d := &mdDoc{mdPage: p, m: m}
	for _, section := range []func(){
		d.verdict, d.runs, d.studies, d.needs, d.overview, d.tables, d.sweeps, d.searches, d.series,
		d.amplification, d.triangles, d.changes, d.comparisons, d.explanations,
		d.fidelity, d.quality, d.environment, d.settings, d.reproduce, d.left, d.glossary,
	} {
		section()
	}
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// mdDoc is one model in the writing.
type mdDoc struct {
	*mdPage
	m *Model
}

func (d *mdDoc) verdict() {
	v := &d.m.Verdict
	d.heading(1, d.m.Title)
	d.para("**" + text(v.Headline) + "**")
	d.items(v.Sentences)
	if len(v.Caveats) > 0 {
		d.para("Before you rely on it:")
		d.items(v.Caveats)
	}
}

func (d *mdDoc) runs() {
	t := mdTable{head: []string{"<run", "<status", "<started", "<kvbench", "cells", "<outcomes", "<lamps"}}
	for _, r := range d.m.Runs {
		t.add(text(r.Name), text(string(r.Status)), r.Started.UTC().Format(time.DateTime), text(r.Version),
			fmt.Sprint(r.Cells), text(tallyText(r.Outcomes)), text(tallyText(r.Lamps)))
	}
	t.write(d.mdPage)
}

func tallyText(list []Tally) string {
	var s string
	for i, t := range list {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%d %s", t.Count, t.Name)
	}
	return s
}

func (d *mdDoc) needs() {
	d.heading(2, "Which engine for you")
	if !slices.ContainsFunc(d.m.Needs, func(n Need) bool { return len(n.Picks) > 0 }) {
		d.para(nothingTells)
		return
	}
	t := mdTable{head: []string{"<need", "<answer", "<judged by"}}
	for _, n := range d.m.Needs {
		t.add("**"+text(n.Name)+"**: "+text(n.Question), text(n.Text), text(n.Judged))
	}
	t.write(d.mdPage)
}

// runName is the name of a run where there are several.
func (d *mdDoc) runName(id string) string {
	if len(d.m.Runs) < 2 {
		return ""
	}
	for _, r := range d.m.Runs {
		if r.ID == id {
			return r.Name
		}
	}
	return id
}

// led puts the name of the run before a title where there are several.
func (d *mdDoc) led(run, title string) string {
	if name := d.runName(run); name != "" {
		return name + ": " + title
	}
	return title
}

// titleOf is the title of a table by its id.
func (d *mdDoc) titleOf(id string) string {
	for i := range d.m.Tables {
		if t := &d.m.Tables[i]; t.ID == id {
			return d.led(t.Run, t.Title)
		}
	}
	return id
}

func (d *mdDoc) tables() {
	d.heading(2, "Rankings")
	d.para("ops/s is the median of n repetitions with its 95 % confidence interval; the ratio is that of pairs of repetitions " +
		"with the same seed. One table is one durability regime, workload and load: do not compare across tables.")
	for i := range d.m.Tables {
		d.table(&d.m.Tables[i])
	}
}

func (d *mdDoc) table(t *Table) {
	d.heading(3, d.led(t.Run, t.Title))
	d.para(text(t.Verdict))
	d.items(t.About)
	d.ranking(t.Entries)
	d.times(t)
	if len(t.Rails) > 0 {
		d.para("Reference rails, not ranked: they store nothing on disk.")
		d.ranking(t.Rails)
	}
	var why []string
	for _, e := range t.Entries {
		if e.Why != "" {
			why = append(why, fmt.Sprintf("%s: %s", e.Engine, e.Why))
		}
	}
	d.items(append(why, t.Notes...))
}

func (d *mdDoc) ranking(entries []Entry) {
	most := 0.0
	for _, e := range entries {
		most = max(most, orElse(e.Rate.Median, 0))
	}
	t := mdTable{head: []string{
		"#", "<engine", "<durability", "<kill -9", "ops/s", "95 % interval", "<", "n", "to the best", "<told apart", "<lamp",
		"rows/s", "peak RSS", "CPU/op", "allocs/op", "harness",
	}}
	for i := range entries {
		e := &entries[i]
		rank, kill := "", "-"
		if e.Rank != nil {
			rank = fmt.Sprint(*e.Rank)
		}
		if e.Survives != nil {
			kill = map[bool]string{true: "survives", false: "loses"}[*e.Survives]
		}
		durability := e.Level.String()
		if e.Survives == nil {
			durability = "-"
		}
		ratio, told := "", ""
		if m := e.VsBest; m != nil {
			ratio, told = ratioWith(m.Ratio, m.Low, m.High), toldText(m)
		} else if e.Best {
			told = "best"
		}
		name := text(e.Engine)
		if e.Best {
			name = "**" + name + "**"
		}
		t.add(rank, name, durability, kill, text(e.Text), rangeText(e.Rate.Low, e.Rate.High, results.TextCount),
			bar(orElse(e.Rate.Median, 0), most), fmt.Sprint(e.N), ratio, told, lampText(e),
			results.TextCount(e.RowsPerS.Median), results.TextBytes(e.PeakRSS.Median), results.TextNs(e.CPUPerOp.Median),
			results.TextNumber(e.AllocsPerOp.Median), results.TextShare(e.HarnessShare.Median))
	}
	t.write(d.mdPage)
}

func toldText(m *Match) string {
	switch {
	case m.Told:
		return "yes"
	case m.Needs > 0:
		return fmt.Sprintf("n=%d cannot tell, needs %d", min(m.N, m.NBase), m.Needs)
	case m.MDE != nil:
		return "no; " + results.TextFactor(m.MDE) + " would have been"
	}
	return text(m.Verdict)
}

func lampText(e *Entry) string {
	s := e.Lamp
	for i, f := range e.Flags {
		if i == 0 {
			s += ": "
		} else {
			s += ", "
		}
		s += text(f.Name)
	}
	return s
}

func rangeText(low, high *float64, of func(*float64) string) string {
	if low == nil || high == nil {
		return "-"
	}
	return of(low) + " .. " + of(high)
}

func ratioWith(ratio, low, high *float64) string {
	s := results.TextFactor(ratio)
	if low != nil && high != nil {
		s += " (" + results.TextFactor(low) + " .. " + results.TextFactor(high) + ")"
	}
	return s
}

// times are the latencies of a table, a line an engine and kind of operation.
func (d *mdDoc) times(t *Table) {
	table := mdTable{head: []string{"<operation", "<engine", "<clock", "mean", "p50", "p99", "p99.9", "max"}}
	for _, op := range t.Ops {
		for _, e := range t.Entries {
			times, ok := e.Ops[op]
			if !ok {
				continue
			}
			add := func(clock string, q *Quantiles) {
				if q.P50.Median != nil || clock == "service" {
					table.add(text(op), text(e.Engine), clock, ns(q.Mean), ns(q.P50), ns(q.P99), ns(q.P999), ns(q.Max))
				}
			}
			add("service", &times.Service)
			add("response", &times.Response)
		}
	}
	d.open(t)
	if len(table.rows) > 0 {
		d.details("times of operations, medians over the repetitions", func() { table.write(d.mdPage) })
	}
}

func ns(f Figure) string { return results.TextNs(f.Median) }

// open says what became of the schedules of open loops.
func (d *mdDoc) open(t *Table) {
	table := mdTable{head: []string{"<engine", "offered/s", "achieved/s", "dropped", "greatest backlog", "pacer's own p99", "<verdict"}}
	for _, e := range t.Entries {
		if o := e.Open; o != nil {
			table.add(text(e.Engine), results.TextCount(o.Offered.Median), results.TextCount(o.Achieved.Median),
				results.TextCount(o.Dropped.Median), results.TextCount(o.Backlog.Median), ns(o.LagP99), text(tallyText(o.Verdicts)))
		}
	}
	table.write(d.mdPage)
}
