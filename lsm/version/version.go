package version

import "github.com/kvbench/kvbench/lsm/ikey"

// Levels is how many levels a tree has. Level 0 holds what was flushed.
const Levels = 7

// A Table is what is known of a table's file. It never changes.
type Table struct {
	ID    uint64 // of the file; never used twice
	Bytes int64  // size of the file

	// Smallest and Largest bound all user keys of the table, also those that
	// its range deletes cover. If LargestExclusive, Largest is the end of a
	// range delete and no key of the table itself; an empty one is no bound.
	Smallest, Largest []byte
	LargestExclusive  bool

	// Seqs of all entries and range deletes lie in [MinSeq, MaxSeq].
	MinSeq, MaxSeq ikey.Seq

	Entries      uint64 // point entries, Tombstones among them
	Tombstones   uint64 // deletes of one key
	RangeDeletes uint64 // fragments of range deletes
	KeyBytes     uint64 // user keys of entries
	ValueBytes   uint64 // values in the table, and those it has in blob files

	// Times are nanoseconds of Unix time, 0 where there is none.
	Created         int64 // when the newest of its data came out of a memtable
	OldestTombstone int64 // when the oldest delete in it came out of a memtable
	LastExpiry      int64 // when the last put has expired; 0 if some never do
	ExpiringBytes   uint64

	// Blobs lists what it refers to in blob files, by rising file.
	Blobs []BlobUse
}

// A BlobUse says how many bytes of values a table has in a blob file.
type BlobUse struct {
	File   uint64
	Values uint64
	Bytes  uint64
}

// A Blob is what is known of a blob file. It never changes.
type Blob struct {
	ID         uint64
	Bytes      int64  // size of the file
	ValueBytes uint64 // of all values that were written to it
}

// A Run is tables in the order of their keys, whose bounds do not overlap: a
// sorted run.
type Run struct {
	// ID tells runs of a level apart and has their order: of what overlaps, a
	// run with a higher one holds the newer data.
	ID     uint64
	Tables []*Table
}

// A Level is runs, newest first. Those of level 0 are sublevels: see Version.
type Level struct {
	Runs []Run
}

// A Version is one state of the tree. Of what two levels hold for a key, the
// one with the lower number holds the newer. It is made by Build, Parse, and
// from another one by Apply, and never changes; the zero Version is empty.
//
// The runs of level 0 are sublevels: the IDs count from 1, and each table is in
// the one above the highest that has an older table that it overlaps.
type Version struct {
	Levels [Levels]Level
	Blobs  []*Blob // by rising ID; all that some table refers to

	// Flushed is the tables of level 0 with the runs that they were added
	// with: the newest run first, those of a run by key.
	Flushed []Placed

	live []BlobUse // what tables refer to of each of Blobs
}

// Build returns the version of these tables and blob files.
func Build(tables []Placed, blobs []*Blob) (*Version, error) {
	v, _, err := new(Version).Apply(&Edit{Added: tables, AddedBlobs: blobs})
	return v, err
}
