package page

// SplitPoint returns where to split a page, so that an entry of so many bytes
// fits, as the i-th, into the half where it belongs: key and payload of a leaf,
// a separator of an inner page. Entry i may as well be one that grows to so
// many. There are at least 2 entries, in an inner page 3, which is so where
// there is no room.
//
// Both halves get about the same, and the separator is a short one. If the
// entry is the last and appending says that more will follow, the left half
// stays full to a share of fill.
func SplitPoint(p []byte, i, need int, fill float64, appending bool) int {
	s := halves{i: i, need: need}
	if !s.parse(p) || s.count < 2 {
		return Count(p) / 2
	}
	s.need += s.cell + entryBytes(s.kind)
	s.last = s.count - 1
	if s.kind == Inner && s.last > 1 {
		s.last--
	}
	for n := range s.count {
		s.all += s.size(p, n)
	}
	if appending && i >= s.count {
		return s.append(p, fill)
	}
	return s.balance(p)
}

// halves looks for a place to split a page. See the package comment, Room.
type halves struct {
	areas
	i, need int
	last    int // the highest place
	all     int // what the entries take
}

// limit is what the entries of a half may take, whatever its fences are.
func (s *halves) limit(p []byte) int {
	return len(p) - 2*MaxKey(len(p)) - arraysAt(s.strip) - 3 - firstBytes(s.kind)
}

// append returns the highest place before which the left half is not fuller
// than to fill, or the lowest behind that where the entry fits on the right.
func (s *halves) append(p []byte, fill float64) int {
	low, _, _, _ := Fences(p)
	target := int(fill*float64(len(p))) - arraysAt(s.strip) - firstBytes(s.kind) - len(low) - s.strip
	limit := s.limit(p)
	left := s.size(p, 0)
	for n := 2; n <= s.last; n++ {
		next := left + s.size(p, n-1)
		if next+s.separator(p, n) > target && s.all-left+s.need <= limit {
			return n - 1
		}
		left = next
	}
	return s.last
}

// balance returns the place where the fuller half, with the entry, is least
// full, or one close by that has a shorter separator.
func (s *halves) balance(p []byte) int {
	best, at := s.worst(p, 1, s.size(p, 0)), 1
	left := s.size(p, 0)
	for n := 2; n <= s.last; n++ {
		left += s.size(p, n-1)
		if w := s.worst(p, n, left); w < best {
			best, at = w, n
		}
	}
	bound := max(best, min(s.limit(p), best+len(p)/16))
	short := 1 << 30
	left = 0
	for n := 1; n <= s.last; n++ {
		left += s.size(p, n-1)
		w := s.worst(p, n, left)
		if w > bound {
			continue
		}
		if size := s.separator(p, n); size < short || size == short && w < best {
			short, best, at = size, w, n
		}
	}
	return at
}

// worst returns what the entries of the fuller half take, if n is the place,
// before which entries take left. The entry may belong to either half.
func (s *halves) worst(p []byte, n, left int) int {
	right := s.all - left
	if s.kind == Inner {
		right -= s.size(p, n)
	}
	w := max(left, right)
	if s.i <= n {
		w = max(w, left+s.need)
	}
	if s.i > n || s.i == n && s.kind == Leaf {
		w = max(w, right+s.need)
	}
	return w
}

// separator returns how long it would be, without what is stripped.
func (s *halves) separator(p []byte, n int) int {
	key, _ := s.key(p, n)
	if s.kind == Inner {
		return len(key)
	}
	before, _ := s.key(p, n-1)
	return common(before, key) + 1
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
	s.mid = append(s.mid[:0], r.first...)
	r.first = s.mid
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
