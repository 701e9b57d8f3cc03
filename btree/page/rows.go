package page

// Rows reads the entries of a leaf that nobody changes meanwhile, such as a
// copy, without looking at the header each time. The zero value has none.
type Rows struct {
	p []byte
	a areas
}

// Reset makes r those of p. If ok is false, p makes no sense as a leaf, and
// there are none.
func (r *Rows) Reset(p []byte) (ok bool) {
	r.p = p
	if !r.a.parse(p) || r.a.kind != Leaf {
		*r = Rows{}
		return false
	}
	return true
}

// Count returns how many there are.
func (r *Rows) Count() int { return r.a.count }

// Row returns entry i: its key behind what is in dst, and payload as a slice of
// the page. If ok is false, there is none, or the page makes no sense.
func (r *Rows) Row(dst []byte, i int) (key []byte, flags uint8, payload []byte, ok bool) {
	if uint(i) >= uint(r.a.count) {
		return dst, 0, nil, false
	}
	cell, keyEnd, ok := r.a.span(r.p, i)
	if !ok {
		return dst, 0, nil, false
	}
	key = append(dst, r.p[HeaderBytes:][:r.a.strip]...)
	key = append(key, cell[leafCell:keyEnd]...)
	return key, cell[flagsAt], cell[keyEnd:], true
}

// Cell is Row without the key.
func (r *Rows) Cell(i int) (flags uint8, payload []byte, ok bool) {
	if uint(i) >= uint(r.a.count) {
		return 0, nil, false
	}
	cell, keyEnd, ok := r.a.span(r.p, i)
	if !ok {
		return 0, nil, false
	}
	return cell[flagsAt], cell[keyEnd:], true
}
