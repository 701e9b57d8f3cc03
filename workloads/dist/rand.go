package dist

import "math/bits"

// golden is 2^64 divided by the golden ratio, the increment of splitmix64.
const golden = 0x9e3779b97f4a7c15

// Rand is a seeded source of uniform random bits: splitmix64 (Steele, Lea and
// Flood, OOPSLA 2014), 8 bytes of state, about 1 ns a draw. Its zero value is
// the source with seed 0. It is no cryptographic source.
type Rand struct{ state uint64 }

// NewRand returns the source that starts at seed. Sources for different
// purposes take their seeds from [Derive].
func NewRand(seed uint64) Rand { return Rand{state: seed} }

// Uint64 returns 64 uniform random bits.
func (r *Rand) Uint64() uint64 {
	r.state += golden
	return Mix64(r.state)
}

// Uintn returns a uniform number in [0, n). It is 0 for n = 0. The bias is
// below n/2^64, which no test of a feasible length can see.
func (r *Rand) Uintn(n uint64) uint64 {
	hi, _ := bits.Mul64(r.Uint64(), n)
	return hi
}

// Float64 returns a uniform number in [0, 1) with 53 random bits.
func (r *Rand) Float64() float64 {
	return float64(r.Uint64()>>11) * 0x1p-53
}

// Positive returns a uniform number in (0, 1], for logarithms and powers that
// must not see zero.
func (r *Rand) Positive() float64 { return 1 - r.Float64() }

// Derive returns a seed for one purpose of a run. Different lists of parts
// (phase, worker, stream) give seeds that are unrelated for all practical
// purposes, so that the load phase, the run phase, each worker and each of its
// streams draw different numbers from one recorded seed.
func Derive(seed uint64, parts ...uint64) uint64 {
	h := Mix64(seed + golden)
	for i, p := range parts {
		h = Mix64(h ^ Mix64(p+golden*uint64(i+2)))
	}
	return h
}
