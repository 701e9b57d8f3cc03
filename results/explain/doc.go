// Package explain says why one side of a comparison is slower: which counters
// differ, and how much of the gap each explains at the unit costs that the run
// measured.
//
// # Map
//
//	explanation.go  Explanation, Part, Term: what is found
//	explain.go      Explain: two sides
//	alone.go        Decompose: one
//	side.go         medians of a side, the parts of its time
//	cause.go        what is looked at: counts, their prices, where the time is
//	delay.go        waiting of threads and goroutines, as measured
//	paired.go       the ratio that compare states
//	differ.go       counters that differ and have no price
//	sides.go        Within, Between, Alone: sides by name, in one run or two
//	sentence.go     the finding in words; write.go  text, Markdown, JSON
//
// # Method
//
// What is explained is the busy time of an operation: threads times wall-clock
// time over operations. It is divided into parts that add up: the harness, the
// garbage collector, processor time in the program and in the kernel, and the
// rest, which is waiting less what background work used of processors beside
// the operations. These are measured.
//
// Causes lie within the parts. Some are measured as time; the others are a
// difference of counts times what one of them costs on this machine. Reads of
// a device cost what they take beyond a read of the page cache, allocations do
// not contain the collector: where it is known that two causes share time, one
// is charged with it. They may overlap nevertheless, and background work that
// they count may cost an operation nothing.
//
// Waits for a processor, a mutex or the scheduler of Go are measured, but over
// all threads and goroutines: those of background work are in them, and a
// thread may wait in place of a goroutine. They are charged up to the waiting
// that there is beyond stalls, all cut alike, and a note says so.
//
// A count that one side does not know is not taken for zero; the cause is
// listed as unknown. The share that remains unexplained, below zero when the
// causes come to more than the gap, is always part of the answer.
package explain
