// Package snapshot keeps an image of the hash engine's index in a file, so that
// opening a directory need not look at all ops ever written.
//
//	w := x.StartWalk()
//	header.Buckets = w.Buckets()
//	info, err := snapshot.Write(fsys, dir, name, header, w.All)
//
//	r, err := snapshot.Open(fsys, dir, name)
//	x, err := index.New(index.Options{Buckets: r.Buckets(), Keys: int(r.Entries()), ...})
//	dropped, err := r.Fill(workers, lives, x)
//
// # Map
//
//   - format.go: header, block, entry, table, footer (byte tables)
//   - write.go: Write; read.go: Open, Reader
//   - background.go: Load, Fill, and the goroutines they work with
//   - fill.go: what each of them fills
//
// # What is in it
//
// Header.Covers is an LSN of the hot log. For every op below, the index had
// been brought up to date before the walk began: whoever writes a snapshot
// takes an LSN, waits until all ops below are applied, and calls Write then.
//
// Writers go on meanwhile, so that an entry may be newer than Covers: never
// older. Whoever replays the hot log from Covers on meets ops that the image
// has already, or something newer: an op whose key's entry is at a place of
// the same or a higher sequence changes nothing.
//
// GC goes on too. An entry may be at a place that GC has left since, in a
// segment that is gone: Load leaves it out, if told that the segment does not
// live, and its copy is in a segment of the cold log that grew after the walk
// began, which recovery must look at. So the number of a segment in the table
// must not be given to another while the snapshot is in the manifest, or is
// being written.
//
// What the image names must be durable before the manifest names the image:
// sync both logs between Write and that edit. An entry may be at an op that was
// not durable when Write returned.
//
// # No data is in a snapshot
//
// A missing or damaged one is ErrUnusable: recover from hints and logs alone.
// After an error of Load or Fill the index has some entries: throw it away.
//
// # Goroutines and locks
//
// Load and Fill start workers and wait for them; nothing else starts any. Work
// is handed out by an atomic counter. What workers of Fill could not enter alone
// they collect under a lock, and it is entered after them.
package snapshot
