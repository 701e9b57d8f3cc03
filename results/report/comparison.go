package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

// rateMetric ranks tables.
const rateMetric = "ops_per_s"

// spaceMetric and rowsMetric judge needs; see needs.go.
const (
	spaceMetric = "space_amp"
	rowsMetric  = "rows_per_s"
)

// compare finds what the pairs of each table came to.
func (b *builder) compare() error {
	for _, s := range b.src {
		if err := b.compareWithin(s); err != nil {
			b.leave("run %s: engines are not compared: %v", s.id, err)
		}
	}
	return nil
}

// leave notes what the report goes without.
func (b *builder) leave(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(b.m.Left, text) {
		b.m.Left = append(b.m.Left, text)
	}
}

func (b *builder) compareWithin(s *source) error {
	var labels []string
	for _, g := range s.groups {
		if len(g.ranked) < 2 {
			continue
		}
		for _, l := range g.ranked {
			if !slices.Contains(labels, l.Engine) {
				labels = append(labels, l.Engine)
			}
		}
	}
	for _, label := range labels {
		c, err := compare.Within(s.run, compare.Options{
			By: "engine", Baseline: label, Metrics: []string{rateMetric}, IncludeRed: b.o.IncludeRed,
		})
		if err != nil {
			return err
		}
		for i := range c.Groups {
			if g := s.find(&c.Groups[i].Setup); g != nil {
				g.against(label, &c.Groups[i], c.Options.Alpha)
			}
		}
	}
	for _, g := range s.groups {
		b.matrix(g)
	}
	return nil
}

func (s *source) find(setup *results.Setup) *group {
	key := keyOf(setup)
	for _, g := range s.groups {
		if g.Key == key {
			return g
		}
	}
	return nil
}

// against keeps the pairs of one baseline.
func (g *group) against(baseline string, c *compare.Group, alpha float64) {
	if g.pairs == nil {
		g.pairs = map[string]map[string]Match{}
	}
	g.alpha, g.unit, g.better = alpha, c.Metric.Unit, c.Metric.Better
	matches := map[string]Match{}
	for i := range c.Pairs {
		matches[c.Pairs[i].Name] = matchOf(&c.Pairs[i], baseline, c.Metric)
	}
	g.pairs[baseline] = matches
	if best := g.best(); best != nil && best.Engine == baseline {
		for _, l := range g.ranked {
			if m, ok := matches[l.Engine]; ok && l.Rank != nil {
				l.VsBest = &m
			}
			l.Best = l.Rank != nil && (l == best || l.VsBest != nil && !l.VsBest.Told)
		}
	}
}

// best is the entry of rank 1; null when nothing is ranked.
func (g *group) best() *lot {
	if len(g.ranked) == 0 || g.ranked[0].Rank == nil {
		return nil
	}
	return g.ranked[0]
}

func matchOf(p *compare.Pair, baseline string, m compare.Metric) Match {
	match := Match{
		Name: p.Name, Baseline: baseline, Metric: m.Name, N: p.N, NBase: p.NBase, Median: p.Median, MedianBase: p.MedianBase,
		Ratio: p.Ratio, Low: p.Low, High: p.High, P: p.P, PHolm: p.PHolm, MDE: p.MDE,
		Verdict: string(p.Verdict), Better: p.Better, Needs: p.Needs, Left: p.Left,
		Told: p.Verdict == compare.Higher || p.Verdict == compare.Lower,
	}
	match.Text = match.sentence()
	return match
}

// decided: the repetitions could tell, whatever they told.
func (m *Match) decided() bool { return m.Told || m.Verdict == string(compare.NoDifference) }

