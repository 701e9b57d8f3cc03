// Package pool is the frames of a B+tree's buffer pool: page memory outside of
// the Go heap, a descriptor for each frame with the version by which readers
// notice changes, and the policy that decides which page leaves when there is
// no room.
//
// The pool does not know where pages are. Its owner has a mapping from page ids
// to frames, read without locks, and changes it: below, "the mapping".
//
//	g := domain.Pin()                  // a reader
//	f := ...                           // frame of the page, from the mapping
//	v, ok := p.Enter(f)                // not ok: look into the mapping again
//	...                                // read p.Page(f); it may be torn
//	ok = p.Leave(f, v)                 // not ok: forget all that, look again
//	p.Touch(f)
//	g.Unpin()
//
//	f, ok := p.Take()                  // a loader; not ok: Evict, AwaitFree
//	...                                // read the page into p.Page(f)
//	p.Frame(f).Page.Store(id)
//	...                                // compare and swap the mapping to f
//	p.Admit(f, pool.Clean, inner)      // or, if another was first, p.Give(f)
//
//	g := domain.Pin()                  // the writer
//	f := ...                           // from the mapping, while pinned
//	ok := p.MarkDirty(f)               // not ok: look again
//	g.Unpin()
//	p.Lock(f); ...; p.Unlock(f)        // change p.Page(f)
//
// # Map
//
//   - pool.go: Options, Pool, page memory
//   - frame.go: Frame, State, and the moves that the writer makes
//   - read_seqlock.go, read_locks.go: Enter, Leave, Lock, Unlock, by build
//   - free.go: Take, Give, Retire, AwaitFree: frames come and go
//   - evict.go: Evict, DirtyVictims
//   - policy.go, clock.go, s3fifo.go, ghost.go: who leaves next
//   - stats.go: what is held and what happened
//
// # States
//
//	          Take             Admit           MarkDirty
//	Free -------------> Private ------> Clean -----------> Dirty
//	 ^ <---------------- Give  |        | ^ | <----------- | | ^
//	 |                         |        | | |    SetClean  | | |
//	 |                         +--------|-|-|--------------|-|-+ Admit
//	 |                                  | | |              | |
//	 |                            Evict | | | Freeze       | |
//	 |                                  v | +--> Frozen <--+ |
//	 |                              Leaving         |        |
//	 |                                  |           |        |
//	 |                           unlink |    Retire |        | Retire
//	 |           release                v           v        |
//	 +------------------------------- Limbo <----------------+
//
//	from      to       by            who, holding what
//	Free      Private  Take          anybody; TakeReserve: the writer
//	Private   Free     Give          who took it
//	Private   Clean    Admit         who took it
//	Private   Dirty    Admit         the writer; also Supplant
//	Clean     Dirty    MarkDirty     the writer
//	Dirty     Clean    SetClean      the cleaner, with the writer's lock
//	Clean     Leaving  Evict         anybody
//	Leaving   Clean    Evict         the same, when unlink refused
//	Leaving   Limbo    Evict         the same, when unlink agreed
//	Clean     Frozen   Freeze        the writer; also Supplant
//	Dirty     Frozen   Freeze        the writer; also Supplant
//	Dirty     Limbo    Retire        the writer
//	Frozen    Limbo    Retire        whoever owns the old version
//	Limbo     Free     release       whoever reclaims the epoch domain
//
// The writer is one goroutine at a time, by a lock of the owner. Each move is a
// compare and swap: what is not in the table is refused and changes nothing.
// Somebody who owns a frame by its state need not fear others: a frame that is
// Dirty or Frozen is evicted by nobody, one that is Leaving or in Limbo is
// changed by nobody. So the writer calls MarkDirty or Freeze before it changes
// or unlinks a page. If it unlinked a clean one, an Evict that is under way
// would be refused by the mapping and keep a frame that nobody finds.
//
// A frame has the state Private for a moment after the mapping names it. Readers
// need not care; MarkDirty is false until Admit.
//
// # Versions
//
// A frame's version is a seqlock: odd while the writer is in the page, and also
// from Leaving and Retire until the frame is free. It only grows, also from one
// page to the next. So if Enter gave v and Version is v later, then the page
// was not changed, unlinked or superseded in between; the last two a reader
// could not see from the page's bytes.
//
// Readers are pinned in the epoch domain from before they read the mapping
// until they are done with the frame. What they found is retired, if at all,
// after they were pinned, hence not free before they unpin; so the frame holds
// the page that the mapping said, or an old state of it, and no other. A reader
// who is not pinned may read any page, with a version that is right. The writer,
// too, is pinned from before it reads the mapping until MarkDirty or Freeze:
// else these may get hold of a frame that holds another page by then. Once the
// frame is Dirty, it stays without a pin.
//
// Enter and Leave are single loads, and what is between must be loaded between
// them. The compiler does not move loads across operations of sync/atomic. The
// processor must not either, which amd64 promises (loads are not reordered with
// loads, nor stores with stores) and others do not: there, under the race
// detector, which does not know seqlocks, and with the tag offheap_onheap, each
// frame has a sync.RWMutex, which Enter to Leave read-locks and Lock to Unlock
// locks. Enter then waits for the writer, and pages that come free are filled
// with 0xDB. Versions are kept, and mean the same. Optimistic tells the builds
// apart.
//
// # Who leaves
//
// Evict goes through the queues of the policy. What it finds clean, unreferenced
// and oldest leaves. What would leave but is dirty is kept aside, is the first
// that DirtyVictims names, and leaves next after SetClean unless it was hit
// again. So Evict never goes through the same dirty frames twice, and ends
// quickly when all are dirty.
//
// The queues hold just those frames that are Clean or Dirty, and for a moment
// those that Freeze and Retire are taking out.
//
// # Locks
//
// Pool.ordering guards the policy, Pool.freeing the free list and the mapping of
// chunks. Neither is held together with the other, nor while unlink or the
// domain is called, nor taken by Enter, Leave, Touch, Version, MarkDirty, Page.
// Moves into and out of the queues happen under ordering, but Clean to Dirty,
// which changes no queue.
//
// Take, TakeReserve, AwaitFree, Evict and Retire may run what was retired in
// the epoch domain, by anybody; that must not take a lock that their callers
// hold. The package starts no goroutine.
//
// # Room
//
// Take gives out Options.Frames frames; Options.Reserve more are for TakeReserve
// alone, so that the writer can end a split when loaders have taken all others.
// Which frame is which does not matter, only how many are used: after
// TakeReserve went beyond Frames, Take fails until as many have come free.
//
// Memory is mapped in chunks of 4 MiB when frames are first used, and used
// frames are taken again before fresh ones, so that a large pool of which
// little is used costs little. When a chunk is refused, by a budget or the
// system, Take fails as if all frames were used, and tries again the next time;
// the reserve always has its memory.
package pool
