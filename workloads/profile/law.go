package profile

import (
	"maps"
	"math"
	"slices"

	"github.com/kvbench/kvbench/workloads/dist"
)

// A Law is a distribution of independent requests over keys, by the
// probabilities of the keys. Levels run from the hottest keys to the coldest.
type Law struct{ Levels []Level }

// Level is a number of keys with (nearly) the same probability each.
type Level struct {
	Keys float64
	P    float64
}

// Uniform is the law of n keys that are requested equally often.
func Uniform(n uint64) Law { return Law{[]Level{{float64(n), 1 / float64(n)}}} }

// exactRanks is how many ranks have a level of their own; beyond, a level
// spans 1 % of its ranks.
const exactRanks = 1024

// levels cuts the ranks 1..n; cdf is the probability of the ranks up to r.
func levels(n uint64, cdf func(r float64) float64) Law {
	var l Law
	below, done := 0.0, uint64(0)
	for done < n {
		next := done + 1 + done/100
		if done < exactRanks {
			next = done + 1
		}
		next = min(next, n)
		upto := cdf(float64(next))
		keys := float64(next - done)
		l.Levels = append(l.Levels, Level{keys, (upto - below) / keys})
		below, done = upto, next
	}
	return l
}

// Zipf is the true law over n keys, for any theta >= 0.
func Zipf(n uint64, theta float64) Law {
	zeta := dist.Zeta(n, theta)
	last, sum := 0.0, 0.0
	return levels(n, func(r float64) float64 { // of ascending ranks
		sum += powers(last, r, theta)
		last = r
		return sum / zeta
	})
}

// powers is the sum of i^-theta for i in a+1..b: term by term for few of them,
// otherwise the integral with the first two corrections.
func powers(a, b, theta float64) (sum float64) {
	if b-a < 8 {
		for i := a + 1; i <= b; i++ {
			sum += math.Pow(i, -theta)
		}
		return sum
	}
	pa, pb := math.Pow(a, -theta), math.Pow(b, -theta)
	l := math.Log(b / a)
	area := a * pa * l
	if x := (1 - theta) * l; math.Abs(x) > 1e-8 {
		area *= math.Expm1(x) / x
	}
	return area + (pb-pa)/2 + theta/12*(pa/a-pb/b)
}

// Hotspot is the law of YCSB's hotspot: a share ops of the requests for the
// first data*n keys.
func Hotspot(n uint64, data, ops float64) Law {
	hot := math.Floor(float64(n) * data)
	cold := float64(n) - hot
	switch {
	case hot == 0 || cold == 0:
		return Uniform(n)
	case ops/hot < (1-ops)/cold:
		return Law{[]Level{{cold, (1 - ops) / cold}, {hot, ops / hot}}}
	}
	return Law{[]Level{{hot, ops / hot}, {cold, (1 - ops) / cold}}}
}

// ycsbItems is the number of ranks of YCSB's scrambled zipfian, and ycsbZeta
// the sum that it takes for them at its exponent.
const (
	ycsbItems = 10_000_000_001
	ycsbZeta  = 26.46902820178302
)

// grayCDF is the probability of the ranks 1..r of n under the approximation of
// Gray et al. that YCSB draws from.
func grayCDF(n, theta, zeta float64) func(r float64) float64 {
	second := 1 + math.Pow(0.5, theta)
	eta := (1 - math.Pow(2/n, 1-theta)) / (1 - second/zeta)
	return func(r float64) float64 {
		switch {
		case r <= 0:
			return 0
		case r <= 1:
			return 1 / zeta
		case r <= 2:
			return second / zeta
		}
		// Of u beyond the first two, the rank is n*(eta*u-eta+1)^(1/(1-theta)).
		return min(max(1-(1-math.Pow(r/n, 1-theta))/eta, second/zeta), 1)
	}
}

// Latest is the law of the distances behind the newest of n records, as YCSB's
// distribution latest draws them.
func Latest(n uint64, theta float64) Law {
	if n < 3 {
		return Uniform(max(n, 1))
	}
	return levels(n, grayCDF(float64(n), theta, dist.Zeta(n, theta)))
}

// scrambledHead is how many ranks of a scrambled zipfian are hashed one by one.
const scrambledHead = 1 << 18

// denseKeys is up to how many keys ranks that share a key are told.
const denseKeys = 1 << 21

