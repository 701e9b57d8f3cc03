// Package version is what an LSM tree is made of at one moment: levels of runs
// of tables. All of it is immutable metadata; nothing here reads a file.
//
//	next, dropped, err := state.Apply(&version.Edit{
//		Deleted: []version.Place{{Level: 0, ID: 7}},
//		Added:   []version.Placed{{Level: 1, Run: 3, Table: t}},
//	})
//
// # Map
//
//   - version.go: Table, Blob, Run, Level, Version
//   - edit.go: Edit, State; the positions that go with a version
//   - apply.go: a version after an edit; blob.go: its blob files
//   - sublevels.go: what becomes of the tables of level 0
//   - check.go: what is true of every table, run and version
//   - bounds.go: ranges of keys, and what overlaps them
//   - older.go: what a compaction leaves below its output
//   - totals.go: sums; text.go, parse.go: a version as text
//
// # What is true of every version
//
// Each table is there once. Tables of a run are sorted by their keys, and their
// bounds do not overlap. Runs of a level have falling IDs. Of two tables of
// level 0 that overlap, the one of the newer run has the higher MaxSeq: hence
// who writes to level 0 zeroes no seqs. Every blob file that a table refers to
// is there, and no others; tables have no more in one than was written to it.
//
// Apply checks all that an edit could break, in every build. Check checks
// everything.
package version
