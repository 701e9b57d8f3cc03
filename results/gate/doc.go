// Package gate says whether a run may pass: by its counters against those of a
// base, and by thresholds.
//
//	check.go      Check: which counters got worse
//	counter.go    Counters: what is gated on, and what each repeats to
//	threshold.go  Threshold, Evaluate: bounds on metrics
//	side.go       repetitions of one engine under one setup
//	write.go      text, Markdown, JSON
//
// Counts of a seeded run with one worker and a fixed number of operations do
// not depend on how fast or how busy a machine is, unlike times. Where they
// depend on when background work runs, a counter fails a check only where the
// repetitions of each run, two at least, agree among themselves.
package gate
