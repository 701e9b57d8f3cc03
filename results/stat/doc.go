// Package stat holds the estimators and tests by which repetitions of a
// measurement are judged. All are pure functions of their arguments, assume no
// normal distribution, and are exact for small samples.
//
// # Map
//
//	median.go      Median, MedianCI: the median and an interval from order statistics
//	signedrank.go  Shift: median of paired differences, with the interval of
//	               Wilcoxon's signed ranks; Ratio: the same for ratios
//	utest.go       MannWhitney, MinP: the rank-sum test and the least p it can reach
//	holm.go        Holm: p-values of several tests at once
//	power.go       Effect, MDE, NeededN: what a number of repetitions can find
//	normal.go      quantiles of the normal distribution
//
// # Sources
//
// The interval of a median from order statistics needs no more than a
// continuous distribution (Thompson 1936). The interval of paired differences
// inverts Wilcoxon's signed-rank test (1945): its ends are order statistics of
// the Walsh averages (d_i + d_j) / 2, i <= j (Tukey 1949; Hodges and Lehmann
// 1963). It holds for differences that are distributed symmetrically, which
// those of equal sides are. The rank-sum test is that of Mann and Whitney
// (1947) as golang.org/x/perf/benchmath computes it, hence the one of
// benchstat. Correction for several tests is Holm's (1979), which keeps the
// probability of any false finding below alpha whatever the tests have to do
// with each other.
//
// # Small samples
//
// A rank test of few values cannot reach a small p, and an interval of few
// values cannot be both finite and confident: at 95 % it takes 6 pairs. Where
// that is so, intervals say that they are not finite and how many values it
// takes; nothing is made up.
package stat
