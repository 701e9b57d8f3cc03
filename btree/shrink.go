package btree

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/pool"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/btree/version"
	"github.com/kvbench/kvbench/engine"
)

const (
	// A file of fewer free slots is left alone.
	leastSlack = 16

	// moveShare is the part of the file that one checkpoint moves, but
	// leastMoved pages in any case, and all of them if somebody waits.
	moveShare  = 4
	leastMoved = 1024

	// A file that is to be written again is only cut if it gets this part
	// shorter.
	cutShare = 8
)

// A shrink is what came of the last attempt to make the file shorter.
type shrink struct {
	// vain is how many slots there were, and how many of them in use, when it
	// was in vain: no new attempt until that changes.
	vain   [2]uint64
	paused int // how many put pages elsewhere meanwhile
}

// shrinkTo says where the file should end, and whether that is worth moving
// pages. What a checkpoint writes lies beside what the last one did, so as much
// is left free, unless somebody waits for everything to settle. mu is held.
func (t *tree) shrinkTo() (target uint64, worth bool) {
	w := &t.work
	share, least := t.settings.ShrinkSlack, uint64(max(leastSlack, w.wrote))
	switch {
	case w.shrink.paused > 0:
		return math.MaxUint64, false
	case w.tight.Load() > 0:
		share, least = 0, 0
	case share >= 1:
		return math.MaxUint64, false
	case w.settling.Load() > 0:
		least = leastSlack
	}
	// The slack of ShrinkTo is of what is used, and it is worth it from twice
	// that on.
	target, worth = t.slots.ShrinkTo(share/(1-min(share, 0.99))/2, least)
	if s := t.slots.Stats(); worth && w.shrink.vain == [2]uint64{s.Slots, s.Slots - s.Free} {
		worth = false
	}
	return target, worth
}

// shrinkable reports whether the next checkpoint would move pages.
func (t *tree) shrinkable() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, worth := t.shrinkTo()
	return worth
}

// moveDown moves pages that lie behind where the file should end to free slots
// before that. It returns how many, and the target: for the map's pages too. No
// checkpoint is being written.
//
// The old slots are still fixed; the checkpoint that follows frees them. Old
// versions are not moved: what snapshots need keeps the file as long as it is.
func (t *tree) moveDown() (moved int, target uint64, err error) {
	t.mu.Lock()
	t.takeDropped()
	target, worth := t.shrinkTo()
	s := t.slots.Stats()
	most, last := max(leastMoved, int(s.Slots/moveShare)), t.pages.Len()
	if t.work.settling.Load() > 0 {
		most = math.MaxInt
	}
	t.mu.Unlock()
	if !worth {
		return 0, math.MaxUint64, nil
	}
	b := &t.work.batch
	for next := page.ID(1); next != 0 && next <= last && moved < most; {
		n, err := t.moveBatch(b, func() { next = t.pickMoves(b, next, last, target) })
		moved += n
		if err != nil {
			return moved, target, err
		}
	}
	t.mu.Lock()
	if moved == 0 {
		t.work.shrink.vain = [2]uint64{s.Slots, s.Slots - s.Free}
		if t.work.mapsFrom(target) { // a checkpoint of any page moves them
			t.changed = append(t.changed, page.RootID)
		}
	}
	t.mu.Unlock()
	return moved, target, nil
}

// mapsFrom reports whether pages of the last checkpoint's map are in slots from
// target on. exclusive is held.
func (w *work) mapsFrom(target uint64) bool {
	behind := func(ref store.Ref) bool { return ref.Slot() >= target }
	return slices.ContainsFunc(w.maps.Maps, behind) || slices.ContainsFunc(w.maps.Directories, behind)
}

