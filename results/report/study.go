package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/kvbench/kvbench/results"
)

// studies takes over the built-in experiments and the searches.
func (b *builder) studies() error {
	for _, s := range b.src {
		if study := s.run.Manifest.Study; study != nil {
			b.m.Studies = append(b.m.Studies, studyOf(s.id, *study))
		}
		for _, search := range s.run.Manifest.Searches {
			b.m.Searches = append(b.m.Searches, b.searchOf(s.id, search))
		}
	}
	return nil
}

func studyOf(run string, s results.Study) Study {
	study := Study{Run: run, Study: s}
	for _, c := range s.Claims {
		switch {
		case c.Held == nil:
			study.Unknown++
		case *c.Held:
			study.Held++
		default:
			study.Failed++
		}
	}
	switch {
	case s.Missing != "":
		study.Text = "Nothing was run: " + s.Missing + "."
	case len(s.Claims) == 0:
		study.Text = "It states no expectation."
	default:
		study.Text = fmt.Sprintf("%d of %s held", study.Held, count(len(s.Claims), "expectation"))
		if study.Failed > 0 {
			study.Text += fmt.Sprintf(", %d did not", study.Failed)
		}
		if study.Unknown > 0 {
			study.Text += fmt.Sprintf(", %d could not be judged", study.Unknown)
		}
		study.Text += "."
	}
	return study
}

func (b *builder) searchOf(run string, s results.Search) Search {
	search := Search{Run: run, Search: s, Color: b.colors[s.Engine]}
	for _, p := range s.Probes {
		point := LinePoint{
			X: strconv.FormatFloat(p.Rate, 'f', -1, 64), Num: results.Num(p.Rate), Y: p.Value, N: 1,
			Lamp: results.LampRed, Note: p.Reason,
		}
		if p.Met {
			point.Lamp = results.LampGreen
		}
		search.Curve = append(search.Curve, point)
	}
	slices.SortStableFunc(search.Curve, func(x, y LinePoint) int { return cmp.Compare(*x.Num, *y.Num) })
	what := fmt.Sprintf("%s, workload %s, %s", s.Engine, s.Workload, count(s.Threads, "thread"))
	switch {
	case s.Rate == nil:
		search.Text = fmt.Sprintf("%s: no rate that was tried met %s.", what, s.Objective)
	case s.Ceiling == nil:
		search.Text = fmt.Sprintf("%s: %s held at every rate up to %s ops/s; the limit is higher.",
			what, s.Objective, results.TextCount(s.Rate))
	default:
		search.Text = fmt.Sprintf("%s: %s holds up to %s ops/s and no longer at %s ops/s.",
			what, s.Objective, results.TextCount(s.Rate), results.TextCount(s.Ceiling))
	}
	return search
}
