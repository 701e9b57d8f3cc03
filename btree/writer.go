package btree

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/pool"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/btree/version"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
)

// maxHeight: a tree of 2^32 pages of which each has 3 children is no higher.
const maxHeight = 24

// errNoFrames: more pages are in use at once than the pool has frames.
var errNoFrames = errors.New("no page can be evicted: raise cache_bytes")

// errMoved: a page is not where it was.
var errMoved = errors.New("page has moved")

// A writer is the state of who holds mu.
type writer struct {
	guard epoch.Guard // pinned within a group
	stamp uint64      // of the group

	// path leads from the root to a leaf: at[i] is the number of the child
	// taken in ids[i]; the leaf's is 0. It holds as long as shape is the one
	// that it was made under.
	ids    [maxHeight]page.ID
	at     [maxHeight]int
	height int

	// last is the leaf of the path, while no page has been split, merged or
	// freed since; else 0.
	last page.ID
	// appended is the leaf that took the last insert at its end; else 0.
	appended page.ID

	// locked frames are unlocked at the end of an op, or, if hold is set, of
	// the group: readers of these pages wait so long.
	locked []uint32
	hold   bool
	// gone are frames of pages that were freed; those that are locked are
	// retired when they no longer are.
	gone, goneLocked []uint32
	changes          int // pages that were changed, made or freed in this group

	group []*request
	ops   []op
	low   []byte // scratch: a fence
	value []byte // scratch: a payload
}

// descend makes the path to the leaf that key belongs to.
func (t *tree) descend(key []byte) (page.ID, error) {
	w := &t.writer
	if w.last != 0 && t.within(w.last, key) {
		t.counts.walked(0, 1)
		return w.last, nil
	}
	w.last = 0
	id, level := page.RootID, 0
	for w.height = 0; w.height < maxHeight; w.height++ {
		f, err := t.bring(id)
		if err != nil {
			return 0, err
		}
		w.ids[w.height] = id
		p := t.pool.Page(f)
		if level == 1 { // of its parent
			page.Prefetch(p)
		}
		t.pool.Touch(f)
		if page.KindOf(p) == page.Leaf {
			w.last = id
			t.counts.walked(w.height, 1)
			return id, nil
		}
		child, i, ok := page.Child(p, key)
		if !ok || page.KindOf(p) != page.Inner {
			return 0, t.senseless(id)
		}
		w.at[w.height] = i
		id, level = child, page.Level(p)
	}
	return 0, t.senseless(id)
}

// within reports whether key is between the fences of a leaf that is resident.
func (t *tree) within(id page.ID, key []byte) bool {
	e := t.pages.Load(id)
	if !e.Resident() {
		return false
	}
	low, high, bounded, ok := page.Fences(t.pool.Page(e.Frame()))
	return ok && bytes.Compare(low, key) <= 0 && (!bounded || bytes.Compare(key, high) < 0)
}

// change returns the frame of a page that is about to be changed, locked. The
// page is dirty then; if a snapshot or the checkpoint being written needs it as
// it was, it is another frame from now on, with a copy.
func (t *tree) change(id page.ID) (uint32, error) {
	const none = ^uint32(0)
	spare := none // for a copy; taken before the page is looked at, which it may displace
	defer func() {
		if spare != none {
			t.pool.Give(spare)
		}
	}()
	for {
		f, err := t.bring(id)
		if err != nil {
			return 0, err
		}
		if t.isLocked(f) { // and hence changed before in this op or group
			return f, nil
		}
		fr := t.pool.Frame(f)
		dirty := fr.State() == pool.Dirty
		frozen := dirty && t.ckpt != nil && fr.Gen.Load() < t.gen
		if t.clock.Needed(fr.Stamp.Load()) || frozen {
			if spare == none {
				if spare, err = t.frameHeld(); err != nil {
					spare = none
					return 0, err
				}
				continue
			}
			if !t.clone(id, f, spare, frozen) {
				continue
			}
			f, spare = spare, none
			return f, nil
		}
		if !t.pool.MarkDirty(f) {
			continue // it is being evicted, or just came
		}
		home := mapping.Entry(fr.Home.Load())
		t.touched(id, fr, home, dirty)
		if home != 0 {
			fr.Home.Store(0)
			t.dropSlot(home.Slot())
		}
		t.lock(f)
		return f, nil
	}
}

// touched notes the first change of a page in a checkpoint generation.
func (t *tree) touched(id page.ID, fr *pool.Frame, home mapping.Entry, dirty bool) {
	if fr.Gen.Load() >= t.gen {
		return
	}
	fr.Gen.Store(t.gen)
	t.changed = append(t.changed, id)
	if t.ckpt != nil {
		t.ckpt.touch(t, id, home, dirty)
	}
}

// clone freezes the frame of a page and goes on with a copy of it in nf. It
// reports false if the frame is being evicted.
func (t *tree) clone(id page.ID, f, nf uint32, frozen bool) bool {
	old, fr := t.pool.Frame(f), t.pool.Frame(nf)
	copy(t.pool.Page(nf), t.pool.Page(f))
	fr.Page.Store(id)
	fr.Stamp.Store(t.writer.stamp)
	fr.Home.Store(0)
	fr.Gen.Store(old.Gen.Load())
	if !t.pool.Supplant(f, nf) {
		return false
	}
	t.lock(nf)
	home := mapping.Entry(old.Home.Load())
	t.touched(id, fr, home, home == 0)
	t.old.Add(version.Version{
		Page: id, Stamp: old.Stamp.Load(), Until: t.writer.stamp,
		Frame: f, Home: home, Checkpoint: frozen,
	})
	t.pages.Store(id, mapping.Resident(nf))
	t.pool.Supersede(f)
	return true
}

