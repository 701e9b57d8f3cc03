// Package vfs is the file system as engines see it: a small interface, so that
// tests can crash it, fail it, count it and record it. It knows nothing of
// engines.
//
// Engines of this house import no os: all their files go through an FS that is
// handed to them.
//
// # Map
//
//   - vfs.go: FS, File and Mapping, the contract
//   - os*.go: OS, the machine's own file system
//   - mem.go: Mem, in memory; mem_file.go its files, mem_tree.go their bytes,
//     mem_names.go names, mem_lock.go locks, mem_map.go mappings
//   - mem_crash.go, mem_choice.go, mem_contents.go, mem_states.go: what a power
//     loss may leave of a Mem; mem_watch.go: the moments to try one
//   - rule.go, rule_parse.go: Rule, what goes wrong, and its language
//   - fault.go, fault_file.go, fault_match.go: Fault, which does it
//   - class.go: Class, what bytes are for; count.go: Counting, by class
//   - record*.go: Recorder, which writes down what changes; trace.go: Trace,
//     replayed to a Mem; trace_format.go: the file that keeps one
//
// Fault, Counting and Recorder stand before any FS, also before each other, and
// pass on what is not theirs, classes included.
//
// # What survives a power loss
//
// Bytes written survive once Sync or SyncData has returned on their file.
// Names (create, rename, remove, link) survive once SyncDir has returned on
// their directory. Nothing else does for certain, and nothing about order is
// promised; anything else may. Mem says in detail what.
//
// A Sync that failed has promised nothing, and neither does a later one that
// succeeds: the kernel may have dropped what it could not write. Whoever sees
// one fail stops to acknowledge, and opens again.
//
// # How to test an engine with it
//
// Crashes: run a history on a Mem. At every point of interest, take what a
// power loss leaves, open the engine on it and check that what it holds is a
// prefix of the history with all that was acknowledged as synced. To crash
// while it recovers, watch the Mem that it recovers on as well.
//
//	m := vfs.NewMem()
//	m.Watch(func(p vfs.Point) {
//		if p.Sync {
//			check(m.Crash(seed), acknowledged())
//		}
//	})
//
// Failures: let each call of the history fail in turn. The engine returns an
// error or carries on, and never answers wrong or loses what it acknowledged.
//
//	for n := uint64(1); ; n++ {
//		m := vfs.NewMem()
//		fault := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindAny, Nth: n, Err: syscall.EIO, Lost: true})
//		run(fault)
//		if fault.Fired() == 0 {
//			break // the history has fewer than n calls
//		}
//		check(m.Crash(n), acknowledged())
//	}
//
// Amplification: Counting, which its comment describes.
//
// Real processes: record on the OS what a process does, with a Mark for what it
// acknowledged; save the Trace, and Walk it later.
//
//	err := trace.Walk(func(n int, m *vfs.Mem) error {
//		return check(m.Crash(seed), acknowledgedBefore(trace.Ops[:n]))
//	})
//
// # Locks and goroutines
//
// The package starts no goroutine. Mem holds one lock per operation; Recorder
// one around each call that changes something, but not around syncs; Fault one
// for a moment per sync and new name, once files have lost their data; Counting
// none.
package vfs
