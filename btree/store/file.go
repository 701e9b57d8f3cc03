package store

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A File is an open file of pages.
//
// ReadPage, View and VerifyView are for any number of goroutines. WriteRun and
// WriteMeta are as well, for slots that nobody else reads or writes, and beside
// Sync. Commit, Heal and Truncate are for one goroutine at a time, while nobody
// writes. Errors name the file and the place.
type File struct {
	path      string
	pageBytes int
	direct    bool
	mapped    bool
	readOnly  bool

	reads, pages, meta vfs.File // pages is nil of a file opened to read

	scratch sync.Pool // of *scratch, for io=direct

	length atomic.Uint64 // of the file, in slots
	pieces atomic.Pointer[[]*piece]

	growing sync.Mutex // guards changes of length and pieces
	old     []*piece   // mapped pieces that longer ones have replaced

	unsynced atomic.Bool // something may have been written since the last sync began

	syncing sync.Mutex
	failure error // of the first sync or commit that failed; guarded by syncing
	closed  bool  // so is this
	// Of the newest superblock. They are Commit's, Heal's and Truncate's.
	generation uint64
	needed     uint64 // its length in slots
	damaged    bool   // the other superblock is not whole, or wrong
	lone       bool   // and this is the copy
}

var errReadOnly = fmt.Errorf("file of pages: %w", engine.ErrReadOnly)

// PageBytes is the size of slots and pages.
func (f *File) PageBytes() int { return f.pageBytes }

// Slots is the length of the file, which may be ahead of what is in use.
func (f *File) Slots() uint64 { return f.length.Load() }

// ReadPage reads the page id into dst, of the size of a page, and verifies it.
// The error is engine.ErrCorrupt if it is not what e refers to.
func (f *File) ReadPage(dst []byte, id page.ID, e Ref) error {
	if err := f.checkRead(dst, id, e); err != nil {
		return err
	}
	if p, ok := f.View(e); ok {
		copy(dst, p)
	} else if err := f.read(f.reads, dst, id, e); err != nil {
		return err
	}
	return f.verify(dst, id, e)
}

func (f *File) checkRead(dst []byte, id page.ID, e Ref) error {
	if len(dst) != f.pageBytes {
		return fmt.Errorf("read page %d into %d bytes, want %d", id, len(dst), f.pageBytes)
	}
	if e == 0 || e.Resident() || e.Slot() < Reserved(f.pageBytes) {
		return engine.Corrupt(f.path, -1, fmt.Sprintf("page %d cannot be at %v", id, e), nil)
	}
	return nil
}

// read fills dst, of a page.
func (f *File) read(h vfs.File, dst []byte, id page.ID, e Ref) error {
	off := f.offset(e.Slot())
	var n int
	var err error
	if f.direct && !aligned(dst) {
		s := f.scratch.Get().(*scratch)
		p := s.bytes[:f.pageBytes]
		n, err = h.ReadAt(p, off)
		copy(dst, p[:max(0, n)])
		f.scratch.Put(s)
	} else {
		n, err = h.ReadAt(dst, off)
	}
	switch {
	case n == len(dst):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return engine.Corrupt(f.path, off+int64(n), fmt.Sprintf("the file ends within page %d", id), nil)
	}
	return fmt.Errorf("read page %d: %w", id, err)
}

func (f *File) verify(p []byte, id page.ID, e Ref) error {
	if err := page.Verify(p, id, e.Slot(), e.Check()); err != nil {
		return engine.Corrupt(f.path, f.offset(e.Slot()), fmt.Sprintf("page %d is damaged", id), err)
	}
	return nil
}

func (f *File) offset(slot uint64) int64 { return int64(slot) * int64(f.pageBytes) }

// WriteRun writes pages of the tree, sealed for where they go, to as many slots
// from one on. The file grows as needed. Nothing is durable before Sync. After
// a failure the slots hold anything, and it may be tried again.
func (f *File) WriteRun(slot uint64, pages []byte) error { return f.write(f.pages, slot, pages) }

// WriteMeta is WriteRun for map and directory pages.
func (f *File) WriteMeta(slot uint64, pages []byte) error { return f.write(f.meta, slot, pages) }

func (f *File) write(h vfs.File, slot uint64, pages []byte) error {
	n := uint64(len(pages) / f.pageBytes)
	switch {
	case f.readOnly:
		return errReadOnly
	case len(pages) == 0 || len(pages)%f.pageBytes != 0:
		return fmt.Errorf("write %d bytes, want pages of %d", len(pages), f.pageBytes)
	case slot < Reserved(f.pageBytes):
		return fmt.Errorf("write to slot %d, where superblocks are", slot)
	}
	defer f.unsynced.Store(true) // after the write: a sync may come between
	if err := f.reserve(slot + n); err != nil {
		return fmt.Errorf("write slots %d to %d: %w", slot, slot+n-1, err)
	}
	f.forget(slot, n)
	if err := f.writeAt(h, pages, f.offset(slot)); err != nil {
		return fmt.Errorf("write slots %d to %d: %w", slot, slot+n-1, err)
	}
	f.grown(slot + n)
	return nil
}

