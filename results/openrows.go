package results

import (
	"cmp"
	"slices"
)

// Mode of a cell whose operations have intended starts.
const modeOpen = "open"

// orderOpen sorts the rows of an open loop: all were asked for one rate, so
// they go by the longest p99 of their kinds of operation, and none is ranked
// by its rate.
func orderOpen(rows []Row) {
	worst := func(r *Row) float64 {
		most := -1.0
		for _, t := range r.Ops {
			if t.P99 != nil {
				most = max(most, *t.P99)
			}
		}
		return most
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		if a.rankable() != b.rankable() {
			return byRate(a, b)
		}
		return cmp.Or(cmp.Compare(worst(&a), worst(&b)), byRate(a, b))
	})
}

// openTimes are the figures of a row that only an open loop has: medians over
// its cells.
type openTimes struct{ lag, backlog, dropped *float64 }

func (r *Row) open() (o openTimes) {
	var lag, backlog, dropped []float64
	for _, c := range r.used {
		if c.Open == nil {
			continue
		}
		if c.Open.Lag != nil {
			lag = append(lag, float64(c.Open.Lag.P99))
		}
		backlog = append(backlog, float64(c.Open.BacklogMax))
		dropped = append(dropped, float64(c.Open.Dropped))
	}
	return openTimes{lag: median(lag), backlog: median(backlog), dropped: median(dropped)}
}

// openTitle is what a title says of an open loop, empty for a closed one.
func openTitle(s *Setup) string {
	if s.Rate == nil {
		return ""
	}
	text := "at " + humanCount(*s.Rate) + " ops/s"
	if s.Arrival != "" {
		text += " (" + s.Arrival + ")"
	}
	return text
}

func orZero(x *float64) float64 {
	if x == nil {
		return 0
	}
	return *x
}

// openLegend explains what only tables of open loops have.
func openLegend(groups []group) []string {
	if !slices.ContainsFunc(groups, func(g group) bool { return g.Mode == modeOpen }) {
		return nil
	}
	return []string{
		"open loop: operations have intended starts, at the rate asked for; times are response times from there, so that waiting counts. p99 lag: how late operations began whose worker was free, the harness's own error. backlog: most operations that were due and not begun; dropped: never begun.",
	}
}
