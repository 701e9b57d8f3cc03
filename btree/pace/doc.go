// Package pace decides when a checkpoint begins, how fast it writes, how many
// pages are cleaned ahead of it, and how much writers are slowed down so that
// all of this keeps up. It reads no clock and knows no files: it is told how
// things stand, and its answers depend on nothing else.
//
// # Checkpoints
//
// The log since the last durable checkpoint is what recovery has to replay.
// A checkpoint should have ended when that is Options.LogBytes long; so it
// begins when the part of it that is left is as long as the checkpoint's writes
// are to be spread over:
//
//	last                 freeze             durable
//	 |--------------------|==================|..........|
//	 0           (1-Pace)*LogBytes       LogBytes    stop: 2*LogBytes
//
// Between freeze and end, bytes are written in proportion to the log that has
// been consumed, so that neither the disk nor what is left to copy comes in
// waves. While nothing is logged, time takes its part: a checkpoint ends within
// the same part of Options.Interval whatever writers do. One that is late is not paced.
//
// A checkpoint that begins for another reason has more of the log left. It
// takes as long as any: the sooner it ended, the sooner the next could begin,
// and would write the same pages again.
//
// # Writers
//
// Two things pile up when writes are too fast: the log, when a checkpoint does
// not end in time, and changed pages in the pool. Each has a soft limit, from
// which on writes are delayed, and a hard one. With u how far it is from the
// one to the other, 0 to 1, and drain the rate, in bytes of writes, at which it
// stays as it is, a written byte is delayed by
//
//	dirty pages   u / (1-u) / drain     drain: writes * cleaned / dirtied
//	log           min(4u, 1) / drain    drain: log left until the stop, by the
//	                                    time that the checkpoint still needs
//
// Pages become clean little by little. Hence the first comes to rest where u is
// 1/2, and elsewhere between the limits if drain was measured wrong. The log is
// given back all at once, when a checkpoint is durable: what is left of it is
// made to last until then. The larger of the two delays counts, and is the
// reason. Where the log is at its hard limit writers stop.
//
// # Admission
//
// Writes take turns on a virtual clock that each of them moves on by the delay
// of its bytes. A sleep of less than a millisecond takes one all the same. So a
// writer goes on at once while the clock is less than that ahead of it, and
// sleeps for all of it otherwise; what the sleep took too long is credited.
//
//	checkpoint.go  Options: Due, Allowed, Wait, Clean
//	control.go     Controller: Observe sets the delay
//	admit.go       Admit, for writers
package pace
