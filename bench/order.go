package bench

import "math/rand/v2"

// derive makes a seed from a seed and the numbers of what it is for, so that
// streams that differ in any of them are unrelated (splitmix64).
func derive(seed uint64, numbers ...uint64) uint64 {
	for _, n := range numbers {
		seed = mix64(seed + 0x9e3779b97f4a7c15*(n+1))
	}
	return seed
}

func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// permutation returns 0..n-1 in a random order.
func permutation(n int, seed uint64) []int {
	return rand.New(rand.NewPCG(seed, mix64(seed))).Perm(n)
}
