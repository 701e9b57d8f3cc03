package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/kvbench/kvbench/results"
)

// leastRows is how many rows a time series has that is worth a chart.
const leastRows = 3

// timeline draws one repetition second by second; null where it was too short
// for that.
func (p *htmlPage) timeline(s *Series) *figureView {
	if len(s.T) < leastRows {
		return nil
	}
	c := chartSpec{Kind: "time", Color: s.Color, T: s.T, X: chartAxis{Unit: "s"}}
	f := figureView{Title: s.Engine, Color: s.Color, Note: fmt.Sprintf("repetition %d", s.Rep), Head: []string{"second"}}
	if s.Why != "" {
		f.Note += " (" + s.Why + ")"
	}
	f.Label = s.Engine + ", second by second"
	for _, panel := range []chartPanel{
		{"operations a second", "ops/s", false, s.OpsPerS},
		{"p99, service time", "ns", true, s.P99},
		{"p99, response time", "ns", true, s.Response},
		{"backlog, operations", "", false, s.Backlog},
		{"debt", "bytes", false, s.Debt},
		{"hits of the engine's cache", "share", false, s.CacheHit},
		{"processors in use", "", false, s.CPU},
		{"resident memory", "bytes", false, s.RSS},
		{"written to the device", "bytes/s", false, s.WriteBytesS},
	} {
		if worthDrawing(panel.Values) {
			c.Panels = append(c.Panels, panel)
			f.Head = append(f.Head, panel.Name)
		}
	}
	for _, span := range s.Phases {
		c.Spans = append(c.Spans, chartSpan(span))
	}
	for _, t := range s.Totals {
		text := fmt.Sprintf("%s: %s, %s s in all", t.Kind, pluralText(t.Count, "event"), results.TextNumber(&t.Seconds))
		if t.BytesIn > 0 || t.BytesOut > 0 {
			text += ", " + results.TextBytes(&t.BytesIn) + " in, " + results.TextBytes(&t.BytesOut) + " out"
		}
		f.Foot = append(f.Foot, text)
	}
	for _, e := range s.Events {
		i := slices.IndexFunc(c.Lanes, func(l chartLane) bool { return l.Name == e.Kind })
		if i < 0 {
			i = len(c.Lanes)
			c.Lanes = append(c.Lanes, chartLane{Name: e.Kind})
		}
		c.Lanes[i].Events = append(c.Lanes[i].Events, laneEvent{e.From, e.To, e.Count, eventText(&e)})
	}
	for i, t := range s.T {
		row := []string{strconv.FormatFloat(t, 'g', 6, 64)}
		for _, panel := range c.Panels {
			var x *float64
			if i < len(panel.Values) {
				x = panel.Values[i]
			}
			row = append(row, quantity(x, panel.Unit))
		}
		f.Rows = append(f.Rows, row)
	}
	return p.draw(f, c)
}

// worthDrawing: two rows are known, and one is not 0.
func worthDrawing(values []*float64) bool {
	known, some := 0, false
	for _, x := range values {
		if x != nil {
			known++
			some = some || *x != 0
		}
	}
	return some && known > 1
}

