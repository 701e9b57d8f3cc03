package machine

import (
	"context"
	"slices"
	"time"
)

// ProbeClock returns what one monotonic reading takes and the smallest step
// that two readings next to each other show, both in nanoseconds, as
// time.Since gives them. A step of 0 is a clock that never moved. It takes
// some milliseconds, more only where the clock is coarse.
func ProbeClock() (readNs, stepNs float64) {
	const batches, reads = 31, 1000
	base := time.Now()
	means := make([]float64, batches)
	for i := range means {
		start := time.Since(base)
		last := start
		for range reads {
			last = time.Since(base)
		}
		means[i] = float64(last-start) / reads
	}
	return median(means), float64(smallestStep(base))
}

// smallestStep looks at enough readings to see many steps of a fine clock and
// at least one of a coarse one (15.6 ms), and gives up on one that stands.
func smallestStep(base time.Time) time.Duration {
	const enough, tooMany = 20_000, 10_000_000
	var step time.Duration
	last := time.Since(base)
	for i := 0; i < enough || step == 0 && i < tooMany; i++ {
		now := time.Since(base)
		if moved := now - last; moved > 0 && (step == 0 || moved < step) {
			step = moved
		}
		last = now
	}
	return step
}

// ProbeSleep returns the median of what sleeping 100 us takes, in
// milliseconds. It tries at least once, and about 20 times unless ctx ends or
// sleeps are very long.
func ProbeSleep(ctx context.Context) (ms float64) {
	const asked, tries, budget = 100 * time.Microsecond, 20, 400 * time.Millisecond
	began := time.Now()
	var took []float64
	for len(took) == 0 || len(took) < tries && ctx.Err() == nil && time.Since(began) < budget {
		start := time.Now()
		time.Sleep(asked)
		took = append(took, float64(time.Since(start))/1e6)
	}
	return median(took)
}

// median sorts x, which is not empty.
func median(x []float64) float64 {
	slices.Sort(x)
	mid := len(x) / 2
	if len(x)%2 == 1 {
		return x[mid]
	}
	return (x[mid-1] + x[mid]) / 2
}