func (m *Match) sentence() string {
	ratio := results.TextFactor(m.Ratio)
	if m.Low != nil && m.High != nil {
		ratio += " (" + results.TextFactor(m.Low) + " to " + results.TextFactor(m.High) + ")"
	}
	switch compare.Verdict(m.Verdict) {
	case compare.Higher, compare.Lower:
		return fmt.Sprintf("%s has %s the %s of %s", m.Name, ratio, m.Metric, m.Baseline)
	case compare.NoDifference:
		text := fmt.Sprintf("%s and %s are not told apart", m.Name, m.Baseline)
		if m.MDE != nil {
			text += ": a ratio below " + results.TextFactor(m.MDE) + " would rarely have been seen"
		}
		return text
	case compare.Undecidable:
		text := fmt.Sprintf("%s against %s cannot be decided with n=%d", m.Name, m.Baseline, min(m.N, m.NBase))
		if m.Needs > 0 {
			text += fmt.Sprintf(", it takes %d", m.Needs)
		}
		return text
	}
	if m.Left != "" {
		return m.Name + ": " + m.Left
	}
	return fmt.Sprintf("%s against %s: no figure", m.Name, m.Baseline)
}

// matrix makes the comparison of all pairs of a table.
func (b *builder) matrix(g *group) {
	if len(g.pairs) < 2 {
		return
	}
	c := Comparison{
		Table: g.ID, Title: g.Title, Metric: rateMetric, Unit: g.unit, Better: g.better, Alpha: g.alpha,
		Notes: []string{fmt.Sprintf("Each row against each column; each column is a family of its own for Holm's correction (alpha %.3g).", g.alpha)},
	}
	for _, l := range g.ranked {
		for _, m := range g.pairs[l.Engine] {
			if m.Ratio != nil { // somebody could be compared with it
				c.Names = append(c.Names, l.Engine)
				break
			}
		}
	}
	if len(c.Names) == 0 {
		return
	}
	for _, row := range c.Names {
		for _, column := range c.Names {
			if m, ok := g.pairs[column][row]; ok && row != column {
				c.Pairs = append(c.Pairs, m)
			}
		}
	}
	b.m.Comparisons = append(b.m.Comparisons, c)
}

// changes compares each later run with the first.
func (b *builder) changes() error {
	first := b.src[0]
	for _, s := range b.src[1:] {
		c, err := compare.Between(first.run, s.run, compare.Options{IncludeRed: b.o.IncludeRed, AllowDiff: b.o.AllowDiff})
		if err != nil {
			b.unlike = append(b.unlike, fmt.Sprintf("%s is not compared with %s: %v.", s.name, first.name, err))
			continue
		}
		for i := range c.Groups {
			b.change(first, s, &c.Groups[i], c.Options.Alpha)
		}
	}
	return nil
}

func (b *builder) change(base, changed *source, g *compare.Group, alpha float64) {
	title := strings.TrimPrefix(g.Subject+": "+g.Setup.Title(), ": ")
	c := Comparison{
		Title: title, Metric: g.Metric.Name, Unit: g.Metric.Unit, Better: g.Metric.Better, Alpha: alpha,
		Base: base.id, New: changed.id, Subject: g.Subject,
	}
	if t := changed.find(&g.Setup); t != nil {
		c.Table = t.ID
	}
	if g.Left != "" {
		c.Notes = append(c.Notes, base.name+": "+g.Left)
	}
	for i := range g.Pairs {
		m := matchOf(&g.Pairs[i], g.Baseline, g.Metric)
		c.Names = append(c.Names, m.Name)
		c.Pairs = append(c.Pairs, m)
	}
	b.m.Changes = append(b.m.Changes, c)
}

// factors writes ratios at least 1 as a range: "1.7x", "1.7x to 4.2x".
func factors(ratios []float64) string {
	if len(ratios) == 0 {
		return ""
	}
	low, high := slices.Min(ratios), slices.Max(ratios)
	a, z := shortFactor(low), shortFactor(high)
	if a == z {
		return a
	}
	return a + " to " + z
}

// shortFactor is for sentences: one decimal from 2 on, two below.
func shortFactor(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0fx", math.Round(x))
	case x >= 1.995:
		return fmt.Sprintf("%.1fx", x)
	}
	return fmt.Sprintf("%.2fx", x)
}
