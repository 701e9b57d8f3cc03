// Package store is the data file of a tree: slots of one page each, and two
// superblocks.
//
// # Map
//
//   - superblock.go: a checkpoint in 4 KiB: the format
//   - maps.go: where each page is, in map and directory pages: the format
//   - create.go: a new file with one page
//   - open.go: which superblock counts; handles
//   - file.go: reads of pages, runs of writes, Sync, Commit, Truncate
//   - direct.go: aligned memory for io=direct
//   - view.go: pages of io=mmap in pieces that are mapped
//   - load.go: the whole mapping of a checkpoint
//   - survey.go: the superblock, for who reads the rest by itself
//
// # The file
//
// It is an array of slots of the size of a page; slot s is at offset s times
// that. The first Reserved slots hold the superblocks, the others a page each,
// or nothing. What is in a slot is known by who refers to it: superblock to
// directory pages to map pages to the pages of the tree. Each ref holds a part
// of the page's checksum, which in turn covers slot and id, so that a page that
// was not written, or elsewhere, is noticed when it is read.
//
// Nothing is written over that the newest superblock leads to. So no write is
// torn that matters, and a crash leaves one checkpoint or the next: pages are
// written to free slots, Sync, and Commit writes the superblock that counts
// less. Which slots are free is the caller's to know. superblock.go has the rest.
//
// # Length
//
// With io=pread the file grows as it is written. With mmap and direct it grows
// ahead, by an eighth at most, and sparse: what is mapped must be inside of
// the file, and a direct write that makes a file longer holds up reads. It
// becomes shorter by Truncate only.
//
// # Which bytes count as what
//
// Reads of pages are vfs.Data, writes vfs.Page. Superblocks, map and directory
// pages are vfs.Meta, both ways. So the file is open thrice; a sync of any
// handle is for the file.
//
// # Locks
//
// File.syncing orders syncs and guards the first failure of one. File.growing,
// which is taken last, guards the length of the file and the list of what is
// mapped while they change; readers load both atomically. The package starts no
// goroutine.
package store
