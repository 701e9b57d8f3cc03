// Package diskindex is package index for key sets bigger than memory: a
// multiset of (code of a hash, place) in a file of buckets, with what has
// changed since in memory.
//
//	x, err := diskindex.Open(options, name, lives) // or New(options)
//
//	g := d.Pin()
//	for c := x.Find(hash); ; {
//		place, ok, err := c.Next()
//		... // the key is absent if !ok; else compare the record's key
//	}
//	g.Unpin()
//
//	l := x.Lock(hash)
//	... // find its place as above, with l.Find
//	l.Replace(old, place) // or l.Insert(place), l.Delete(old)
//	l.Unlock()
//
//	if x.Full() {
//		info, err := x.Merge(ctx, name, header)
//		... // the manifest names it
//		x.Discard(info.Previous)
//	}
//
// # Map
//
//   - index.go: Options, Index, New, Open, Close
//   - front.go: changes in memory; read.go: Find; write.go: Lock, Insert,
//     Replace, Delete, Load
//   - merge.go: Merge, Discard; build.go: writing a file; warm.go: the cache
//     after that
//   - format.go: header, page, entry, footer (byte tables); order.go: which
//     bucket a hash has; file.go: reading
//   - walk.go: all entries; stats.go, inspect.go, verify.go: numbers, files
//
// # Layout
//
// A file is an array of pages of 4 KiB, each a bucket, 80 % full. It is written
// once, in order, and never changed. So there is nothing that must grow one
// bucket at a time, as linear hashing does, at the price of buckets that wait
// for their split with up to twice as many entries as others. Here buckets are
// ranges of equal size of the hash's code, in their order: any number of
// buckets fills evenly, and finding one is a multiplication. A page has its
// entries in order too, so that the place of a hash in its range says where in
// the page to look, give or take some ten entries.
//
// The order is by the ten bits that choose a lock first. So a lock's hashes are
// neighbours: a walk needs one lock at a time, and a merge sorts the front a
// 1024th at a time.
//
// A key that is in the cache costs no I/O, another one read of 4 KiB, whether
// it is there or not. Entries take 15 bytes of the file, and of the cache.
//
// # Merging
//
// Merge puts an empty front before the present one, which is frozen. Then it
// reads the file and the frozen front in the order of ordinals, which is that
// of both files whatever their numbers of buckets: it reads one from the first
// page to the last while it writes the other likewise, 256 KiB at a time. Only
// second pages of a bucket, one in 50,000, are read and written out of order.
// It takes memory for one stripe of the front and for a chunk of each file.
//
// Each merge writes all of the index: with a front of one part in n, about 15 n
// bytes per change. To update pages in place instead would write a page per
// change, which is less only where the front is smaller than one part in 270,
// and would need a log of its own against torn pages. FrontBytes decides.
//
// Ranges of which the old file's pages are in the cache when it goes are read
// into the cache from the new one.
//
// A file is a snapshot of the index too, as package snapshot writes them, with
// the same promises: Header.Covers, segment numbers that must not be used
// again, and that both logs are to be synced before the manifest names it. But
// it is the exact state at one moment, when the front was frozen.
//
// # Memory
//
// A front takes 650 KB and 17 bytes per entry; Replace and Delete of what is in
// the file make an entry in removed. During a merge, and after one that failed,
// there are two fronts. The cache takes Options.CacheBytes. On the Go heap are
// 80 KB of locks, and 1 MB of buffers during a merge, whatever the size of the
// index.
//
// # Why no reader misses an entry
//
// A view is what a lookup looks at: the active front, the frozen front if there
// is one, and the file. Base means the last two. The view is one pointer.
//
//	Find     F1  v := view; m := moves of the stripe
//	         F2  look at v's active front: added
//	         F3  look at v's base, passing over what the active front has in
//	             removed (and what the frozen one has, in the file)
//	         F4  if something was passed over because of the active front, and
//	             moves is not m, go to F1
//	Replace  R1  active front: insert the new place into added
//	         R2  moves++
//	         R3  active front: insert the old place into removed
//	Freeze   under all locks: view := (empty front, what was active, file)
//	Swap     view := (active front, none, a file that is equal to the base)
//
// Replace of a place that is in added is one store there, see package index.
//
// Claim 1: in any view, a key that stays is at its old or at its new place. An
// entry that nobody touches is where it is: base and frozen front do not
// change. If a lookup passes over the old place, it has seen R3. Either R2 was
// after F1, and F4 begins anew, or R1 was before F2, which finds the new place.
// That may have moved on since, by stores in added.
//
// Claim 2: a view that was replaced still answers right. Freeze waits for all
// writers, so a front that it freezes is never written again: a lookup there
// is one at the moment of the freeze, which lies in it. After Swap the active
// front is the same one, and hides the same entries of either base.
//
// Claim 3: a lookup that begins after a write ended sees it: its view has the
// front that was written to, active or not, or a file with what was in it.
//
// What an old view has, its front's memory and its file, is given back when
// no reader is pinned who may look at it.
//
// # Failures
//
// A page is checked when it is read from the file. Damage is an error that
// wraps engine.ErrCorrupt and names file and offset; no other page is worse
// for it. Inserts may fail for want of memory. After any error nothing has
// changed. A Merge that failed leaves its frozen front: everything is still
// found, and the next Merge tries again, before the active front's turn.
//
// # Locks
//
// In this order:
//
//   - Index.merging: who merges.
//   - stripe.mu, 1024 of them in the order of index.LockOrder: writers.
//   - those of packages index and cache.
//
// A writer's Replace and Delete may read a page under its stripe, to see
// whether the entry is there; who has looked for it before finds it in the
// cache. The domain's free functions may run under a stripe: none may take one.
// The package starts no goroutine.
package diskindex
