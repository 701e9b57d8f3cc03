package bench

import (
	"math"
	"math/bits"

	"github.com/kvbench/kvbench/results"
)

// Histogram counts durations in nanoseconds, log-linear: 128 buckets for each
// power of two, so that a bucket's middle is within 1/256 of every value in
// it. Values above about 137 s count in the last bucket; the exact maximum
// and sum are kept beside. One goroutine writes it; it has no locks.
type Histogram struct {
	counts [histogramBuckets]uint64
	n      uint64
	sum    uint64
	min    uint64
	max    uint64
}

const (
	subBits          = 7
	subCount         = 1 << subBits
	topBit           = 37 // values of 2^37 ns and more are clamped
	histogramBuckets = (topBit - subBits + 1) * subCount
)

// bucketOf returns the index of v's bucket. Values below 2^subBits have a
// bucket each; above, the subBits bits after the leading one choose it.
func bucketOf(v uint64) int {
	if v < subCount {
		return int(v)
	}
	if v >= 1<<topBit {
		return histogramBuckets - 1
	}
	shift := uint(bits.Len64(v)) - 1 - subBits
	return int(shift)<<subBits + int(v>>shift)
}

// bucketBounds returns the least value of bucket i and the number of values.
func bucketBounds(i int) (low, width uint64) {
	if i < 2*subCount {
		return uint64(i), 1
	}
	shift := uint(i)>>subBits - 1
	return uint64(i&(subCount-1)|subCount) << shift, 1 << shift
}

// Record counts one duration.
func (h *Histogram) Record(ns int64) {
	v := uint64(max(ns, 0))
	h.counts[bucketOf(v)]++
	if h.n == 0 || v < h.min {
		h.min = v
	}
	h.n++
	h.sum += v
	if v > h.max {
		h.max = v
	}
}

// Merge adds what o counted.
func (h *Histogram) Merge(o *Histogram) {
	if o.n == 0 {
		return
	}
	for i, c := range o.counts {
		h.counts[i] += c
	}
	if h.n == 0 || o.min < h.min {
		h.min = o.min
	}
	h.n += o.n
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// Reset forgets everything.
func (h *Histogram) Reset() {
	if h.n > 0 {
		*h = Histogram{}
	}
}

// N returns the number of durations counted.
func (h *Histogram) N() uint64 { return h.n }

// Mean returns the exact mean, 0 when empty.
func (h *Histogram) Mean() float64 {
	if h.n == 0 {
		return 0
	}
	return float64(h.sum) / float64(h.n)
}

// Quantile returns the least value that at least the share q of the durations
// do not exceed, to within a bucket; exact at both ends. 0 when empty.
func (h *Histogram) Quantile(q float64) uint64 {
	if h.n == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(h.n)))
	rank = min(max(rank, 1), h.n)
	if rank == h.n {
		return h.max
	}
	var seen uint64
	for i, c := range h.counts {
		if seen += c; seen >= rank {
			low, width := bucketBounds(i)
			return min(max(low+width/2, h.min), h.max)
		}
	}
	return h.max
}

// Latency summarizes the histogram; nil when it is empty.
func (h *Histogram) Latency() *results.Latency {
	if h.n == 0 {
		return nil
	}
	return &results.Latency{
		Mean: h.Mean(), Min: h.min, P100: h.max,
		P50: h.Quantile(.5), P90: h.Quantile(.9), P95: h.Quantile(.95),
		P99: h.Quantile(.99), P999: h.Quantile(.999), P4N: h.Quantile(.9999),
	}
}

// Buckets calls f for every bucket in use, with its middle value.
func (h *Histogram) Buckets(f func(value, count uint64)) {
	for i, c := range h.counts {
		if c > 0 {
			low, width := bucketBounds(i)
			f(min(low+width/2, h.max), c)
		}
	}
}