// create makes a new page, in a locked frame that init fills. Readers find it
// once a page refers to it.
func (t *tree) create(inner bool, init func(p []byte, id page.ID)) (page.ID, uint32, error) {
	f, err := t.frameHeld()
	if err != nil {
		return 0, 0, err
	}
	id, err := t.takeID()
	if err != nil {
		t.pool.Give(f)
		return 0, 0, err
	}
	fr := t.pool.Frame(f)
	fr.Page.Store(id)
	fr.Stamp.Store(t.writer.stamp)
	fr.Home.Store(0)
	fr.Gen.Store(0)
	t.touched(id, fr, 0, false)
	t.lock(f)
	init(t.pool.Page(f), id)
	t.pages.Store(id, mapping.Resident(f))
	t.pool.Admit(f, pool.Dirty, inner)
	return id, f, nil
}

// takeID returns an id that is free, of those that a superblock can reach.
func (t *tree) takeID() (page.ID, error) {
	id, err := t.pages.Take()
	if err == nil && uint64(id) > store.MaxPages(t.settings.PageBytes) {
		t.pages.Give(id)
		err = fmt.Errorf("%w: the tree has as many pages as there can be: make it anew with a larger %s", engine.ErrTooLarge, pageBytesName)
	}
	return id, err
}

// discard frees a page. No page refers to it any more, but for old versions.
func (t *tree) discard(id page.ID) error {
	w := &t.writer
	for {
		f, err := t.bring(id)
		if err != nil {
			return err
		}
		fr := t.pool.Frame(f)
		home := mapping.Entry(fr.Home.Load())
		dirty := fr.State() == pool.Dirty
		frozen := fr.Gen.Load() < t.gen && dirty && t.ckpt != nil
		needed := t.clock.Needed(fr.Stamp.Load()) || frozen
		locked := t.isLocked(f) // and then not needed as it is
		if !t.pool.Freeze(f) {
			continue
		}
		w.changes++
		t.touched(id, fr, home, dirty)
		if needed {
			t.old.Add(version.Version{
				Page: id, Stamp: fr.Stamp.Load(), Until: w.stamp,
				Frame: f, Home: home, Checkpoint: frozen,
			})
		}
		t.pages.Store(id, 0)
		t.pages.Give(id)
		t.pool.Supersede(f)
		if !needed {
			if home != 0 {
				t.dropSlot(home.Slot())
			}
			w.retire(t, f, locked)
		}
		if w.last == id {
			w.last = 0
		}
		return nil
	}
}

// dropSlot takes a slot from the page or version that held it. mu is held.
// Where pages are read in place, readers may be looking at it still.
func (t *tree) dropSlot(slot uint64) {
	if !t.mapped {
		t.release(slot)
		return
	}
	t.domain.Retire(t.settings.PageBytes, func() {
		d := &t.dropped
		d.mu.Lock()
		d.unseen = append(d.unseen, slot)
		d.some.Store(true)
		d.mu.Unlock()
	})
}

// release gives a slot back.
func (t *tree) release(slot uint64) {
	if err := t.slots.Drop(slot); err != nil {
		_ = t.fail("account for space", err)
	}
}

// isLocked reports whether the writer has the frame locked. The version of one
// that is being evicted is odd, too.
func (t *tree) isLocked(f uint32) bool {
	return t.pool.Version(f)&1 != 0 && t.pool.Frame(f).State() == pool.Dirty
}

func (t *tree) lock(f uint32) {
	t.writer.changes++
	t.pool.Lock(f)
	t.writer.locked = append(t.writer.locked, f)
}

// finishOp ends an op, as far as readers wait for its end.
func (w *writer) finishOp(t *tree) {
	if !w.hold {
		w.unlock(t)
	}
}

// unlock lets readers in again.
func (w *writer) unlock(t *tree) {
	for _, f := range w.locked {
		t.pool.Unlock(f)
	}
	w.locked = w.locked[:0]
	w.gone = append(w.gone, w.goneLocked...)
	w.goneLocked = w.goneLocked[:0]
	if len(w.gone) > 0 {
		t.pool.Retire(w.gone)
		w.gone = w.gone[:0]
	}
}

// retire gives back the frame of a page that was freed.
func (w *writer) retire(t *tree, f uint32, locked bool) {
	if locked {
		w.goneLocked = append(w.goneLocked, f)
		return
	}
	w.gone = append(w.gone, f)
	if len(w.gone) >= evicted { // a long chain
		t.pool.Retire(w.gone)
		w.gone = w.gone[:0]
	}
}

// missing is damage: a page refers to one that is not there.
func (t *tree) missing(id page.ID) error {
	return t.damaged(engine.Corrupt(t.home.Path(dataName), -1, fmt.Sprintf("page %d is referred to and is not in the map", id), nil))
}

// senseless is damage that no checksum shows: a bug, or memory gone bad.
func (t *tree) senseless(id page.ID) error {
	return t.damaged(engine.Corrupt(t.home.Path(dataName), -1, fmt.Sprintf("page %d makes no sense", id), nil))
}
