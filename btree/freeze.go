package btree

import (
	"errors"
	"math/bits"
	"slices"
	"time"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine/wal"
)

// A freeze is the state of the tree that a checkpoint makes durable: as it was
// between two groups. It has the pages that changed since the freeze before,
// and finds out where each is, or was, at that moment.
//
// Until that is known of a page, it is left. Whoever changes a page that is
// left first tells touch. If the page was clean, its home is what the
// checkpoint wants: it is fixed, so that the slot stays. If it was dirty, the
// writer goes on with a copy, and what the page was becomes an old version
// that is the checkpoint's to write. A page is left no longer then: what
// becomes of it is the next checkpoint's affair.
//
// tree.mu guards all of it.
type freeze struct {
	began  time.Time
	from   wal.LSN // all that the log has before is in it
	stamp  uint64
	keys   uint64
	pages  uint32 // ids 1 to pages
	logged int64  // tree.logBytes at the freeze

	left   []uint64 // bit id: it changed, and where it was is not known
	leftN  int
	total  int
	cursor page.ID   // where the search for those goes on
	clones []page.ID // the checkpoint's versions in tree.old, to be written

	// known are the places of pages in the checkpoint, 0 for those that it
	// does not have. Their slots are fixed.
	known []place

	written int // pages
	copied  int // pages that became old versions
}

// errLostVersion: a page that the checkpoint wants is neither where it was nor
// among the old versions.
var errLostVersion = errors.New("a page of the checkpoint is gone")

// A place is where a page is on disk.
type place struct {
	id    page.ID
	entry mapping.Entry
}

// freezeNow begins a checkpoint. mu is held, and no other is being written.
func (t *tree) freezeNow() *freeze {
	t.applyQueue()
	t.takeDropped()
	f := &freeze{
		began: time.Now(), from: t.position(), stamp: t.clock.Published(),
		keys: uint64(max(t.keys.Load(), 0)), pages: t.pages.Len(), logged: t.logBytes(),
	}
	for _, id := range t.changed {
		f.leave(id)
	}
	f.total = f.leftN
	t.changed = t.changed[:0]
	t.gen++
	t.ckpt = f
	t.work.frozen.Add(1)
	return f
}

// leave makes a page one that is left.
func (f *freeze) leave(id page.ID) {
	w, bit := int(id>>6), uint64(1)<<(id&63)
	if w >= len(f.left) {
		words := make([]uint64, max(w+1, int(f.pages>>6)+1, 2*len(f.left)))
		copy(words, f.left)
		f.left = words
	}
	if f.left[w]&bit == 0 {
		f.left[w] |= bit
		f.leftN++
	}
}

func (f *freeze) isLeft(id page.ID) bool {
	w := int(id >> 6)
	return w < len(f.left) && f.left[w]>>(id&63)&1 != 0
}

// done makes a page that is left one that is not.
func (f *freeze) done(id page.ID) {
	f.left[id>>6] &^= 1 << (id & 63)
	f.leftN--
}

// touch tells that a page is about to change, be made or be freed, for the
// first time since the freeze as far as the caller knows. It was dirty, or
// clean and at home, or had no content (home is 0). A page that was dirty must
// become a version in tree.old with Checkpoint set; one that was made dirty
// after the freeze is never given here. mu is held, and home not dropped yet.
func (f *freeze) touch(t *tree, id page.ID, home mapping.Entry, dirty bool) {
	if !f.isLeft(id) {
		return
	}
	if dirty {
		f.done(id)
		f.clones = append(f.clones, id)
		f.copied++
		return
	}
	f.found(t, id, home)
}

// found notes where a page that is left is in the checkpoint. mu is held.
func (f *freeze) found(t *tree, id page.ID, e mapping.Entry) {
	f.done(id)
	f.settle(t, id, e)
}

func (f *freeze) settle(t *tree, id page.ID, e mapping.Entry) {
	if e != 0 {
		if err := t.slots.Fix(e.Slot()); err != nil {
			_ = t.broken(err)
		}
	}
	f.known = append(f.known, place{id, e})
}

// want gives back a clone that could not be written, to be tried again.
func (f *freeze) want(id page.ID) {
	if !slices.Contains(f.clones, id) {
		f.clones = append(f.clones, id)
	}
}

// drop takes a clone out that was written in another way.
func (f *freeze) drop(id page.ID) {
	if i := slices.Index(f.clones, id); i >= 0 {
		f.clones = slices.Delete(f.clones, i, i+1)
	}
}

// over reports whether all places are known. mu is held.
func (f *freeze) over() bool { return f.leftN == 0 && len(f.clones) == 0 }

// nextLeft is the first page at after or behind that is left.
func (f *freeze) nextLeft(after page.ID) (id page.ID, ok bool) {
	w := int(after >> 6)
	if w >= len(f.left) {
		return 0, false
	}
	mask := ^uint64(0) << (after & 63)
	for ; w < len(f.left); w++ {
		if word := f.left[w] & mask; word != 0 {
			return page.ID(w<<6 + bits.TrailingZeros64(word)), true
		}
		mask = ^uint64(0)
	}
	return 0, false
}
