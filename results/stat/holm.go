package stat

import (
	"cmp"
	"slices"
)

// Holm corrects the p-values of several tests: to reject those whose corrected
// p is below alpha keeps the probability of any false rejection below alpha.
// The order is kept, and ps left as it is.
func Holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ps[a], ps[b]) })
	out := make([]float64, len(ps))
	largest := 0.0
	for i, at := range order {
		largest = max(largest, min(float64(len(ps)-i)*ps[at], 1))
		out[at] = largest
	}
	return out
}
