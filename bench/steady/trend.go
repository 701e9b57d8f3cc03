package steady

import (
	"math"
	"slices"
)

// exactMost is the number of values up to which, without ties, the
// distribution of Kendall's statistic is enumerated rather than approximated.
const exactMost = 10

// MannKendall returns Kendall's statistic of xs against their order, the
// number of pairs that rise less those that fall, and the two-sided
// probability of one as far from zero or farther if the order were chance.
// Fewer than two values have a probability of 1.
//
// Up to ten values without ties it is exact. Beyond, and with ties, it is the
// normal approximation with the variance corrected for ties and for
// continuity.
func MannKendall(xs []float64) (s int, p float64) {
	n := len(xs)
	for i := range xs {
		for j := i + 1; j < n; j++ {
			switch {
			case xs[j] > xs[i]:
				s++
			case xs[j] < xs[i]:
				s--
			}
		}
	}
	groups := ties(xs)
	if s == 0 || n < 2 {
		return s, 1
	}
	if n <= exactMost && len(groups) == 0 {
		return s, exactP(n, s)
	}
	variance := varianceTerm(n)
	for _, t := range groups {
		variance -= varianceTerm(t)
	}
	variance /= 18
	z := (math.Abs(float64(s)) - 1) / math.Sqrt(variance)
	return s, math.Erfc(z / math.Sqrt2)
}

func varianceTerm(n int) float64 { return float64(n) * float64(n-1) * float64(2*n+5) }

// ties returns the sizes of the groups of equal values, of two and more.
func ties(xs []float64) (groups []int) {
	sorted := slices.Sorted(slices.Values(xs))
	for i := 0; i < len(sorted); {
		j := i + 1
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		if j-i > 1 {
			groups = append(groups, j-i)
		}
		i = j
	}
	return groups
}

// exactP is the two-sided probability of |S| >= |s| for n values in random
// order: the permutations of n by their number of inversions.
func exactP(n, s int) float64 {
	counts := []float64{1} // by inversions
	for k := 2; k <= n; k++ {
		next := make([]float64, len(counts)+k-1)
		for i, c := range counts {
			for j := range k {
				next[i+j] += c
			}
		}
		counts = next
	}
	most := len(counts) - 1 // n(n-1)/2
	var far, all float64
	for inversions, c := range counts {
		all += c
		if d := most - 2*inversions; d >= max(s, -s) || -d >= max(s, -s) {
			far += c
		}
	}
	return far / all
}

// TheilSen returns the median of the slopes between all pairs of xs, per step
// of their order; 0 for fewer than two values. Up to 29 % of the values can be
// wild without moving it far. It takes the memory of all pairs.
func TheilSen(xs []float64) float64 {
	var slopes []float64
	for i := range xs {
		for j := i + 1; j < len(xs); j++ {
			slopes = append(slopes, (xs[j]-xs[i])/float64(j-i))
		}
	}
	return median(slopes)
}

// CV returns the standard deviation of xs over their mean; NaN for fewer than
// two values or a mean of zero.
func CV(xs []float64) float64 {
	n := float64(len(xs))
	var sum, squares float64
	for _, x := range xs {
		sum += x
	}
	mean := sum / n
	for _, x := range xs {
		squares += (x - mean) * (x - mean)
	}
	if n < 2 || mean == 0 {
		return math.NaN()
	}
	return math.Sqrt(squares/(n-1)) / mean
}

func median(xs []float64) float64 {
	slices.Sort(xs)
	n := len(xs)
	if n == 0 {
		return 0
	}
	return xs[(n-1)/2]/2 + xs[n/2]/2
}
