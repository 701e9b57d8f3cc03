// Package lsm is the LSM tree: writes go to a log and to a memtable, memtables
// are flushed to tables, and compactions merge tables into levels.
//
//	dir/KVBENCH     the marker
//	dir/CURRENT     names the manifest
//	dir/MANIFEST-*  which tables there are, and where recovery begins
//	dir/log/        the write-ahead log (engine/wal)
//	dir/tables/     sorted files (package table)
//	dir/blobs/      values apart from their keys (package blob)
//	dir/lost/       files that nobody knew after a crash that may be why
//
// # Map
//
//   - driver.go: Driver; settings.go, options.go: settings; tree.go: opening,
//     closing
//   - write.go: the calls that write; commit.go: their order; room.go,
//     memory.go: memtables; brake.go: slowing writes down
//   - view.go: what readers look at; get.go; multiget.go; iter.go; snapshot.go
//   - background.go: the goroutines; flush.go: flushes, and jobs, which merge;
//     compact.go: compactions; pipe.go, output.go, mover.go: parts of a job;
//     install.go: how the tree changes
//   - files.go, blobs.go: files, and when they go
//   - load.go: bulk loads; checkpoint.go: copies of a directory
//   - recover.go: Open
//   - verify*.go, inspect*.go: looking at a directory; metrics.go: counters
//
// Below: ikey (what an entry is), memtable, table with block, filter and
// compress, blob, tombstone (range deletes), merge, version and manifest (what
// the tree is made of), compaction (what is merged next), pace.
//
// # Path of a write
//
// Under commits.mu a write gets room in the memtable, its sequence numbers, a
// ticket and its place in the log: so a lower number is earlier in the log,
// and in the same memtable or an older one. Append only copies; it waits for
// the disk where it has copied too much already. The rest goes on at once with
// that of other writes: hash, add to the memtable, publish the ticket, wait
// for the log.
//
// Tickets become visible in their order, each when it and all before it are in
// memtables (commits.publish). So who reads at commits.at finds all ops up to
// that number, and a batch whole or not at all. A slot of the ring is taken
// again only after its ticket was published; so one that publishes and finds
// published unchanged after it read the slot has read that ticket's.
//
// A write is visible before it is durable. What others read of it a crash may
// take, but then it also takes all that was written after: what a crash leaves
// is a beginning of the log (engine/wal), and the log is in the order of the
// numbers. What was waited for is in it.
//
// A memtable that is full is frozen (rotate), under commits.mu: all before are
// in it or in older ones, all after are not; memory.from is where the log was
// then. Writes that had reserved room in it may still be adding; sealed is the
// ticket after theirs, and a flush first waits for what is before it.
//
// # What readers look at
//
// A view has a memtable that takes writes, frozen ones and the tables of a
// version. It never changes: rotate and install put another one in its place.
//
// A Get pins the epoch, loads the view and only then the number that it reads
// at. In this order, because a view may lack what is older: a compaction keeps
// of a key what the newest reader sees, and what snapshots see. Whoever loads
// the view first reads at no lower number than anything in its tables, since
// what was flushed was visible before. So what was dropped, something that it
// sees has replaced.
//
// A write between the two may be in a memtable that the view lacks, and be
// visible by the number. One key has an order all the same: the Get began
// before that write was visible, and comes before it. Who reads many keys
// looks whether the view is still the current one after it has the number
// (acquireAt): if so, whatever is visible at the number is in it, for a
// memtable is in the view before there is any write in it.
//
// A Get that has all it needs in memory ends in its pin, and takes no lock, no
// reference and no memory from the heap. Before it reads a file it takes a
// reference to the view (hold) and unpins, since pins hold up the freeing of
// everything. If the view has gone meanwhile it begins anew, with another.
// Iterators and MultiGet have a reference from the beginning.
//
// References: the tree has one to its current view; a view has one to each of
// its memtables and to its levels, levels have one to each table and blob
// file. Those of views count down to 0 once; then the view is retired to the
// epoch, because Gets may be looking at it without a reference, and what it has
// is released when they no longer can be. So a memtable that is given back, or
// a file that is closed, is looked at by nobody, and a Get in memory counts no
// references of anything.
//
// # Which entry counts
//
// Searched are memtables, newest first, then runs of tables: level 0, newest
// sublevel first, then down. Numbers of a key fall on the way: flushes take the
// oldest memtables, tables of level 0 lie above older ones that they overlap,
// and a compaction leaves nothing above its output that is older (package
// compaction). So the first entry with a number not above the reader's is the
// answer, and deeper runs are not asked.
//
// Range deletes are in the memtable or table whose writes they are among. The
// search remembers the newest that covers the key (cover). Once there is one,
// what lies deeper is older and deleted, so it ends; an entry found beside it
// counts if its number is higher. A table's bounds include its range deletes,
// and outputs of a job are cut between keys, range deletes clipped to their
// bounds, so that no two tables of a run have to be asked for one key.
//
// A put that expires has its time before its value. Who reads it later finds
// nothing, older versions neither: it hides them as a delete would, and a
// compaction makes a delete of it. Snapshots do not stop clocks. An iterator
// has one time, that of its beginning.
//
// # Flush and compaction
//
// Both are jobs: merge sources, fold (merge.Fold says what is kept, and why
// nothing is lost), write tables of one run. What a fold needs is this.
//
//   - Every snapshot is in its list, or sees all of the inputs. These are held
//     first, when they are visible; then the list is asked for. NewSnapshot
//     reads its number while it has the list's lock: before, and it is in the
//     list, or after, and its number is not below what was visible by then.
//   - Other readers at lower numbers than the inputs' hold, or have pinned, a
//     view from before, and with it the inputs.
//   - Bottom (version.Older): nothing below the output, nor between the inputs,
//     has the key. It stays true until the edit is installed: flushes and loads
//     come in above what they overlap, and no two compactions write to, or
//     pass over, the same keys of a level (compaction.Choice).
//
// Number 0 says that a version is the only one. In level 0 numbers stay, since
// tables there are told apart by them.
//
// A flush takes a few memtables at once, the oldest, so that what was
// overwritten while they waited is not written. It is one goroutine at a time:
// tables come in the order of their memtables.
//
// With scheduler=silk compactions below level 0 make way for flushes and for
// those of level 0, and these for flushes while memory is short, for a while;
// never for ever, lest the tree gets deep in debt. The brake slows writes down
// before memory is full (package pace); where it is full they wait for a flush,
// without commits.mu.
//
// # Install
//
// In this order:
//
//  1. the tables are synced, then their directory; blob files too
//  2. the log is synced, so that it reaches to LogFrom
//  3. the manifest gets the edit, synced
//  4. readers get the view
//  5. the log is pruned, files are removed
//
// A crash before 3 leaves files that no version names, and the log as it was.
// After 3 the tables have what the log had before LogFrom. If 2 were missing,
// a power loss could leave a log that ends before LogFrom: what is in tables
// would then be followed by a gap. The edit also says up to where the log was
// durable (Through), so that damage below is told from a torn end.
//
// Readers get all of an edit at once: memtables leave the view in which their
// tables come. After an error of 3 nobody knows which state the disk has; the
// tables stay, no more is written, and Open finds out.
//
// # Bulk loads
//
// A load is one write: it gets the next number, while no others may write, and
// becomes visible when its tables are installed. Its tables go as deep as
// nothing lies that they overlap, and are newer than all above, so whatever
// memtables have of these keys is flushed before. Their entries have number 0:
// the manifest knows the real one, MinSeq = MaxSeq (readerOptions). Between
// install and visibility compactions see a snapshot below the number, so that
// they neither drop what the load replaces nor make its number 0.
//
// # Blob files
//
// With separate_bytes a job writes large values to a blob file, and their
// places to the table (mover). A compaction copies places. One that meets a
// value in a file with much garbage moves it. Files live as long as a table of
// some version refers to them, and then as long as somebody has levels in
// which one does.
//
// # Recovery
//
// The manifest's version, and the log from LogFrom on, put into memtables as
// the writes were; those that are full are flushed later. Numbers in the log
// rise, or it is damaged. Each record has the number of its first op: not all
// numbers are in the log (loads, writes without one), and an op must get the
// one that it had, between those of tables.
//
// Files that no version names are outputs of jobs that did not end, and are
// removed. If the manifest's last record was torn, they may be what that edit
// named: then they are put into lost/, for somebody to look at. A manifest that
// is gone while there are tables is damage, and so is a table that is gone.
// Numbers of files that were found are not given to others.
//
// Without a log (durability none) a crash leaves what was flushed: still a
// beginning, since memtables are flushed in order, and loads wait for them.
//
// # Failures
//
// The first write that fails, of log, table or manifest, ends all writing: its
// error is ErrReadOnly's cause from then on. Reads go on. Background work that
// fails is such a write. A file that cannot be removed is a warning; the next
// Open removes it. Damage that a read finds is ErrCorrupt, counted, and ends
// nothing but that read.
//
// # Locks
//
// Whoever has one of these takes only those behind it:
//
//	closing             one Close at a time
//	scans               who has a view and no pin; only tried. Close takes it
//	                    last, for ever
//	commits.mu          order of writes; fresh
//	work.flushing       one flush at a time
//	work.pruning        checkpoints keep the log; a flush only tries it
//	work.installing     one edit at a time
//	work.jobs           what is being compacted
//	brake.looking
//	state.mu            who shows a view
//	file.opening        once per table
//
// Behind all of these, and holding nothing else: snapshots.mu, files.mu,
// blobs.mu, memories.mu, state.waiters, commits.sleep, brake.waiting, and the
// locks of log, manifest, cache and memtables. Functions that the epoch frees
// by run wherever something is retired, also under state.mu or commits.mu;
// they take files.mu, blobs.mu and memories.mu only, and leave what takes long
// (closing, removing, clearing) to the flusher.
//
// commits.mu is held during a wait only for who needs it not: tickets that are
// under way (commits.take, load.install), the log's writes, and, for a load,
// its flush and its edit.
//
// Gets whose blocks are in memory take none.
//
// # Epochs
//
// One domain for views and for blocks of the cache. Pinned: a Get while it
// reads no file; a MultiGet while it looks into memory; acquire; the look for a
// cached value of a blob file; a writer that looks how full memory is; Metrics.
// Nobody waits while pinned.
//
// Close ends writes (ending), flushes what no log has, ends the work, and waits
// for scans and for the pinned; calls look at closed when they are pinned or
// have scans, and who goes from a pin to scans has both for a moment. So memory
// goes when all calls have ended. Iterators are closed before, which is the
// caller's to do.
//
// # Goroutines
//
// The flusher (also buries files and cleans memtables), the pacer, and as many
// compactors as compactions says; beside each pipelined compaction one that
// writes what it merges; those of the log. work.ctx ends them: Close cancels it
// and waits. Jobs look at it once a megabyte. After a failure flusher and
// compactors that met it end; the others find nothing to do. Settle, Compact,
// Sync without a log, and loads work in their callers' goroutines.
package lsm
