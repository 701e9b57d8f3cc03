// Package hint keeps, for a sealed segment of the hash engine, what recovery
// and GC would otherwise have to read the whole segment for: of each op its
// hash, place, length, kind and sequence, in some 13 bytes.
//
//	w, err := hint.Create(fsys, dir, hint.Segment{Log: 1, ID: 7, Bytes: n})
//	err = w.Add(op)    // in the order of the segment
//	err = w.Finish()   // durable, and under its name
//
//	r, err := hint.Open(fsys, dir, segment)
//	err = r.Each(func(ops []hint.Op) error { ... })
//	f, err := r.Filter() // may hash h occur below sequence s?
//
// Of a segment that is still written, NewFilter and Add say the same.
//
// # Map
//
//   - format.go: block, footer (byte tables); rows.go: ops to bytes and back
//   - filter.go: Filter, a split-block Bloom filter
//   - writer.go: Writer; reader.go: Reader
//
// # No data is in a hint
//
// A hint only repeats what its segment says. A missing or damaged one is
// ErrUnusable: scan the segment instead, and write the hint anew if you like.
// Each may have delivered blocks by then, each of them right: forget them, or
// go on to scan behind the last op.
//
// # When a tombstone may go
//
// Filter.MayHold never says no where there is an op. It says yes for nothing
// in about 1 of 170 hashes, and also where the segment begins below the
// sequence and has an op of that hash above it. Either keeps a tombstone for
// longer than it need be.
//
// # Goroutines and locks
//
// None. A Writer, a Buffer and a Filter that is added to are for one goroutine
// at a time; a Reader and a Filter that is complete are for many at once.
package hint
