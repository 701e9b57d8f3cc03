package results

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// isSearch reports whether all that a run did was to search for rates.
func isSearch(run *Run) bool {
	ids := make(map[string]bool)
	for _, s := range run.Manifest.Searches {
		ids[s.Closed] = true
		for _, p := range s.Probes {
			ids[p.Cell] = true
		}
	}
	for _, c := range run.Cells {
		if !ids[c.ID] && c.Status != StatusSkipped && c.Status != StatusPartial {
			return false
		}
	}
	return len(run.Manifest.Searches) > 0
}

// searches writes what the searches of a run for a sustainable rate found, and
// how latency rose with load.
func searches(p *page, run *Run) {
	byID := make(map[string]*Cell, len(run.Cells))
	for i := range run.Cells {
		byID[run.Cells[i].ID] = &run.Cells[i]
	}
	for i := range run.Manifest.Searches {
		s := &run.Manifest.Searches[i]
		p.heading(2, searchTitle(s))
		p.line(searchResult(s))
		p.blank()
		if len(s.Probes) > 0 {
			p.table(searchColumns(p, s, byID))
		}
	}
}

func searchTitle(s *Search) string {
	parts := []string{s.Engine + ", workload " + s.Workload, plural(s.Threads, "thread")}
	if s.Arrival != "" {
		parts = append(parts, s.Arrival+" arrivals")
	}
	return strings.Join(parts, ", ")
}

// searchResult is the outcome in a sentence.
func searchResult(s *Search) string {
	var text string
	switch {
	case s.Rate != nil && s.Ceiling != nil:
		text = "highest rate with " + s.Objective + ": " + humanCount(*s.Rate) + " ops/s (" + humanCount(*s.Ceiling) + " did not meet it)"
	case s.Rate != nil:
		text = s.Objective + " was met at all rates tried, up to " + humanCount(*s.Rate) + " ops/s"
	case s.Ceiling != nil:
		text = "no rate tried met " + s.Objective + ", down to " + humanCount(*s.Ceiling) + " ops/s"
		if s.Reason != "" {
			text += ": " + s.Reason
		}
	case s.Reason != "":
		text = "no rate was tried: " + s.Reason
	default:
		text = "the search was interrupted before it found a rate"
	}
	if s.ClosedPerS != nil {
		text += "; the closed loop did " + humanCount(*s.ClosedPerS) + " ops/s"
		if s.Rate != nil && *s.ClosedPerS > 0 {
			text += ", of which that is " + percent(*s.Rate / *s.ClosedPerS)
		}
	}
	return text
}

// searchColumns are the probes from the lowest rate to the highest, with a
// curve of the objective's metric: bars on a logarithmic scale.
func searchColumns(p *page, s *Search, byID map[string]*Cell) []column {
	probes := slices.Clone(s.Probes)
	slices.SortStableFunc(probes, func(a, b Probe) int { return cmp.Compare(a.Rate, b.Rate) })
	metric, limit := objectiveParts(s.Objective)
	rate, achieved := column{title: "rate"}, column{title: "achieved", block: blockSpeed}
	value := column{title: metric, block: blockSpeed}
	curve := column{title: "log scale, │ is the limit", left: true, block: blockSpeed}
	met := column{title: "met", left: true, block: blockFlags}
	why := column{title: "why not", left: true, block: blockFlags}
	quantiles := []column{{title: "p50", block: blockLatency}, {title: "p99", block: blockLatency}, {title: "p99.9", block: blockLatency}}
	draw := curveOf(probes, limit)
	for _, probe := range probes {
		rate.cells = append(rate.cells, humanCount(probe.Rate))
		achieved.cells = append(achieved.cells, orUnknown(probe.Achieved, humanCount))
		value.cells = append(value.cells, orUnknown(probe.Value, humanNs))
		curve.cells = append(curve.cells, draw(probe.Value))
		if probe.Met {
			met.cells = append(met.cells, "yes")
		} else {
			met.cells = append(met.cells, p.colored(ansiRed, "no"))
		}
		why.cells = append(why.cells, firstLine(probe.Reason))
		for i, q := range []func(*Latency) uint64{
			func(l *Latency) uint64 { return l.P50 },
			func(l *Latency) uint64 { return l.P99 },
			func(l *Latency) uint64 { return l.P999 },
		} {
			quantiles[i].cells = append(quantiles[i].cells, orUnknown(worstResponse(byID[probe.Cell], q), humanNs))
		}
	}
	columns := []column{rate, achieved, value, curve, met, why}
	return append(columns, quantiles...)
}

// worstResponse is a quantile of response times, of the kind of operation
// with the longest.
func worstResponse(c *Cell, q func(*Latency) uint64) (worst *float64) {
	if c == nil {
		return nil
	}
	for _, op := range c.Ops {
		if op == nil || op.Response == nil {
			continue
		}
		if v := float64(q(op.Response)); worst == nil || v > *worst {
			worst = &v
		}
	}
	return worst
}

// objectiveParts splits METRIC<DURATION; limit is in nanoseconds, 0 if it is
// not known.
func objectiveParts(objective string) (metric string, limit float64) {
	metric, bound, _ := strings.Cut(objective, "<")
	d, err := time.ParseDuration(strings.TrimPrefix(bound, "="))
	if err != nil {
		return metric, 0
	}
	return metric, float64(d)
}

const curveWidth = 24

// curveOf returns what draws a value as a bar, with a mark at the limit.
func curveOf(probes []Probe, limit float64) func(value *float64) string {
	low, high := math.Inf(1), math.Inf(-1)
	span := func(v float64) {
		if v > 0 {
			low, high = min(low, math.Log(v)), max(high, math.Log(v))
		}
	}
	span(limit)
	for _, p := range probes {
		if p.Value != nil {
			span(*p.Value)
		}
	}
	place := func(v float64) int {
		if v <= 0 || high <= low {
			return 0
		}
		return 1 + int(math.Round((math.Log(v)-low)/(high-low)*(curveWidth-2)))
	}
	return func(value *float64) string {
		bar := []rune(strings.Repeat(" ", curveWidth))
		if value != nil {
			for i := range min(place(*value)+1, curveWidth) {
				bar[i] = '='
			}
		}
		if limit > 0 {
			bar[place(limit)] = '│'
		}
		return string(bar)
	}
}

func searchLegend() []string {
	return []string{
		"Each line is a run of its own, at a given rate of intended starts. Times are response times: from the intended start, so that waiting counts. p50, p99, p99.9: of the kind of operation with the longest.",
		"A rate counts as met when the objective was, the loop was not saturated (less achieved than offered), no operation failed, and background work did not pile up; where tries of a rate disagree, two of three decide.",
		"The other figures of every run are in the results directory.",
	}
}
