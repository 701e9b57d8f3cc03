package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

// A demand is a need and how it is judged.
type demand struct {
	name, question string
	// score says how well a table tells; 0: it does not.
	score func(*group) float64
	// metric judges it in a table that tells, and its name in a sentence.
	metric func(*group) (name, words string)
}

func demands() []demand {
	rates := func(*group) (string, string) { return rateMetric, "operations a second" }
	return []demand{
		{"point reads", "I look up single keys, most of which exist.", tellsReads, rates},
		{"ingest", "I write a lot, fast, and can lose the last moment in a power cut.", tellsIngest, rates},
		{"scans", "I read ranges of neighbouring keys.", tellsScans, judgeScans},
		{"durable writes", "A write that was acknowledged must survive a power cut.", tellsDurable, rates},
		{"space", "Disk is what I am short of.", tellsSpace, func(*group) (string, string) {
			return spaceMetric, "bytes on disk a live byte"
		}},
		{"tail", "The slowest reads matter more than the average, while others write.", tellsTail, judgeTail},
	}
}

// writeShare is the part of the operations that change something.
func writeShare(g *group) float64 {
	return share(g, "update", "insert", "put", "read-modify-write", "delete")
}

func tellsReads(g *group) float64 {
	if x := share(g, "read"); x >= 0.95 {
		return x
	}
	return 0
}

func tellsIngest(g *group) float64 {
	switch x := writeShare(g); {
	case g.Setup.Regime == results.RegimeSync:
		return 0
	case g.Load:
		return 2
	case x >= 0.9:
		return x
	}
	return 0
}

func tellsScans(g *group) float64 {
	if x := share(g, "scan", "reverse-scan"); x >= 0.5 {
		return x
	}
	return 0
}

func judgeScans(g *group) (name, words string) {
	if slices.ContainsFunc(g.ranked, func(l *lot) bool { return l.RowsPerS.Median != nil }) {
		return rowsMetric, "rows a second"
	}
	return rateMetric, "operations a second"
}

func tellsDurable(g *group) float64 {
	if x := writeShare(g); g.Setup.Regime == results.RegimeSync && (x >= 0.5 || g.Load) {
		return max(x, 0.5)
	}
	return 0
}

// tellsSpace prefers overwriting, which shows what a load does not.
func tellsSpace(g *group) float64 {
	if !slices.ContainsFunc(g.ranked, func(l *lot) bool { return l.SpaceAmp.Median != nil }) {
		return 0
	}
	return 0.1 + writeShare(g)
}

// tellsTail wants reads beside writes, and rather an open loop, whose response
// times are what a user waits.
func tellsTail(g *group) float64 {
	r, w := share(g, "read"), writeShare(g)
	if r < 0.05 || w < 0.05 {
		return 0
	}
	x := min(r, w)
	if g.Setup.Mode == "open" {
		x++
	}
	return x
}

func judgeTail(g *group) (name, words string) {
	if g.Setup.Mode == "open" {
		return "read.response.p999", "99.9th percentile of reads, from the intended start"
	}
	return "read.p999", "99.9th percentile of reads"
}

const nothingTells = "Nothing in this report tells."

// table is the one that tells most; of two that tell as much, the one that
// ranks more engines, and then one where writes do not wait for the disk.
func (d *demand) table(groups []*group) *group {
	return pick(groups, func(g *group) float64 {
		if g.best() == nil {
			return 0
		}
		more := 0.0
		for _, l := range g.ranked {
			if l.Rank != nil {
				more++
			}
		}
		if g.Setup.Regime != results.RegimeSync {
			more += 0.5
		}
		return d.score(g) * (1 + more/1e6)
	})
}

// needs answers each from the table that tells most, of the latest run that
// has one: that is what one would use.
func (b *builder) needs() error {
	for _, d := range demands() {
		n := Need{Name: d.name, Question: d.question}
		n.Text = nothingTells
		for _, s := range slices.Backward(b.src) {
			if g := d.table(s.groups); g != nil {
				b.answer(&n, &d, s, g)
				break
			}
		}
		b.m.Needs = append(b.m.Needs, n)
	}
	return nil
}

// answer ranks the engines of a table by the metric.
func (b *builder) answer(n *Need, d *demand, s *source, g *group) {
	name, words := d.metric(g)
	m, err := compare.FindMetric(name)
	if err != nil {
		return
	}
	n.Judged = fmt.Sprintf("%s (%s is better), %s, %s", words, m.Better, g.Title, g.Setup.Data())
	var all []Pick
	for _, l := range g.ranked {
		f := brief(l.used, m.Value)
		if l.Rank == nil || f.Median == nil {
			continue
		}
		all = append(all, Pick{
			Engine: l.Engine, Color: l.Color, Table: g.ID, Value: f.Median, Low: f.Low, High: f.High,
			Unit: m.Unit, Text: withUnit(m.Unit, f.Median), Lamp: l.Lamp,
		})
	}
	slices.SortStableFunc(all, func(x, y Pick) int {
		if m.HigherBetter() {
			x, y = y, x
		}
		return cmp.Compare(*x.Value, *y.Value)
	})
	if len(all) == 0 {
		return
	}
	tied, decided := b.best(s, g, name, all)
	for _, p := range all {
		if slices.Contains(tied, p.Engine) {
			n.Picks = append(n.Picks, p)
		} else {
			n.Others = append(n.Others, p)
		}
	}
	n.Text = needText(n, decided)
}

func withUnit(unit string, x *float64) string {
	switch unit {
	case "ops/s", "rows/s":
		return results.TextCount(x) + " " + unit
	}
	return textOf(unit)(x)
}

// best names the first of all and those not told apart from it. It is not
// decided when there are too few repetitions to tell anything.
func (b *builder) best(s *source, g *group, name string, all []Pick) (tied []string, decided bool) {
	first := all[0].Engine
	tied = []string{first}
	if len(all) == 1 {
		return tied, true
	}
	c, err := compare.Within(s.run, compare.Options{
		By: "engine", Baseline: first, Metrics: []string{name}, IncludeRed: b.o.IncludeRed,
	})
	if err != nil {
		return tied, false
	}
	decided = true
	for i := range c.Groups {
		if keyOf(&c.Groups[i].Setup) != g.Key {
			continue
		}
		for _, p := range c.Groups[i].Pairs {
			ranked := slices.ContainsFunc(all, func(x Pick) bool { return x.Engine == p.Name })
			switch {
			case !ranked:
			case p.Verdict == compare.NoDifference:
				tied = append(tied, p.Name)
			case p.Verdict == compare.Undecidable:
				decided = false
			}
		}
	}
	return tied, decided
}

func needText(n *Need, decided bool) string {
	first := n.Picks[0]
	if len(n.Others) == 0 && len(n.Picks) == 1 {
		return fmt.Sprintf("%s was measured alone: %s.", first.Engine, first.Text)
	}
	if !decided {
		return fmt.Sprintf("%s has the best median (%s), but the repetitions are too few to tell it from the others.",
			first.Engine, first.Text)
	}
	text := fmt.Sprintf("%s (%s)", first.Engine, first.Text)
	if len(n.Picks) > 1 {
		var names []string
		for _, p := range n.Picks[1:] {
			names = append(names, fmt.Sprintf("%s (%s)", p.Engine, p.Text))
		}
		text += fmt.Sprintf("; %s %s not told apart from it", list(names), are(len(names)))
	}
	if len(n.Others) > 0 {
		text += fmt.Sprintf("; then %s (%s)", n.Others[0].Engine, n.Others[0].Text)
	}
	return text + "."
}
