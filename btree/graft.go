package btree

import (
	"bytes"
	"sort"

	"github.com/kvbench/kvbench/btree/page"
)

// A graft makes the pages of a load a part of the tree. Leaves between which no
// key of the tree lies come in as they are: the leaf into whose range they fall
// is cut in two, and their parents get them as children. Of the others, the
// rows are put one by one.
//
// tree.mu is held all the time, a group is under way, and a snapshot keeps the
// pages as they were.
type graft struct {
	tree *tree
	made *builder

	read        []byte // a leaf of the load
	left, right []byte // what becomes of a leaf of the tree
}

// perform is what the group does. An error leaves a part of it, which nobody
// may see.
func (g *graft) perform() error {
	if err := g.join(); err != nil {
		return g.tree.tear("bulk load", err, true)
	}
	return nil
}

func (g *graft) join() error {
	t := g.tree
	w := &t.writer
	w.last, w.appended = 0, 0
	n := t.settings.PageBytes
	g.read, g.left, g.right = make([]byte, n), make([]byte, n), make([]byte, n)
	for _, p := range g.made.pages {
		g.adopt(p)
	}
	for j := 0; j < len(g.made.leaves); {
		n, err := g.insertRun(j)
		if err == nil && n == 0 {
			n, err = 1, g.insertRows(j)
		}
		if err != nil {
			return err
		}
		j += n
	}
	w.last, w.appended = 0, 0
	return nil
}

// adopt makes a page of the load one of the tree.
func (g *graft) adopt(p place) {
	t := g.tree
	if t.ckpt != nil {
		t.ckpt.touch(t, p.id, 0, false)
	}
	t.changed = append(t.changed, p.id)
	t.pages.Store(p.id, p.entry)
	t.onDisk.Add(1)
}

// forsake frees a leaf that nobody has seen.
func (g *graft) forsake(p place) {
	t := g.tree
	t.pages.Store(p.id, 0)
	t.onDisk.Add(-1)
	t.pages.Give(p.id)
	t.release(p.entry.Slot())
}

func (g *graft) place(j int) place { return g.made.pages[g.made.leaves[j].page] }

// insertRows puts the rows of leaf j, and frees it.
func (g *graft) insertRows(j int) error {
	t, p := g.tree, g.place(j)
	if err := t.file.ReadPage(g.read, p.id, p.entry); err != nil {
		return t.damaged(err)
	}
	var key []byte
	for i := range page.Count(g.read) {
		flags, payload, ok := page.Cell(g.read, i)
		var ok2 bool
		key, ok2 = page.AppendKey(key[:0], g.read, i)
		if !ok || !ok2 {
			return t.senseless(p.id)
		}
		err := t.insertCell(key, flags, payload)
		t.writer.finishOp(t)
		if err != nil {
			return err
		}
	}
	g.forsake(p)
	return nil
}

// insertRun makes leaves from j on children of the tree, as many as there are
// no keys between, and returns how many: 0 if it is not worth it, or some page
// has no room.
func (g *graft) insertRun(j int) (n int, err error) {
	t, w := g.tree, &g.tree.writer
	leaf, err := t.descend(g.made.sep(j))
	if err != nil {
		return 0, err
	}
	f, err := t.bring(leaf)
	if err != nil {
		return 0, err
	}
	p := t.pool.Page(f)
	i, _, ok := page.Find(p, g.made.sep(j))
	low, high, bounded, ok2 := page.Fences(p)
	if !ok || !ok2 {
		return 0, t.senseless(leaf)
	}
	gap := high // where the next key may be
	if !bounded {
		gap = nil
	}
	if i < page.Count(p) {
		if gap, ok = page.AppendKey(nil, p, i); !ok {
			return 0, t.senseless(leaf)
		}
	}
	n = g.within(j, gap)
	if n < 2 {
		return 0, nil
	}
	c := cut{graft: g, leaf: leaf, at: i, from: j, to: j + n}
	c.low, c.high, c.next = bytes.Clone(low), bytes.Clone(high), page.Next(p)
	if !bounded {
		c.high = nil
	}
	fits, err := c.plan(p)
	if err != nil || !fits {
		return 0, err
	}
	if w.height == 0 {
		if err := t.growRoot(); err != nil {
			return 0, err
		}
		c.leaf = w.ids[w.height]
	}
	return n, c.perform()
}

// within is how many leaves from j on have only keys below gap; nil is no
// bound.
func (g *graft) within(j int, gap []byte) int {
	all := len(g.made.leaves)
	return sort.Search(all-j, func(n int) bool {
		end := g.made.sep(j + n + 1)
		return end == nil || gap != nil && bytes.Compare(end, gap) > 0
	})
}

// A cut is a leaf of the tree in two, and between the halves leaves [from, to)
// of a load, two at least.
type cut struct {
	*graft
	leaf      page.ID
	at        int // entries from at on go to the right
	low, high []byte
	next      page.ID
	from, to  int

	absorbed bool // the left half is the first of the leaves
	more     bool // there is a right half
}

