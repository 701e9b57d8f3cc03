package btree

import (
	"bytes"
	"fmt"

	"github.com/kvbench/kvbench/btree/page"
)

// anatomy reports what is wrong with the pages of a tree. Nobody writes, but
// what goes on in the background may.
func anatomy(t *tree) error {
	var err error
	for range 100 {
		var h hold
		h.begin(t)
		s := survey{v: view{tree: t, at: h.moment.At()}, seen: map[page.ID]bool{}}
		err = s.page(page.RootID, -1, nil, nil)
		s.v.end()
		if err == nil {
			var still bool
			if still, err = s.compare(); err == nil && !still {
				h.quit()
				continue // it is another tree by now
			}
		}
		h.quit()
		return err
	}
	return err
}

// A survey is a walk over all pages of a snapshot.
type survey struct {
	v      view
	seen   map[page.ID]bool
	leaves int
	next   page.ID // of the last leaf
	rows   int64
}

// compare compares what was seen with what the tree says of itself, if it is
// still as it was.
func (s *survey) compare() (still bool, err error) {
	t := s.v.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clock.Published() != s.v.at {
		return false, nil
	}
	if s.next != 0 {
		return true, fmt.Errorf("the last leaf is followed by page %d", s.next)
	}
	for id := page.ID(1); id <= t.pages.Len(); id++ {
		if s.seen[id] != (t.pages.Load(id) != 0) {
			return true, fmt.Errorf("page %d is in the tree: %v; it is at %v", id, s.seen[id], t.pages.Load(id))
		}
	}
	if n := int(t.pages.Len() - t.pages.Free()); n != len(s.seen) {
		return true, fmt.Errorf("%d page ids are taken, the tree has %d pages", n, len(s.seen))
	}
	if n := t.keys.Load(); n != s.rows {
		return true, fmt.Errorf("%d keys are counted, there are %d", n, s.rows)
	}
	return true, nil
}

// take returns a copy of a page, which nobody has referred to before.
func (s *survey) take(id page.ID) ([]byte, error) {
	if s.seen[id] {
		return nil, fmt.Errorf("page %d is referred to twice", id)
	}
	s.seen[id] = true
	p, err := s.v.page(id)
	if err != nil {
		return nil, err
	}
	p = bytes.Clone(p)
	s.v.leave()
	if err := page.Check(p); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	if page.IDOf(p) != id {
		return nil, fmt.Errorf("page %d says it is page %d", id, page.IDOf(p))
	}
	return p, nil
}

// page looks at a page and what is below, which is to have these fences.
func (s *survey) page(id page.ID, level int, low, high []byte) error {
	p, err := s.take(id)
	if err != nil {
		return err
	}
	l, h, bounded, _ := page.Fences(p)
	if level >= 0 && page.Level(p) != level || !bytes.Equal(l, low) || bounded != (high != nil) || !bytes.Equal(h, high) {
		return fmt.Errorf("page %d is at level %d from %.30q to %.30q (%v), want %d from %.30q to %.30q", id, page.Level(p), l, h, bounded, level, low, high)
	}
	if page.KindOf(p) != page.Inner {
		return s.leaf(id, p)
	}
	from := low
	for i := range page.Count(p) + 1 {
		to := high
		if i < page.Count(p) {
			to, _ = page.AppendKey(nil, p, i)
		}
		child, _ := page.ChildAt(p, i)
		if err := s.page(child, page.Level(p)-1, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func (s *survey) leaf(id page.ID, p []byte) error {
	if page.KindOf(p) != page.Leaf {
		return fmt.Errorf("page %d is no leaf", id)
	}
	if s.leaves > 0 && s.next != id {
		return fmt.Errorf("leaf %d follows one that says %d does", id, s.next)
	}
	s.leaves++
	s.rows += int64(page.Count(p))
	s.next = page.Next(p)
	for i := range page.Count(p) {
		flags, payload, _ := page.Cell(p, i)
		r, ok := parseRow(flags, payload)
		if !ok {
			return fmt.Errorf("row %d of leaf %d makes no sense", i, id)
		}
		if err := s.chain(&r); err != nil {
			return fmt.Errorf("row %d of leaf %d: %w", i, id, err)
		}
	}
	return nil
}

func (s *survey) chain(r *row) error {
	length := 0
	for id := r.first; id != 0; {
		p, err := s.take(id)
		if err != nil {
			return err
		}
		part, ok := page.OverflowPart(p)
		if !ok {
			return fmt.Errorf("page %d is in no chain", id)
		}
		length += len(part)
		id = page.Next(p)
	}
	if r.chained && length != r.length {
		return fmt.Errorf("its chain has %d bytes of %d", length, r.length)
	}
	return nil
}
