// Package block is the content of a data block of a table: entries in the order
// of ikey.Compare, before compression, without the checksum that the table puts
// behind.
//
//	b := block.NewBuilder(block.Options{})
//	b.Add(key, trailer, value)    // in order
//	data := b.Finish(nil)
//
//	t, value, found, more, err := block.Find(data, key, seq)
//
//	var c block.Cursor
//	err := c.Init(data)
//	for ok := c.First(); ok; ok = c.Next() { ... }
//
// # Map
//
//   - format.go: the bytes of both layouts; columns, which reads Heads
//   - builder.go: Builder
//   - find.go: Find; restarts.go: how it reads Restarts
//   - cursor.go: Cursor; cursor_restarts.go: how it walks Restarts
//   - check.go: Check
//
// # Two layouts
//
// Heads is what the engine writes. All keys of a block share a prefix, which
// is there once; the 4 bytes behind it nearly always tell them apart, and are
// an array of numbers, so that a search touches a few neighbouring cache lines
// and compares one key. What most blocks do not need is left out: sequence
// numbers that are all equal, kinds if there is one, places of entries that are
// even. Restarts is what LevelDB writes; it is here to be measured against.
//
// # Hostile bytes
//
// A table checks a block's checksum before, so that damage is rare; but no
// bytes may lead to a panic or to memory outside the block. Each call checks
// the header, which makes all columns lie within the block, and of each entry
// that it touches where key and value end, its kind and its sequence number.
// What it does not check is the order of the entries: a block that lies about
// it has wrong answers. Check does.
//
// # Goroutines and locks
//
// None. Blocks are not written to: any number of goroutines may read one.
package block
