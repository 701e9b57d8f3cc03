package dist

import "math"

// Quantile is a distribution of sizes or lengths, given by its inverse: At
// returns the length at the quantile u of [0, 1). Drawing is At of a uniform
// number.
type Quantile interface{ At(u float64) uint64 }

// Constant is one length.
type Constant uint64

// At returns the constant.
func (c Constant) At(float64) uint64 { return uint64(c) }

// Range is every length from Min to Max, both included, equally often.
type Range struct{ Min, Max uint64 }

// At returns the length at the quantile u.
func (r Range) At(u float64) uint64 {
	return min(r.Min+uint64(u*float64(r.Max-r.Min+1)), r.Max)
}

// Pareto is the generalised Pareto distribution with location 0, shape K and
// scale Sigma, rounded up and held within Min..Max. Its mean before holding is
// Sigma/(1-K) for K < 1 and infinite otherwise.
type Pareto struct {
	K, Sigma float64
	Min, Max uint64
}

// At returns the length at the quantile u.
func (p Pareto) At(u float64) uint64 {
	var x float64
	if p.K == 0 {
		x = -p.Sigma * math.Log1p(-u)
	} else {
		x = p.Sigma * math.Expm1(-p.K*math.Log1p(-u)) / p.K
	}
	x = math.Ceil(x)
	switch {
	case !(x > float64(p.Min)):
		return p.Min
	case x >= float64(p.Max):
		return p.Max
	}
	return uint64(x)
}

// Histogram is YCSB's histogram of lengths: bucket i has a weight and stands
// for the length (i+1)*block. Two quirks of YCSB are kept: the first bucket
// has one more than its weight and the last one less, and the last bucket
// stands for the length of the one before it.
type Histogram struct {
	block uint64
	upto  []uint64 // weights of buckets 0..i
}

// NewHistogram returns the distribution with these weights, which are not all
// zero.
func NewHistogram(block uint64, weights []uint64) Histogram {
	h := Histogram{block: block, upto: make([]uint64, len(weights))}
	total := uint64(0)
	for i, w := range weights {
		total += w
		h.upto[i] = total
	}
	return h
}

// At returns the length at the quantile u.
func (h Histogram) At(u float64) uint64 {
	last := len(h.upto) - 1
	n := uint64(u * float64(h.upto[last]))
	for i, upto := range h.upto[:last] {
		if n <= upto {
			return uint64(i+1) * h.block
		}
	}
	return uint64(last) * h.block
}
