package workloads

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// A ValueError says how a value differs from what a workload may have written
// for its key.
type ValueError struct {
	Number    uint64 // of the key that was read
	Field     int    // of the record
	What      string // the part that differs
	Got, Want uint64 // for "body" the byte read and the byte expected
	At        int    // for "body", the position in the field
}

// Error describes the difference.
func (e *ValueError) Error() string {
	s := fmt.Sprintf("value of key number %d: field %d: %s is %d, want %d", e.Number, e.Field, e.What, e.Got, e.Want)
	if e.What == "body" {
		s += fmt.Sprintf(" at byte %d", e.At)
	}
	return s
}

// Verify reports whether value is one that Next or SetField may have made for
// the key of number, in any worker. A full check compares every byte. The
// other looks at the size and one stamp, of records with several fields at the
// first and one more in turn, and costs nanoseconds. The error is a
// *ValueError. What cannot be seen: a change of the version, of the offset in
// a value that ends with its stamp or before, and a cut to less than 9 bytes
// where values may be so short.
func (v *Values) Verify(number uint64, value []byte, full bool) error {
	if v.fields > 1 {
		return v.verifyRecord(number, value, full)
	}
	if v.matches(number, value, full) {
		return nil
	}
	return v.verify(number, value, 0, full)
}

// matches reports whether b is a valid stamped value of at least the size of a
// stamp. It is the fast path of verify.
func (v *Values) matches(number uint64, b []byte, full bool) bool {
	n := len(b)
	if n < stampSize || n < v.least || n > v.most {
		return false
	}
	place := binary.LittleEndian.Uint64(b[8:])
	at := place >> 32
	if binary.LittleEndian.Uint64(b) != number || place&0xffffffff != uint64(n) || at+uint64(n) > uint64(len(v.pool)) {
		return false
	}
	return !full || bytes.Equal(b[stampSize:], v.pool[at+stampSize:at+uint64(n)])
}

// sizeError returns the error for a value whose size no value has.
func (v *Values) sizeError(number uint64, b []byte, field int) error {
	want := v.least
	if len(b) > v.most {
		want = v.most
	}
	return &ValueError{Number: number, Field: field, What: "size", Got: uint64(len(b)), Want: uint64(want)}
}

// verify checks one stamped value.
func (v *Values) verify(number uint64, b []byte, field int, full bool) error {
	if v.matches(number, b, full) {
		return nil
	}
	if len(b) < v.least || len(b) > v.most {
		return v.sizeError(number, b, field)
	}
	s := readStamp(b)
	if len(b) < stampSize {
		return v.verifyShort(number, b, field, s)
	}
	return v.explain(number, b, field, s)
}

// verifyShort checks a value that holds only a part of its stamp.
func (v *Values) verifyShort(number uint64, b []byte, field int, s stamp) error {
	var have, want [stampSize]byte
	copy(have[:], b)
	w := stamp{number: number, length: uint32(len(b)), offset: s.offset, version: s.version}
	w.put(want[:])
	n := min(len(b), 12)
	if bytes.Equal(have[:n], want[:n]) && uint64(s.offset) < uint64(len(v.pool)) {
		return nil
	}
	if w.number &= 1<<(8*min(n, 8)) - 1; s.number != w.number {
		return &ValueError{Number: number, Field: field, What: "key number", Got: s.number, Want: w.number}
	}
	return v.explain(number, b, field, s)
}

// explain says what is wrong with a stamped value.
func (v *Values) explain(number uint64, b []byte, field int, s stamp) error {
	e := &ValueError{Number: number, Field: field}
	switch {
	case s.number != number:
		e.What, e.Got, e.Want = "key number", s.number, number
	case int(s.length) != len(b):
		e.What, e.Got, e.Want = "length", uint64(s.length), uint64(len(b))
	case uint64(s.offset)+uint64(s.length) > uint64(len(v.pool)):
		e.What, e.Got, e.Want = "pool offset", uint64(s.offset), uint64(len(v.pool)-len(b))
	default:
		e.What = "body"
		pool := v.pool[s.offset:]
		for i := stampSize; i < len(b); i++ {
			if b[i] != pool[i] {
				e.At, e.Got, e.Want = i, uint64(b[i]), uint64(pool[i])
				break
			}
		}
	}
	return e
}

// verifyRecord checks a record of several fields.
func (v *Values) verifyRecord(number uint64, value []byte, full bool) error {
	if v.framed {
		return v.verifyFrames(number, value, full)
	}
	if len(value) != v.size*v.fields {
		return &ValueError{Number: number, What: "size", Got: uint64(len(value)), Want: uint64(v.size * v.fields)}
	}
	if !full {
		if err := v.verify(number, value[:v.size], 0, false); err != nil {
			return err
		}
		v.turn++
		i := int(v.turn % uint64(v.fields))
		return v.verify(number, value[i*v.size:][:v.size], i, false)
	}
	for i := range v.fields {
		if err := v.verify(number, value[i*v.size:][:v.size], i, true); err != nil {
			return err
		}
	}
	return nil
}

// verifyFrames checks a record whose fields vary in length: all frames, and
// all stamps, since finding a field passes the others anyway.
func (v *Values) verifyFrames(number uint64, value []byte, full bool) error {
	rest := value
	for i := range v.fields {
		b, after, err := v.frame(number, rest, i)
		if err != nil {
			return err
		}
		if err := v.verify(number, b, i, full); err != nil {
			return err
		}
		rest = after
	}
	if len(rest) != 0 {
		return &ValueError{Number: number, Field: v.fields, What: "bytes after the last field", Got: uint64(len(rest))}
	}
	return nil
}
