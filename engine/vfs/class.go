package vfs

// A Class says what bytes are for, so that a counting file system can tell
// user data from the work that it causes.
type Class uint8

const (
	Other      Class = iota
	Log              // the write-ahead log
	ZeroFill         // zeros written ahead of the log; outside write amplification
	Flush            // tables and pages written for the first time
	Compaction       // tables rewritten
	GC               // records copied out of garbage
	Page             // pages of trees and indexes
	Meta             // manifests, maps, superblocks, markers
	Hint             // hint files and index snapshots
	Data             // reads on behalf of users
	Classes          // how many there are
)

var classNames = [Classes]string{
	"other", "log", "zero_fill", "flush", "compaction", "gc", "page", "meta", "hint", "data",
}

// String is the name in results.
func (c Class) String() string {
	if c < Classes {
		return classNames[c]
	}
	return "invalid"
}

// A Classifier is an FS that can count what is done through it under a class.
type Classifier interface {
	Classed(c Class) FS
}

// Classed returns fsys such that the files it opens count under c. Where
// nobody counts that is fsys itself.
func Classed(fsys FS, c Class) FS {
	if x, ok := fsys.(Classifier); ok {
		return x.Classed(c)
	}
	return fsys
}
