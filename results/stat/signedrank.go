package stat

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrNotPositive is wrapped when a ratio was asked for of values that have
// none.
var ErrNotPositive = errors.New("not a positive number")

// Shift is the median of paired differences with the signed-rank interval at
// 1-alpha. Its coverage is exact for differences from any continuous symmetric
// distribution, and at least that with ties.
//
// The median may lie outside of the signed-rank interval when the differences
// are far from symmetric; then the interval is widened to contain it.
func Shift(differences []float64, alpha float64) Interval {
	n := len(differences)
	estimate := Median(differences)
	rank, attained := signedRankCut(n, alpha)
	if rank == 0 {
		return unbounded(estimate, n, leastN(alpha))
	}
	w := walsh(differences)
	return Interval{
		Estimate: estimate,
		Low:      min(w[rank-1], estimate), High: max(w[len(w)-rank], estimate),
		Attained: attained, N: n, Needs: leastN(alpha),
	}
}

// Ratio is the median of the ratios above[i] : below[i] with the interval of
// Shift over their logarithms. All values must be positive and finite.
func Ratio(below, above []float64, alpha float64) (Interval, error) {
	if len(below) != len(above) {
		return Interval{}, fmt.Errorf("ratio of pairs: %d values against %d", len(above), len(below))
	}
	logs := make([]float64, len(below))
	for i := range below {
		for _, x := range []float64{below[i], above[i]} {
			if !(x > 0) || math.IsInf(x, 0) {
				return Interval{}, fmt.Errorf("ratio of pairs: pair %d: %g is %w", i+1, x, ErrNotPositive)
			}
		}
		logs[i] = math.Log(above[i]) - math.Log(below[i])
	}
	r := Shift(logs, alpha)
	r.Estimate, r.Low, r.High = math.Exp(r.Estimate), math.Exp(r.Low), math.Exp(r.High)
	return r, nil
}

// walsh returns the sorted averages of all pairs, each value with itself too.
func walsh(d []float64) []float64 {
	w := make([]float64, 0, len(d)*(len(d)+1)/2)
	for i, x := range d {
		for _, y := range d[i:] {
			w = append(w, x/2+y/2)
		}
	}
	slices.Sort(w)
	return w
}

// exactSignedRank is the largest sample whose distribution is counted out; its
// normal approximation is good long before.
const exactSignedRank = 100

// signedRankCut returns which Walsh average from either end bounds the
// interval at 1-alpha, from 1, and the probability attained; rank 0 when n is
// too small for one.
func signedRankCut(n int, alpha float64) (rank int, attained float64) {
	if n == 0 {
		return 0, 0
	}
	if n > exactSignedRank {
		return normalSignedRankCut(n, alpha)
	}
	below := 0.0 // P(T < rank)
	for _, p := range signedRanks(n) {
		if below+p > alpha/2 {
			break
		}
		below += p
		rank++
	}
	if rank == 0 {
		return 0, 0
	}
	return rank, 1 - 2*below
}

// normalSignedRankCut is signedRankCut by the normal approximation with
// continuity correction.
func normalSignedRankCut(n int, alpha float64) (rank int, attained float64) {
	m := float64(n)
	mean, deviation := m*(m+1)/4, math.Sqrt(m*(m+1)*(2*m+1)/24)
	rank = int(math.Floor(mean + normalQuantile(alpha/2)*deviation + 0.5))
	return rank, 1 - 2*normalCDF((float64(rank)-0.5-mean)/deviation)
}

// signedRanks returns the probabilities of T = 0, 1, ...: the sum of those
// ranks of n differences that have a positive sign, each sign a coin of its
// own.
func signedRanks(n int) []float64 {
	p := make([]float64, n*(n+1)/2+1)
	p[0] = 1
	for rank := 1; rank <= n; rank++ {
		for t := rank * (rank + 1) / 2; t >= 0; t-- {
			p[t] /= 2
			if t >= rank {
				p[t] += p[t-rank] / 2
			}
		}
	}
	return p
}
