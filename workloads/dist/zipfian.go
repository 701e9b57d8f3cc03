package dist

import "math"

// YCSBTheta is the exponent of every zipfian of YCSB.
const YCSBTheta = 0.99

// scrambledItems is the number of items from which YCSB's scrambled zipfian
// draws ranks, whatever the number of keys: 0 to 10^10, both included.
const scrambledItems = 10_000_000_001

// scrambledZeta is YCSB's constant for those items at [YCSBTheta].
const scrambledZeta = 26.46902820178302

// Zipfian draws from min..max so that the probability of the rank r (1 for
// min) falls as 1/r^theta, by the inversion of Gray et al. ("Quickly
// generating billion-record synthetic databases", SIGMOD 1994) in the form
// that YCSB has. It is exact for the first two ranks and approximate beyond,
// and needs 0 < theta < 1. [Zipf] is exact and has no such limit.
type Zipfian struct {
	base, items  uint64
	theta, alpha float64
	zeta2, zetan float64
	eta          float64
	second       float64 // 1 + 1/2^theta
	counted      uint64  // items that zetan covers; grows in nextOf
}

// NewZipfian returns a zipfian over min..max, min <= max, 0 < theta < 1.
func NewZipfian(min, max uint64, theta float64) Zipfian {
	return newZipfian(min, max-min+1, theta, Zeta(max-min+1, theta))
}

func newZipfian(base, items uint64, theta, zetan float64) Zipfian {
	z := Zipfian{
		base: base, items: items, theta: theta, alpha: 1 / (1 - theta),
		zeta2: Zeta(2, theta), zetan: zetan, second: 1 + math.Pow(0.5, theta),
		counted: items,
	}
	z.setEta()
	return z
}

// setEta recomputes eta from zetan. Like YCSB it keeps the initial number of
// items even when zetan has grown.
func (z *Zipfian) setEta() {
	z.eta = (1 - math.Pow(2/float64(z.items), 1-z.theta)) / (1 - z.zeta2/z.zetan)
}

// Next draws a number.
func (z *Zipfian) Next(r *Rand) uint64 { return z.At(r.Float64()) }

// At returns the number at the quantile u of [0, 1).
func (z *Zipfian) At(u float64) uint64 {
	return min(z.at(u, z.items), z.base+z.items-1)
}

func (z *Zipfian) at(u float64, items uint64) uint64 {
	uz := u * z.zetan
	if uz < 1 {
		return z.base
	}
	if uz < z.second {
		return z.base + 1
	}
	return z.base + uint64(float64(items)*math.Pow(z.eta*u-z.eta+1, z.alpha))
}

// nextOf draws from the first items numbers, extending zetan when items has
// grown. Fewer items than before keep the larger zetan, as in YCSB.
func (z *Zipfian) nextOf(r *Rand, items uint64) uint64 {
	if items > z.counted {
		z.zetan = zetaMore(z.counted, items, z.theta, z.zetan)
		z.counted = items
		z.setEta()
	}
	return z.at(r.Float64(), items)
}

// Scrambled is YCSB's request distribution "zipfian": a zipfian rank among
// 10^10 items, hashed onto the keys. It is much flatter than a Zipf law over
// the keys themselves: the hottest key gets 3.78 % at theta 0.99, and with a
// million keys four draws in ten are as good as uniform.
type Scrambled struct {
	ranks     Zipfian
	min, span uint64
	bigEndian bool
}

// NewScrambled returns the distribution over min..max, both included, for
// 0 < theta < 1. bigEndian chooses go-ycsb's hash and item count arithmetic.
func NewScrambled(min, max uint64, theta float64, bigEndian bool) Scrambled {
	zetan := scrambledZeta
	if theta != YCSBTheta {
		zetan = Zeta(scrambledItems, theta)
	}
	return Scrambled{
		ranks: newZipfian(0, scrambledItems, theta, zetan),
		min:   min, span: max - min + 1, bigEndian: bigEndian,
	}
}

// Next draws a number.
func (s *Scrambled) Next(r *Rand) uint64 { return s.OfRank(s.ranks.Next(r)) }

// OfRank returns the number onto which a rank (0 is the hottest) is hashed.
// Several ranks may share a number.
func (s *Scrambled) OfRank(rank uint64) uint64 {
	if s.bigEndian {
		return s.min + GoYCSBHash(rank)%s.span
	}
	return s.min + YCSBHash(rank)%s.span
}

// Latest draws how far behind the newest record a request lies: 0 is the
// newest.
type Latest struct{ ranks Zipfian }

// NewLatest returns the distribution for a newest record newest, 0 < theta < 1.
func NewLatest(newest uint64, theta float64) Latest {
	n := max(newest, 1)
	return Latest{ranks: newZipfian(0, n, theta, Zeta(n, theta))}
}

// Next draws a distance in [0, max(newest, 1)). As in YCSB the oldest record,
// number 0, is never drawn while there are two or more.
func (l *Latest) Next(r *Rand, newest uint64) uint64 {
	n := max(newest, 1)
	return min(l.ranks.nextOf(r, n), n-1)
}
