package btree

import (
	"bytes"

	"github.com/kvbench/kvbench/btree/page"
)

// splitAndInsert splits the leaf at the path's end, in frame f, and inserts a
// key that had no room at i.
func (t *tree) splitAndInsert(leaf page.ID, f uint32, i int, key []byte, flags uint8, payload []byte, appending bool) error {
	w := &t.writer
	if w.height == 0 {
		if err := t.growRoot(); err != nil {
			return err
		}
		leaf = w.ids[w.height]
		var err error
		if f, err = t.change(leaf); err != nil {
			return err
		}
	}
	w.last, w.appended = 0, 0
	left := t.pool.Page(f)
	at := page.SplitPoint(left, i, len(key)+len(payload), t.settings.Fill, appending)
	id, rf, err := t.create(false, func(p []byte, id page.ID) { page.InitLeaf(p, id, nil, nil, 0) })
	if err != nil {
		return err
	}
	right := t.pool.Page(rf)
	sep, ok := page.Split(left, right, at, id)
	if !ok {
		return t.senseless(leaf)
	}
	into := left
	if bytes.Compare(key, sep) >= 0 {
		into, i = right, i-at
		if appending {
			w.appended = id
		}
	}
	if !page.Insert(into, i, key, flags, payload) {
		return t.senseless(leaf)
	}
	t.counts.splits.Add(1)
	return t.insertChild(w.height-1, sep, id)
}

// insertChild puts a page behind the child that the path takes at a depth, of
// which it was split off.
func (t *tree) insertChild(depth int, sep []byte, right page.ID) error {
	w := &t.writer
	f, err := t.change(w.ids[depth])
	if err != nil {
		return err
	}
	if page.InsertChild(t.pool.Page(f), w.at[depth], sep, right) {
		return nil
	}
	if depth == 0 {
		if err := t.growRoot(); err != nil {
			return err
		}
		depth = 1
		if f, err = t.change(w.ids[depth]); err != nil {
			return err
		}
	}
	id, rf, err := t.create(true, func(p []byte, id page.ID) { page.InitInner(p, id, 1, nil, nil, 0) })
	if err != nil {
		return err
	}
	p, rp := t.pool.Page(f), t.pool.Page(rf)
	i := w.at[depth]
	at := page.SplitPoint(p, i, len(sep), t.settings.Fill, i >= page.Count(p))
	up, ok := page.SplitInner(p, rp, at, id)
	if !ok {
		return t.senseless(w.ids[depth])
	}
	into := p
	if i > at {
		into, i = rp, i-at-1
	}
	if !page.InsertChild(into, i, sep, right) {
		return t.senseless(w.ids[depth])
	}
	t.counts.splits.Add(1)
	return t.insertChild(depth-1, up, id)
}

// growRoot moves what the root has to a new page, its only child from then on.
func (t *tree) growRoot() error {
	w := &t.writer
	if w.height+1 >= maxHeight {
		return t.senseless(page.RootID)
	}
	rf, err := t.change(page.RootID)
	if err != nil {
		return err
	}
	root := t.pool.Page(rf)
	inner := page.KindOf(root) == page.Inner
	id, _, err := t.create(inner, func(p []byte, id page.ID) {
		copy(p, root)
		page.SetID(p, id)
	})
	if err != nil {
		return err
	}
	page.InitInner(root, page.RootID, page.Level(root)+1, nil, nil, id)
	copy(w.ids[2:], w.ids[1:w.height+1])
	copy(w.at[1:], w.at[:w.height+1])
	w.ids[1], w.at[0] = id, 0
	w.height++
	w.last, w.appended = 0, 0
	return nil
}
