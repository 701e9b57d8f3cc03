package btree

import (
	"bytes"
	"fmt"

	"github.com/kvbench/kvbench/btree/page"
)

// A treeWalk goes through the tree in the order of keys.
type treeWalk struct {
	levels [maxHeight + 1]step
	leaf   page.ID // the last one; 0: there is none, or it is not known
	spare  []byte
}

// A step of a treeWalk is an inner page.
type step struct {
	page      []byte
	low, high []byte // around the child that is looked at
}

// walkTree walks through the tree. It reads inner pages; leaves have been read.
func (v *verifier) walkTree() error {
	if !v.known {
		return nil
	}
	c, _ := v.find(page.RootID)
	if c == nil || c.kind == 0 {
		v.blind = true
		return nil
	}
	c.place()
	at := v.place(page.RootID)
	switch {
	case c.kind == page.Overflow || c.height() > maxHeight:
		v.Problem(v.path, at, "the root is an %v page, at level %d", c.kind, c.height())
		v.blind = true
		return nil
	case c.fences != v.hash(nil, nil, false):
		v.Problem(v.path, at, "the root has fences")
	}
	v.census.height = c.height() + 1
	v.walk.spare = make([]byte, v.sb.PageBytes)
	if err := v.descend(page.RootID, c); err != nil {
		return err
	}
	if id := v.walk.leaf; id != 0 {
		if c, _ := v.find(id); c.next != 0 {
			v.Problem(v.path, v.place(id), "page %d is the last leaf, and says that page %d follows", id, c.next)
		}
	}
	return nil
}

// descend looks at what is below a page that has its place.
func (v *verifier) descend(id page.ID, c *checked) error {
	if c.kind == page.Leaf {
		v.follow(id, c)
		return nil
	}
	if err := v.Err(); err != nil {
		return err
	}
	s := &v.walk.levels[c.height()]
	if s.page == nil {
		s.page = make([]byte, v.sb.PageBytes)
	}
	p := s.page
	ok, err := v.readPage(p, id, c.ref, fmt.Sprintf("page %d", id))
	if err != nil || !ok {
		v.lose()
		return err
	}
	low, high, bounded, _ := page.Fences(p)
	n := page.Count(p)
	s.low = append(s.low[:0], low...)
	for i := 0; i <= n; i++ {
		s.high = s.high[:0]
		if i < n {
			s.high, _ = page.AppendKey(s.high, p, i)
		} else {
			s.high = append(s.high, high...)
		}
		child, _ := page.ChildAt(p, i)
		if err := v.child(id, i, child, c.height()-1, s, i < n || bounded); err != nil {
			return err
		}
		s.low, s.high = s.high, s.low
	}
	return nil
}

// child looks at child i of a page, which should be of a level.
func (v *verifier) child(parent page.ID, i int, id page.ID, level int, s *step, bounded bool) error {
	c, missing := v.find(id)
	at := v.place(parent)
	switch {
	case missing:
		v.Problem(v.path, at, "page %d: child %d is page %d, which there is not", parent, i, id)
	case c == nil || c.kind == 0: // is said
	case c.placed():
		v.Problem(v.path, at, "page %d: child %d is page %d, which has another place", parent, i, id)
	case c.height() != level || c.kind == page.Overflow:
		v.Problem(v.path, at, "page %d: child %d is page %d, an %v page at level %d, want level %d", parent, i, id, c.kind, c.height(), level)
		c.place()
	default:
		c.place()
		high := s.high
		if !bounded {
			high = nil
		}
		if c.fences != v.hash(s.low, high, bounded) {
			if err := v.misfit(id, c, parent, i, s.low, high, bounded); err != nil {
				return err
			}
		}
		return v.descend(id, c)
	}
	v.lose()
	return nil
}

