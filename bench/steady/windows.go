package steady

import (
	"math"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// MaxWindows is the most windows that are made of a series: more say no more
// of a trend, and all pairs of them are looked at.
const MaxWindows = 60

// FromRows makes windows of the rows of one phase, which come one after
// another: as many rows to each as leaves no more than MaxWindows of them. What
// is over at the beginning is left out, and so is a last row that the end of
// the phase cut short. It returns the windows' rates, in operations a second.
func FromRows(rows []results.SeriesRow) (rates []float64, o Options) {
	if n := len(rows); n > 1 && rows[n-1].Seconds < 0.99*rows[0].Seconds {
		rows = rows[:n-1]
	}
	each := (len(rows) + MaxWindows - 1) / MaxWindows
	if each == 0 {
		return nil, o
	}
	rows = rows[len(rows)%each:]
	for ; len(rows) > 0; rows = rows[each:] {
		w := rows[:each]
		var ops uint64
		var length float64
		hits, misses := engine.Known(0), engine.Known(0)
		for _, r := range w {
			ops += r.Ops
			length += r.Seconds
			hits, misses = hits.Plus(r.CacheHits), misses.Plus(r.CacheMiss)
		}
		rates = append(rates, float64(ops)/length)
		o.WindowS = length
		o.Debt = append(o.Debt, number(w[each-1].Debt))
		o.Hits, o.Misses = append(o.Hits, number(hits)), append(o.Misses, number(misses))
	}
	return rates, o
}

func number(c engine.Count) float64 {
	n, ok := c.Value()
	if !ok {
		return math.NaN()
	}
	return float64(n)
}
