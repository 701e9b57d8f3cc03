// Package compaction chooses what an LSM tree rewrites next. It is pure: it
// is given a version of the tree and says which tables should be merged, moved
// or dropped, and to where. It opens no file and remembers nothing.
//
// # Four plug-ins
//
// A policy is put together of four parts, after Sarkar, Staratzis, Zhu and
// Athanassoulis, "Constructing and Analyzing the LSM Compaction Design Space"
// (VLDB 2021). Each is a small interface with named implementations:
//
//	Layout       layout.go       how many runs a level holds
//	Trigger      trigger.go      what makes a level, or a table, due
//	Granularity  granularity.go  how much of a level goes at once
//	Movement     movement.go     which of its tables go first
//
// Settings name them and hold their thresholds; Presets are settings with
// names; New makes a Picker of settings.
//
// # How a choice comes about
//
//	pick.go    triggers say what is needed; the needs in their order become
//	           choices, and the first that no running job stands in the way
//	           of is taken
//	level0.go  what leaves level 0: sets that leave no older table behind that
//	           overlaps; and merges within level 0 while the way down is busy
//	manual.go  compaction of a range of keys, a step at a time
//	fifo.go    what is dropped for its age, or for lack of space
//	choice.go  choices, when two of them are in conflict, and Bottom: what may
//	           be older than a choice's inputs
//	tree.go    the view of a version that all these share
//	targets.go sizes of levels, and Debt
//
// # What holds of every choice
//
//   - No input is busy, and no running job writes to the same keys of a level
//     that the choice writes to, or passes over.
//   - Of level 0, and of a level of several runs, no table stays behind that
//     is older than an input and overlaps it. (A rewrite of tables where they
//     are, and a merge within level 0, keep their place in the order instead.)
//   - Where outputs join a run, all tables of that run that overlap the hull
//     of the inputs are inputs too.
//   - To apply the choices that are offered until none is comes to an end.
package compaction
