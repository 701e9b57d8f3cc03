package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/results"
)

// overview has the rates of engines by workloads, a table for each run and
// scope.
func (d *mdDoc) overview() {
	type block struct {
		title  string
		tables []*Table
	}
	var blocks []block
	index := map[string]int{}
	for i := range d.m.Tables {
		t := &d.m.Tables[i]
		key := t.Run + scope(&t.Setup)
		at, ok := index[key]
		if !ok {
			at = len(blocks)
			index[key] = at
			title := results.TextRegime(t.Setup.Regime) + ", " + t.Setup.Data() + ", " + count(t.Setup.Threads, "thread")
			blocks = append(blocks, block{title: d.led(t.Run, title)})
		}
		blocks[at].tables = append(blocks[at].tables, t)
	}
	measured := slices.ContainsFunc(d.m.Tables, func(t Table) bool {
		return slices.ContainsFunc(t.Entries, func(e Entry) bool { return e.Rate.Median != nil })
	})
	if len(d.m.Tables) == len(blocks) || !measured {
		return // it would say nothing that the rankings do not
	}
	d.heading(2, "At a glance")
	d.para("Median ops/s; bold are the best and those not told apart from it.")
	for _, b := range blocks {
		d.para(text(b.title))
		d.glance(b.tables)
	}
}

func (d *mdDoc) glance(tables []*Table) {
	table := mdTable{head: []string{"<engine"}}
	var names []string
	for _, t := range tables {
		table.head = append(table.head, t.Setup.Workload)
		for _, e := range t.Entries {
			if !slices.Contains(names, e.Engine) {
				names = append(names, e.Engine)
			}
		}
	}
	for _, name := range names {
		row := []string{text(name)}
		for _, t := range tables {
			cell := "-"
			for _, e := range t.Entries {
				if e.Engine != name {
					continue
				}
				cell = text(e.Text)
				if e.Best {
					cell = "**" + cell + "**"
				}
				if e.Lamp == results.LampRed {
					cell += " (red)"
				}
			}
			row = append(row, cell)
		}
		table.add(row...)
	}
	table.write(d.mdPage)
}

func (d *mdDoc) studies() {
	for _, s := range d.m.Studies {
		d.heading(2, d.led(s.Run, s.Title))
		d.para(text(s.Question))
		d.para("**" + text(s.Text) + "**")
		t := mdTable{head: []string{"<expectation", "<held", "<figures"}}
		for _, c := range s.Claims {
			held := "could not be judged"
			if c.Held != nil {
				held = map[bool]string{true: "yes", false: "**no**"}[*c.Held]
			}
			t.add(text(c.Text), held, text(c.Detail))
		}
		t.write(d.mdPage)
		d.figure(&s.Figure)
		if s.Look != "" {
			d.para("What to look for: " + text(s.Look))
		}
		if s.Paper != "" {
			d.para("Paper: " + text(s.Paper))
		}
	}
}

// figure writes the points of a study: its series by its x.
func (d *mdDoc) figure(f *results.Figure) {
	if len(f.Points) == 0 {
		return
	}
	d.para(text(f.Title) + " (" + text(f.Y) + ")")
	var xs, series []string
	for _, p := range f.Points {
		if !slices.Contains(xs, p.X) {
			xs = append(xs, p.X)
		}
		if !slices.Contains(series, p.Series) {
			series = append(series, p.Series)
		}
	}
	t := mdTable{head: append([]string{"<" + f.X}, series...)}
	for _, x := range xs {
		row := []string{text(x)}
		for _, s := range series {
			var cells []string
			for _, p := range f.Points {
				if p.X == x && p.Series == s {
					cells = append(cells, pointText(&p))
				}
			}
			row = append(row, strings.Join(cells, ", "))
		}
		t.add(row...)
	}
	t.write(d.mdPage)
}

func pointText(p *results.Point) string {
	s := results.TextNumber(p.Y)
	if p.Low != nil && p.High != nil {
		s += " (" + results.TextNumber(p.Low) + " .. " + results.TextNumber(p.High) + ")"
	}
	if p.Z != nil {
		s += "; " + results.TextNumber(p.Z)
	}
	return s
}

func (d *mdDoc) sweeps() {
	if len(d.m.Sweeps) == 0 {
		return
	}
	d.heading(2, "Sweeps")
	for _, s := range d.m.Sweeps {
		d.heading(3, d.led(s.Run, s.Title))
		if len(s.Heats) > 0 {
			for _, h := range s.Heats {
				d.heat(&s, &h)
			}
			continue
		}
		t := mdTable{head: []string{"<" + s.Axes[0].Name}}
		for _, l := range s.Lines {
			t.head = append(t.head, l.Name)
		}
		for _, x := range s.Axes[0].Values {
			row := []string{text(x)}
			for _, l := range s.Lines {
				cell := ""
				for _, p := range l.Points {
					if p.X == x {
						cell = linePointText(&p, s.Unit)
					}
				}
				row = append(row, cell)
			}
			t.add(row...)
		}
		t.write(d.mdPage)
	}
}

