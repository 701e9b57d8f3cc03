// Package compare says which of several engines, or of two runs, is better,
// and whether the figures can tell.
//
// # Map
//
//	types.go     Options, Comparison, Group, Pair, Verdict
//	metric.go    Metric: a figure of a cell, its unit and which way is better
//	counters.go  metrics made of the counts of engine and kernel, per operation
//	within.go    Within: sides are cells of one run
//	between.go   Between: sides are two runs; pairing of what is alike
//	spec.go      what a cell was asked, as named values; UnlikeError
//	judge.go     one group: ratios, tests, verdicts
//	sentence.go  the verdict in words
//	write.go     text and Markdown; summary.go: one table at the end of a run
//	export.go    CSV, benchstat
//	floor.go     Floor: A is at least x times B
//
// # What is compared
//
// A group is one metric under one setup. Its sides are measured by repetitions
// that are interleaved and share their seeds, one repetition of each side with
// one of the baseline; so the k-1 sides are compared with the baseline pair by
// pair. A side differs when two things agree: the Mann-Whitney test, corrected
// by Holm for the k-1 comparisons, is below alpha, and the signed-rank interval
// of the paired ratio does not contain 1. Package results/stat has both, with
// their sources.
//
// Alpha holds for one group: that any of its sides is told from the baseline
// although all are equal. It does not hold for all groups of a table together.
//
// Cells whose lamp is red, that failed, or that the engine cannot do are left
// out, and the comparison says so.
package compare
