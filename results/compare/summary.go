package compare

import (
	"fmt"
	"io"

	"github.com/kvbench/kvbench/results"
)

// Summary writes a comparison within a run in one table of a line a pair, as
// text or Markdown: for the end of a report that says the rest.
func (c *Comparison) Summary(w io.Writer, o results.TableOptions) error {
	d := results.NewDocument(o)
	d.Heading(2, fmt.Sprintf("Compared with %s", c.Options.Baseline))
	where := results.Column{Title: "workload", Left: true}
	name := results.Column{Title: c.Options.By, Left: true}
	metric := results.Column{Title: "metric", Left: true, Block: 1}
	ratio := results.Column{Title: "ratio", Block: 1}
	ci := results.Column{Title: percent(1-c.Options.Alpha) + " interval", Block: 1}
	p := results.Column{Title: "p", Block: 1}
	verdict := results.Column{Title: "verdict", Left: true, Block: 1}
	against, others := results.Column{Title: "against", Left: true}, false
	for i := range c.Groups {
		g := &c.Groups[i]
		for k := range g.Pairs {
			x := &g.Pairs[k]
			where.Cells = append(where.Cells, g.short(c.Groups))
			name.Cells = append(name.Cells, x.Name)
			against.Cells = append(against.Cells, g.Baseline)
			others = others || g.Baseline != c.Options.Baseline
			metric.Cells = append(metric.Cells, g.Metric.Name)
			ratio.Cells = append(ratio.Cells, orDash(x.ratio()))
			ci.Cells = append(ci.Cells, orDash(intervalText(x.Low, x.High)))
			p.Cells = append(p.Cells, orDash(pText(x.PHolm)))
			text := verdictText(x, false)
			if x.Verdict == NoDifference && x.MDE != nil {
				text += " (could find " + factorText(*x.MDE) + "x)"
			}
			verdict.Cells = append(verdict.Cells, text)
		}
	}
	columns := []results.Column{where, name}
	if others {
		columns = append(columns, against)
	}
	if len(c.Options.Metrics) > 1 {
		columns = append(columns, metric)
	}
	d.Table(append(columns, ratio, ci, p, verdict))
	if !o.NoLegend {
		d.Line("ratio: median over paired repetitions, to the baseline; p: Mann-Whitney, corrected by Holm. kvbench compare has more.")
	}
	if _, err := w.Write(d.Bytes()); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}

// short names the group by its workload and by what else all do not share.
func (g *Group) short(all []Group) string {
	text := g.Setup.Workload
	var threads, rates, regimes bool
	for i := range all {
		s := &all[i].Setup
		threads = threads || s.Threads != g.Setup.Threads
		rates = rates || (s.Rate == nil) != (g.Setup.Rate == nil) || s.Rate != nil && *s.Rate != *g.Setup.Rate
		regimes = regimes || s.Regime != g.Setup.Regime || s.CacheRegime != g.Setup.CacheRegime
	}
	if threads {
		text += fmt.Sprintf(" t%d", g.Setup.Threads)
	}
	if rates && g.Setup.Rate != nil {
		text += " " + results.TextCount(g.Setup.Rate) + "/s"
	}
	if regimes {
		text += " " + g.Setup.Regime
		if g.Setup.CacheRegime != "" {
			text += " " + g.Setup.CacheRegime
		}
	}
	if g.Subject != "" {
		text += " " + g.Subject
	}
	return text
}
