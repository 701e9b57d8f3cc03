// Package btree is the B+tree: writes go to a log and to pages in a pool, and
// checkpoints write changed pages out of place.
//
//	dir/KVBENCH   the marker
//	dir/data      slots of one page each, and two superblocks (package store)
//	dir/log/      the write-ahead log (engine/wal); empty with mode=cow
//	dir/suspect   a sync of data has failed: the next Open writes it anew
//
// # Map
//
//   - driver.go: Driver; settings.go, options.go; tree.go: opening, closing
//   - commit.go: the calls that write, and their order; apply.go: groups, ops;
//     writer.go: pages that change; split.go; merge.go; overflow.go; brake.go
//   - get.go, multiget.go: optimistic reads; view.go: reads at a moment;
//     snapshot.go, iter.go, scan.go
//   - fetch.go: pages come into frames
//   - background.go: the goroutines; clean.go; batch.go: pages on their way to
//     slots; checkpoint.go, freeze.go, mapwrite.go; shrink.go, settle.go,
//     compact.go, order.go
//   - load.go, loadpages.go, graft.go: bulk loads; copy.go: copies of a
//     directory
//   - recover.go: Open; suspect.go: after a sync that failed
//   - verify*.go, census.go, inspect.go: looking at a directory;
//     space_check.go: at a tree; metrics.go, counters.go, notes.go
//
// Below: page (bytes of a page), mapping (page id to place), space (which slots
// are free), moment (numbers of groups, live snapshots), version (what pages
// were), pool (frames), store (the file), pace (when, and how fast).
//
// # Path of a write
//
// Under commits.mu a write gets its place in the log and in the queue, so that
// both have one order. Who then gets tree.mu leads: it applies all that is
// queued, in groups of up to group_ops, and tells their callers. Others wait
// for the log meanwhile, or look whether they are done, or lead. Before that a
// write has its leaf brought into the pool (warm), so that the leader, for whom
// all wait, reads no file.
//
// A group has a number, its stamp, one above the last one published. Its ops
// are sorted between range deletes, those on one key in their order, so that a
// leaf is looked for and copied once. change makes a page ready: locked, dirty,
// and, if somebody needs it as it was, in another frame (clone). A frame stays
// locked until its op is over, or, if there is a small batch (hold), the group.
// finishOp and unlock open all of them. Then the group is published.
//
// The root has one id for ever. To split, its content moves to a new page,
// which then is its only child (growRoot). A leaf that is empty is merged with
// a neighbour at once, one that is sparse later, in the background.
//
// A write is visible before it is durable. What others read of it a crash may
// take, but then all that came after it too.
//
// # Path of a read
//
// A Get is pinned, and goes from the root to a leaf without locks (find). At
// each page: load the mapping; Enter the frame, which notes its version; look
// whether the mapping is still the same, and the page above still as it was
// read; search; Leave, which compares the version. Whatever is in the way makes
// it begin anew. Pages that are not in the pool it reads where the file is
// mapped, or has loaded when it is no longer pinned.
//
// Why that is right. Of the code below it needs that
//
//   - a version only grows, and is odd while the page is written, unlinked or
//     retired (package pool)
//   - the writer stores a page's new place before it calls Supersede
//   - a pinned reader's frame holds the page that the mapping said, or what it
//     was, and no other page
//   - a page knows the keys it is for, its fences: they change only when it
//     does
//   - an op that moves keys between pages unlocks none of them, and not their
//     parent, before all are as they are to be; one that is freed is superseded
//     after its parent was locked
//
// Claims, the moment of a check being that at which it loads what it compares:
//
//  1. If the mapping has the entry after Enter gave v, and the version is still
//     v later, the page was all that time where the entry says, and unchanged.
//     To go away it would have been superseded after its new place was stored,
//     hence after the mapping was looked at, hence after v: or made odd. The
//     same frame does not come back for it, since the reader is pinned.
//     Without the second look into the mapping this is wrong: a frame that was
//     superseded between Load and Enter is frozen, and its version stays.
//  2. When the page above is compared, both are current, and the one above as
//     it was read. If that is for the key, so is this one: by what it says of
//     its children, which was true at this moment. The root is for all keys.
//  3. So what is read of a leaf, if Leave agrees, is what was there for the key
//     at the moment when its parent was compared, which lies within the Get.
//     No op was half done for it then: what moves the key has locked this page,
//     or its parent, until it is done.
//  4. On disk nothing changes under a reader that is pinned: where the file is
//     mapped, slots are dropped through the epoch. The entry says which
//     content; that the mapping still has it is what Leave says of a frame
//     (findOnDisk, above.same).
//  5. An eviction makes the version odd before it unlinks. So who remembers it
//     begins anew in vain; nobody goes on with a frame that is given away.
//  6. A small batch has its pages locked until all of it is there. So who saw a
//     part of it finds the rest, or a page that is locked, and waits.
//  7. Groups with a larger batch, a range delete or a load unlock pages before
//     they end. Before their first change they make the moment of before live
//     and show it (tree.large), and take it back after the last one; so they
//     clone each page they change. Who finds none shown between what it read
//     and Leave has read a leaf that was current while no such group was under
//     way.
//  8. Who finds one shown reads there, once it is among its users (findBefore).
//     That is the present if published is still the same when it is: the group
//     had not ended then, and nobody has seen anything of it.
//
// A search reads torn pages. It takes nothing of them for granted (package
// page), and ends after maxHeight steps.
//
// MultiGet does the same for some keys at a time: all descents first, then all
// leaves. It is as many Gets, not a moment.
//
// # Moments
//
// Iterators, snapshots and reads of chains have a live number n (package
// moment) and see groups through n. A page whose stamp is not above a live
// number is cloned before it changes: the old frame is frozen and becomes a
// version from its stamp until the group's (package version). So a view, which
// reads for them, checks nothing after it has read. It finds a page by the
// mapping, if that one's stamp is not above n, or else among the versions: the
// writer adds a version before it changes the mapping, and a view looks at the
// mapping first, so that the page is in one of them. Ids that are freed and
// taken again are told apart by stamps.
//
// Versions that nobody needs are pruned when a snapshot ends, and after groups
// and checkpoints that make some. Old ones are written to slots when frames are
// short; then only those hold them.
//
// # Checkpoints
//
// What is on disk is the tree as it was between two groups, and where in the
// log that is. Nothing that the last superblock leads to is written over.
//
//  1. freezeNow, holding tree.mu: what is queued is applied, the place in the
//     log noted, and which pages changed since the freeze before.
//  2. writeFrozen finds the place of each in the checkpoint, writing those that
//     are dirty. Whoever changes a page that is left calls touch first: a clean
//     one's home is fixed, a dirty one is cloned, and the old version is the
//     checkpoint's to write. When all are known, the writer need not care.
//  3. writeMaps: those pages of the map, and of its directory, that differ.
//  4. commitCheckpoint: sync the file; sync the log, for the superblock may
//     name only what a crash does not take; Commit; a record in the log that
//     tells later of a superblock that was lost.
//  5. install: the durable entries are the new ones, what only those before
//     needed is unfixed, the file is cut, the log pruned.
//
// A page that changes while it is written was written in vain: its version, or
// its stamp, is not that of the item (settleCurrent), and its slot is free.
// Those that wait for a checkpoint share the next one (rounds): one that was
// frozen after they asked.
//
// The cleaner writes dirty pages that would be evicted next, so that who needs
// a frame finds a clean one; nothing refers to these durably. A writer that
// finds none cleans some itself (cleanHeld). Neither takes a frame in the
// writer's hands, whose version is odd.
//
// To shrink, moveDown gives clean pages behind where the file should end slots
// before that, then a checkpoint makes them the ones that count, then the file
// is cut. Versions do not move, so a snapshot may keep it long. Compact also
// moves leaves so that they lie in the order of their keys (ordering): to slots
// that it holds, as if they were pages being written, and that no checkpoint
// has.
//
// # Invariants
//
//   - A slot is held by one page, one old version, one page of the map, or what
//     is being written to it; it is fixed if the last checkpoint, or the one
//     under way, has a page there. What is neither is free. checkSpace counts.
//   - A page in the pool is dirty if and only if Home is 0 (settleMove has it
//     dirty with a home for a moment, holding tree.mu).
//   - A frame's Stamp, and the content, do not change when it is frozen. A
//     page's stamp only grows, and is at most that of the group under way.
//   - A page whose Gen is below tree.gen has not changed since it was frozen or
//     came into the pool. The others are in tree.changed.
//   - tree.ckpt is nil outside of step 2.
//
// # Recovery
//
// The superblock that counts, its map, and the log from LogFrom on, applied as
// groups. Expired rows count by the clock of reads, so replay is not of its
// time. Damage of the log below LogThrough is damage, beyond a torn end. A
// record of a later checkpoint says that the newest superblock is gone: that is
// ErrCorrupt, since the log before it may be pruned.
//
// The log's directory is made when the file is there, durably, in all modes:
// so a file that is missing is told from a birth that a crash cut short.
//
// With mode=cow there is no log. A write at sync waits for a checkpoint, which
// is two syncs; those that come together share it. With durability none a crash
// leaves the last checkpoint.
//
// A bulk load writes leaves to slots of its own, and grafts them in as one
// group when Finish has let no more writes in. The log does not have it, so
// these wait until a checkpoint does.
//
// # Failures
//
// The first write that fails, of log, page or superblock, ends all writing
// (fail): its error is ErrReadOnly's cause from then on, and reads go on. If
// pages were half changed (tear), all reading ends too: what they are never
// was; who sees a page unlocked then finds torn set. A superblock whose write
// failed may be on disk or not; Open finds out. A sync of the file that failed
// leaves a mark (suspect): the next Open copies the file, since the kernel may
// have dropped what it could not write.
//
// Damage that a read finds is ErrCorrupt, counted, and ends that read only.
//
// # Locks
//
// Whoever has one of these takes only those behind it:
//
//	closing             one Close at a time
//	scans               who reads files, or looks at pages unpinned: only tried;
//	                    Close takes it last, for ever
//	work.pruning        copies keep the log; a checkpoint only tries it
//	work.exclusive      one checkpoint, move or cut at a time
//	tree.mu             the writer
//	snapshots.pruning   only tried
//	commits.mu          order of writes; with it, the log's
//
// Behind all of these, and holding none of each other: rounds.mu, sparse.mu,
// dropped.mu, brake.telling, and the locks of versions, pool, clock and file.
// Under snapshots.pruning scans is tried, never waited for, so that it may
// stand out of order. What the epoch frees by runs wherever something is
// retired, also under tree.mu: it takes dropped.mu or the pool's freeing only,
// which nobody holds while calling the domain.
//
// Held while waiting: tree.mu for the disk, where the writer has to read a page
// that was evicted again, or to clean; exclusive for a checkpoint's writes.
// Whoever waits for frames is not pinned (frameHeld unpins the writer), and
// nobody waits for tree.mu while pinned or in a frame.
//
// Gets of pages in the pool take none, but for values in a chain, which need a
// moment that is held; that, an iterator and a snapshot wait for tree.mu where a
// group is under way each time they look.
//
// # Goroutines
//
// The cleaner (also merges sparse leaves), the checkpointer, those of the log.
// work.ctx ends the first two: Close cancels it and waits; a checkpoint under
// way ends unpaced. They end too at the first failure that they meet. Settle,
// Compact, Sync without a log, loads and copies work in their callers'.
//
// Close lets nobody queue any more, applies what is queued, ends the work,
// writes the last checkpoint, sets closed, and waits for scans and for the
// pinned, who look at closed when they are. Iterators are closed before, which
// is the caller's to do.
package btree
