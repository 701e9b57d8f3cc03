package page

// Init makes p an empty page whose body is the caller's, which is behind the
// header.
func Init(p []byte, kind Kind, id ID) {
	clear(p)
	p[atKind] = byte(kind)
	SetID(p, id)
}

// OverflowRoom returns how much of a value a page of so many bytes holds.
func OverflowRoom(pageBytes int) int { return pageBytes - HeaderBytes }

// InitOverflow makes p a page with a part of a value, of at most OverflowRoom,
// and of the chain's next page, 0 if it is the last.
func InitOverflow(p []byte, id, next ID, part []byte) {
	Init(p, Overflow, id)
	SetNext(p, next)
	put16(p, atCount, copy(p[HeaderBytes:], part))
}

// OverflowPart returns the part of a value that a page holds, as a slice of p.
// If ok is false, the page makes no sense.
func OverflowPart(p []byte) (part []byte, ok bool) {
	if KindOf(p) != Overflow {
		return nil, false
	}
	end := HeaderBytes + get16(p, atCount)
	if end > len(p) {
		return nil, false
	}
	return p[HeaderBytes:end:end], true
}
