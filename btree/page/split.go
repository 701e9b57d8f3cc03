package page

// SplitPoint returns where to split a page, so that an entry of so many bytes
// fits, as the i-th, into the half where it belongs: key and payload of a leaf,
// a separator of an inner page. There are at least 2 entries, 3 in an inner
// page. Both halves are about equally full, or, if appending, the left one is
// full to a share of fill.
func SplitPoint(p []byte, i, need int, fill float64, appending bool) int {
	var a areas
	if !a.parse(p) || a.count < 2 {
		return a.count / 2
	}
	last := a.count - 1 // the highest answer
	if a.kind == Inner && last > 1 {
		last--
	}
	need += a.cell + entryBytes(a.kind)
	all := a.used(p) - arraysAt(a.strip) - firstBytes(a.kind)
	target := all
	if appending {
		target = int(fill * float64(len(p)))
	}
	left, best, at := 0, 1<<30, 1
	for n := 1; n <= last; n++ {
		left += a.size(p, n-1)
		right := all - left
		if a.kind == Inner {
			right -= a.size(p, n)
		}
		if appending && i == a.count {
			if n == 1 || left <= target-arraysAt(a.strip) {
				at = n
			}
			continue
		}
		worst := max(left, right)
		if i <= n {
			worst = max(worst, left+need)
		}
		if i > n || i == n && a.kind == Leaf {
			worst = max(worst, right+need)
		}
		if worst < best {
			best, at = worst, n
		}
	}
	return at
}

// size is what entry i takes.
func (a *areas) size(p []byte, i int) int {
	cell, _, _ := a.span(p, i)
	return len(cell) + entryBytes(a.kind)
}

// Split moves entries [at, Count) of a leaf to right, a page of the same size
// that becomes page rightID, and returns the key that is between: right's low
// fence and left's high one. It is the shortest that is above the last key of
// left and not above the first of right. Neither side may become empty. If ok
// is false, left makes no sense, and is unchanged.
func Split(left, right []byte, at int, rightID ID) (sep []byte, ok bool) {
	return split(left, right, at, rightID, Leaf)
}

// SplitInner is Split of an inner page, whose separator at moves up.
func SplitInner(left, right []byte, at int, rightID ID) (sep []byte, ok bool) {
	return split(left, right, at, rightID, Inner)
}

func split(left, right []byte, at int, rightID ID, kind Kind) (sep []byte, ok bool) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	c, a, ok := s.copyOf(left)
	if !ok || a.kind != kind || at < 0 || at >= a.count || len(right) != len(left) {
		return nil, false
	}
	low, high, bounded, ok := Fences(c)
	if !ok {
		return nil, false
	}
	from := at
	if kind == Inner {
		sep, ok = a.appendKey(nil, c, at)
		from++
	} else {
		sep, ok = a.between(s, c, at)
	}
	if !ok {
		return nil, false
	}
	r := plan{
		kind: kind, low: sep, high: high, bounded: bounded,
		parts: []part{{c, a, from, a.count}}, most: anyPrefix,
	}
	l := plan{
		kind: kind, low: low, high: sep, bounded: true,
		parts: []part{{c, a, 0, at}}, most: anyPrefix,
	}
	if !r.fit(s, len(right)) {
		return nil, false
	}
	r.first = append([]byte(nil), r.first...)
	if !l.fit(s, len(left)) {
		return nil, false
	}
	Init(right, kind, rightID)
	right[atLevel] = left[atLevel]
	SetStamp(right, Stamp(left))
	SetNext(right, Next(left))
	r.write(right)
	if kind == Leaf {
		SetNext(left, rightID)
	}
	l.write(left)
	return sep, true
}

// between returns the shortest key above entry at-1 and not above entry at.
func (a *areas) between(s *scratch, p []byte, at int) (sep []byte, ok bool) {
	if at == 0 {
		return nil, false
	}
	if s.first, ok = a.appendKey(s.first[:0], p, at-1); !ok {
		return nil, false
	}
	if s.last, ok = a.appendKey(s.last[:0], p, at); !ok {
		return nil, false
	}
	n := common(s.first, s.last) + 1
	if n > len(s.last) {
		return nil, false // out of order
	}
	return append([]byte(nil), s.last[:n]...), true
}