// moveBatch moves the pages that pick opens the batch with and has slots for,
// while mu is held. It returns how many are where they were to go: clean ones,
// and dirty ones, which are clean then. No checkpoint is being written.
func (t *tree) moveBatch(b *batch, pick func()) (moved int, err error) {
	if err := t.failed(); err != nil {
		return 0, err
	}
	t.mu.Lock()
	pick()
	b.copyHeld(t)
	t.mu.Unlock()
	if b.shut() {
		return 0, nil
	}
	b.copied(t)
	t.readMoves(b)
	if err := b.write(t); err != nil {
		return 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range b.items {
		it := &b.items[i]
		switch {
		case it.from == 0:
			if b.settle(t, it) {
				moved++
			}
		case it.home != 0 && t.settleMove(it):
			moved++
		default:
			b.waste(t, it)
		}
	}
	return moved, nil
}

// pickMoves opens a batch and fills it with clean pages that are to move, and
// takes slots for them. It returns the page to go on with, 0 if there is no room
// left. mu is held.
func (t *tree) pickMoves(b *batch, next, last page.ID, target uint64) page.ID {
	next = t.pickWithin(b, next, last, target, math.MaxUint64)
	b.slots = t.slots.Take(b.slots[:0], len(b.items))
	for i, s := range b.slots {
		if s < target {
			b.items[i].slot = s
			continue
		}
		for _, s := range b.slots[i:] { // nothing is gained there
			_ = t.slots.Drop(s)
		}
		b.items = b.items[:i]
		return 0
	}
	return next
}

// pickWithin opens a batch and fills it with clean pages that are in slots from
// <= s < to. It looks at the pages from next through last, and returns the one to
// go on with. mu is held.
func (t *tree) pickWithin(b *batch, next, last page.ID, from, to uint64) page.ID {
	b.open(t)
	for n := 0; n < lookPages && len(b.items) < batchPages && next <= last; n++ {
		id := next
		next++
		e, settled := t.placeOf(id)
		if settled && e != 0 && e.Slot() >= from && e.Slot() < to {
			b.addMove(t, id, e)
		}
	}
	return next
}

// addMove picks a clean page, which is at from. mu is held.
func (b *batch) addMove(t *tree, id page.ID, from mapping.Entry) {
	it := item{id: id, frame: version.NoFrame, from: from}
	if now := t.pages.Load(id); now.Resident() {
		it.frame = now.Frame()
		it.mark = t.pool.Version(it.frame)
		it.stamp = t.pool.Frame(it.frame).Stamp.Load()
	}
	b.items = append(b.items, it)
}

// readMoves reads the pages of a batch that are on disk. What cannot be read
// stays where it is: it may have moved, and if it is damaged, who needs it will
// say so.
func (t *tree) readMoves(b *batch) {
	for i := range b.items {
		it := &b.items[i]
		if it.frame != version.NoFrame {
			continue
		}
		guard := t.domain.Pin() // views of the file stay
		err := t.file.ReadPage(b.image(i), it.id, it.from)
		guard.Unpin()
		if it.copied = err == nil; it.copied {
			it.stamp = page.Stamp(b.image(i))
		} else if errors.Is(err, engine.ErrCorrupt) && t.pages.Load(it.id) == it.from {
			t.env.Log.Warn("a page cannot be moved", "page", it.id, "error", t.damaged(err))
		}
	}
}

// settleTries bounds how often a page that is on its way in or out is looked
// at.
const settleTries = 64

// settleMove gives a page its new home, if it still has the old one. mu is
// held.
func (t *tree) settleMove(it *item) bool {
	guard := t.domain.Pin()
	defer guard.Unpin()
	for range settleTries {
		e := t.pages.Load(it.id)
		if e == it.from {
			if !t.pages.CompareAndSwap(it.id, e, it.home) {
				continue // it is being loaded
			}
			return t.moved(it)
		}
		if !e.Resident() {
			return false
		}
		fr := t.pool.Frame(e.Frame())
		if mapping.Entry(fr.Home.Load()) != it.from || fr.State() == pool.Dirty {
			return false
		}
		// While it is dirty nobody evicts it, to its old home.
		if !t.pool.MarkDirty(e.Frame()) {
			runtime.Gosched()
			continue
		}
		fr.Home.Store(uint64(it.home))
		t.pool.SetClean(e.Frame())
		return t.moved(it)
	}
	return false
}

func (t *tree) moved(it *item) bool {
	t.work.moves.Add(1)
	t.changed = append(t.changed, it.id)
	t.dropSlot(it.from.Slot())
	return true
}

// cutHeld cuts off what is free at the end of the file. mu is held, so that
// nobody takes a slot there meanwhile.
func (t *tree) cutHeld(moved int, began time.Time) error {
	w := &t.work
	if t.failed() != nil {
		return nil
	}
	t.takeDropped()
	end, length := max(t.slots.End(), w.reach), t.file.Slots()
	again := w.settling.Load() == 0 && w.tight.Load() == 0 && w.ctx.Err() == nil
	if length <= end || again && length-end < length/cutShare {
		return nil
	}
	if err := t.file.Truncate(end); err != nil {
		return t.fail("cut the file", err)
	}
	w.shrink.vain = [2]uint64{}
	if moved > 0 {
		t.env.Events.Event(noteShrink(began, time.Since(began), length, end, moved, t.settings.PageBytes))
	}
	return nil
}
