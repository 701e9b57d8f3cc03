// Package results is what came out: the schema of a run, its files, and the
// tables made of them. It neither runs nor measures anything.
package results
