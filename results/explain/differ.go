package explain

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/results/compare"
)

// A Difference is a counter of the engines that differs and has no price: it
// may be behind what is unexplained.
type Difference struct {
	Counter string  `json:"counter"` // as compare.FindMetric has it
	Unit    string  `json:"unit"`
	PerOpA  float64 `json:"per_op_a"`
	PerOpB  float64 `json:"per_op_b"`
}

const (
	leastRatio = 1.2  // of the counts of both sides that is told
	leastCount = 0.01 // an operation, of the larger one
)

// priced reports whether a term is made of the counter, or the workload alone
// decides on it.
func priced(name string) bool {
	if strings.HasPrefix(name, "metrics.user.") {
		return true
	}
	return slices.Contains([]string{
		"metrics.read.ios", "metrics.read.io_bytes", "metrics.read.blocks_touched", "metrics.read.filter_checks",
		"metrics.cache.hits", "metrics.cache.misses",
		"metrics.work.flush_bytes", "metrics.work.compact_read_bytes", "metrics.work.compact_write_bytes",
		"metrics.work.page_write_bytes", "metrics.work.gc_read_bytes", "metrics.work.gc_write_bytes",
	}, name)
}

// differences lists the counters without a price that both sides know and that
// differ, those that differ most first.
func differences(a, b *side) []Difference {
	list := []Difference{}
	for _, m := range compare.Metrics() {
		if !m.Counted || !strings.HasPrefix(m.Name, "metrics.") || !strings.HasSuffix(m.Unit, "/op") || priced(m.Name) {
			continue
		}
		x, y := a.median(m.Value), b.median(m.Value)
		if x == nil || y == nil || max(*x, *y) < leastCount || max(*x, *y) < leastRatio*min(*x, *y) {
			continue
		}
		list = append(list, Difference{m.Name, m.Unit, *x, *y})
	}
	ratio := func(d Difference) float64 {
		return math.Abs(math.Log((d.PerOpA + leastCount) / (d.PerOpB + leastCount)))
	}
	slices.SortStableFunc(list, func(d, e Difference) int { return cmp.Compare(ratio(e), ratio(d)) })
	return list
}
