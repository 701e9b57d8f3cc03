package btree

import (
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/pool"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/btree/version"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/vfs"
)

// batchPages is how many pages are written at once: 256 KiB to 2 MiB.
const batchPages = 64

// A batch is pages on their way from frames to slots, in three steps: they are
// picked and get slots with mu held, are copied and written without it, and are
// settled with mu held: what changed meanwhile was written in vain.
type batch struct {
	items  []item
	buffer []byte // of the items, in their order
	slots  []uint64
	guard  epoch.Guard // from open to copied: no frame becomes another page's

	victims  []uint32          // scratch
	versions []version.Version // scratch
}

// An item is a page, or an old version of one, in a batch.
type item struct {
	id     page.ID
	frame  uint32
	mark   uint64 // version of the frame when it was picked
	stamp  uint64
	slot   uint64
	home   mapping.Entry // where it was written; 0: it was not
	from   mapping.Entry // where it was, of a page that moves
	old    bool          // a version in tree.old
	copied bool
}

// open begins a batch. It ends with copied, or, with nothing in it, with shut.
func (b *batch) open(t *tree) {
	b.items = b.items[:0]
	b.guard = t.domain.Pin()
}

// shut ends a batch if it is empty, and reports that.
func (b *batch) shut() bool {
	if len(b.items) > 0 {
		return false
	}
	b.guard.Unpin()
	return true
}

// add picks the page in a frame. mu is held.
func (b *batch) add(t *tree, id page.ID, f uint32) {
	fr := t.pool.Frame(f)
	b.items = append(b.items, item{id: id, frame: f, mark: t.pool.Version(f), stamp: fr.Stamp.Load()})
}

// addOld picks an old version. mu is held.
func (b *batch) addOld(v *version.Version) {
	b.items = append(b.items, item{id: v.Page, frame: v.Frame, stamp: v.Stamp, old: true})
}

// place takes slots for all items, in the order of their pages, so that what
// belongs together lies together: in a row if there is one, for it is written
// with one call; but the lowest ones if the file is to shrink. mu is held.
func (b *batch) place(t *tree, lowest bool) {
	slices.SortFunc(b.items, func(x, y item) int { return int(int64(x.id) - int64(y.id)) })
	b.slots = takeSlots(t, b.slots[:0], len(b.items), lowest)
	for i := range b.items {
		b.items[i].slot = b.slots[i]
	}
}

// leastRun is the shortest row of slots that is asked for.
const leastRun = 8

// takeSlots appends n slots to dst. mu is held.
func takeSlots(t *tree, dst []uint64, n int, lowest bool) []uint64 {
	for run := n; !lowest && run >= leastRun && n > 0; {
		first, ok := t.slots.TakeRun(min(run, n))
		if !ok {
			run /= 2
			continue
		}
		for s := range uint64(min(run, n)) {
			dst = append(dst, first+s)
		}
		n -= min(run, n)
	}
	return t.slots.Take(dst, n)
}

// copyHeld copies the pages of the batch where readers lock, and mu is held:
// later they would wait for a writer who waits for frames, while pinned.
func (b *batch) copyHeld(t *tree) {
	if !pool.Optimistic {
		b.copyAll(t)
	}
}

// copied copies the pages elsewhere, and lets go of the frames.
func (b *batch) copied(t *tree) {
	if pool.Optimistic {
		b.copyAll(t)
	}
	b.guard.Unpin()
}

func (b *batch) copyAll(t *tree) {
	b.grow(t.settings.PageBytes)
	for i := range b.items {
		it := &b.items[i]
		if it.frame == version.NoFrame {
			continue
		}
		it.copied = it.old || t.pool.Version(it.frame) == it.mark
		if !it.copied {
			continue
		}
		image := b.image(i)
		if it.old { // nobody writes it
			copy(image, t.pool.Page(it.frame))
			continue
		}
		mark, ok := t.pool.Enter(it.frame)
		if ok {
			copy(image, t.pool.Page(it.frame))
			ok = t.pool.Leave(it.frame, mark)
		}
		it.copied = ok && mark == it.mark
	}
}

// grow makes room for the items.
func (b *batch) grow(pageBytes int) {
	if n := len(b.items) * pageBytes; cap(b.buffer) < n {
		b.buffer = vfs.AlignedBuffer(max(n, batchPages*pageBytes))
	}
	b.buffer = b.buffer[:len(b.items)*pageBytes]
}

func (b *batch) image(i int) []byte {
	n := len(b.buffer) / len(b.items)
	return b.buffer[i*n:][:n:n]
}

// write seals what was copied and writes it, neighbours together. An error ends
// all writing.
func (b *batch) write(t *tree) error {
	n := t.settings.PageBytes
	for i := 0; i < len(b.items); {
		first := i
		for ; i < len(b.items) && b.items[i].copied && b.items[i].slot == b.items[first].slot+uint64(i-first); i++ {
			it, image := &b.items[i], b.image(i)
			page.SetID(image, it.id)
			page.SetStamp(image, it.stamp)
			it.home = store.Seal(image, it.slot)
		}
		if i == first {
			i++
			continue
		}
		if err := t.file.WriteRun(b.items[first].slot, b.buffer[first*n:i*n]); err != nil {
			return t.fail("write pages", err)
		}
		t.work.written.Add(uint64((i - first) * n))
	}
	return nil
}

// settle makes a page clean that is as it was when it was picked, or gives an
// old version its home. If not, the slot is free again. mu is held.
func (b *batch) settle(t *tree, it *item) bool {
	if it.home != 0 && (it.old && t.settleOld(it) || !it.old && t.settleCurrent(it)) {
		return true
	}
	b.waste(t, it)
	return false
}

// waste gives the slot of an item back to which nobody refers. mu is held.
func (b *batch) waste(t *tree, it *item) {
	if err := t.slots.Drop(it.slot); err != nil {
		t.broken(err)
	}
}

func (t *tree) settleCurrent(it *item) bool {
	fr := t.pool.Frame(it.frame)
	if t.pages.Load(it.id) != mapping.Resident(it.frame) || fr.State() != pool.Dirty ||
		t.pool.Version(it.frame) != it.mark || fr.Stamp.Load() != it.stamp {
		return false
	}
	fr.Home.Store(uint64(it.home)) // before others may evict it
	if !t.pool.SetClean(it.frame) {
		fr.Home.Store(0)
		return false
	}
	t.counts.cleaned.Add(1)
	return true
}

func (t *tree) settleOld(it *item) bool {
	v, ok := t.old.Find(it.id, it.stamp)
	return ok && v.Stamp == it.stamp && v.Frame == it.frame && v.Home == 0 &&
		t.old.Written(it.id, it.stamp, it.home)
}

// broken ends writing where the account of slots does not add up, which is a
// bug: better no more writes than one to a slot that is in use.
func (t *tree) broken(err error) error {
	return t.fail("keep account of slots", fmt.Errorf("%w; run verify", err))
}
