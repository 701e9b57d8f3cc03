// Package profile says what a stream of operations looks like: its mix, its
// skew, its locality, its scans. It serves to compare what a benchmark did
// with what it was to do, and to describe a recorded trace.
//
// An [Accumulator] sees the operations and yields a [Profile]. A [Law] is what
// the definition of a distribution promises of the same figures: probabilities
// of keys, from which follow how many distinct keys so many requests meet, and
// which share the most requested of them have.
//
// Map: accumulator.go operations in, profile out; profile.go the profile;
// counter.go requests by key in bounded memory; spectrum.go how requests are
// distributed over keys, whatever the keys; law.go the laws and what they
// promise; theta.go the Zipf law that fits best, and whether it fits.
//
// Nothing here locks, and no type is safe for concurrent use.
package profile
