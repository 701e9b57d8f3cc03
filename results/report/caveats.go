package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/results"
)

// caveats are what a reader has to know before believing the headline.
func (b *builder) caveats() []string {
	list := slices.Clone(b.unlike)
	for _, s := range b.src {
		list = append(list, b.runCaveats(s)...)
	}
	if len(b.src) > 1 {
		if names := b.differing("machine"); len(names) > 0 {
			list = append(list, "The runs were not made on the same machine in the same state: "+strings.Join(names, ", ")+" differ.")
		}
	}
	return list
}

func (b *builder) runCaveats(s *source) []string {
	var list []string
	lead := ""
	if len(b.src) > 1 {
		lead = s.name + ": "
	}
	say := func(format string, args ...any) { list = append(list, lead+fmt.Sprintf(format, args...)) }
	switch s.run.Manifest.Status {
	case results.StatusPartial:
		say("The run was interrupted, or is still going on: it is not complete.")
	case results.StatusFailed:
		say("The run is not valid as a whole: a cell failed.")
	}
	var failed, red int
	var fewest *lot
	levels := false
	for _, g := range s.groups {
		for _, l := range g.ranked {
			failed += l.row.Outcomes[results.StatusFailed]
			red += l.Left
			if l.Lamp == results.LampRed {
				red += l.N
			}
			if l.Rank != nil && (fewest == nil || l.N < fewest.N) {
				fewest = l
			}
		}
		levels = levels || unlikeLevels(g)
	}
	if failed > 0 {
		say("%s failed; whoever failed in any repetition of a table is not ranked in it.", count(failed, "cell"))
	}
	if red > 0 && b.o.IncludeRed {
		say("%s with a red lamp %s ranked, as was asked.", count(red, "cell"), are(red))
	} else if red > 0 {
		say("%s with a red lamp %s left out of the rankings; the quality log has the reasons.", count(red, "cell"), are(red))
	}
	if text := yellow(s); text != "" {
		say("%s", text)
	}
	if fewest != nil && fewest.Rate.Low == nil {
		say("Some figures rest on %s: too few for a confidence interval at 95 %%, which takes six.", count(fewest.N, "repetition"))
	}
	if levels {
		say("In async tables the engines promise different things: the columns durability and kill -9 say what a write has survived.")
	}
	return list
}

// yellow says how many cells in the figures have a yellow lamp, and why.
func yellow(s *source) string {
	cells := 0
	reasons := map[string]int{}
	for _, g := range s.groups {
		for _, l := range g.ranked {
			for _, c := range l.used {
				if c.LampOf() != results.LampYellow {
					continue
				}
				cells++
				for _, f := range flagsOf([]*results.Cell{c}) {
					reasons[f.Name]++
				}
			}
		}
	}
	if cells == 0 {
		return ""
	}
	names := tallies(reasons, nil)
	slices.SortStableFunc(names, func(x, y Tally) int { return y.Count - x.Count })
	const shown = 4
	more := ""
	if len(names) > shown {
		names, more = names[:shown], ", ..."
	}
	return fmt.Sprintf("%s in the figures %s a yellow lamp (%s%s); the quality log has the reasons.",
		count(cells, "cell"), map[bool]string{true: "has", false: "have"}[cells == 1], tallyText(names), more)
}

// unlikeLevels: the engines of the table differ in what survives the death of
// the process.
func unlikeLevels(g *group) bool {
	fates := map[bool]bool{}
	for _, l := range g.ranked {
		if l.Rank != nil && l.Survives != nil {
			fates[*l.Survives] = true
		}
	}
	return len(fates) > 1
}

// differing names the facts of a group that differ between runs.
func (b *builder) differing(group string) []string {
	var names []string
	for _, e := range b.m.Environments {
		for _, g := range e.Groups {
			for _, f := range g.Facts {
				changes := strings.HasPrefix(f.Name, "load average") || f.Name == "time stolen by the host"
				if g.Name == group && f.Differs && !changes && !slices.Contains(names, f.Name) {
					names = append(names, f.Name)
				}
			}
		}
	}
	return names
}
