package page

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// linear is how many entries of the wanted head are looked at one by one.
const linear = 4

// Find returns the first entry whose key is not below key, which is Count if
// there is none, and whether it has this key. If ok is false, the page makes no
// sense.
func Find(p, key []byte) (i int, found, ok bool) {
	var a areas
	if !a.parse(p) {
		return 0, false, false
	}
	return a.search(p, key)
}

// Get returns the entry of key in a leaf; payload is a slice of p. If ok is
// false, the page makes no sense. It allocates nothing.
func Get(p, key []byte) (flags uint8, payload []byte, found, ok bool) {
	var a areas
	if !a.parse(p) || a.kind != Leaf {
		return 0, nil, false, false
	}
	prefix := p[HeaderBytes:][:a.prefix]
	if len(key) < len(prefix) || string(key[:len(prefix)]) != string(prefix) {
		return 0, nil, false, true
	}
	rest := key[len(prefix):]
	want := head(rest)
	heads := p[a.heads:][:headBytes*a.count]
	i := lowerBound(heads, want)
	heads = heads[headBytes*i:]
	for n := 0; len(heads) >= headBytes && binary.LittleEndian.Uint32(heads) == want; n++ {
		if n == linear {
			return a.getRun(p, rest, want, i)
		}
		cell, keyEnd, ok := a.span(p, i)
		skip := leafCell + a.prefix - a.strip
		if !ok || skip > keyEnd {
			return 0, nil, false, false
		}
		if string(cell[skip:keyEnd]) == string(rest) {
			return cell[flagsAt], cell[keyEnd:], true, true
		}
		heads = heads[headBytes:]
		i++
	}
	return 0, nil, false, true
}

// getRun is Get among the entries from lo on, as searchRun searches them.
func (a *areas) getRun(p, rest []byte, want uint32, lo int) (flags uint8, payload []byte, found, ok bool) {
	i, found, ok := a.searchRun(p, rest, want, lo)
	if !found {
		return 0, nil, false, ok
	}
	cell, keyEnd, ok := a.span(p, i)
	if !ok {
		return 0, nil, false, false
	}
	return cell[flagsAt], cell[keyEnd:], true, true
}

// Child returns the child of an inner page that has key, and its number. If ok
// is false, the page makes no sense. It allocates nothing.
func Child(p, key []byte) (child ID, i int, ok bool) {
	var a areas
	if !a.parse(p) || a.kind != Inner {
		return 0, 0, false
	}
	i, found, ok := a.search(p, key)
	if found {
		i++
	}
	return get32(p, a.children+childBytes*i), i, ok
}

// search is Find.
func (a *areas) search(p, key []byte) (i int, found, ok bool) {
	prefix := p[HeaderBytes:][:a.prefix]
	if len(key) < len(prefix) || string(key[:len(prefix)]) != string(prefix) {
		if bytes.Compare(key, prefix) < 0 {
			return 0, false, true
		}
		return a.count, false, true
	}
	rest := key[len(prefix):]
	want := head(rest)
	heads := p[a.heads:][:headBytes*a.count]
	i = lowerBound(heads, want)
	for n := 0; i < a.count && binary.LittleEndian.Uint32(heads[headBytes*i:]) == want; n++ {
		if n == linear {
			return a.searchRun(p, rest, want, i)
		}
		have, ok := a.rest(p, i)
		if !ok {
			return 0, false, false
		}
		if string(have) == string(rest) {
			return i, true, true
		}
		if bytes.Compare(have, rest) > 0 {
			return i, false, true
		}
		i++
	}
	return i, false, true
}

// searchRun is search among the entries from lo on, all those before which are
// lower.
func (a *areas) searchRun(p, rest []byte, want uint32, lo int) (i int, found, ok bool) {
	hi := a.count
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if get32(p, a.heads+headBytes*mid) > want {
			hi = mid
			continue
		}
		have, ok := a.rest(p, mid)
		if !ok {
			return 0, false, false
		}
		switch order := bytes.Compare(have, rest); {
		case order < 0:
			lo = mid + 1
		case order == 0:
			return mid, true, true
		default:
			hi = mid
		}
	}
	return lo, false, true
}

// lowerBound returns the number of the first head that is not below want.
//
// It has no branches that depend on heads, which would be guessed wrong every
// other time, and of each four parts asks for the ends of three at once, so
// that a search waits for half as many loads, one after the other.
//
// It looks at heads [i, i+n) only, which the compiler cannot see: checks of
// bounds took a third of its time.
func lowerBound(heads []byte, want uint32) int {
	i, n := 0, len(heads)/headBytes
	base := unsafe.Pointer(unsafe.SliceData(heads))
	for n >= 4 {
		q := n / 4
		p := unsafe.Add(base, headBytes*(i+q-1))
		i += q&below(p, want) + q&below(unsafe.Add(p, headBytes*q), want) + q&below(unsafe.Add(p, 2*headBytes*q), want)
		n -= 3 * q
	}
	for p := unsafe.Add(base, headBytes*i); n > 0; n-- {
		i -= below(p, want)
		p = unsafe.Add(p, headBytes)
	}
	return i
}

// below is all ones if the head at p is below want, else 0.
func below(p unsafe.Pointer, want uint32) int {
	return int((int64(binary.LittleEndian.Uint32((*[headBytes]byte)(p)[:])) - int64(want)) >> 63)
}

// AppendKey appends the key of entry i of a leaf, or separator i of an inner
// page, to dst. If ok is false, there is none, or the page makes no sense.
func AppendKey(dst, p []byte, i int) (key []byte, ok bool) {
	var a areas
	if !a.parse(p) || uint(i) >= uint(a.count) {
		return dst, false
	}
	return a.appendKey(dst, p, i)
}

func (a *areas) appendKey(dst, p []byte, i int) ([]byte, bool) {
	key, ok := a.key(p, i)
	if !ok {
		return dst, false
	}
	dst = append(dst, p[HeaderBytes:][:a.strip]...)
	return append(dst, key...), true
}