func eventText(e *Event) string {
	text := e.Detail
	if e.BytesIn > 0 || e.BytesOut > 0 {
		moved := results.TextBytes(&e.BytesIn) + " in, " + results.TextBytes(&e.BytesOut) + " out"
		text = moved + prefixed("; ", text)
	}
	return text
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// userPart is the part of an amplification that the others are divided by.
const userPart = "user"

// amplification draws what one table's entries wrote a user byte.
func (p *htmlPage) amplification(table string) *figureView {
	c := chartSpec{Kind: "stack", X: chartAxis{Name: "bytes written a user byte", Unit: "x", Min: results.Num(0)}, Marks: []string{"burst", "settled"}}
	var of []*Amplification
	for i := range p.Amplification {
		a := &p.Amplification[i]
		if a.Table != table {
			continue
		}
		of = append(of, a)
		for _, part := range a.Parts {
			// The user's own bytes are the line at 1, not a part of the sum.
			if part.Name != userPart && !slices.Contains(c.Parts, part.Name) {
				c.Parts = append(c.Parts, part.Name)
			}
		}
	}
	f := figureView{Title: p.names[table], Label: "Bytes written a user byte, " + p.names[table], Color: -1, Head: append(append([]string{"engine"}, c.Parts...), "burst", "settled")}
	for _, a := range of {
		row := stackRow{Name: a.Engine, Values: make([]*float64, len(c.Parts)), Marks: []*float64{a.Burst, a.Settled}}
		text := []string{a.Engine}
		for i, name := range c.Parts {
			for _, part := range a.Parts {
				if part.Name == name {
					row.Values[i] = results.Num(part.PerByte)
				}
			}
			text = append(text, quantity(row.Values[i], "x"))
		}
		c.Rows = append(c.Rows, row)
		f.Rows = append(f.Rows, append(text, quantity(a.Burst, "x"), quantity(a.Settled, "x")))
	}
	if len(of) == 0 || !anyMark(c.Rows) && len(c.Parts) == 0 {
		return nil
	}
	return p.draw(f, c)
}

func anyMark(rows []stackRow) bool {
	return slices.ContainsFunc(rows, func(r stackRow) bool { return r.Marks[0] != nil || r.Marks[1] != nil })
}

// sweep draws the curves of a sweep and, over two axes, its heat maps.
func (p *htmlPage) sweep(s *Sweep) []*figureView {
	var out []*figureView
	if len(s.Axes) == 0 {
		return nil
	}
	names := s.Axes[0].Values
	if s.Numeric && len(names) > 8 {
		names = nil
	}
	if len(s.Lines) > 0 {
		c, rows := linesChart(s.Lines, chartAxis{Name: s.Axes[0].Name}, chartAxis{Name: s.Metric, Unit: s.Unit}, names)
		f := figureView{Title: s.Metric, Color: -1, Note: s.Better + " is better", Label: s.Title, Head: []string{"series", s.Axes[0].Name, s.Metric, "interval", "n", "note"}, Rows: rows}
		out = append(out, p.draw(f, c))
	}
	if len(s.Axes) < 2 {
		return out
	}
	for _, h := range s.Heats {
		c := chartSpec{
			Kind: "heat", X: chartAxis{Name: s.Axes[0].Name, Names: s.Axes[0].Values},
			Y: chartAxis{Name: s.Axes[1].Name, Names: s.Axes[1].Values}, Cells: h.Cells, Texts: h.Texts, Unit: s.Unit,
		}
		f := figureView{Title: h.Name, Color: h.Color, Note: s.Metric, Label: "Heat map of " + s.Metric + " of " + h.Name, Head: append([]string{s.Axes[1].Name + " \\ " + s.Axes[0].Name}, s.Axes[0].Values...)}
		for y, row := range h.Texts {
			f.Rows = append(f.Rows, append([]string{s.Axes[1].Values[y]}, row...))
		}
		out = append(out, p.draw(f, c))
	}
	return out
}

// searches draws the load-latency curves of one workload of one run, by
// workload.
func (p *htmlPage) searches() []*figureView {
	type key struct{ run, workload, objective string }
	var keys []key
	for _, s := range p.Searches {
		if k := (key{s.Run, s.Workload, s.Objective}); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	var out []*figureView
	for _, k := range keys {
		var lines []Line
		for _, s := range p.Searches {
			if (key{s.Run, s.Workload, s.Objective}) == k {
				lines = append(lines, Line{Name: s.Engine, Color: s.Color, Points: s.Curve})
			}
		}
		c, rows := linesChart(lines, chartAxis{Name: "rate asked for", Unit: "ops/s"}, chartAxis{Name: "latency of the objective", Unit: "ns"}, nil)
		c.Loose = true
		f := figureView{Title: "Workload " + k.workload, Note: "objective " + k.objective, Color: -1, Label: "Load-latency curve of workload " + k.workload, Head: []string{"engine", "rate", "latency", "interval", "n", "note"}, Rows: rows}
		out = append(out, p.draw(f, c))
	}
	return out
}

// study draws the figure of a built-in experiment; nil where it has no points
// or is a triangle: see studyTriangle.
func (p *htmlPage) study(s *Study) *figureView {
	g := &s.Figure
	if len(g.Points) == 0 || g.Kind == "triangle" {
		return nil
	}
	f := figureView{Title: cmp.Or(g.Title, s.Title), Color: -1, Head: []string{"series", g.X, g.Y, "interval"}}
	xs := pointNames(g)
	if g.Kind == "heat" {
		return p.studyHeat(s, f, xs)
	}
	c := chartSpec{Kind: "curves", Legend: true, High: true, X: chartAxis{Name: g.X, Log: g.LogX}, Y: chartAxis{Name: g.Y, Log: g.LogY}}
	c.Scatter = g.Kind == "scatter"
	c.Loose = c.Scatter
	if _, ok := numeric(xs); !ok || g.Kind == "bars" || !c.Scatter && !g.LogX && len(xs) <= 8 {
		c.X.Names = xs
	}
	if g.Kind == "bars" {
		c.Kind = "bars"
	}
	for _, q := range g.Points {
		i := slices.IndexFunc(c.Series, func(s chartSeries) bool { return s.Name == q.Series })
		if i < 0 {
			i = len(c.Series)
			c.Series = append(c.Series, chartSeries{q.Series, p.colorOf(q.Series, i), [][]any{}})
		}
		var at any = q.X
		if c.X.Names == nil {
			at, _ = strconv.ParseFloat(q.X, 64)
		}
		c.Series[i].Points = append(c.Series[i].Points.([][]any), []any{at, q.Y, q.Low, q.High})
		f.Rows = append(f.Rows, []string{q.Series, q.X, quantity(q.Y, ""), interval(q.Low, q.High, "")})
	}
	return p.draw(f, c)
}

// studyTriangle places a study's points by three overheads, x, y and z; null
// where its figure is none, or has no three.
func (p *htmlPage) studyTriangle(s *Study) *Triangle {
	if s.Figure.Kind != "triangle" {
		return nil
	}
	t := Triangle{Run: s.Run, Title: s.Figure.Title, About: s.Figure.X + ", " + s.Figure.Y}
	for i, q := range s.Figure.Points {
		x, err := strconv.ParseFloat(q.X, 64)
		if err != nil || q.Y == nil || q.Z == nil || !(x > 0 && *q.Y > 0 && *q.Z > 0) {
			continue
		}
		t.Points = append(t.Points, TrianglePoint{
			Engine: q.Series, Color: p.colorOf(q.Series, i), Read: x, Update: *q.Y, Memory: *q.Z,
			Text: number(x) + ", " + number(*q.Y) + ", " + number(*q.Z),
		})
	}
	if len(t.Points) < 2 {
		return nil
	}
	normalize(t.Points)
	return &t
}

// studyHeat draws points as a map: series are its rows.
func (p *htmlPage) studyHeat(s *Study, f figureView, xs []string) *figureView {
	c := chartSpec{Kind: "heat", X: chartAxis{Name: s.Figure.X, Names: xs}}
	for _, q := range s.Figure.Points {
		y := slices.Index(c.Y.Names, q.Series)
		if y < 0 {
			y = len(c.Y.Names)
			c.Y.Names = append(c.Y.Names, q.Series)
			c.Cells = append(c.Cells, make([]*float64, len(xs)))
			c.Texts = append(c.Texts, slices.Repeat([]string{results.TextCount(nil)}, len(xs)))
		}
		x := slices.Index(xs, q.X)
		c.Cells[y][x], c.Texts[y][x] = q.Y, quantity(q.Y, "")
		f.Rows = append(f.Rows, []string{q.Series, q.X, quantity(q.Y, ""), interval(q.Low, q.High, "")})
	}
	return p.draw(f, c)
}

// pointNames are the values of x, in order of appearance or, when they are
// numbers, by size.
func pointNames(g *results.Figure) []string {
	var xs []string
	for _, q := range g.Points {
		if !slices.Contains(xs, q.X) {
			xs = append(xs, q.X)
		}
	}
	if values, ok := numeric(xs); ok {
		slices.SortFunc(xs, func(a, b string) int { return cmp.Compare(values[a], values[b]) })
	}
	return xs
}

// numeric reads names as numbers, if all are.
func numeric(names []string) (map[string]float64, bool) {
	values := map[string]float64{}
	for _, name := range names {
		x, err := strconv.ParseFloat(name, 64)
		if err != nil {
			return nil, false
		}
		values[name] = x
	}
	return values, true
}

// colorOf is the colour of an engine, or other for what is none.
func (p *htmlPage) colorOf(label string, other int) int {
	if i := slices.IndexFunc(p.Engines, func(e Engine) bool { return e.Label == label }); i >= 0 {
		return i
	}
	return other
}
