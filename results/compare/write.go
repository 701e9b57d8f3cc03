package compare

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// FormatBenchstat is the Go benchmark format, which Write knows besides those
// of package results: all that was compared, for benchstat to judge anew.
// Sides of one run are parts of a benchmark's name, as in "benchstat -col
// /engine"; of two runs they are told by the key "run": "benchstat -col run".
const FormatBenchstat results.Format = "benchstat"

// ParseFormat reads the name of a format that Write knows.
func ParseFormat(s string) (results.Format, error) {
	if strings.EqualFold(s, string(FormatBenchstat)) {
		return FormatBenchstat, nil
	}
	if strings.EqualFold(s, "md") {
		return results.FormatMarkdown, nil
	}
	f, err := results.ParseFormat(s)
	if err != nil {
		return "", fmt.Errorf("%w: format %q%s", engine.ErrInvalid, s,
			engine.Suggest(s, []string{"text", "markdown", "json", "csv", "benchstat"}))
	}
	return f, nil
}

// Write writes a comparison in o.Format, text if that is empty. Color and
// Width of o are heeded in text, NoLegend in text and Markdown.
func (c *Comparison) Write(w io.Writer, o results.TableOptions) error {
	var text []byte
	var err error
	switch o.Format {
	case results.FormatJSON:
		text, err = json.MarshalIndent(c, "", "  ")
		text = append(text, '\n')
	case results.FormatCSV:
		text, err = c.csv()
	case FormatBenchstat:
		text, err = c.benchstat()
	case results.FormatText, results.FormatMarkdown, "":
		text = c.document(o)
	default:
		_, err = ParseFormat(string(o.Format))
	}
	if err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}

// document is the comparison for people.
func (c *Comparison) document(o results.TableOptions) []byte {
	d := results.NewDocument(o)
	title := c.Base + ", by " + c.Options.By + ", against " + c.Options.Baseline
	if c.New != "" {
		title = c.New + " against " + c.Base
	}
	d.Heading(1, "Comparison: "+title)
	for i := range c.Groups {
		c.Groups[i].write(d, c)
	}
	if len(c.Notes) > 0 {
		d.Heading(2, "Notes")
		for _, n := range c.Notes {
			d.Item(n)
		}
	}
	if !o.NoLegend {
		d.Heading(2, "How to read this")
		for _, l := range c.legend() {
			d.Item(l)
		}
	}
	return d.Bytes()
}

func (c *Comparison) legend() []string {
	level := percent(1 - c.Options.Alpha)
	return []string{
		fmt.Sprintf("ratio: median of the ratios of paired repetitions, to the baseline, with a %s interval (signed ranks).", level),
		"p: Mann-Whitney, corrected by Holm for the comparisons of one table.",
		fmt.Sprintf("A side differs when p is below %s and the interval leaves 1 out; equal sides are told apart in at most %s of tables.",
			strconv.FormatFloat(c.Options.Alpha, 'g', 3, 64), percent(c.Options.Alpha)),
		"MDE: the smallest ratio that so many repetitions, spread as they are, would find 4 times in 5.",
	}
}

func percent(x float64) string { return strconv.FormatFloat(100*x, 'g', 4, 64) + " %" }

// setupTitle names a setup without what the sides differ in.
func setupTitle(s *results.Setup) string {
	title := s.Title()
	if s.Threads == 0 {
		title = strings.TrimSuffix(title, ", 0 threads")
	}
	if s.Rate != nil {
		title += ", " + results.TextCount(s.Rate) + "/s"
	}
	return strings.TrimPrefix(title, "workload , ")
}

// title names what the group is about.
func (g *Group) title() string {
	title := setupTitle(&g.Setup)
	if g.Subject != "" {
		title += ", " + g.Subject
	}
	return title + ": " + g.Metric.Name
}

