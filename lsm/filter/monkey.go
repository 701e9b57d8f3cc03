package filter

import "math"

// Monkey shares bits among the runs of a tree so that a Get of an absent key,
// which asks each of them, meets the fewest false positives (Dayan,
// Athanassoulis, Idreos, SIGMOD 2017, section 4.1). runs is how many entries
// each has; a level that is many runs is listed as such. bitsPerKey is the
// mean over all entries.
//
// It returns bits per key for each run, 0 where no filter pays. A run's rate
// of false positives is in proportion to its entries, at most 1; the bits of
// all are those that were given. This is exact for Bloom filters, and nearly
// so for Blocked ones; fuse filters' bits cannot be chosen. Runs that are a
// millionth of the tree may get more than MaxBitsPerKey, and then do not use
// them all.
func Monkey(bitsPerKey float64, runs []uint64) []float64 {
	out := make([]float64, len(runs))
	if !(bitsPerKey > 0) {
		return out
	}
	total := 0.
	for _, n := range runs {
		total += float64(n)
	}
	// A run of n entries has the rate c*n. Those whose rate would be 1 or more
	// get no bits, and c is found anew for the others; it only falls.
	budget := bitsPerKey * total * math.Ln2 * math.Ln2
	limit := math.Inf(1) // runs of so many entries get none
	for {
		sum, weighted := 0., 0.
		largest := 0.
		for _, run := range runs {
			if n := float64(run); n > 0 && n < limit {
				sum += n
				weighted += n * math.Log(n)
				largest = max(largest, n)
			}
		}
		if sum == 0 {
			return out
		}
		logC := -(budget + weighted) / sum
		if logC+math.Log(largest) < 0 {
			for i, run := range runs {
				if n := float64(run); n > 0 && n < limit {
					out[i] = -(logC + math.Log(n)) / (math.Ln2 * math.Ln2)
				}
			}
			return out
		}
		limit = largest
	}
}

// Uniform gives each run the same bits per key.
func Uniform(bitsPerKey float64, runs []uint64) []float64 {
	out := make([]float64, len(runs))
	for i, n := range runs {
		if n > 0 {
			out[i] = bitsPerKey
		}
	}
	return out
}

// Expected is how many false positives a Get of an absent key meets in runs
// that have filters of kind with so many bits per key, all of them asked.
func Expected(kind Kind, bitsPerKey []float64) float64 {
	sum := 0.
	for _, b := range bitsPerKey {
		sum += Policy{kind, b}.FalsePositives()
	}
	return sum
}
