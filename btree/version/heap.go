package version

// Heaps are pairing heaps (Fredman, Sedgewick, Sleator, Tarjan 1986): a root
// has the highest stamp, child is its first child, sibling the next child of
// the same parent. A root has no sibling.

// join makes one heap of two; either may be none.
func (s *Set) join(a, b int32) int32 {
	if a == none {
		return b
	}
	if b == none {
		return a
	}
	x, y := s.slab.at(a), s.slab.at(b)
	if x.stamp < y.stamp {
		a, b, x, y = b, a, y, x
	}
	y.sibling = x.child
	x.child = b
	return a
}

// pop returns the heap without its root a: its children joined in pairs, then
// all pairs from the last to the first.
func (s *Set) pop(a int32) int32 {
	pairs := none // linked by sibling, the last first
	for at := s.slab.at(a).child; at != none; {
		first := at
		second := s.slab.at(first).sibling
		s.slab.at(first).sibling = none
		at = none
		if second != none {
			at = s.slab.at(second).sibling
			s.slab.at(second).sibling = none
		}
		pair := s.join(first, second)
		s.slab.at(pair).sibling = pairs
		pairs = pair
	}
	root := none
	for pairs != none {
		next := s.slab.at(pairs).sibling
		s.slab.at(pairs).sibling = none
		root = s.join(root, pairs)
		pairs = next
	}
	s.slab.at(a).child = none
	return root
}
