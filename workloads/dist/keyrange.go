package dist

import (
	"math"
	"slices"
)

// KeyRangeParams describes key-range locality as Cao et al. found it
// ("Characterizing, modeling, and benchmarking RocksDB key-value workloads at
// Facebook", FAST 2020): the key space is cut into ranges whose heat follows
// a*e^(b*i) + c*e^(d*i), and within a range the popularity of keys follows a
// power law with the cumulative distribution KeyA*x^KeyB.
type KeyRangeParams struct {
	Ranges uint64  `json:"ranges" desc:"number of key ranges"`
	A      float64 `json:"a" desc:"heat of range i is a*e^(b*i) + c*e^(d*i)"`
	B      float64 `json:"b" desc:"see a"`
	C      float64 `json:"c" desc:"see a"`
	D      float64 `json:"d" desc:"see a"`
	KeyA   float64 `json:"key_a" desc:"share of the draws on the x hottest keys of a range is key_a*x^key_b; 0 for uniform"`
	KeyB   float64 `json:"key_b" desc:"see key_a"`
}

// KeyRange draws numbers with key-range locality. Locality of numbers is
// locality of keys only where keys sort as their numbers do.
type KeyRange struct {
	min, span   uint64
	cumulative  []float64 // heat of ranges 0..i, in place order; the last is 1
	keyA, keyEx float64   // rank = (u/keyA)^keyEx
}

// NewKeyRange returns the distribution over [min, min+span). Where the hot
// ranges lie is chosen by place, not by the seed of a worker, so that all
// workers agree. Heat is kept in floating point: whole-number weights, as
// db_bench has them, are off by up to a factor of two in the tail.
func NewKeyRange(min, span uint64, p KeyRangeParams, place uint64) KeyRange {
	n := max(1, p.Ranges)
	heat := make([]float64, n)
	for i := range heat {
		x := float64(i + 1)
		heat[i] = max(0, p.A*math.Exp(p.B*x)+p.C*math.Exp(p.D*x))
	}
	r := NewRand(place)
	for i := len(heat) - 1; i > 0; i-- {
		j := r.Uintn(uint64(i + 1))
		heat[i], heat[j] = heat[j], heat[i]
	}
	k := KeyRange{min: min, span: span, cumulative: heat, keyA: p.KeyA}
	total := 0.0
	for i, h := range heat {
		total += h
		heat[i] = total
	}
	for i := range heat {
		heat[i] /= total
	}
	if p.KeyA > 0 && p.KeyB > 0 {
		k.keyEx = 1 / p.KeyB
	}
	return k
}

// Next draws a number.
func (k *KeyRange) Next(r *Rand) uint64 {
	i, _ := slices.BinarySearch(k.cumulative, r.Float64())
	i = min(i, len(k.cumulative)-1)
	n := uint64(len(k.cumulative))
	lower := k.span / n * uint64(i)
	size := k.span / n
	if uint64(i) == n-1 {
		size = k.span - lower
	}
	if size == 0 {
		return k.min + r.Uintn(k.span)
	}
	if k.keyEx == 0 {
		return k.min + lower + r.Uintn(size)
	}
	rank := math.Ceil(math.Pow(r.Positive()/k.keyA, k.keyEx))
	return k.min + lower + Mix64(uint64(min(rank, 1<<62))+golden)%size
}
