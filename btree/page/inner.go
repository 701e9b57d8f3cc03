package page

// InitInner makes p an inner page of a level, which is not 0, with one child.
// The fences are as those of InitLeaf.
func InitInner(p []byte, id ID, level int, low, high []byte, first ID) {
	Init(p, Inner, id)
	p[atLevel] = byte(level)
	initFences(p, low, high)
	SetChild(p, 0, first)
}

// ChildAt returns child i of an inner page, of which there are Count and one
// more. If ok is false, there is none, or the page makes no sense.
func ChildAt(p []byte, i int) (child ID, ok bool) {
	var a areas
	if !a.parse(p) || a.kind != Inner || uint(i) > uint(a.count) {
		return 0, false
	}
	return get32(p, a.children+childBytes*i), true
}

// SetChild sets child i of an inner page.
func SetChild(p []byte, i int, id ID) {
	var a areas
	if a.parse(p) && a.kind == Inner && uint(i) <= uint(a.count) {
		put32(p, a.children+childBytes*i, id)
	}
}

// InsertChild adds a separator as the i-th of an inner page, and the child to
// its right as child i+1. The separator is at most MaxKey, and no slice of p.
// It reports false if there is no room; p is unchanged then.
func InsertChild(p []byte, i int, sep []byte, right ID) bool {
	var a areas
	if !a.parse(p) || a.kind != Inner {
		return false
	}
	off, ok := a.open(p, i, sep, 0)
	if !ok {
		return false
	}
	sep = sep[a.strip:]
	put16(p, off, len(sep))
	copy(p[off+innerCell:], sep)
	children := p[a.children:][:childBytes*(a.count+1)]
	copy(children[childBytes*(i+2):], children[childBytes*(i+1):])
	put32(children, childBytes*(i+1), right)
	return true
}

// RemoveChild takes separator i and child i+1 out of an inner page.
func RemoveChild(p []byte, i int) {
	var a areas
	if !a.parse(p) || a.kind != Inner || uint(i) >= uint(a.count) {
		return
	}
	children := p[a.children:][:childBytes*(a.count+1)]
	copy(children[childBytes*(i+1):], children[childBytes*(i+2):])
	a.close(p, i)
}

// SetSeparator makes separator i of an inner page another, which is between its
// neighbours and no slice of p. It reports false if there is no room; p is
// unchanged then.
func SetSeparator(p []byte, i int, sep []byte) bool {
	var a areas
	if !a.parse(p) || a.kind != Inner || uint(i) >= uint(a.count) || len(sep) < a.strip {
		return false
	}
	cell, _, ok := a.span(p, i)
	if !ok || a.used(p)-len(cell)+innerCell+len(sep)-a.strip > len(p) {
		return false
	}
	child := get32(p, a.children+childBytes*(i+1))
	RemoveChild(p, i)
	return InsertChild(p, i, sep, child)
}
