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
// write, and the file ends where its pages do. But after a while free slots lie
// scattered, and 64 pages make nearly 64 writes. TakeRun hands out slots in a
// row, so that they make one. It looks for a row below End, going round the file
// like the hand of a clock and not further than 64 Ki slots at a time: a search
// costs some microseconds at worst, and where there is no row, the next begins
// where this one ended. It makes the file longer only while less than an eighth
// of it is free. Without that bound a file with half of its slots free, none of
// them in a row, would grow with every checkpoint; with it, TakeRun says no and
// the caller takes what there is with Take.
//
// So a checkpointer asks for a row of what it would write at once, then for a
// shorter one, and then calls Take; pages that move so that the file can shrink
// always go to where Take says.
package space
