package blob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/version"
)

// A blob file is a header, records without gaps, and a footer. Integers are
// little-endian.
//
//	header    offset  size  field
//	          0       8     magic     "kvbblob\n"
//	          8       4     version   1
//	          12      4     reserved  0
//	          16      8     file      number of the file; not 0
//	          24      4     reserved  0
//	          28      4     crc       CRC-32C of the 28 bytes before
//
//	record    offset  size  field
//	          0       4     crc       CRC-32C of all after this field,
//	                                  exclusive-or place(file, record's offset)
//	          4       4     length    of the value as it is stored
//	          8       1     kind      of compression: 0 none, 1 snappy, 2 lz4,
//	                                  3 zstd
//	          9       -     value     if kind is not 0: the value's length as
//	                                  uvarint, then what it was compressed to;
//	                                  together they are shorter than it
//
//	footer    offset  size  field
//	          0       8     magic     "kvbbend\n"
//	          8       4     version   1
//	          12      4     reserved  0
//	          16      8     file      as in the header
//	          24      8     values    how many records there are
//	          32      8     stored    sum of their lengths
//	          40      8     plain     sum of the lengths without compression
//	          48      8     end       where the records end: the footer's offset
//	          56      4     reserved  0
//	          60      4     crc       CRC-32C of the 60 bytes before
//
// The place in the checksum makes a record that is at the wrong offset, or in
// the wrong file, a damaged one.
//
// A file gets its footer last, and is synced before anybody refers to it. A
// crash before that leaves one that is shorter, or has no footer.
//
// A format change is a new version and a new golden file.
const (
	headerBytes   = 32
	recordHeader  = 9
	footerBytes   = 64
	formatVersion = 1

	// MaxValue is the longest value.
	MaxValue = compress.MaxBytes
)