func (f *File) writeAt(h vfs.File, p []byte, off int64) error {
	if !f.direct || aligned(p) {
		_, err := h.WriteAt(p, off)
		return err
	}
	return f.writeCopied(h, p, off)
}

// Sync makes durable what was written before it was called. Once it has failed
// it fails for ever: the kernel may have dropped what it could not write, and
// only opening the file again tells what is there.
func (f *File) Sync() error {
	if f.readOnly {
		return errReadOnly
	}
	f.syncing.Lock()
	defer f.syncing.Unlock()
	return f.sync(f.pages)
}

// sync is Sync with the lock held, through a handle whose class it counts for.
func (f *File) sync(h vfs.File) error {
	if f.failure != nil {
		return f.failure
	}
	f.unsynced.Store(false)
	if err := h.SyncData(); err != nil {
		f.failure = fmt.Errorf("sync the file of pages: %w", err)
	}
	return f.failure
}

// Commit makes a checkpoint the one that counts: its generation must be the
// next. All that it refers to was written; what was not synced yet is synced
// first. When it returns the checkpoint is durable, and the slots that only
// the one before had are free.
//
// After a failure either may be what is found later. Nothing may be written
// then; Sync and Commit return that failure for ever.
func (f *File) Commit(sb Superblock) error {
	if f.readOnly {
		return errReadOnly
	}
	f.syncing.Lock()
	defer f.syncing.Unlock()
	b, err := sb.encode()
	switch {
	case err != nil:
		return fmt.Errorf("commit generation %d: %w", sb.Generation, err)
	case sb.Generation != f.generation+1:
		return fmt.Errorf("commit generation %d after %d", sb.Generation, f.generation)
	case sb.PageBytes != f.pageBytes:
		return fmt.Errorf("commit pages of %d bytes, the file has %d", sb.PageBytes, f.pageBytes)
	case sb.Slots > f.length.Load():
		return fmt.Errorf("commit %d slots, the file has %d", sb.Slots, f.length.Load())
	}
	if f.failure != nil || f.unsynced.Load() {
		if err := f.sync(f.pages); err != nil {
			return err
		}
	}
	if f.lone {
		if err := f.heal(); err != nil {
			return err
		}
	}
	if err := f.writeBlock(b, sb.Generation, sb.Generation); err != nil {
		return err
	}
	if err := f.sync(f.meta); err != nil {
		return err
	}
	f.generation, f.needed = sb.Generation, sb.Slots
	f.damaged = false
	f.unsynced.Store(true)
	return f.writeBlock(b, sb.Generation, sb.Generation+1)
}

// Heal writes the superblock that Open took over the one with Damage, if there
// was any: for those who have found out that it is the newest. A Commit does
// so too.
func (f *File) Heal() error {
	if f.readOnly {
		return errReadOnly
	}
	f.syncing.Lock()
	defer f.syncing.Unlock()
	if f.failure != nil || !f.damaged {
		return f.failure
	}
	return f.heal()
}

// heal copies the one block that is whole to the other.
func (f *File) heal() error {
	from, to := f.generation, f.generation+1
	if f.lone {
		from, to = to, from
	}
	b := (*superblock)(vfs.AlignedBuffer(blockBytes))
	if _, err := f.meta.ReadAt(b[:], blockAt(from)); err != nil {
		return fmt.Errorf("read the superblock of generation %d: %w", f.generation, err)
	}
	if sb, err := b.decode(); err != nil || sb.Generation != f.generation {
		return engine.Corrupt(f.path, blockAt(from), "superblock has changed", err)
	}
	if err := f.writeBlock(b, f.generation, to); err != nil {
		return err
	}
	f.lone, f.damaged = false, false
	return f.sync(f.meta)
}

// writeBlock writes a superblock where that of generation at goes first.
func (f *File) writeBlock(b *superblock, generation, at uint64) error {
	if err := f.writeAt(f.meta, b[:], blockAt(at)); err != nil {
		f.failure = fmt.Errorf("write the superblock of generation %d: %w", generation, err)
	}
	return f.failure
}

// Truncate cuts the file off behind so many slots, if it is longer, and not
// below what the newest superblock says. Nobody looks at what is behind any
// more, in a view either.
func (f *File) Truncate(slots uint64) error {
	switch {
	case f.readOnly:
		return errReadOnly
	case slots < f.needed:
		return fmt.Errorf("truncate the file of pages to %d slots, the checkpoint has %d", slots, f.needed)
	}
	f.growing.Lock()
	defer f.growing.Unlock()
	if slots >= f.length.Load() {
		return nil
	}
	f.length.Store(slots)
	if err := f.pages.Truncate(f.offset(slots)); err != nil {
		return fmt.Errorf("truncate the file of pages: %w", err)
	}
	return nil
}

// Close makes durable what was written, closes the file and ends all views. A
// second call does nothing.
func (f *File) Close() error {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	var err error
	if f.unsynced.Load() && f.failure == nil {
		err = f.sync(f.meta)
	}
	for _, h := range []vfs.File{f.reads, f.meta, f.pages} {
		if h != nil {
			err = errors.Join(err, h.Close())
		}
	}
	return errors.Join(err, f.unmap())
}
