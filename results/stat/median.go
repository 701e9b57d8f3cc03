package stat

import (
	"math"
	"slices"
)

// An Interval is an estimate and the interval around it.
type Interval struct {
	Estimate  float64
	Low, High float64
	// Attained is the probability that the interval covers the true value,
	// never below the one asked for; 0 when there is no finite interval.
	Attained float64
	// N values went in; Needs is how many a finite interval takes.
	N, Needs int
}

// Finite reports whether there is an interval. If not, Low and High are
// infinite, and the estimate of no values is NaN.
func (i Interval) Finite() bool { return i.Attained > 0 }

// unbounded is what so few values say.
func unbounded(estimate float64, n, needs int) Interval {
	return Interval{Estimate: estimate, Low: math.Inf(-1), High: math.Inf(1), N: n, Needs: needs}
}

// Median is the middle value, the mean of the two middle ones when their
// number is even, and NaN when there is none. xs is left as it is.
func Median(xs []float64) float64 {
	n := len(xs)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(xs))
	if n%2 == 1 {
		return sorted[n/2]
	}
	return sorted[n/2-1]/2 + sorted[n/2]/2
}

// MedianCI is the median of xs with an interval at 1-alpha: the k-th smallest
// and the k-th largest value, for the largest k that will do. It covers the
// median of any continuous distribution.
func MedianCI(xs []float64, alpha float64) Interval {
	n := len(xs)
	below, k := 0.0, 0 // P(Binomial(n, 1/2) < k)
	for k < n/2 {
		next := below + binomialHalf(n, k)
		if next > alpha/2 {
			break
		}
		below, k = next, k+1
	}
	if k == 0 {
		return unbounded(Median(xs), n, leastN(alpha))
	}
	sorted := slices.Sorted(slices.Values(xs))
	return Interval{
		Estimate: Median(xs), Low: sorted[k-1], High: sorted[n-k],
		Attained: 1 - 2*below, N: n, Needs: leastN(alpha),
	}
}

// binomialHalf is the probability of k heads in n throws.
func binomialHalf(n, k int) float64 {
	all, _ := math.Lgamma(float64(n + 1))
	heads, _ := math.Lgamma(float64(k + 1))
	tails, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(all - heads - tails - float64(n)*math.Ln2)
}

// leastN is the number of values whose range covers their median, and whose
// signs can all agree, with probability 1-alpha: 2/2^n <= alpha.
func leastN(alpha float64) int {
	n := 1
	for p := 1.0; p > alpha; p /= 2 {
		n++
	}
	return n
}
