// Package explain says why one side of a comparison is slower: which counters
// differ, and how much of the gap each explains at the unit costs that the run
// measured.
//
//	explanation.go  Explanation, Part, Term: what is found
//
// The share that remains unexplained is always part of the answer.
package explain
