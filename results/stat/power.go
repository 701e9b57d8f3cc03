package stat

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Power is the probability with which a difference of the size that Effect
// and MDE return is found.
const Power = 0.8

// A Design is a comparison of two sides: how many values each has, how many of
// them are paired, and at which alpha the rank-sum test and the paired
// interval must both find a difference.
type Design struct {
	N, M, Paired int
	// TestAlpha is that of the Mann-Whitney test. Of several tests that Holm
	// corrects, the strictest is alpha divided by their number.
	TestAlpha     float64
	IntervalAlpha float64
	// Correlation of the two values of a pair.
	Correlation float64
}

// Attainable reports whether some outcome of the design is a difference.
func (d Design) Attainable() bool {
	return d.Paired >= leastN(d.IntervalAlpha) && MinP(d.N, d.M) < d.TestAlpha
}

// Effect is the least difference, in standard deviations of one side, that the
// design finds with probability Power where both sides are normal and equally
// wide; infinite when it can find none. For up to 20 values a side it is a
// simulation with a seed of its own, off by 2 % or so; beyond, the asymptotic
// formula.
func (d Design) Effect() float64 {
	if !d.Attainable() {
		return math.Inf(1)
	}
	if d.N*d.M > exactU {
		return d.asymptotic()
	}
	cut, ok := uCut(d.N, d.M, d.TestAlpha)
	rank, _ := signedRankCut(d.Paired, d.IntervalAlpha)
	if !ok || rank == 0 {
		return math.Inf(1)
	}
	const draws = 1500
	rng := rand.New(rand.NewPCG(20261122, 6))
	found := make([]float64, draws)
	xs, ys := make([]float64, d.N), make([]float64, d.M)
	for i := range found {
		d.draw(rng, xs, ys)
		found[i] = d.foundFrom(xs, ys, cut, rank)
	}
	slices.Sort(found)
	return max(found[int(math.Ceil(Power*draws))-1], 0)
}

// draw fills both sides with errors of unit variance. Pairs come first.
func (d Design) draw(rng *rand.Rand, xs, ys []float64) {
	for i := range xs {
		xs[i] = rng.NormFloat64()
	}
	own := math.Sqrt(max(1-d.Correlation*d.Correlation, 0))
	for i := range ys {
		ys[i] = rng.NormFloat64()
		if i < d.Paired {
			ys[i] = d.Correlation*xs[i] + own*ys[i]
		}
	}
}

// foundFrom returns how far ys must be moved up for both the test and the
// interval to find it.
func (d Design) foundFrom(xs, ys []float64, cut, rank int) float64 {
	gaps := make([]float64, 0, len(xs)*len(ys)) // how far each y must move to pass an x
	for _, x := range xs {
		for _, y := range ys {
			gaps = append(gaps, x-y)
		}
	}
	slices.Sort(gaps)
	test := gaps[len(gaps)-1-cut]
	pairs := make([]float64, d.Paired)
	for i := range pairs {
		pairs[i] = ys[i] - xs[i]
	}
	return max(test, -walsh(pairs)[rank-1])
}

// asymptotic is Effect for large samples: rank tests of normal values are
// worth pi/3 times as many values as the test of means (Lehmann 1975).
func (d Design) asymptotic() float64 {
	power := normalQuantile(Power)
	n, m := float64(d.N), float64(d.M)
	test := (power - normalQuantile(d.TestAlpha/2)) * math.Sqrt(1/n+1/m)
	pairs := (power - normalQuantile(d.IntervalAlpha/2)) * math.Sqrt(2*(1-d.Correlation)/float64(d.Paired))
	return max(test, pairs) * math.Sqrt(math.Pi/3)
}

// MDE is the minimum detectable ratio, above 1, of values whose logarithms
// have the standard deviation spread: what effect such deviations come to.
func MDE(spread, effect float64) float64 {
	if spread == 0 && math.IsInf(effect, 1) {
		return effect
	}
	return math.Exp(spread * effect)
}

// NeededN is the least number of repetitions with which any of tests pairs,
// corrected by Holm, can be found to differ at alpha.
func NeededN(tests int, alpha float64) int {
	n := leastN(alpha)
	for float64(tests)*MinP(n, n) >= alpha {
		n++
	}
	return n
}

// Deviation is the standard deviation of a sample; that of fewer than two values
// is NaN.
func Deviation(xs []float64) float64 {
	if len(xs) < 2 {
		return math.NaN()
	}
	mean := 0.0
	for _, x := range xs {
		mean += x / float64(len(xs))
	}
	sum := 0.0
	for _, x := range xs {
		sum += (x - mean) * (x - mean)
	}
	return math.Sqrt(sum / float64(len(xs)-1))
}
