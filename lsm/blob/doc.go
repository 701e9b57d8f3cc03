// Package blob keeps large values apart from their keys, in files that
// compactions of tables do not rewrite (WiscKey, Lu et al. 2016). A table has
// a Pointer in place of the value.
//
//	w := blob.NewWriter(file, blob.Options{ID: 7})
//	p, err := w.Add(value) // p.Append(nil) goes to the table
//	info, err := w.Finish() // durable
//
//	s := blob.NewSet(blob.SetOptions{...})
//	value, ok := s.Cached(p)         // pinned, no reading
//	dst, err := s.Load(dst, p, a)    // not pinned
//
// # Map
//
//   - pointer.go: Pointer (byte table)
//   - format.go: header, record, footer (byte tables)
//   - writer.go: Writer
//   - reader.go: Reader, of one file; source.go: how its bytes are read
//   - walk.go: Reader.Walk, all values of a file, checked
//   - set.go: Set, the open files of an engine by their numbers
//   - garbage.go: Garbage and Victims: what lies there that no table refers
//     to, and which tables to rewrite so that it goes
//
// # A record has no key
//
// Its checksum covers the file's number, its own offset, its length and how it
// is compressed: a file can be checked by itself, record by record, and a
// record in the wrong place is none. A key would add what the table has: it
// would be read and verified with every value, 5 % of bytes where keys have 24
// and values 512, and be written by every move. To salvage values without
// their tables it would not be enough: which of several values of a key is the
// newest, and whether it was deleted, only the tables know. So the tables
// decide, and a file to which none refers is garbage.
//
// # Garbage
//
// A file never changes. What tables refer to in it is counted in their
// metadata (version.BlobUse), so that the garbage of a file is known without
// reading it. A file to which no table refers any more falls out of the
// version and is removed. Until then, rewriting all tables that refer to a
// file with much garbage, and with them its live values into a new one,
// empties it: Victims chooses these tables.
//
// # What a crash leaves
//
// A file has its footer, and is durable, before a table that refers to it is.
// One without footer was not finished: nobody refers to it, and Open refuses
// it.
//
// # Goroutines and locks
//
// A Writer belongs to one goroutine; Reader and Set may be used by many, but
// for Close. A Set has a lock for opening files; finding one that is open takes
// none.
package blob