// misfit says which fences a page has that its place has not.
func (v *verifier) misfit(id page.ID, c *checked, parent page.ID, i int, low, high []byte, bounded bool) error {
	p := v.walk.spare
	ok, err := v.readPage(p, id, c.ref, fmt.Sprintf("page %d", id))
	if err != nil || !ok {
		return err
	}
	l, h, b, _ := page.Fences(p)
	what := "high fence"
	if !bytes.Equal(l, low) {
		what = "low fence"
	}
	v.Problem(v.path, v.place(id), "page %d: its %s does not fit: it is for keys %s, and as child %d of page %d for %s",
		id, what, between(l, h, b), i, parent, between(low, high, bounded))
	return nil
}

func between(low, high []byte, bounded bool) string {
	if !bounded {
		return fmt.Sprintf("from %s", shown(low))
	}
	return fmt.Sprintf("from %s to %s", shown(low), shown(high))
}

// shown is a key as text, shortened.
func shown(key []byte) string {
	const most = 32
	if len(key) > most {
		return fmt.Sprintf("%q...", key[:most])
	}
	return fmt.Sprintf("%q", key)
}

// lose notes that what is below a place is not known.
func (v *verifier) lose() {
	v.blind = true
	v.walk.leaf = 0
}

// follow looks at the next leaf in the order of keys.
func (v *verifier) follow(id page.ID, c *checked) {
	last := v.walk.leaf
	v.walk.leaf = id
	if last == 0 {
		return
	}
	b, _ := v.find(last)
	if b.next != id {
		v.Problem(v.path, v.place(last), "page %d says that leaf %d follows, and it is page %d", last, b.next, id)
	}
	if b.ref.Slot()+1 == c.ref.Slot() {
		v.census.neighbours++
	}
}

// walkChains follows the pages of large values.
func (v *verifier) walkChains() error {
	for i := range v.chains {
		if i%1024 == 0 && v.Err() != nil {
			return v.Err()
		}
		if what := v.walkChain(&v.chains[i]); what != "" {
			c := &v.chains[i]
			v.Problem(v.path, v.place(c.leaf), "page %d: the value of entry %d, of %d bytes, %s", c.leaf, c.entry, c.length, what)
		}
	}
	return nil
}

// walkChain says what is wrong with a chain, if anything is that was not said.
func (v *verifier) walkChain(x *chain) string {
	room := page.OverflowRoom(v.sb.PageBytes)
	id, n := x.first, max(1, (x.length+room-1)/room)
	for i := range n {
		if id == 0 {
			return fmt.Sprintf("ends after %d of %d pages", i, n)
		}
		c, missing := v.find(id)
		switch {
		case missing:
			return fmt.Sprintf("has page %d as %d of %d, which there is not", id, i+1, n)
		case c == nil || c.kind == 0:
			v.blind = true
			return ""
		case c.kind != page.Overflow:
			return fmt.Sprintf("has page %d as %d of %d, which is an %v page", id, i+1, n, c.kind)
		case c.placed():
			return fmt.Sprintf("has page %d as %d of %d, which has another place", id, i+1, n)
		}
		c.place()
		if want := min(room, x.length-i*room); int(c.bytes) != want {
			v.Problem(v.path, v.place(id), "page %d, %d of %d of a value, has %d bytes, want %d", id, i+1, n, c.bytes, want)
		}
		id = c.next
	}
	if id != 0 {
		return fmt.Sprintf("goes on behind its end, with page %d", id)
	}
	return ""
}

// findLost finds pages that nobody refers to, and counts keys.
func (v *verifier) findLost() error {
	if !v.known || v.blind {
		return nil
	}
	for n := range v.sheets {
		for i := range v.sheets[n] {
			c := &v.sheets[n][i]
			if c.ref == 0 || c.placed() {
				continue
			}
			id := page.ID(n*len(v.sheets[0]) + i + 1)
			v.Problem(v.path, v.place(id), "page %d (%v) is in the map, and nothing leads to it", id, c.kind)
			v.census.lost++
		}
	}
	if v.census.lost == 0 && v.census.keys != v.sb.Keys {
		v.Problem(v.path, 0, "there are %d keys, and the superblock counts %d", v.census.keys, v.sb.Keys)
	}
	return nil
}
