package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/kvbench/kvbench/results"
)

// A chartSpec is a figure for the page's scripts (assets/kinds.js): what is
// drawn, in words that know nothing of the chart library.
type chartSpec struct {
	Kind    string        `json:"kind"` // dots, curves, bars, heat, stack, time
	X       chartAxis     `json:"x,omitzero"`
	Y       chartAxis     `json:"y,omitzero"`
	Legend  bool          `json:"legend,omitempty"`
	Tail    bool          `json:"tail,omitempty"`    // x is 1/(1-p), labelled with percentiles
	Scatter bool          `json:"scatter,omitempty"` // points without lines
	Loose   bool          `json:"loose,omitempty"`   // points of different series share no x
	High    bool          `json:"high,omitempty"`
	Series  []chartSeries `json:"series,omitempty"`
	Groups  []string      `json:"groups,omitempty"` // of dots

	Cells [][]*float64 `json:"cells,omitempty"` // of heat
	Texts [][]string   `json:"texts,omitempty"`
	Unit  string       `json:"unit,omitempty"`

	Parts []string   `json:"parts,omitempty"` // of stack
	Marks []string   `json:"marks,omitempty"`
	Rows  []stackRow `json:"rows,omitempty"`

	Color  int          `json:"c"` // of time
	T      []float64    `json:"t,omitempty"`
	Panels []chartPanel `json:"panels,omitempty"`
	Spans  []chartSpan  `json:"spans,omitempty"`
	Lanes  []chartLane  `json:"lanes,omitempty"`
}

type chartAxis struct {
	Name  string   `json:"name"`
	Unit  string   `json:"unit"`
	Log   bool     `json:"log,omitempty"`
	Min   *float64 `json:"min,omitempty"`
	Max   *float64 `json:"max,omitempty"`
	Names []string `json:"names,omitempty"` // of an axis without numbers
}

// chartSeries has points [x, y, low, high, note, unfit], or dotPoints.
type chartSeries struct {
	Name   string `json:"name"`
	Color  int    `json:"c"`
	Points any    `json:"points"`
}

type dotPoint struct {
	Group int        `json:"group"`
	Mid   *float64   `json:"mid"`
	Low   *float64   `json:"low"`
	High  *float64   `json:"high"`
	Reps  []*float64 `json:"reps"`
}

type stackRow struct {
	Name   string     `json:"name"`
	Values []*float64 `json:"values"` // by part
	Marks  []*float64 `json:"marks"`
}

type chartPanel struct {
	Name   string     `json:"name"`
	Unit   string     `json:"unit"`
	Log    bool       `json:"log,omitempty"`
	Values []*float64 `json:"values"`
}

type chartSpan struct {
	Name     string  `json:"name"`
	From     float64 `json:"from"`
	To       float64 `json:"to"`
	Measured bool    `json:"measured"`
}

type chartLane struct {
	Name   string      `json:"name"`
	Events []laneEvent `json:"events"`
}

type laneEvent struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Count int     `json:"count"`
	Text  string  `json:"text,omitempty"`
}

// A figureView is a chart in the markup, with the table that says the same.
type figureView struct {
	ID    int // place in the page's chart data
	Title string
	Note  string
	Label string // for those who cannot see it
	Color int    // of the engine that it is about; -1: of several
	Head  []string
	Rows  [][]string
	Foot  []string // lines below
}

// draw keeps the chart for the end of the page.
func (p *htmlPage) draw(f figureView, c chartSpec) *figureView {
	f.ID = len(p.charts)
	p.charts = append(p.charts, c)
	if f.Label == "" {
		f.Label = f.Title
	}
	f.Label += ": the figures are in the table below the chart"
	return &f
}

// throughput draws one figure a run: all its tables by rate.
func (p *htmlPage) throughput() []*figureView {
	var out []*figureView
	scale := p.rateScale()
	for _, run := range p.Runs {
		c := chartSpec{Kind: "dots", X: scale, Legend: true}
		f := figureView{Title: "Operations a second", Note: "median, its interval, and each repetition", Color: -1, Head: []string{"workload", "engine", "median", "interval", "repetitions"}}
		if len(p.Runs) > 1 {
			f.Title += ", " + run.Name
		}
		points, n := map[string][]dotPoint{}, 0
		for _, t := range p.Tables {
			if t.Run != run.ID {
				continue
			}
			group := len(c.Groups)
			c.Groups = append(c.Groups, p.shortInRun(&t))
			for _, e := range t.Entries {
				if e.Rate.Median == nil {
					continue
				}
				points[e.Engine] = append(points[e.Engine], dotPoint{group, e.Rate.Median, e.Rate.Low, e.Rate.High, e.Rate.Values})
				n++
				f.Rows = append(f.Rows, []string{c.Groups[group], e.Engine, quantity(e.Rate.Median, "ops/s"), interval(e.Rate.Low, e.Rate.High, "ops/s"), quantities(e.Rate.Values, "ops/s")})
			}
		}
		for i, e := range p.Engines {
			if len(points[e.Label]) > 0 {
				c.Series = append(c.Series, chartSeries{e.Label, i, points[e.Label]})
			}
		}
		if n < 2 || len(c.Series) > 12 {
			continue // one point is no chart; a sweep has its own
		}
		f.Label = "Dot plot of operations a second for each workload and engine"
		out = append(out, p.draw(f, c))
	}
	return out
}

