// Package dist draws numbers: the random source and the distributions that
// workloads are made of.
//
// Map: rand.go the random source and how seeds are derived; hash.go FNV-1a as
// YCSB and as go-ycsb compute it, and a mixing bijection; zeta.go the
// generalised harmonic numbers; zipfian.go YCSB's zipfian, scrambled zipfian
// and latest; zipf.go the true Zipf law for any exponent; permute.go a
// bijection on [0, n); choose.go uniform, hotspot, exponential, sequential;
// keyrange.go key-range locality; length.go sizes and scan lengths.
//
// Nothing here allocates after construction, locks, or reads the clock. Two
// generators built alike and fed with equal sources draw equal numbers. No
// type is safe for concurrent use unless its comment says so.
package dist
