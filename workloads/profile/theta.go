package profile

import (
	"math"

	"github.com/kvbench/kvbench/workloads/dist"
)

// What an estimate of theta needs, and how far from the law it may be.
const (
	headCount = 32   // requests of a key that counts as ranked reliably
	headKeys  = 20   // of them at least
	fitWithin = 0.03 // greatest distance of a spectrum from a law that fits
)

// ZipfFit is the Zipf law that fits a stream best.
type ZipfFit struct {
	Theta    float64 `json:"theta"`    // maximum likelihood over the keys that are ranked reliably
	StdErr   float64 `json:"stderr"`   // of Theta, by chance alone
	Keys     uint64  `json:"keys"`     // keys of the law: as given, or those that explain the distinct ones
	Distance float64 `json:"distance"` // of all shares from the law's
	Fits     bool    `json:"fits"`     // Distance is small, and smaller than from the uniform law
}

// FitZipf returns the law that fits, over keys keys or, if that is 0, as many
// as explain the distinct ones; ok is false where too few keys were requested
// often enough to tell. The exponent is that of the hot keys; Fits says
// whether the cold ones follow.
func FitZipf(s Spectrum, keys uint64) (f ZipfFit, ok bool) {
	rank, sum, logs := 0.0, 0.0, 0.0
	for _, step := range s.Steps {
		if step.Count < headCount {
			break
		}
		// Keys of a step have successive ranks; their order is chance.
		n := float64(step.Count) * step.Keys
		logs += n * (logGamma(rank+step.Keys+1) - logGamma(rank+1)) / step.Keys
		sum += n
		rank += step.Keys
	}
	if rank < headKeys {
		return f, false
	}
	f.Theta, f.StdErr = ThetaOfRanks(logs/sum, uint64(rank), sum)
	if f.Keys = keys; keys == 0 {
		f.Keys = KeysOf(s, func(n uint64) Law { return Zipf(n, f.Theta) })
	}
	f.Distance = Zipf(f.Keys, f.Theta).Expect(s.Requests).Distance(s)
	// What is as good as uniform has the exponent that chance gave it.
	even := Uniform(f.Keys).Expect(s.Requests).Distance(s)
	f.Fits = f.Distance < fitWithin && f.Distance < even
	return f, true
}

func logGamma(x float64) float64 {
	g, _ := math.Lgamma(x)
	return g
}

// likeliest returns the theta in [0, 8] under which ranks 1..n with this mean
// logarithm are likeliest; the likelihood is concave.
func likeliest(meanLog float64, n uint64) float64 {
	likelihood := func(theta float64) float64 { return -theta*meanLog - math.Log(dist.Zeta(n, theta)) }
	low, high := 0.0, 8.0
	for range 60 {
		a, b := low+(high-low)/3, high-(high-low)/3
		if likelihood(a) < likelihood(b) {
			low = a
		} else {
			high = b
		}
	}
	return (low + high) / 2
}

// ThetaOfRanks returns the exponent that is likeliest for requests whose true
// ranks (1 is the hottest, n the coldest) have this mean logarithm, and its
// standard error for so many requests.
func ThetaOfRanks(meanLog float64, n uint64, requests float64) (theta, stderr float64) {
	theta = likeliest(meanLog, n)
	// The Fisher information of one request is the variance of log rank.
	const h = 1e-3
	curve := func(t float64) float64 { return math.Log(dist.Zeta(n, max(t, 0))) }
	info := (curve(theta+h) - 2*curve(theta) + curve(theta-h)) / (h * h)
	return theta, 1 / math.Sqrt(max(info*requests, 1e-12))
}

// mostKeys bounds the search for a number of keys.
const mostKeys = 1 << 36

// KeysOf returns the number of keys of a law that lets one expect the distinct
// keys of s.
func KeysOf(s Spectrum, law func(n uint64) Law) uint64 {
	distinct := s.Distinct()
	low, high := uint64(max(distinct, 1)), uint64(max(distinct, 1))
	for high < mostKeys && law(high).Distinct(s.Requests) < distinct*(1-1e-3) {
		low, high = high, 2*high
	}
	for high-low > low/1000+1 {
		mid := low + (high-low)/2
		if law(mid).Distinct(s.Requests) < distinct*(1-1e-3) {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}
