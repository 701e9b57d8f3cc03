package blob

import (
	"errors"
	"fmt"
)

const walkBytes = 1 << 20

// Walk calls f for all values in the order in which they were added, and
// checks everything that can be checked of the file. value is valid until f
// returns; an error of f ends the walk. f may be nil. It reads past the cache.
func (r *Reader) Walk(f func(p Pointer, value []byte) error) error {
	var (
		s      scratch
		window []byte // of the file, from begin on
		begin  uint64
		value  []byte
		seen   totals
		end    = r.totals.end()
	)
	// look returns n bytes at an offset, of the window or of the next one.
	look := func(off, n uint64) ([]byte, error) {
		if off < begin || off+n > begin+uint64(len(window)) {
			var err error
			if window, err = r.read(&s, off, int(min(max(n, walkBytes), end-off))); err != nil {
				window = nil
				_, err = r.checked(nil, Pointer{Offset: off}, err)
				return nil, err
			}
			begin = off
		}
		return window[off-begin:][:n:n], nil
	}
	for off := uint64(headerBytes); off < end; {
		p := Pointer{File: r.id, Offset: off}
		if end-off < recordHeader {
			return r.corrupt(off, errors.New("a record is cut short"))
		}
		b, err := look(off, recordHeader)
		if err != nil {
			return err
		}
		p.Length = uint64(record(b).length())
		if err := r.fits(p); err != nil {
			return err
		}
		if b, err = look(off, recordHeader+p.Length); err != nil {
			return err
		}
		if _, err := r.checked(b, p, nil); err != nil {
			return err
		}
		if value, err = r.decode(value[:0], b, p); err != nil {
			return err
		}
		seen.values++
		seen.stored += p.Length
		seen.plain += uint64(len(value))
		if f != nil {
			if err := f(p, value); err != nil {
				return err
			}
		}
		off += recordHeader + p.Length
	}
	if seen != r.totals {
		return r.corrupt(end, fmt.Errorf("the footer counts %+v, the records %+v", r.totals, seen))
	}
	return nil
}
