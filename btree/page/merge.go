package page

// Merge appends all of right to left, the leaf before it, whose high fence and
// next page become those of right. It reports false if they do not fit; left is
// unchanged then.
func Merge(left, right []byte) bool { return merge(left, right, nil, Leaf) }

// MergeInner is Merge of inner pages; sep was between them.
func MergeInner(left, right, sep []byte) bool { return merge(left, right, sep, Inner) }

func merge(left, right, sep []byte, kind Kind) bool {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	c, a, ok := s.copyOf(left)
	var b areas
	if !ok || a.kind != kind || !b.parse(right) || b.kind != kind {
		return false
	}
	low, _, _, lowOK := Fences(c)
	_, high, bounded, highOK := Fences(right)
	if !lowOK || !highOK {
		return false
	}
	s.mid = append(s.mid[:0], sep...)
	l := plan{
		kind: kind, low: low, high: high, bounded: bounded,
		parts: []part{{c, a, 0, a.count}, {right, b, 0, b.count}},
		mid:   s.mid, most: anyPrefix,
	}
	if !l.fit(s, len(left)) {
		return false
	}
	SetNext(left, Next(right))
	l.write(left)
	return true
}
