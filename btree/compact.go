package btree

import (
	"bytes"
	"context"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
)

// Compact implements engine.Compactor: rows that have expired go, leaves become
// as full as the setting fill says, come to lie in the order of their keys, and
// the file gets as short as it can be. Leaves of different parents are not
// merged. Writers wait for some leaves at a time only.
func (t *tree) Compact(ctx context.Context, lower, upper []byte) error {
	if !t.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if t.closed.Load() {
		return engine.ErrClosed
	}
	if t.readOnly {
		return nil
	}
	ctx, stop := t.untilClosed(ctx)
	defer stop()
	return endedBy(ctx, t.compact(ctx, lower, upper))
}

// compact is Compact until ctx ends.
func (t *tree) compact(ctx context.Context, lower, upper []byte) error {
	c := compaction{tree: t, next: bytes.Clone(lower), upper: upper, fill: int(t.settings.Fill * float64(t.settings.PageBytes))}
	c.over = upper != nil && bytes.Compare(lower, upper) >= 0
	for !c.over {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := c.some(); err != nil {
			return err
		}
	}
	t.work.settling.Add(1)
	defer t.work.settling.Add(-1)
	if err := t.mergeAll(ctx); err != nil {
		return err
	}
	if err := t.order(ctx, lower, upper); err != nil {
		return err
	}
	t.work.tight.Add(1)
	defer t.work.tight.Add(-1)
	return t.shorten(ctx)
}

// A compaction goes through leaves, from lower to higher keys.
type compaction struct {
	tree  *tree
	next  []byte // key to go on with
	upper []byte // nil: no bound
	over  bool
	fill  int // bytes of a leaf that are to be in use

	before      []byte // what a leaf was
	left, right []byte // what becomes of two leaves
}

// compactedAtOnce is how many leaves are made full while writers wait.
const compactedAtOnce = 8

