package dist

import "math/bits"

// permuteRounds is the number of Feistel rounds; four of a good round function
// leave no visible trace of the input's order.
const permuteRounds = 4

// Permutation is a bijection on [0, n): a balanced Feistel network over the
// next even number of bits, walked until it falls into the range (at most four
// steps on average). It scatters ranks over keys so that no two ranks share
// one. It is a value, safe for concurrent use.
type Permutation struct {
	n    uint64
	half uint
	mask uint64
	keys [permuteRounds]uint64
}

// NewPermutation returns the bijection on [0, n) that seed chooses.
func NewPermutation(n, seed uint64) Permutation {
	half := uint(max(bits.Len64(max(n, 2)-1)+1, 2)) / 2
	p := Permutation{n: n, half: half, mask: 1<<half - 1}
	for i := range p.keys {
		p.keys[i] = Derive(seed, uint64(i))
	}
	return p
}

// Of returns the image of i, which must be below n.
func (p *Permutation) Of(i uint64) uint64 {
	for {
		l, r := i>>p.half, i&p.mask
		for _, k := range p.keys {
			l, r = r, l^(Mix64(r^k)&p.mask)
		}
		i = l<<p.half | r
		if i < p.n {
			return i
		}
	}
}

// Inverse returns the i with Of(i) = image, which must be below n.
func (p *Permutation) Inverse(image uint64) uint64 {
	for {
		l, r := image>>p.half, image&p.mask
		for i := range p.keys {
			l, r = r^(Mix64(l^p.keys[len(p.keys)-1-i])&p.mask), l
		}
		image = l<<p.half | r
		if image < p.n {
			return image
		}
	}
}