var (
	headMagic  = [8]byte{'k', 'v', 'b', 'b', 'l', 'o', 'b', '\n'}
	footMagic  = [8]byte{'k', 'v', 'b', 'b', 'e', 'n', 'd', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// place mixes where a record is into 32 bits.
func place(file, offset uint64) uint32 {
	x := file*0x9e3779b97f4a7c15 ^ offset*0xd6e8feb86659fd93
	x ^= x >> 32
	return uint32(x)
}

// header is the first 32 bytes.
type header [headerBytes]byte

func (h *header) magic() []byte   { return h[0:][:8] }
func (h *header) version() uint32 { return binary.LittleEndian.Uint32(h[8:]) }
func (h *header) reserved() uint32 {
	return binary.LittleEndian.Uint32(h[12:]) | binary.LittleEndian.Uint32(h[24:])
}
func (h *header) file() uint64     { return binary.LittleEndian.Uint64(h[16:]) }
func (h *header) crc() uint32      { return binary.LittleEndian.Uint32(h[28:]) }
func (h *header) checksum() uint32 { return crc32.Checksum(h[:28], castagnoli) }

func encodeHeader(file uint64) *header {
	var h header
	copy(h.magic(), headMagic[:])
	binary.LittleEndian.PutUint32(h[8:], formatVersion)
	binary.LittleEndian.PutUint64(h[16:], file)
	binary.LittleEndian.PutUint32(h[28:], h.checksum())
	return &h
}

// check says what is wrong with the header of a file.
func (h *header) check(file uint64) error {
	if !bytes.Equal(h.magic(), headMagic[:]) {
		return fmt.Errorf("magic is %q, want %q", h.magic(), headMagic)
	}
	return checkEnds("header", h.crc(), h.checksum(), h.version(), h.reserved(), h.file(), file)
}

// checkEnds checks what header and footer both have.
func checkEnds(part string, crc, checksum, version, reserved uint32, file, want uint64) error {
	switch {
	case crc != checksum:
		return fmt.Errorf("checksum of the %s is wrong", part)
	case version != formatVersion:
		return fmt.Errorf("format version is %d, this build knows %d", version, formatVersion)
	case reserved != 0:
		return fmt.Errorf("reserved bytes of the %s are not 0", part)
	case file != want:
		return fmt.Errorf("it is blob file %d, want %d", file, want)
	}
	return nil
}

// footer is the last 64 bytes.
type footer [footerBytes]byte

func (f *footer) magic() []byte   { return f[0:][:8] }
func (f *footer) version() uint32 { return binary.LittleEndian.Uint32(f[8:]) }
func (f *footer) reserved() uint32 {
	return binary.LittleEndian.Uint32(f[12:]) | binary.LittleEndian.Uint32(f[56:])
}
func (f *footer) file() uint64     { return binary.LittleEndian.Uint64(f[16:]) }
func (f *footer) values() uint64   { return binary.LittleEndian.Uint64(f[24:]) }
func (f *footer) stored() uint64   { return binary.LittleEndian.Uint64(f[32:]) }
func (f *footer) plain() uint64    { return binary.LittleEndian.Uint64(f[40:]) }
func (f *footer) end() uint64      { return binary.LittleEndian.Uint64(f[48:]) }
func (f *footer) crc() uint32      { return binary.LittleEndian.Uint32(f[60:]) }
func (f *footer) checksum() uint32 { return crc32.Checksum(f[:60], castagnoli) }
func (f *footer) totals() totals   { return totals{f.values(), f.stored(), f.plain()} }

// totals is what a footer says of all records.
type totals struct{ values, stored, plain uint64 }

// end is where the records end.
func (t totals) end() uint64 { return headerBytes + recordHeader*t.values + t.stored }

// blob is what a version says of a file.
func (t totals) blob(file uint64) version.Blob {
	return version.Blob{ID: file, Bytes: int64(t.end() + footerBytes), ValueBytes: t.stored}
}

func encodeFooter(file uint64, t totals) *footer {
	var f footer
	copy(f.magic(), footMagic[:])
	binary.LittleEndian.PutUint32(f[8:], formatVersion)
	binary.LittleEndian.PutUint64(f[16:], file)
	binary.LittleEndian.PutUint64(f[24:], t.values)
	binary.LittleEndian.PutUint64(f[32:], t.stored)
	binary.LittleEndian.PutUint64(f[40:], t.plain)
	binary.LittleEndian.PutUint64(f[48:], t.end())
	binary.LittleEndian.PutUint32(f[60:], f.checksum())
	return &f
}

// check says what is wrong with the footer of a file of size bytes.
func (f *footer) check(file uint64, size int64) error {
	if !bytes.Equal(f.magic(), footMagic[:]) {
		return fmt.Errorf("magic is %q, want %q: the file was not finished", f.magic(), footMagic)
	}
	err := checkEnds("footer", f.crc(), f.checksum(), f.version(), f.reserved(), f.file(), file)
	switch end := uint64(size - footerBytes); {
	case err != nil:
		return err
	case f.end() != end:
		return fmt.Errorf("records end at %d, the footer begins at %d", f.end(), end)
	case f.values() > end/recordHeader || f.stored() > end || f.totals().end() != end:
		return fmt.Errorf("%d values of %d bytes cannot end at %d", f.values(), f.stored(), end)
	}
	return nil
}

// record is a whole record, of at least recordHeader bytes.
type record []byte

func (r record) crc() uint32         { return binary.LittleEndian.Uint32(r[0:]) }
func (r record) length() uint32      { return binary.LittleEndian.Uint32(r[4:]) }
func (r record) kind() compress.Kind { return compress.Kind(r[8]) }
func (r record) value() []byte       { return r[recordHeader:] }

// seal fills in the header of a record, the last bytes of whose value may be
// in rest.
func (r record) seal(kind compress.Kind, rest []byte, file, offset uint64) {
	binary.LittleEndian.PutUint32(r[4:], uint32(len(r)-recordHeader+len(rest)))
	r[8] = byte(kind)
	crc := crc32.Update(crc32.Checksum(r[4:], castagnoli), castagnoli, rest)
	binary.LittleEndian.PutUint32(r[0:], crc^place(file, offset))
}

// check says what is wrong with a record.
func (r record) check(file, offset uint64) error {
	switch {
	case uint64(r.length()) != uint64(len(r)-recordHeader):
		return fmt.Errorf("record has %d bytes, want %d", r.length(), len(r)-recordHeader)
	case r.crc() != crc32.Checksum(r[4:], castagnoli)^place(file, offset):
		return errors.New("checksum of the record is wrong")
	case !r.kind().Valid():
		return fmt.Errorf("compression is %v, which there is not", r.kind())
	}
	return nil
}

// plain returns how long the value is without compression, and its bytes as
// they are stored.
func (r record) plain() (n int, stored []byte, err error) {
	if r.kind() == compress.None {
		return len(r.value()), r.value(), nil
	}
	x, width := binary.Uvarint(r.value())
	if width <= 0 || width > 1 && r.value()[width-1] == 0 || x > min(MaxValue, math.MaxInt) {
		return 0, nil, errors.New("length of the value is damaged")
	}
	return int(x), r.value()[width:], nil
}