// some looks at the next leaves.
func (c *compaction) some() error {
	t := c.tree
	if err := c.read(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.failed(); err != nil {
		return err
	}
	return t.maintain(func() error {
		for range compactedAtOnce {
			if err := c.leaf(); err != nil || c.over {
				return err
			}
			t.writer.finishOp(t)
		}
		return nil
	})
}

// read brings the next leaves into the pool, while nobody waits.
func (c *compaction) read() error {
	var h hold
	h.begin(c.tree)
	defer h.quit()
	v := view{tree: c.tree, at: h.moment.At()}
	defer v.end()
	_, p, err := v.descend(c.next, toKey)
	for range 2 * compactedAtOnce {
		if err != nil || page.Next(p) == 0 {
			return err
		}
		p, err = v.page(page.Next(p))
	}
	return err
}

// leaf makes the leaf that next belongs to full, with rows of those behind it
// that have the same parent.
func (c *compaction) leaf() error {
	t, w := c.tree, &c.tree.writer
	w.last = 0 // the path is needed
	id, err := t.descend(c.next)
	if err != nil {
		return err
	}
	if err := c.expire(id); err != nil {
		return err
	}
	merged := false
	for w.height > 0 {
		taken, emptied, err := c.pull(id)
		if err != nil {
			return err
		}
		merged = merged || emptied
		if !taken || !emptied {
			break
		}
	}
	f, err := t.bring(id)
	if err != nil {
		return err
	}
	_, high, bounded, ok := page.Fences(t.pool.Page(f))
	if !ok {
		return t.senseless(id)
	}
	c.next = append(c.next[:0], high...)
	c.over = !bounded || !c.within(high)
	w.last, w.appended = 0, 0
	switch {
	case w.height > 0 && page.Count(t.pool.Page(f)) == 0:
		return t.mergePath(w.height)
	case merged:
		return t.afterMerge(w.height - 1)
	}
	return nil
}

// within reports whether leaves from low on are to be looked at.
func (c *compaction) within(low []byte) bool {
	return c.upper == nil || bytes.Compare(low, c.upper) < 0
}

// expire deletes the rows of a leaf that have expired.
func (c *compaction) expire(id page.ID) error {
	t := c.tree
	f, err := t.bring(id)
	if err != nil {
		return err
	}
	now, changed := t.now().UnixNano(), false
	for i := page.Count(t.pool.Page(f)) - 1; i >= 0; i-- {
		flags, payload, ok := page.Cell(t.pool.Page(f), i)
		r, ok2 := parseRow(flags, payload)
		if !ok || !ok2 {
			return t.senseless(id)
		}
		if !r.over(now) {
			continue
		}
		if !changed {
			if f, err = t.change(id); err != nil {
				return err
			}
			changed = true
		}
		if err := t.freeCell(t.pool.Page(f), i); err != nil {
			return err
		}
		page.Delete(t.pool.Page(f), i)
		t.keys.Add(-1)
	}
	return nil
}

// pull moves rows from the next leaf of the same parent to the one at the
// path's end, and reports whether it has, and whether all: then that leaf is
// gone.
func (c *compaction) pull(left page.ID) (taken, emptied bool, err error) {
	t, w := c.tree, &c.tree.writer
	parent, j := w.ids[w.height-1], w.at[w.height-1]
	pf, err := t.bring(parent)
	if err != nil {
		return false, false, err
	}
	if p := t.pool.Page(pf); j >= page.Count(p) {
		return false, false, nil
	} else if sep, ok := page.AppendKey(nil, p, j); !ok {
		return false, false, t.senseless(parent)
	} else if !c.within(sep) {
		return false, false, nil
	}
	right, ok := page.ChildAt(t.pool.Page(pf), j+1)
	if !ok {
		return false, false, t.senseless(parent)
	}
	lf, err := t.bring(left)
	if err != nil {
		return false, false, err
	}
	if page.Used(t.pool.Page(lf)) >= c.fill {
		return false, false, nil
	}
	if err := c.expire(right); err != nil {
		return false, false, err
	}
	n, sep, err := c.split(left, right)
	if err != nil || n == 0 {
		return false, false, err
	}
	if pf, err = t.change(parent); err != nil {
		return false, false, err
	}
	emptied = sep == nil
	if !emptied && !page.SetSeparator(t.pool.Page(pf), j, sep) {
		return false, false, nil
	}
	if err := c.replace(left, c.left); err != nil {
		return false, false, err
	}
	if !emptied {
		return true, false, c.replace(right, c.right)
	}
	page.RemoveChild(t.pool.Page(pf), j)
	t.counts.merges.Add(1)
	return true, true, t.discard(right)
}

// replace gives a page other contents.
func (c *compaction) replace(id page.ID, with []byte) error {
	f, err := c.tree.change(id)
	if err != nil {
		return err
	}
	copy(c.tree.pool.Page(f), with)
	return nil
}

// split works out what two leaves are when the left one has n more rows, as
// many as fit, and the separator between them; nil if nothing is left on the
// right. It is not worth it if n is 0.
func (c *compaction) split(left, right page.ID) (n int, sep []byte, err error) {
	t := c.tree
	if c.left == nil {
		n := t.settings.PageBytes
		c.before, c.left, c.right = make([]byte, n), make([]byte, n), make([]byte, n)
	}
	lf, err := t.bring(left)
	if err != nil {
		return 0, nil, err
	}
	copy(c.before, t.pool.Page(lf)) // which may be evicted
	copy(c.left, c.before)
	rf, err := t.bring(right)
	if err != nil {
		return 0, nil, err
	}
	p := t.pool.Page(rf)
	low, _, _, ok := page.Fences(c.before)
	_, high, bounded, ok2 := page.Fences(p)
	if !ok || !ok2 {
		return 0, nil, t.senseless(right)
	}
	if !bounded {
		high = nil
	}
	all, had, next := page.Count(p), page.Count(c.before), page.Next(p)
	if page.Merge(c.left, p) && page.Used(c.left) <= c.fill {
		return max(all, 1), nil, nil
	}
	for n = c.share(c.before, p); n > 0; n -= (n + 15) / 16 {
		last, ok := page.AppendKey(nil, p, n-1)
		first, ok2 := page.AppendKey(nil, p, n)
		if !ok || !ok2 {
			return 0, nil, t.senseless(right)
		}
		sep = separator(nil, last, first)
		page.InitLeaf(c.left, left, low, sep, right)
		if copyRows(c.left, c.before, 0, had) && copyRows(c.left, p, 0, n) && page.Used(c.left) <= c.fill {
			break
		}
	}
	if n == 0 {
		return 0, nil, nil
	}
	page.InitLeaf(c.right, right, sep, high, next)
	if !copyRows(c.right, p, n, all) {
		return 0, nil, nil
	}
	return n, sep, nil
}

// share guesses how many rows of the right leaf the left one has room for, one
// less than all at most.
func (c *compaction) share(left, right []byte) int {
	all := page.Count(right)
	if all < 2 {
		return 0
	}
	each := max((page.Used(right)-page.HeaderBytes)/all, 1)
	return min(max(c.fill-page.Used(left), 0)/each+1, all-1)
}
