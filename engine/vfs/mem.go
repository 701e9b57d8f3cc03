package vfs

import (
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
)

// Mem is a file system in memory that can lose power: [Mem.Crash] returns
// what a power loss at this moment may leave, as a file system of its own.
//
// It behaves as OS does, errors included. A relative path is relative to the
// root, which exists. There are no symbolic links, no permissions (but a file
// opened for reading cannot be written) and no times. Locks hold within one
// Mem.
//
// # What a power loss may leave
//
// It is the strict reading of POSIX, on a file system that journals: what was
// not synced survives or not, piece by piece, in no order.
//
// Bytes: a file is made of sectors of 512 bytes. Each holds, apart from all
// others, the content that was last synced, or any content that it was given
// since, newest or not, or it is torn: it begins as one of these and goes on,
// from some byte, as another. A sector that never was synced was zeros. Of a
// sector that is overwritten often, between two syncs, only some of the
// contents are remembered: the first, the newest, and a few between.
//
// Cuts (Truncate to less, PunchHole): the journal keeps their order, so that
// the first so many survive and the later ones do not. What a cut that
// survived took never comes back, not even where the file grew again: it
// reads as zeros or as what was written later. Where the cut did not survive,
// the old content is there, durable or not, and what was written later is
// not, if it lay in a block of 4 KiB that was cut off as a whole (it went to
// another block that nothing refers to). In a block that was cut in part,
// what was written later, and the zeros, may be there, for its place is the
// same.
//
// Lengths: with the cuts that survived, a file has one of the lengths that it
// had since then and before the first cut that did not survive. Where it grew
// by writing it may also end at any block between. Bytes that it has by its
// length, but which did not survive, are zeros: stale content of other files
// never shows.
//
// Sync and SyncData make bytes, cuts and length durable, whichever handle
// they came from. A write to a file of OpenDirect with dsync makes its own
// bytes durable, all cuts, and a length that reaches its end. Neither makes
// the name durable. Preallocate changes nothing that a crash could show.
//
// Names: each operation on names survives or not, apart from those on other
// names. On the same name order holds: an operation survives only if what it
// found under its names is what the survivors before it left there. (A file
// whose creation is lost was not renamed either, and a new file does not take
// a name from one that the crash has not moved away.) A rename is one piece,
// so that it leaves the old name or the new one, not both, nor none. Between
// directories it is one piece until SyncDir of the one makes that half
// durable; the other half is then a piece of its own, so that the file may go
// by both names or, where the old directory was synced first, by none. (A
// directory that moves is always one piece.) SyncDir makes the names in a
// directory durable, but neither the directory's own name, nor what the files
// hold. A file without a name is gone whatever was synced; one whose removal
// did not survive is back.
//
// # Costs
//
// Content is shared between forks and copied by pages of 4 KiB when it is
// written. A sync costs what was written since the last one, a crash what is
// unsynced in all files and the number of files; neither depends on how large
// they are.
type Mem struct {
	mu     sync.RWMutex
	tokens *atomic.Uint64 // the last token given out, of all forks together
	root   *inode         // guarded by mu, with all below
	atoms  []atom         // operations on names that are not durable, in order
	work   memWork
	watch  atomic.Pointer[watcher]
}

var _ FS = (*Mem)(nil)

// NewMem returns an empty file system.
func NewMem() *Mem {
	return &Mem{tokens: new(atomic.Uint64), root: newDir()}
}

// An inode is a file or a directory, whatever its names are.
type inode struct {
	names  map[string]*inode // nil in a file
	synced map[string]*inode // the names as they are on disk

	contents // of a file

	shared    int // locks held
	exclusive bool
}

func newDir() *inode {
	return &inode{names: map[string]*inode{}, synced: map[string]*inode{}}
}

func (n *inode) isDir() bool { return n.names != nil }

func (m *Mem) newToken() uint64 { return m.tokens.Add(1) }

// MemStats says how much a Mem has that is not durable, and what work it did.
type MemStats struct {
	Files, Dirs     int // that have a name
	UnsyncedSectors int // with a content that is not durable
	UnsyncedCuts    int // truncations and holes
	UnsyncedLengths int // lengths other than the durable one
	UnsyncedNames   int // operations on names

	PagesMade, PagesCopied int64 // of 4 KiB; copied because they were shared
	VersionsKept           int64 // contents of sectors kept beside the newest
	SectorsDecided         int64 // by crashes of this Mem
}

type memWork struct{ pagesMade, pagesCopied, versionsKept, sectorsDecided int64 }

// Stats counts. The unsynced is that of files and directories with a name.
func (m *Mem) Stats() MemStats {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := MemStats{
		UnsyncedNames: len(m.atoms),
		PagesMade:     m.work.pagesMade, PagesCopied: m.work.pagesCopied,
		VersionsKept: m.work.versionsKept, SectorsDecided: m.work.sectorsDecided,
	}
	seen := map[*inode]bool{}
	var visit func(n *inode)
	visit = func(n *inode) {
		if seen[n] {
			return
		}
		seen[n] = true
		if n.isDir() {
			s.Dirs++
			for _, child := range n.names {
				visit(child)
			}
			return
		}
		s.Files++
		s.UnsyncedSectors += n.unsynced()
		s.UnsyncedCuts += len(n.cuts)
		s.UnsyncedLengths += len(n.lengths)
	}
	visit(m.root)
	return s
}

// A memInfo is the fs.FileInfo of a file in a Mem. Its time is always zero.
type memInfo struct {
	name string
	size int64
	dir  bool
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return time.Time{} }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }

func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | dirMode
	}
	return fileMode
}
