package btree

import (
	"bytes"
	"context"
	"slices"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/store"
)

// An ordering puts leaves into slots in the order of their keys, a stretch of
// them at a time. The pages that are in the region where these are to lie go to
// where there is room; a checkpoint makes the region free; the stretch moves in;
// another checkpoint makes free where it was, which is the room for the next.
// So the file grows by a stretch, and each page is written about twice.
//
// What others do meanwhile costs order, not more: which slot a page is in is
// never wrong. A leaf that was freed since it was listed is left out, a new one
// is not in the list, and one that changes while it is written stays behind.
type ordering struct {
	tree        *tree
	next, upper []byte // leaves from next on are still to be listed
	over        bool   // there are none

	leaves []page.ID // listed and not yet in their places
	free   []uint64  // slots of the region that the ordering holds
}

const (
	// A stretch is this part of all leaves, but leastStretch if there are more.
	stretchShare = 4
	leastStretch = 1024

	// Fewer leaves than this, or such of which this part is followed by the
	// next one, stay where they are.
	leastOrdered = 16
	orderedShare = 0.95

	// spareShare is the part of a region that may be lost to others.
	spareShare = 32

	// claimedAtOnce is how many slots are looked at while writers wait.
	claimedAtOnce = 1 << 15
)

// order has the leaves of lower <= key < upper follow each other in the file, as
// well as others let it. Some of it is not durable when it returns.
func (t *tree) order(ctx context.Context, lower, upper []byte) error {
	o := &ordering{tree: t, next: bytes.Clone(lower), upper: upper}
	leaves, follow, err := o.survey(ctx)
	if err != nil || leaves < leastOrdered || float64(follow) >= orderedShare*float64(leaves-1) {
		return err
	}
	t.pauseShrink(1)
	defer t.pauseShrink(-1)
	defer o.drop()
	if err := o.settle(ctx); err != nil {
		return err
	}
	from, err := o.start(lower, uint64(leaves))
	if err != nil {
		return err
	}
	o.next, o.over, o.leaves = bytes.Clone(lower), false, nil
	stretch := max(leaves/stretchShare, leastStretch)
	for {
		for !o.over && len(o.leaves) < stretch {
			if err := o.list(ctx); err != nil {
				return err
			}
		}
		if len(o.leaves) == 0 {
			return nil
		}
		n := uint64(len(o.leaves))
		to := from + n + n/spareShare + 1
		if moved, err := o.region(ctx, from, to); err != nil || !moved {
			return err
		}
		if from = to; len(o.free) > 0 {
			from = o.free[0]
		}
	}
}

// pauseShrink has checkpoints move no pages, or ends that.
func (t *tree) pauseShrink(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.work.shrink.paused += n
}

// settle makes what was moved durable, and free where it was.
func (o *ordering) settle(ctx context.Context) error {
	if err := o.tree.checkpointNow(ctx); err != nil {
		return err
	}
	return o.tree.cut(ctx)
}

// drop gives back the slots that the ordering holds.
func (o *ordering) drop() {
	o.tree.mu.Lock()
	defer o.tree.mu.Unlock()
	for _, s := range o.free {
		o.tree.release(s)
	}
	o.free = nil
}

// survey counts the leaves, and those that the next one follows in the file.
func (o *ordering) survey(ctx context.Context) (leaves, follow int, err error) {
	t, last := o.tree, uint64(0)
	for !o.over {
		if err := o.list(ctx); err != nil {
			return 0, 0, err
		}
		t.mu.Lock()
		guard := t.domain.Pin()
		for _, id := range o.leaves {
			slot := uint64(0)
			if e, settled := t.placeOf(id); settled && e != 0 {
				slot = e.Slot()
			}
			if slot != 0 && slot == last+1 && leaves > 0 {
				follow++
			}
			leaves++
			last = slot
		}
		guard.Unpin()
		t.mu.Unlock()
		o.leaves = o.leaves[:0]
	}
	return leaves, follow, nil
}

// list appends the leaves of the page of level 1 that next belongs to.
func (o *ordering) list(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t := o.tree
	var h hold
	h.begin(t)
	defer h.quit()
	v := view{tree: t, at: h.moment.At()}
	defer v.end()
	for id, above := page.RootID, maxHeight+1; ; {
		p, err := v.page(id)
		if err != nil {
			return err
		}
		level := page.Level(p)
		if page.KindOf(p) == page.Leaf && id == page.RootID {
			o.leaves, o.over = append(o.leaves, id), true
			return nil
		}
		child, i, ok := page.Child(p, o.next)
		if !ok || page.KindOf(p) != page.Inner || level < 1 || level >= above {
			return v.senseless(id)
		}
		if level == 1 {
			if !o.children(p, i) {
				return v.senseless(id)
			}
			return nil
		}
		id, above = child, level
	}
}

// children appends those of a page of level 1 from child i on. It reports false
// if the page makes no sense.
func (o *ordering) children(p []byte, i int) bool {
	for ; ; i++ {
		id, ok := page.ChildAt(p, i)
		if !ok {
			return false
		}
		o.leaves = append(o.leaves, id)
		if i == page.Count(p) {
			break
		}
		if o.next, ok = page.AppendKey(o.next[:0], p, i); !ok {
			return false
		}
		if o.over = o.beyond(o.next); o.over {
			return true
		}
	}
	_, high, bounded, ok := page.Fences(p)
	o.next = append(o.next[:0], high...)
	o.over = !bounded || o.beyond(high)
	return ok
}

func (o *ordering) beyond(key []byte) bool { return o.upper != nil && bytes.Compare(key, o.upper) >= 0 }

