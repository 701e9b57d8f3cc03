package dist

import "math/bits"

// FNV-1a, 64 bits.
const (
	fnvBasis = 0xcbf29ce484222325
	fnvPrime = 1099511628211
)

// YCSBHash is the hash that YCSB names keys and scrambles ranks with: FNV-1a
// over the 8 octets of n, low octet first, as the absolute value of a signed
// 64-bit number.
func YCSBHash(n uint64) uint64 {
	h := uint64(fnvBasis)
	for range 8 {
		h ^= n & 0xff
		h *= fnvPrime
		n >>= 8
	}
	return abs(h)
}

// GoYCSBHash is the hash of go-ycsb: the same over the octets in the opposite
// order, so that consecutive numbers get hashes a constant step apart.
func GoYCSBHash(n uint64) uint64 {
	return YCSBHash(bits.ReverseBytes64(n))
}

// abs is the absolute value of h as a signed number. The one value that has
// none, -2^63, becomes 2^63; Java leaves it negative.
func abs(h uint64) uint64 {
	sign := uint64(int64(h) >> 63)
	return (h ^ sign) - sign
}

// Mix64 is a bijection on 64-bit numbers whose output bits each depend on all
// input bits (the finaliser of splitmix64).
func Mix64(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	x ^= x >> 31
	return x
}
