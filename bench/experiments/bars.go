package experiments

import (
	"math"

	"github.com/kvbench/kvbench/results"
)

// barLengths scales the points of a figure to at most most cells; nil when
// there is nothing to compare. On a logarithmic axis the least one that is
// above 0 has a single cell.
func barLengths(f results.Figure, most int) []int {
	low, high := math.Inf(1), 0.0
	for _, p := range f.Points {
		if p.Y == nil || *p.Y <= 0 {
			continue
		}
		low, high = min(low, *p.Y), max(high, *p.Y)
	}
	if high == 0 {
		return nil
	}
	lengths := make([]int, len(f.Points))
	for i, p := range f.Points {
		if p.Y == nil || *p.Y <= 0 {
			continue
		}
		share := *p.Y / high
		if f.LogY && high > low {
			share = math.Log(*p.Y/low) / math.Log(high/low)
		}
		lengths[i] = max(1, int(math.Round(share*float64(most))))
	}
	return lengths
}
