package table

import (
	"github.com/kvbench/kvbench/lsm/ikey"
)

// appendSeparator appends one of the shortest keys s with a <= s < b, or a if
// the two are equal: the last key of a block and the first of the next.
func appendSeparator(dst, a, b []byte) []byte {
	l := ikey.CommonPrefix(a, b)
	switch {
	case l+1 >= len(a): // nothing is shorter; or a is all of the prefix
		return append(dst, a...)
	case l+1 < len(b):
		return append(dst, b[:l+1]...)
	case a[l]+1 < b[l]:
		dst = append(dst, a[:l+1]...)
		dst[len(dst)-1]++
		return dst
	}
	// b is a[:l] and one byte, which is the next after a[l]: what begins with
	// a[:l+1] and goes on higher than a will do.
	i := l + 1
	for i < len(a) && a[i] == 0xff {
		i++
	}
	if i+1 >= len(a) {
		return append(dst, a...)
	}
	dst = append(dst, a[:i+1]...)
	dst[len(dst)-1]++
	return dst
}

// separators are those of a table while it is written.
type separators struct {
	bytes []byte
	ends  []int
}

func (s *separators) reset() { s.bytes, s.ends = s.bytes[:0], s.ends[:0] }

// add enters the one between a last and a first key; a nil first is none.
func (s *separators) add(last, first []byte) {
	if first == nil {
		s.bytes = append(s.bytes, last...)
	} else {
		s.bytes = appendSeparator(s.bytes, last, first)
	}
	s.ends = append(s.ends, len(s.bytes))
}

func (s *separators) at(i int) []byte {
	start := 0
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.bytes[start:s.ends[i]]
}

// prefix is what all of them begin with.
func (s *separators) prefix() []byte {
	if len(s.ends) == 0 {
		return nil
	}
	first, last := s.at(0), s.at(len(s.ends)-1)
	return first[:ikey.CommonPrefix(first, last)]
}
