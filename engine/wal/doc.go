// Package wal is a write-ahead log: records in order, durable in groups, back
// after a crash. It knows no engine; a record is bytes with a kind.
//
//	l, err := wal.Open(fsys, dir, wal.Options{}, func(r wal.Record) error { ... })
//	lsn, err := l.Append(kind, payload)      // ordered, in process memory
//	err = l.Wait(ctx, lsn, wal.Durable)      // survives power loss
//
// # Map
//
//   - format.go: the bytes of segments, records, links; LSN
//   - log.go: Log, Append, how it goes on in the next segment, Close
//   - commit.go: Wait, Sync, Flush; what a write and a sync are
//   - group.go: Group, group commit, which knows nothing of the rest
//   - background.go: the goroutines; spares made ahead; Stats
//   - segment.go: files, their names, how one is made or recycled
//   - recover.go: Open: what is there, where the log ends, what is damage
//   - scan.go: reading the records of one segment; Scan
//   - resume.go: how a recovered log is made ready to be written
//   - read.go: ReadAt
//   - trim.go: Truncate, Prune, Drop, Segments
//   - rotate.go: Rotate; how a segment ends
//   - options.go, errors.go
//
// # Path of an append
//
// Append computes the payload's crc, takes mu, encodes the record into the
// buffer of the current segment and returns: no system call, no waiting. Where
// it does not fit, the log goes on in the spare that was made ahead; where
// that is not ready, behind the segment's end, which is slower to sync but
// keeps nobody waiting (Stats.Stretched). What nobody waits for is written once
// BufferBytes are pending; above twice that Append waits for the write.
//
// # Path of a wait
//
// Wait for Durable asks the group syncs, whose work is: wait for Written, which
// is the group writes; then fdatasync what was written since the last one. The
// work of writes is: take all pending buffers, write them. In both groups the
// first who waits works for all who came, inline, and then tells the first of
// those who came meanwhile to go on; see Group. A position is done once it
// lies below the group's horizon.
//
// # Path of Open
//
// List and look at the segments; walk from the newest one in use back along the
// links; deliver the records of that chain in order; judge the end. All that
// before anything is changed. Then a clean end is written on behind a durable
// open record; any other end is left for a new segment, whose link is made
// durable before what is not part of the log is removed.
//
// # Invariants
//
//   - A segment's header and name are durable before a record refers to it.
//     So a bad header is damage. A segment is in use if its first record, the
//     link, is whole.
//   - Ids only grow, and are never used twice for records; so do LSNs. A record
//     is valid in one place of one life of a file.
//   - The chain of links from the newest segment in use is the log. Where one
//     segment links to another's offset, what stands behind that offset is in
//     the log no more.
//   - Everything below a claim was durable when the record was encoded. So a
//     record that is not whole is a torn tail where no whole record behind it
//     claims more than its offset, and damage where one does. Claims are in
//     records, and in links for the segment before.
//   - After a torn tail nothing is written in that segment but one seal, over
//     the tail: behind a tail may be whole records of a lost past, which a new
//     record of the right length would make part of the log again. The same
//     holds where Truncate has cut. The seal comes once the new link is durable.
//     It is what notices that the file of the newest segment is missing.
//   - A close as the last record means that all before is durable and that
//     nothing follows. To keep that true, open is durable before anything else
//     is appended behind a close.
//   - Segments go oldest first, each removal durable before the next, so that
//     a gap is damage and a missing beginning is not. Only the caller can tell
//     more, by Options.From or Options.Complete: before From's segment any may
//     be missing, which is what Drop is for.
//   - The first write or sync that fails ends all writing: what the disk holds
//     is unknown then. Failing to make a spare or to remove a file does not.
//
// # What is noticed
//
// Any damage to what is claimed to be durable, which is everything after a
// clean Close, with file and offset. Not noticed is damage to the last records
// of a log that was not closed: they read as torn. Nor can it be noticed that
// the oldest segments are missing, unless From or Complete says where the log
// must begin; nor that files went back together to what they were.
//
// # Locks
//
// In this order: maintenance (Truncate, Prune, Drop, Rotate, Close), makingOne
// (who makes a spare), mu (all of Log's state; held to copy a record, never
// while a file is touched, but to open one of before From for reading). A
// group's own lock is held for a few instructions and under no other; work is
// done without it. The work of syncs waits for writes, never the other way.
//
// # Goroutines
//
// All are in background.go, begin in Open, end with stop, and Close waits for
// them: keepSpare makes the next segment when an eighth of the current one is
// full, as fast as the log advances, or at once where Truncate or Rotate waits
// for it; drainBuffer writes what nobody waits for; two flushers lead the groups
// if Options.Commit wants them. A log that is read only has none.
//
// # Use
//
//   - An engine with memtables appends, applies, and once what came before an
//     LSN is in tables records that LSN, as From, and calls Prune with it. From
//     must be durable in the log first. Recycle 1 or 2 fits.
//   - An engine whose log is its data (hash) keeps the place of each record in
//     its index, reads by ReadAt or from SegmentPath itself, moves From past a
//     segment once it has a summary of it, made by Scan, and drops those whose
//     records it has copied forward, in whatever order.
//   - A Raft log keeps LSNs by index, cuts a conflicting suffix with Truncate,
//     and prunes below a snapshot. Truncate cuts all that is behind, whosever
//     it is: where many groups share a log, a cut of one of them is a record
//     that says so, and what the slowest needs is appended again before Prune.
//
// It does not lock the directory, compress, encrypt, replicate, number records
// (LSNs have gaps), or find a record by anything but its LSN; and it does not
// repair.
package wal