// start is the slot where n leaves from lower on are to begin: behind the leaf
// before them, but so that they end before where the file can be cut.
func (o *ordering) start(lower []byte, n uint64) (uint64, error) {
	t := o.tree
	reserved := store.Reserved(t.settings.PageBytes)
	before, err := o.before(lower)
	if err != nil || before == 0 {
		return reserved, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	guard := t.domain.Pin()
	defer guard.Unpin()
	e, settled := t.placeOf(before)
	if !settled || e == 0 {
		return reserved, nil
	}
	s := t.slots.Stats()
	end := s.Slots - s.Free
	return min(e.Slot()+1, max(reserved, end-min(end, n))), nil
}

// before is the leaf before the one that key belongs to; 0: it is the first.
func (o *ordering) before(key []byte) (page.ID, error) {
	var h hold
	h.begin(o.tree)
	defer h.quit()
	v := view{tree: o.tree, at: h.moment.At()}
	defer v.end()
	id, p, err := v.descend(key, toKey)
	if err != nil {
		return 0, err
	}
	low, _, _, ok := page.Fences(p)
	if !ok {
		return 0, v.senseless(id)
	}
	if len(low) == 0 {
		return 0, nil
	}
	id, _, err = v.descend(bytes.Clone(low), toBelow)
	return id, err
}

// region moves leaves to slots from <= s < to, in their order. It reports false
// if others need what was there.
func (o *ordering) region(ctx context.Context, from, to uint64) (moved bool, err error) {
	if err := o.claim(from, to); err != nil {
		return false, err
	}
	if err := o.evacuate(ctx, from, to); err != nil {
		return false, err
	}
	if err := o.settle(ctx); err != nil {
		return false, err
	}
	if err := o.claim(from, to); err != nil {
		return false, err
	}
	if 2*o.usable() < len(o.leaves) {
		return false, nil
	}
	if err := o.fill(ctx); err != nil {
		return false, err
	}
	return true, o.settle(ctx)
}

// claim holds those slots of a region that nobody else does.
func (o *ordering) claim(from, to uint64) error {
	t := o.tree
	for s := from; s < to; {
		t.mu.Lock()
		t.takeDropped()
		for end := min(s+claimedAtOnce, to); s < end; s++ {
			if t.slots.Held(s) {
				continue
			}
			if err := t.slots.Hold(s); err != nil {
				t.mu.Unlock()
				return t.broken(err)
			}
			o.free = append(o.free, s)
		}
		t.mu.Unlock()
	}
	slices.Sort(o.free)
	return nil
}

// usable gives back the slots that a checkpoint still needs, and returns how
// many are left.
func (o *ordering) usable() int {
	t := o.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	o.free = slices.DeleteFunc(o.free, func(s uint64) bool {
		if !t.slots.Fixed(s) {
			return false
		}
		t.release(s)
		return true
	})
	return len(o.free)
}

// evacuate moves all pages out of a region. The slots are fixed until the next
// checkpoint.
func (o *ordering) evacuate(ctx context.Context, from, to uint64) error {
	t := o.tree
	t.mu.Lock()
	last := t.pages.Len()
	t.mu.Unlock()
	for next := page.ID(1); next <= last; {
		err := o.move(ctx, func(b *batch) {
			next = t.pickWithin(b, next, last, from, to)
			o.placeOutside(b, from, to)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// move moves the pages that pick opens a batch with. pick is called with mu
// held.
func (o *ordering) move(ctx context.Context, pick func(b *batch)) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w := &o.tree.work
	w.exclusive.Lock()
	defer w.exclusive.Unlock()
	_, err := o.tree.moveBatch(&w.batch, func() { pick(&w.batch) })
	return err
}

// placeOutside takes slots for a batch that are not in a region. Those that are,
// and have become free, the ordering keeps. mu is held.
func (o *ordering) placeOutside(b *batch, from, to uint64) {
	b.slots = b.slots[:0]
	for len(b.slots) < len(b.items) {
		b.slots = o.tree.slots.Take(b.slots, len(b.items)-len(b.slots))
		b.slots = slices.DeleteFunc(b.slots, func(s uint64) bool {
			if s < from || s >= to {
				return false
			}
			o.free = append(o.free, s)
			return true
		})
	}
	for i, s := range b.slots {
		b.items[i].slot = s
	}
}

// fill moves leaves to the slots that are held for them, until there are no more
// of either.
func (o *ordering) fill(ctx context.Context) error {
	for len(o.leaves) > 0 && len(o.free) > 0 {
		if err := o.move(ctx, o.pickLeaves); err != nil {
			return err
		}
	}
	return nil
}

// pickLeaves opens a batch and fills it with the next leaves. mu is held.
func (o *ordering) pickLeaves(b *batch) {
	b.open(o.tree)
	n := 0
	for ; n < len(o.leaves) && len(b.items) < min(batchPages, len(o.free)); n++ {
		o.pick(b, o.leaves[n])
	}
	o.leaves = o.leaves[n:]
	for i := range b.items {
		b.items[i].slot = o.free[i]
	}
	o.free = o.free[len(b.items):]
}

// pick adds a page to a batch, unless it is gone, or just comes or goes. mu is
// held.
func (o *ordering) pick(b *batch, id page.ID) {
	t := o.tree
	e, settled := t.placeOf(id)
	switch {
	case e == 0:
	case settled:
		b.addMove(t, id, e)
	case t.pool.Version(e.Frame())&1 == 0: // dirty, and not the writer's
		b.add(t, id, e.Frame())
	}
}
