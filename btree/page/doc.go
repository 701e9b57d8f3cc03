// Package page is the pages of a B+tree: bytes in, bytes out. It knows no
// files, no frames and no tree.
//
//	page.InitLeaf(p, id, low, high, next)
//	i, found, ok := page.Find(p, key)
//	if !page.Insert(p, i, key, flags, payload) {
//		at := page.SplitPoint(p, i, len(key)+len(payload), 1, false)
//		sep, ok := page.Split(p, right, at, rightID)
//		// Insert into right if key >= sep, else into p.
//	}
//	flags, payload, found, ok := page.Get(p, key)
//
// # Map
//
//   - format.go: the bytes; areas, where the arrays of a page are
//   - header.go: what all pages have; fences, limits, Used
//   - find.go: Find, Get, Child: the path of a read; AppendKey
//   - rows.go: Rows: the path of a scan
//   - leaf.go: InitLeaf, Cell, Insert, Replace, Delete
//   - inner.go: InitInner, ChildAt, SetChild, InsertChild, RemoveChild,
//     SetSeparator
//   - split.go: SplitPoint, Split, SplitInner; merge.go: Merge, MergeInner
//   - rebuild.go: Rebuild, SetFences; plan, how a page is written anew
//   - overflow.go: pages of large values, and pages whose body is the store's
//   - seal.go: Seal, Verify; check.go: Check
//
// # A search
//
// All keys of a page share a prefix, which is there once, behind the header;
// the 4 bytes that follow it nearly always tell them apart, and are an array of
// numbers. So a search touches the header's line, a few neighbouring lines of
// heads, and one slot and cell; in an inner page mostly no cell. Where many
// keys have the same head, a binary search over whole keys goes on.
//
// Between two fences the prefix is what they share, and no key that comes can
// lack it. A page that lacks a fence, which are those at the edges of the tree
// and its root, has what its entries happen to share: found when it is rebuilt,
// which Insert does, too, when entries have doubled and share more, or when a
// key comes that shares less.
//
// # Torn pages
//
// Find, Get, Child, ChildAt, Cell, AppendKey, Fences and OverflowPart read
// pages that a writer may be changing: what they return is of use only to who
// learns afterwards that no writer was there. Whatever the bytes are, they do
// not panic, end after a few steps and return slices of p. They read each field
// of the header once, check that the arrays are within p, and of each cell that
// they touch that it is, too; ok is false where that is not so. That entries
// are in order they take for granted; Check does not.
//
// Functions that change a page have it for themselves. On a page that Check
// would refuse they do something, without a panic; a page from a file is
// verified before.
//
// # Room
//
// An entry is refused only if header, prefix, arrays for the entries that there
// are, cells and fences leave no place for it; where they do but the place is
// scattered, or the arrays have no room, the page is rebuilt. Let P be the size
// of the page; K = P/8, the longest key; c what the largest entry of a leaf
// takes, which is MaxInline, 5 bytes of a cell and 6 of arrays: less than P/6 -
// 18. Let L be how much is stripped. A page without its entries takes at most
// 51 + L + 2K, since the arrays begin at a multiple of 4, and each entry L less
// than it would.
//
// Three entries always fit: 51 + L + P/4 + 3(P/6 - 18 - L) < P.
//
// After a split at SplitPoint the new entry fits. Let T be what the entries
// take of a page that is full: T <= P - 48 - 3L, as both fences have at least L
// bytes if L is not 0. A half has place for C = P - 51 - L - P/4 of entries; if
// more is stripped there, each of them takes as much less, at least one of them
// is there, and the prefix takes that more. Among all places, one is such that
// neither half has more than (T + c)/2; it stays so that one is there if both
// halves must be able to take the entry, as where the separator decides:
//
//	(T + c)/2 + c <= C  if  3c <= 2C - T, and 2C - T >= P/2 - 54 + L
//
// which is how MaxInline came to be. In an inner page it is plain, as the
// separator that moves up tells where the new one goes, and none is larger than
// K + 12. When appending, the left half loses an entry and its high fence, and
// gets a high fence not longer than the key of this entry; and on the right,
// the last entry and the new one always fit.
//
// # Goroutines and locks
//
// None. Rebuilding takes a copy of the page from a sync.Pool; nothing else
// allocates, but the separator that a split returns and what Check needs.
package page
