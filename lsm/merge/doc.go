// Package merge walks many sorted sources as one: as they are (Iter), as a
// compaction writes them (Fold), and as a user sees them (Live).
//
//	it := merge.New(sources) // the newest first
//
//	f := merge.NewFold(it, merge.FoldOptions{...})
//	for f.Next() { ... }
//
//	l := merge.NewLive(it, merge.LiveOptions{At: seq})
//	for ok := l.SeekGE(key); ok; ok = l.Next() { ... }
//
// # Map
//
//   - iter.go: Iter; tree.go: the loser tree and the heads in it
//   - fold.go: Fold
//   - live.go: Live, forward; pass.go: what it passes, and backward
//   - window.go: range deletes around the last key
//
// # What a Fold keeps
//
// Snapshots cut the sequence numbers into stripes: numbers q and d > q are in
// one stripe if there is no snapshot s with q <= s < d. The oldest stripe is
// all numbers up to the oldest snapshot, or all if there is none.
//
// Entries come by rising key, those of a key from the newest. The rules, in
// their order:
//
//  1. An entry is dropped if the key has a newer one in its stripe.
//  2. An entry is dropped if a range delete of Ranges that is newer, and in its
//     stripe, covers it.
//  3. A put that has expired becomes a delete of the same number.
//  4. A delete in the oldest stripe is dropped if Bottom(key).
//  5. A put in the oldest stripe has its number set to 0 if Bottom(key), the
//     number is not above ZeroBelow, and no range delete of Ranges in that
//     stripe covers it.
//  6. All else is kept as it is.
//
// # Why nothing is lost
//
// Who reads what a Fold wrote reads at a snapshot, or at some number that is
// not below any in the inputs (whoever reads at another one holds on to the
// inputs). Call both s. Such a reader sees all numbers of a stripe, or none: if
// it sees q, then q <= s, and not s < d for any d in q's stripe, so it sees d.
// Hence:
//
//   - Of what 1 drops, the reader that sees it also sees the newer entry, which
//     hides it. That one may be dropped itself, by 2: then the range delete
//     that covers it also covers the older; by 4: below.
//   - Of what 2 drops, it sees the range delete. That goes on hiding: of each
//     stripe the caller keeps the newest, or, in the oldest stripe at the
//     bottom, nothing, below.
//   - Expired puts are seen by nobody, now or later, as long as time does not
//     go back. What they hid, the delete hides.
//
// Dropped deletes resurrect nothing. What a delete hides is older, and is in
// the inputs or not. If it is in the inputs, it is in the same stripe, since
// the delete is in the oldest, and 1 drops it. If it is not, Bottom says that
// it does not exist. It cannot come to be later: what is outside of the inputs
// and newer stays above them. The same holds for range deletes that the caller
// drops where Bottom holds of all keys they cover: 2 drops what they hide in
// the inputs, and there is nothing else.
//
// Number 0 is older than all else, so a zeroed entry must have nothing below
// it that it hid (Bottom), and no older range delete that might now cover it:
// there is none outside (Bottom), and 5 looks at those inside, whether the
// caller keeps them or not. Versions in newer stripes have higher numbers, and
// all readers of the output see the oldest stripe.
package merge