// plan makes the halves, in memory, and reports whether that works out. p is
// the leaf.
func (c *cut) plan(p []byte) (bool, error) {
	g := c.graft
	from, end := g.made.sep(c.from), g.made.sep(c.to)
	page.InitLeaf(g.left, c.leaf, c.low, from, g.place(c.from).id)
	if c.at > 0 && !copyRows(g.left, p, 0, c.at) {
		return false, nil
	}
	if c.at == 0 {
		first := g.place(c.from)
		if err := g.tree.file.ReadPage(g.read, first.id, first.entry); err != nil {
			return false, g.tree.damaged(err)
		}
		copy(g.right, g.left)
		page.InitLeaf(g.left, c.leaf, c.low, g.made.sep(c.from+1), g.place(c.from+1).id)
		c.absorbed = copyRows(g.left, g.read, 0, page.Count(g.read))
		if !c.absorbed {
			copy(g.left, g.right) // it stays empty
		}
	}
	page.InitLeaf(g.right, 0, end, c.high, c.next)
	c.more = c.at < page.Count(p)
	return copyRows(g.right, p, c.at, page.Count(p)), nil
}

// copyRows appends entries [from, to) of a leaf to another one, and reports
// whether all fit.
func copyRows(dst, src []byte, from, to int) bool {
	var key []byte
	for i := from; i < to; i++ {
		flags, payload, ok := page.Cell(src, i)
		var ok2 bool
		key, ok2 = page.AppendKey(key[:0], src, i)
		if !ok || !ok2 || !page.Insert(dst, page.Count(dst), key, flags, payload) {
			return false
		}
	}
	return true
}

// perform makes the leaves children, behind the leaf at the path's end.
func (c *cut) perform() error {
	g, t := c.graft, c.tree
	w := &t.writer
	f, err := t.change(c.leaf)
	if err != nil {
		return err
	}
	copy(t.pool.Page(f), g.left)
	page.SetID(t.pool.Page(f), c.leaf)
	w.last = 0
	if page.Count(g.left) == 0 {
		t.sparse.note(c.leaf)
	}
	j := c.from
	for i := c.from; i < c.to; i++ {
		t.keys.Add(int64(g.made.leaves[i].rows))
	}
	if c.absorbed {
		g.forsake(g.place(j))
		j++
	}
	right, err := c.closeRun()
	if err != nil {
		return err
	}
	for ; j < c.to; j++ {
		if err := c.child(g.made.sep(j), g.place(j).id); err != nil {
			return err
		}
	}
	if right != 0 {
		err = c.child(g.made.sep(c.to), right)
	}
	w.finishOp(t)
	return err
}

// closeRun joins the last leaf to what follows. That is the right half, whose
// page it returns, or if there is none the leaf behind.
func (c *cut) closeRun() (right page.ID, err error) {
	g, t := c.graft, c.tree
	last := g.place(c.to - 1).id
	f, err := t.change(last)
	if err != nil {
		return 0, err
	}
	p := t.pool.Page(f)
	if !c.more && page.SetFences(p, bytes.Clone(g.made.sep(c.to-1)), c.high, c.high != nil) {
		page.SetNext(p, c.next)
		return 0, nil
	}
	right, _, err = t.create(false, func(p []byte, id page.ID) {
		copy(p, g.right)
		page.SetID(p, id)
	})
	if err != nil {
		return 0, err
	}
	if !c.more {
		t.sparse.note(right)
	}
	// The frame is locked, so it is still that of the page.
	page.SetNext(p, right)
	return right, nil
}

// child puts a page behind the child that the path takes, and makes the path
// one to that.
func (c *cut) child(sep []byte, id page.ID) error {
	t, w := c.tree, &c.tree.writer
	depth := w.height - 1
	f, err := t.change(w.ids[depth])
	if err != nil {
		return err
	}
	if page.InsertChild(t.pool.Page(f), w.at[depth], sep, id) {
		w.at[depth]++
		w.ids[w.height] = id
		return nil
	}
	if err := t.insertChild(depth, sep, id); err != nil {
		return err
	}
	w.finishOp(t)
	return t.descendAbove(sep)
}

// descendAbove is descend that does not look at the leaf.
func (t *tree) descendAbove(key []byte) error {
	w := &t.writer
	w.last = 0
	id := page.RootID
	for w.height = 0; w.height+1 < maxHeight; {
		f, err := t.bring(id)
		if err != nil {
			return err
		}
		p := t.pool.Page(f)
		child, i, ok := page.Child(p, key)
		if !ok || page.KindOf(p) != page.Inner {
			return t.senseless(id)
		}
		w.ids[w.height], w.at[w.height] = id, i
		w.height++
		w.ids[w.height] = child
		if page.Level(p) == 1 {
			return nil
		}
		id = child
	}
	return t.senseless(id)
}