// Scrambled is the law of YCSB's distribution zipfian over n keys: ranks of
// 10^10 items, hashed onto the keys as place does. Requests for cold ranks are
// as good as uniform.
func Scrambled(n uint64, theta float64, place func(rank uint64) uint64) Law {
	zeta := ycsbZeta
	if theta != dist.YCSBTheta {
		zeta = dist.Zeta(ycsbItems, theta)
	}
	cdf := grayCDF(ycsbItems, theta, zeta)
	head := uint64(scrambledHead)
	var keys []float64
	if n <= denseKeys {
		keys = make([]float64, n)
	} else {
		keys, place = make([]float64, head), func(rank uint64) uint64 { return rank }
	}
	below := 0.0
	for r := range head {
		upto := cdf(float64(r + 1))
		keys[place(r)] += upto - below
		below = upto
	}
	return grouped(keys, (1-below)/float64(n), n)
}

// grouped returns the law of n keys that have the given probabilities and base
// besides; those that differ by 1 % share a level.
func grouped(keys []float64, base float64, n uint64) Law {
	levels := map[int]Level{}
	cold := float64(n - uint64(len(keys)))
	for _, p := range keys {
		if p == 0 {
			cold++
			continue
		}
		i := int(math.Log(p+base) * 100)
		l := levels[i]
		l.Keys++
		l.P += p + base
		levels[i] = l
	}
	var law Law
	for _, i := range slices.Backward(slices.Sorted(maps.Keys(levels))) {
		l := levels[i]
		law.Levels = append(law.Levels, Level{l.Keys, l.P / l.Keys})
	}
	if cold > 0 {
		law.Levels = append(law.Levels, Level{cold, base})
	}
	return law
}

// Hot returns the probability of the hottest key.
func (l Law) Hot() float64 { return l.Levels[0].P }

// Distinct returns how many distinct keys so many requests are expected to
// meet.
func (l Law) Distinct(requests float64) (keys float64) {
	for _, level := range l.Levels {
		keys -= level.Keys * math.Expm1(-level.P*requests)
	}
	return keys
}

// thresholdStep is the factor between the counts at which a law's promise is
// evaluated.
const thresholdStep = 1.19

// Expect returns what the law promises of so many independent requests: the
// spectrum whose steps are the expected numbers of keys by count, counts being
// rounded together within 19 %.
func (l Law) Expect(requests float64) Promise {
	p := Promise{requests: requests}
	most := l.Hot()*requests + 6*math.Sqrt(l.Hot()*requests) + 8
	for c := 1.0; c <= most; {
		keys, sum := 0.0, 0.0
		for _, level := range l.Levels {
			mean := level.P * requests
			keys += level.Keys * poissonTail(mean, c)
			sum += level.Keys * mean * poissonTail(mean, c-1)
		}
		p.keys = append(p.keys, keys)
		p.share = append(p.share, sum/requests)
		c = max(c+1, math.Floor(c*thresholdStep))
	}
	return p
}

// Promise is what a law promises of a number of requests: which share of them
// the keys have that were requested so often at least, from all keys to few.
type Promise struct {
	requests    float64
	keys, share []float64
}

// Distinct returns the expected number of distinct keys.
func (p Promise) Distinct() float64 { return p.keys[0] }

// Top returns the expected share of the requests that the most requested keys
// have.
func (p Promise) Top(keys float64) float64 {
	if keys >= p.keys[0] {
		return 1
	}
	for i := range p.keys {
		if p.keys[i] > keys {
			continue
		}
		at := (keys - p.keys[i]) / (p.keys[i-1] - p.keys[i])
		return p.share[i] + at*(p.share[i-1]-p.share[i])
	}
	last := len(p.keys) - 1
	return p.share[last] * keys / p.keys[last]
}

// Distance returns the greatest difference between the shares that the most
// requested keys have and those that they were promised, over all numbers of
// such keys, and between the numbers of distinct keys a request.
func (p Promise) Distance(s Spectrum) float64 {
	worst := math.Abs(s.Distinct()-p.Distinct()) / p.requests
	for i, keys := range p.keys {
		if keys >= 0.5 {
			worst = max(worst, math.Abs(s.Top(keys)-p.share[i]))
		}
	}
	return worst
}

// poissonTail returns the probability that a Poisson variable is c at least.
func poissonTail(mean, c float64) float64 {
	switch {
	case c <= 0:
		return 1
	case mean > 64 || c > 256:
		if mean <= 0 {
			return 0
		}
		return 0.5 * math.Erfc((c-0.5-mean)/math.Sqrt(2*mean))
	}
	if c > mean+12*math.Sqrt(mean)+12 {
		return 0
	}
	if c == 1 {
		return -math.Expm1(-mean)
	}
	term := math.Exp(-mean)
	below := term
	for k := 1.0; k < c; k++ {
		term *= mean / k
		below += term
	}
	return max(1-below, 0)
}