func linePointText(p *LinePoint, unit string) string {
	of := textOf(unit)
	if p.Y == nil {
		return text(p.Note)
	}
	s := of(p.Y)
	if p.Low != nil && p.High != nil {
		s += " (" + rangeText(p.Low, p.High, of) + ")"
	}
	if p.Lamp == results.LampRed {
		s += " (red)"
	}
	return s
}

func (d *mdDoc) heat(s *Sweep, h *Heat) {
	d.para(fmt.Sprintf("%s: columns %s, rows %s", text(h.Name), text(s.Axes[0].Name), text(s.Axes[1].Name)))
	t := mdTable{head: append([]string{"<" + s.Axes[1].Name}, s.Axes[0].Values...)}
	for i, texts := range h.Texts {
		row := []string{text(s.Axes[1].Values[i])}
		for _, x := range texts {
			row = append(row, text(x))
		}
		t.add(row...)
	}
	t.write(d.mdPage)
}

func (d *mdDoc) searches() {
	if len(d.m.Searches) == 0 {
		return
	}
	d.heading(2, "Sustainable rates")
	for _, s := range d.m.Searches {
		d.para(text(s.Text))
		t := mdTable{head: []string{"rate tried", "achieved", "latency", "<met", "<why not"}}
		for _, p := range s.Probes {
			met := "no"
			if p.Met {
				met = "yes"
			}
			t.add(results.TextCount(&p.Rate), results.TextCount(p.Achieved), results.TextNs(p.Value), met, text(p.Reason))
		}
		t.write(d.mdPage)
	}
}

func (d *mdDoc) series() {
	if len(d.m.Series) == 0 {
		return
	}
	d.heading(2, "Second by second")
	d.para("One repetition of each, that with the median rate: ops/s from 0 to the greatest, warm-up included, and what the engine did meanwhile.")
	d.details("time series", func() {
		t := mdTable{head: []string{"<table", "<engine", "<ops/s", "lowest .. highest", "<events"}}
		for _, s := range d.m.Series {
			var events []string
			for _, e := range s.Totals {
				events = append(events, fmt.Sprintf("%d %s, %.3g s", e.Count, text(e.Kind), e.Seconds))
			}
			t.add(text(d.titleOf(s.Table)), text(s.Engine), "`"+sparkline(s.OpsPerS)+"`", extremes(s.OpsPerS), strings.Join(events, "; "))
		}
		t.write(d.mdPage)
	})
}

func extremes(xs []*float64) string {
	var low, high *float64
	for _, x := range xs {
		if x == nil {
			continue
		}
		if low == nil || *x < *low {
			low = x
		}
		if high == nil || *x > *high {
			high = x
		}
	}
	return rangeText(low, high, results.TextCount)
}

func (d *mdDoc) amplification() {
	if len(d.m.Amplification) == 0 {
		return
	}
	d.heading(2, "Amplification")
	d.para("Bytes for each byte of the user's. Burst is the measured phase, settled adds the work that followed; the kinds are what the engine counts itself, and those that it does not count are missing.")
	last := ""
	t := mdTable{}
	flush := func() { t.write(d.mdPage); t.rows = nil }
	t.head = []string{"<engine", "burst", "<", "settled", "read", "space", "<by kind", "<source"}
	most := 0.0
	for _, a := range d.m.Amplification {
		most = max(most, orElse(a.Burst, 0))
	}
	for _, a := range d.m.Amplification {
		if a.Table != last {
			flush()
			d.para(text(d.titleOf(a.Table)))
			last = a.Table
		}
		var parts []string
		for _, p := range a.Parts {
			parts = append(parts, text(p.Name)+" "+results.TextNumber(&p.PerByte))
		}
		t.add(text(a.Engine), results.TextNumber(a.Burst), bar(orElse(a.Burst, 0), most), results.TextNumber(a.Settled),
			results.TextNumber(a.Read), results.TextNumber(a.Space), strings.Join(parts, ", "), text(a.Source))
	}
	flush()
}

func (d *mdDoc) triangles() {
	for _, t := range d.m.Triangles {
		d.heading(2, d.led(t.Run, "Read, update and memory overhead"))
		d.para(text(t.Title))
		table := mdTable{head: []string{"<engine", "read", "update", "memory", "<measured"}}
		for _, p := range t.Points {
			table.add(text(p.Engine), results.TextFactor(&p.Read), results.TextFactor(&p.Update), results.TextFactor(&p.Memory), text(p.Text))
		}
		table.write(d.mdPage)
		d.para(text(t.About))
	}
}