// rateScale is one scale for the rates of all runs, so that they can be set
// side by side.
func (p *htmlPage) rateScale() chartAxis {
	a := chartAxis{Name: "operations a second", Unit: "ops/s"}
	var all []float64
	for _, t := range p.Tables {
		for _, e := range t.Entries {
			for _, x := range append([]*float64{e.Rate.Median, e.Rate.High}, e.Rate.Values...) {
				if x != nil {
					all = append(all, *x)
				}
			}
		}
	}
	if len(all) == 0 {
		return a
	}
	a.scale(all)
	if len(p.Runs) > 1 {
		a.Max = results.Num(roundUp(slices.Max(all), a.Log))
		if a.Log {
			a.Min = results.Num(math.Pow(10, math.Floor(math.Log10(slices.Min(all)))))
		}
	}
	return a
}

// roundUp is the next 1, 2 or 5 times a power of ten; only 1 when logarithmic.
func roundUp(x float64, logarithmic bool) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, n := range []float64{1, 2, 5} {
		if x <= n*power && (n == 1 || !logarithmic) {
			return n * power
		}
	}
	return 10 * power
}

// scale makes an axis logarithmic where small values would vanish, and lets it
// begin at 0 where not.
func (a *chartAxis) scale(values []float64) {
	if lo := slices.Min(values); lo > 0 && slices.Max(values)/lo > 20 {
		a.Log = true
		a.Name += " (log scale)"
		return
	}
	a.Min = results.Num(0)
}

// latency draws the percentile curves of one table, one figure a kind of
// operation and clock.
func (p *htmlPage) latency(table string) []*figureView {
	var out []*figureView
	type key struct{ op, clock string }
	var keys []key
	for _, c := range p.Curves {
		if k := (key{c.Op, c.Clock}); c.Table == table && len(c.Points) > 1 && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		c := chartSpec{
			Kind: "curves", Tail: true, Legend: true,
			X: chartAxis{Name: "percentile of operations", Log: true}, Y: chartAxis{Name: "latency", Unit: "ns", Log: true},
		}
		f := figureView{Title: k.op, Note: k.clock + " time", Color: -1, Label: k.clock + " time of " + k.op + " by percentile", Head: []string{"engine", "operations", "p50", "p90", "p99", "p99.9", "p99.99", "max"}}
		for _, curve := range p.Curves {
			if curve.Table != table || curve.Op != k.op || curve.Clock != k.clock || len(curve.Points) < 2 {
				continue
			}
			name := p.engineOf(table, curve.Entry)
			c.Series = append(c.Series, chartSeries{name, curve.Color, curve.Points})
			row := []string{name, countText(float64(curve.Count))}
			for _, tail := range []float64{2, 10, 100, 1000, 10000} {
				row = append(row, quantity(curve.at(tail), "ns"))
			}
			f.Rows = append(f.Rows, append(row, quantity(&curve.Points[len(curve.Points)-1][1], "ns")))
		}
		out = append(out, p.draw(f, c))
	}
	return out
}

// at is the latency at a tail of 1/(1-p): that of the first point at or past
// it; null beyond the last.
func (c *Curve) at(tail float64) *float64 {
	for i := range c.Points {
		if c.Points[i][0] >= tail {
			return &c.Points[i][1]
		}
	}
	return nil
}

// engineOf is the label of an entry of a table.
func (p *htmlPage) engineOf(table, entry string) string {
	if t := p.tables[table]; t != nil {
		for _, e := range slices.Concat(t.Entries, t.Rails) {
			if e.ID == entry {
				return e.Engine
			}
		}
	}
	return entry
}

// linesChart is what sweeps and searches have in common.
func linesChart(lines []Line, x, y chartAxis, names []string) (chartSpec, [][]string) {
	c := chartSpec{Kind: "curves", X: x, Y: y, Legend: true}
	c.X.Names = names
	var rows [][]string
	var ys []float64
	for _, l := range lines {
		points := [][]any{}
		for _, q := range l.Points {
			var at any = q.X
			if names == nil {
				if q.Num == nil {
					continue
				}
				at = *q.Num
			}
			points = append(points, []any{at, q.Y, q.Low, q.High, q.Note, q.Lamp == results.LampRed})
			rows = append(rows, []string{l.Name, q.X, quantity(q.Y, y.Unit), interval(q.Low, q.High, y.Unit), strconv.Itoa(q.N), cmp.Or(q.Note, q.Lamp)})
			if q.Y != nil {
				ys = append(ys, *q.Y)
			}
		}
		c.Series = append(c.Series, chartSeries{l.Name, l.Color, points})
	}
	if len(ys) > 0 {
		c.Y.scale(ys)
	}
	return c, rows
}
