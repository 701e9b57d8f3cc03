// Package experiments is the built-in studies: questions about storage that
// have a known answer, each with the procedure that shows it, the shape that
// the figures should have, and the paper that it is from.
//
// # Map
//
//	study.go     Study, Need, Scale: what a study is; Find
//	list.go      All: the list
//	lab.go       Run; Lab: where a study gathers evidence
//	background.go  goroutines of several writers
//	matrix.go    cells in processes of their own, from engines and workloads
//	rig.go       an engine in this process, worked on step by step
//	slowdisk.go  one that takes its time
//	sums.go      measurements of one workload added up
//	unsynced.go  the file system of a rig
//	lsmtree.go   an LSM tree of a size, and what is done to it
//	corner.go    engines of different families, filled, overwritten and read
//	evidence.go  claims on what was gathered, and the figure
//	metric.go    the figures that claims are about
//	cachetrace.go  a cache, and streams of requests for its blocks
//	text.go      a figure as a table and as bars; bars.go
//
// Every other file is one study, named as it is.
//
// # Evidence
//
// At the tiny scale a study looks at counters only: bytes, blocks, runs,
// syncs. They follow from the design of what is measured, so a claim about
// them holds on any machine, however busy; margins leave room for what
// background work does a little earlier or later. At larger scales some claims
// are about times: those are advice, and do not decide whether a study held.
//
// This package imports no engine: drivers are handed in by name.
package experiments
