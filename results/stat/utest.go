package stat

import (
	"slices"

	"golang.org/x/perf/benchmath"
)

// MannWhitney is the two-sided p-value of the hypothesis that both samples
// come from one distribution; 1 when either is empty or all values are equal.
// It is exact up to 50 values a side, or 25 where there are ties.
func MannWhitney(xs, ys []float64) float64 {
	// NewSample sorts what it is given.
	a := benchmath.NewSample(slices.Clone(xs), &benchmath.DefaultThresholds)
	b := benchmath.NewSample(slices.Clone(ys), &benchmath.DefaultThresholds)
	return min(benchmath.AssumeNothing.Compare(a, b).P, 1)
}

// MinP is the least p-value that MannWhitney can have for samples of n and m
// values: that of two samples that do not overlap.
func MinP(n, m int) float64 {
	all := make([]float64, n+m)
	for i := range all {
		all[i] = float64(i)
	}
	return MannWhitney(all[:n], all[n:])
}

// exactU is the largest product of sample sizes whose distribution is counted
// out; the counts are whole numbers below 2^53.
const exactU = 20 * 20

// uCut returns the largest U of samples of n and m values whose two-sided p is
// below alpha; ok is false when there is none.
func uCut(n, m int, alpha float64) (cut int, ok bool) {
	counts := uCounts(n, m)
	total := 0.0
	for _, c := range counts {
		total += c
	}
	cut, below := -1, 0.0
	for u, c := range counts[:n*m/2+1] {
		below += c
		if 2*below/total >= alpha {
			break
		}
		cut = u
	}
	return cut, cut >= 0
}

// uCounts returns in how many of the orders of n and m values U is 0, 1, ...
// n*m: the coefficients of the Gaussian binomial, which is the product of
// (1-q^(m+i)) / (1-q^i) over i up to n.
func uCounts(n, m int) []float64 {
	counts := make([]float64, n*m+1)
	counts[0] = 1
	for i := 1; i <= n; i++ {
		for u := len(counts) - 1; u >= m+i; u-- {
			counts[u] -= counts[u-m-i]
		}
		for u := i; u < len(counts); u++ {
			counts[u] += counts[u-i]
		}
	}
	return counts
}
