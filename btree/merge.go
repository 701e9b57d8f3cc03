package btree

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
)

// fullShare is how full a page may be that two are merged into: one that is
// full would be split again by the next insert.
const fullShare = 0.85

// mergePath merges the page of the path at a depth with a neighbour under the
// same parent, if both fit in one page.
func (t *tree) mergePath(depth int) error {
	w := &t.writer
	w.last, w.appended = 0, 0
	if depth == 0 {
		return t.shrinkRoot()
	}
	pf, err := t.bring(w.ids[depth-1])
	if err != nil {
		return err
	}
	i, n := w.at[depth-1], page.Count(t.pool.Page(pf))
	if n == 0 { // an only child: its parent needs a neighbour's children
		return t.mergePath(depth - 1)
	}
	for _, j := range [2]int{i, i - 1} {
		if j < 0 || j >= n {
			continue
		}
		merged, err := t.mergeChildren(depth-1, j)
		if err != nil {
			return err
		}
		if merged {
			return t.afterMerge(depth - 1)
		}
	}
	return nil
}

// afterMerge looks after a page of the path that has lost a child.
func (t *tree) afterMerge(depth int) error {
	if depth == 0 {
		return t.shrinkRoot()
	}
	f, err := t.bring(t.writer.ids[depth])
	if err != nil {
		return err
	}
	p := t.pool.Page(f)
	if page.Count(p) == 0 || page.Used(p) < int(t.settings.MergeBelow*float64(len(p))) {
		return t.mergePath(depth)
	}
	return nil
}

// mergeChildren merges children j and j+1 of the page of the path at a depth,
// if they fit in one page with some room to spare.
func (t *tree) mergeChildren(depth, j int) (bool, error) {
	parent := t.writer.ids[depth]
	pf, err := t.bring(parent)
	if err != nil {
		return false, err
	}
	p := t.pool.Page(pf)
	left, ok := page.ChildAt(p, j)
	right, ok2 := page.ChildAt(p, j+1)
	sep, ok3 := page.AppendKey(nil, p, j)
	if !ok || !ok2 || !ok3 {
		return false, t.senseless(parent)
	}
	lf, err := t.bring(left)
	if err != nil {
		return false, unlessDamaged(err)
	}
	used, empty := page.Used(t.pool.Page(lf)), page.Count(t.pool.Page(lf)) == 0
	rf, err := t.bring(right)
	if err != nil {
		return false, unlessDamaged(err)
	}
	used += page.Used(t.pool.Page(rf))
	empty = empty || page.Count(t.pool.Page(rf)) == 0
	if !empty && used > int(fullShare*float64(t.settings.PageBytes)) {
		return false, nil
	}
	if pf, err = t.change(parent); err != nil {
		return false, err
	}
	if lf, err = t.change(left); err != nil {
		return false, err
	}
	if rf, err = t.bring(right); err != nil {
		return false, err
	}
	lp, rp := t.pool.Page(lf), t.pool.Page(rf)
	if page.KindOf(lp) == page.Leaf {
		ok = page.Merge(lp, rp)
	} else {
		ok = page.MergeInner(lp, rp, sep)
	}
	if !ok {
		return false, nil
	}
	page.RemoveChild(t.pool.Page(pf), j)
	t.counts.merges.Add(1)
	return true, t.discard(right)
}

// unlessDamaged: a neighbour that is damaged is left alone, until somebody
// wants what it has.
func unlessDamaged(err error) error {
	if errors.Is(err, engine.ErrCorrupt) {
		return nil
	}
	return err
}

// shrinkRoot takes the root's place for its child while it has only one.
func (t *tree) shrinkRoot() error {
	for {
		f, err := t.bring(page.RootID)
		if err != nil {
			return err
		}
		p := t.pool.Page(f)
		if page.KindOf(p) != page.Inner || page.Count(p) > 0 {
			return nil
		}
		child, ok := page.ChildAt(p, 0)
		if !ok {
			return t.senseless(page.RootID)
		}
		if f, err = t.change(page.RootID); err != nil {
			return err
		}
		cf, err := t.bring(child)
		if err != nil {
			return err
		}
		p = t.pool.Page(f)
		copy(p, t.pool.Page(cf))
		page.SetID(p, page.RootID)
		if err := t.discard(child); err != nil {
			return err
		}
	}
}

// sparse are leaves that have lost much, until somebody merges them.
type sparse struct {
	mu    sync.Mutex
	pages map[page.ID]struct{}
	some  atomic.Bool
}

// maxSparse bounds the set: Compact finds what it has no room for.
const maxSparse = 1 << 20

func (s *sparse) note(id page.ID) {
	s.mu.Lock()
	if s.pages == nil {
		s.pages = map[page.ID]struct{}{}
	}
	if len(s.pages) < maxSparse {
		s.pages[id] = struct{}{}
		s.some.Store(true)
	}
	s.mu.Unlock()
}

// take removes up to n of the set.
func (s *sparse) take(dst []page.ID, n int) []page.ID {
	s.mu.Lock()
	for id := range s.pages {
		if n == 0 {
			break
		}
		dst = append(dst, id)
		delete(s.pages, id)
		n--
	}
	s.some.Store(len(s.pages) > 0)
	s.mu.Unlock()
	return dst
}

// mergedAtOnce is how many leaves are looked at while writers wait.
const mergedAtOnce = 8

// mergeSome merges some of the leaves that were noted, and reports whether
// there are more.
func (t *tree) mergeSome() (more bool, err error) {
	var ids [mergedAtOnce]page.ID
	some := t.sparse.take(ids[:0], mergedAtOnce)
	if len(some) == 0 {
		return false, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.failed(); err != nil {
		return false, err
	}
	err = t.maintain(func() error {
		for _, id := range some {
			if err := t.mergeLeaf(id); err != nil {
				return err
			}
			t.writer.finishOp(t)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	return t.sparse.some.Load(), nil
}

// mergeAll merges until nothing is left to merge.
func (t *tree) mergeAll(ctx context.Context) error {
	began, before := time.Now(), t.counts.merges.Load()
	defer func() {
		if n := t.counts.merges.Load() - before; n > 0 {
			t.env.Events.Event(noteMerge(began, time.Since(began), n))
		}
	}()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		more, err := t.mergeSome()
		if err != nil || !more {
			return err
		}
	}
}

// maintain runs a group that changes pages but no keys. mu is held.
func (t *tree) maintain(f func() error) error {
	w := &t.writer
	t.takeDropped()
	w.stamp = t.clock.Begin()
	w.pin(t.domain)
	w.hold = false
	err := f()
	if err != nil {
		err = t.tear("change pages", err, false)
	}
	w.unlock(t)
	w.guard.Unpin()
	t.clock.End()
	return err
}

// mergeLeaf merges a leaf that was noted, if it is still one and sparse.
func (t *tree) mergeLeaf(id page.ID) error {
	w := &t.writer
	if t.pages.Load(id) == 0 {
		return nil
	}
	f, err := t.bring(id)
	if err != nil {
		return unlessDamaged(err)
	}
	p := t.pool.Page(f)
	if page.KindOf(p) != page.Leaf || page.Used(p) >= int(t.settings.MergeBelow*float64(len(p))) {
		return nil
	}
	low, _, _, ok := page.Fences(p)
	if !ok {
		return t.senseless(id)
	}
	w.low = append(w.low[:0], low...)
	w.last = 0
	leaf, err := t.descend(w.low)
	if err != nil || leaf != id {
		return err
	}
	return t.mergePath(w.height)
}
