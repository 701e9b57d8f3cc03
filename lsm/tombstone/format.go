package tombstone

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/ikey"
)

// A Set is written in its canonical form. Integers are unsigned varints (7 bits
// per byte, low ones first) but for the version.
//
//	set       size    field
//	          1       version   1
//	          uvarint count     of fragments
//	          -       fragments
//
//	fragment  size    field
//	          uvarint shared    bytes of lower that are those of the bound before
//	                            it: the upper of the fragment before; none for the
//	                            first
//	          uvarint rest      length of what follows of lower
//	          -       lower     from byte shared on
//	          uvarint shared    bytes of upper that are those of lower
//	          uvarint rest      1 + the length of what follows of upper; 0: there
//	                            is no upper bound, and shared is 0
//	          -       upper     from byte shared on
//	          uvarint numbers   how many; not 0
//	          uvarint seq       the highest
//	          uvarint step      for each of the others: how much lower it is than
//	                            the one before; not 0
//
// There is no checksum and no mark of the end: whoever stores the bytes has
// both. A format change is a new version and a new golden file.
const (
	formatVersion = 1
	leastFragment = 6 // bytes
)

// Encode appends s to dst.
func (s *Set) Encode(dst []byte) []byte {
	dst = append(dst, formatVersion)
	dst = binary.AppendUvarint(dst, uint64(s.Len()))
	var before []byte
	for _, f := range s.Fragments() {
		n := ikey.CommonPrefix(before, f.Lower)
		dst = binary.AppendUvarint(dst, uint64(n))
		dst = binary.AppendUvarint(dst, uint64(len(f.Lower)-n))
		dst = append(dst, f.Lower[n:]...)
		if f.Upper == nil {
			dst = append(dst, 0, 0)
		} else {
			n = ikey.CommonPrefix(f.Lower, f.Upper)
			dst = binary.AppendUvarint(dst, uint64(n))
			dst = binary.AppendUvarint(dst, uint64(len(f.Upper)-n)+1)
			dst = append(dst, f.Upper[n:]...)
		}
		before = f.Upper
		dst = binary.AppendUvarint(dst, uint64(len(f.Seqs)))
		last := ikey.Seq(0)
		for i, d := range f.Seqs {
			if i == 0 {
				last = 2 * d
			}
			dst = binary.AppendUvarint(dst, uint64(last-d))
			last = d
		}
	}
	return dst
}

// Decode returns the Set whose bytes are data, of which it keeps none. What is
// not canonical is damage: engine.ErrCorrupt, with the offset in data.
func Decode(data []byte) (*Set, error) {
	d := decoder{data: data}
	if len(data) == 0 || data[0] != formatVersion {
		d.fail("format version is not %d", formatVersion)
		return nil, d.err
	}
	d.pos = 1
	count := d.uvarint()
	if count > uint64(d.left()/leastFragment) {
		d.fail("%d fragments do not fit", count)
	}
	if d.err != nil {
		return nil, d.err
	}
	all := make([]Fragment, 0, count)
	for range count {
		f, ok := d.fragment(all)
		if !ok {
			return nil, d.err
		}
		all = append(all, f)
	}
	if d.left() > 0 {
		d.fail("%d bytes are left over", d.left())
		return nil, d.err
	}
	return newSet(all), nil
}

// A decoder reads data from pos on. After the first error it reads zeros.
type decoder struct {
	data []byte
	pos  int
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = engine.Corrupt("range deletes", int64(d.pos), fmt.Sprintf(format, args...), nil)
	}
}

func (d *decoder) left() int { return len(d.data) - d.pos }

func (d *decoder) uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	x, n := binary.Uvarint(d.data[d.pos:])
	if n <= 0 || n > 1 && d.data[d.pos+n-1] == 0 {
		d.fail("no number")
		return 0
	}
	d.pos += n
	return x
}

// fragment reads one that comes after the last of all.
func (d *decoder) fragment(all []Fragment) (f Fragment, ok bool) {
	var before *Fragment
	var bound []byte
	if len(all) > 0 {
		before = &all[len(all)-1]
		bound = before.Upper
	}
	shared, rest := d.uvarint(), d.uvarint()
	f.Lower = d.bound(bound, shared, rest)
	shared, rest = d.uvarint(), d.uvarint()
	switch {
	case rest > 0:
		f.Upper = d.bound(f.Lower, shared, rest-1)
	case shared > 0:
		d.fail("no upper bound, and %d bytes of it", shared)
	}
	d.seqs(&f)
	switch {
	case d.err != nil:
	case f.Upper != nil && bytes.Compare(f.Lower, f.Upper) >= 0:
		d.fail("fragment %d holds no key", len(all))
	case before == nil:
	case compareUpper(before.Upper, f.Lower) > 0:
		d.fail("fragment %d begins before the end of the one before", len(all))
	case len(appendFragment([]Fragment{*before}, f)) == 1:
		d.fail("fragment %d goes on with the one before", len(all))
	}
	return f, d.err == nil
}

// bound reads a key of which the first bytes are those of before.
func (d *decoder) bound(before []byte, shared, rest uint64) []byte {
	switch {
	case d.err != nil:
		return nil
	case shared > uint64(len(before)):
		d.fail("%d bytes of a bound of %d", shared, len(before))
		return nil
	case rest > uint64(d.left()):
		d.fail("%d bytes of a bound, %d are left", rest, d.left())
		return nil
	}
	tail := d.data[d.pos:][:rest]
	if rest > 0 && shared < uint64(len(before)) && before[shared] == tail[0] {
		d.fail("a bound shares more than %d bytes", shared)
		return nil
	}
	d.pos += int(rest)
	key := make([]byte, 0, shared+rest)
	return append(append(key, before[:shared]...), tail...)
}

func (d *decoder) seqs(f *Fragment) {
	n := d.uvarint()
	if d.err == nil && (n == 0 || n > uint64(d.left())) {
		d.fail("%d numbers in %d bytes", n, d.left())
	}
	if d.err != nil {
		return
	}
	f.Seqs = make([]ikey.Seq, 0, n)
	highest := d.uvarint()
	if highest == 0 || highest > uint64(ikey.MaxSeq) {
		d.fail("number is %d", highest)
	}
	for last := highest; d.err == nil; {
		f.Seqs = append(f.Seqs, ikey.Seq(last))
		if uint64(len(f.Seqs)) == n {
			return
		}
		step := d.uvarint()
		if step == 0 || step >= last {
			d.fail("number %d below %d", step, last)
		}
		last -= step
	}
}
