// Package space says which slots of a file of pages are free. It knows neither
// the file nor what is in it.
//
//	m := space.New(reserved)
//	slots = m.Take(slots, n)    // the n lowest, or
//	first, ok := m.TakeRun(64)  // 64 in a row, to be written with one call
//	m.Fix(slot)                 // a checkpoint that is being made refers to it
//	m.Drop(slot)                // the tree has no use for it any more
//	m.Unfix(slot)               // nor does the last checkpoint: it is free
//
// # Map
//
//   - space.go: Map, New; Hold, Drop, Fix, Unfix; Stats
//   - take.go: Take and TakeRun
//   - shrink.go: where the file ends and where it could
//
// # Held and fixed
//
// A slot is held while the running tree may read it: it is the home of a page,
// of an old version, or of a page of the map. It is fixed while a checkpoint
// refers to it that recovery may begin with. Both are one bit, not counts: a
// second Hold is an error, since two owners of a slot are damage; a second Fix
// is not, since what stays where it is, is in one checkpoint after the other.
// A slot is free if it is neither. So nothing that a crash may need is written
// over, and when a checkpoint is done whoever knows both maps calls Unfix for
// what only the old one had.
//
// # Invariants
//
//   - A slot is handed out only if it is free, and is held then.
//   - The reserved slots, the first ones, are held for ever and never fixed.
//   - No slot at End or behind is held or fixed; the one before End is (or End
//     is the number of reserved ones).
//   - A bit of full says of 64 slots that none is free; words of full below low
//     have all their bits set.
//   - The counts of Stats are those of the bits; slots are free, or held or
//     fixed or both, and Free is what remains of Slots.
//   - A call that is refused changes nothing but Stats.Defects.
//
// # Lowest or in a row
//
// Take hands out the lowest free slots: what is behind moves forward with every
// write, and the file ends where its pages do. TakeRun hands out slots in a row,
// to be written with one call. It looks for a row below End, going round the
// file like the hand of a clock and not further than 64 Ki slots at a time: a
// search costs some microseconds at worst, and where there is no row, the next
// begins where this one ended. If free slots are there but no row, it says no,
// unless SetSpare lets the file grow. Without any bound on that, a file with
// half of its slots free, none of them in a row, would grow with every
// checkpoint.
//
// What a row is worth: BenchmarkCheckpoint writes 1/16 of all pages at each of
// many checkpoints, in batches of 64, asking for a row of 64, 32, ... 8 before
// it takes one by one. In writes per page, and length of the file per page:
//
//	changed pages           Take         spare 1/8    spare 1/3
//	at random               0.94  1.06   0.84  1.21   0.60  1.59
//	80 % among 5 %          0.94  1.06   0.87  1.21   0.72  1.59
//	one after the other     0.02  1.06   0.02  1.06   0.02  1.06
//
// Pages that are changed at random die at random, so few rows come free,
// whoever took rows before; pages that are changed together lie together, and
// lie so again with Take alone. A tenth fewer writes for a file that is a
// seventh longer: hence Take is what a checkpointer begins with, and the spare
// share is for those who want to measure.
package space