func (g *Group) write(d *results.Document, c *Comparison) {
	d.Heading(2, g.title())
	d.Line(g.Sentence)
	d.Blank()
	level := percent(1 - c.Options.Alpha)
	name, median := results.Column{Title: c.Options.By, Left: true}, results.Column{Title: g.Metric.head(), Block: 1}
	if c.New != "" {
		name.Title = "engine"
	}
	n := results.Column{Title: "n", Block: 1}
	base := results.Column{Title: "base " + g.Metric.head(), Block: 1}
	span := results.Column{Title: level + " interval", Block: 1}
	ratio := results.Column{Title: "ratio", Block: 2}
	ci := results.Column{Title: level + " interval", Block: 2}
	p := results.Column{Title: "p", Block: 2}
	mde := results.Column{Title: "MDE", Block: 3}
	verdict := results.Column{Title: "verdict", Left: true, Block: 3}
	row := func(column *results.Column, text string) { column.Cells = append(column.Cells, orDash(text)) }
	if c.New == "" {
		row(&name, g.Baseline)
		row(&n, strconv.Itoa(g.N))
		row(&median, g.Metric.Text(g.Median))
		row(&span, g.Metric.span(g.Low, g.High))
		for _, column := range []*results.Column{&ratio, &ci, &p, &mde} {
			row(column, "")
		}
		row(&verdict, baselineText(g))
	}
	for i := range g.Pairs {
		x := &g.Pairs[i]
		row(&name, x.Name)
		row(&n, x.counts(c.New != ""))
		row(&base, g.Metric.Text(x.MedianBase))
		row(&median, g.Metric.Text(x.Median))
		row(&span, g.Metric.span(x.MedianLow, x.MedianHigh))
		row(&ratio, x.ratio())
		row(&ci, intervalText(x.Low, x.High))
		row(&p, pText(x.PHolm))
		row(&mde, x.mde())
		row(&verdict, verdictText(x, false))
	}
	columns := []results.Column{name, n, median, span, ratio, ci, p, mde, verdict}
	if c.New != "" {
		median.Title = "new " + g.Metric.head()
		columns = []results.Column{name, n, base, median, ratio, ci, p, mde, verdict}
	}
	d.Table(columns)
}

func baselineText(g *Group) string {
	if g.Left != "" {
		return "baseline; no figure: " + g.Left
	}
	return "baseline"
}

// counts are the repetitions of both sides, in one number if they are equal.
func (p *Pair) counts(both bool) string {
	if !both || p.N == p.NBase {
		return strconv.Itoa(p.N)
	}
	return fmt.Sprintf("%d+%d", p.NBase, p.N)
}

func (p *Pair) ratio() string {
	if p.Ratio == nil {
		return ""
	}
	return factorText(*p.Ratio) + "x"
}

func (p *Pair) mde() string {
	if p.MDE == nil {
		return ""
	}
	return factorText(*p.MDE) + "x"
}

func pText(p *float64) string {
	switch {
	case p == nil:
		return ""
	case *p < 0.001:
		return "<0.001"
	}
	return strconv.FormatFloat(*p, 'f', 3, 64)
}

// Text writes a value of the metric for people, without its unit unless that
// has sizes of its own.
func (m Metric) Text(x *float64) string {
	switch m.Unit {
	case "ops/s", "rows/s":
		return results.TextCount(x)
	case "bytes", "bytes/op":
		return results.TextBytes(x)
	case "ns", "ns/op":
		return results.TextNs(x)
	case "share":
		return results.TextShare(x)
	}
	return results.TextNumber(x)
}

// head is the title of a column of values; Text gives some units itself.
func (m Metric) head() string {
	switch unit, perOp := strings.CutSuffix(m.Unit, "/op"); {
	case perOp:
		return "per op"
	case unit == "ops/s", unit == "rows/s", unit == "s":
		return unit
	}
	return "median"
}

func (m Metric) span(low, high *float64) string {
	if low == nil || high == nil {
		return ""
	}
	return m.Text(low) + " to " + m.Text(high)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
