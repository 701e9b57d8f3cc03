// Package pace slows writes down, little by little, to what flushes and
// compactions can keep up with, so that they need not be stopped.
//
// # Control
//
// Three things pile up when writes are too fast: bytes in memtables, sublevels
// of level 0, and bytes that compactions still have to write. Each has a soft
// limit, from which on writes are delayed, and a hard one. With u how far it is
// from the one to the other, 0 to 1, and drain the rate at which it goes down,
// measured in bytes of writes, a written byte is delayed by
//
//	u / (1-u) / drain
//
// That is nothing at the soft limit and grows without a step. Where u is 1/2
// writes are accepted as fast as they drain: there it comes to rest. If drain
// was measured wrong it comes to rest elsewhere between the limits, at the same
// rate; the backlog, and not the measurement, is what is controlled. The
// largest of the three delays counts, and is the reason. Beyond a hard limit
// writes go on at Options.MinRate: to stop them is for who owns the memory.
//
// That a token bucket at the rate of the slower part, rather than a stop, keeps
// latencies low is shown by Luo and Carey, "On Performance Stability in LSM-
// based Storage Systems" (VLDB 2019).
//
// # Admission
//
// Writes take their turn, first come first served, on a virtual clock that each
// moves on by its bytes: a large write uses up as much of the rate as small ones
// of as many bytes, and nobody waits for more than one write of each of the
// others. A sleep takes
// a millisecond or more whatever was asked for. Hence a writer that the clock
// is ahead of by less than Options.Quantum goes on at once; the next one that
// finds it further ahead sleeps for all of it. What a sleep took too long is
// credited.
//
//	control.go  Controller: Observe sets the rate
//	admit.go    Admit, for writers
package pace
