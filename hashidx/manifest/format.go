package manifest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A manifest is one file: a header, and frames without gaps. The first frame
// says everything, each later one what has changed. All integers are
// little-endian, all offsets count bytes from the start of the file.
//
//	header    offset  size  field
//	          0       8     magic     "kvbhmf\r\n"
//	          8       4     version   1
//	          12      4     crc       CRC-32C of the 12 bytes before
//	          16      -     frames
//
//	frame     offset  size  field
//	          0       4     crc       CRC-32C of all after this field, exclusive-or
//	                                  the frame's offset times 2654435761
//	          4       4     length    of the payload; 0 for a mark
//	          8       8     sequence  counts frames, through all rewritings
//	          16      8     durable   everything below was durable when this
//	                                  frame was written
//	          24      -     payload   fields of an edit, one after another
//
//	field     size  bytes
//	seed      9     1, seed 8
//	add       73    2, segment 72
//	drop      3     3, number 2
//	change    73    4, segment 72
//	from      9     5, LSN of hot 8
//	snapshot  34+n  6, LSN of hot that it covers 8, of cold 8, LSN that hot was
//	                durable to 8, cold 8, n 1, name n
//	coldfrom  9     7, LSN of cold 8
//	through   17    8, LSN of hot 8, of cold 8: what was dropped rests on it
//
//	segment   offset  size  field
//	          0       2     number    in places of the index; never 0
//	          2       1     log       1 hot, 2 cold
//	          3       1     hinted    1 if there is a hint file, else 0
//	          4       4     id        in its log; never 0
//	          8       8     bytes     where its records end
//	          16      8     frames    bytes of all frames, as last heard
//	          24      8     live      bytes of live frames, likewise
//	          32      8     expiring  bytes of live frames that expire, likewise
//	          40      8     expires   when the last does: nanoseconds since 1970
//	          48      8     lowest    sequence of its ops, or lower
//	          56      8     highest   sequence of its ops; 0 if not known
//	          64      8     ops       how many it has
//
// A crash leaves any subset of what was not durable, which is the frame under
// way and a mark before it. So the first frame that is not whole is the end.
// It is a torn tail, unless a later frame claims that it was durable: then it
// is damage. After each acknowledged edit a mark without payload follows,
// which claims just that; it is not waited for, except at Close. So damage of
// the last edit is noticed too, unless power failed before its mark was written
// back. Header and first frame are durable before the file gets its name: they
// are never torn.
//
// Nothing is ever written behind a torn tail, nor behind frames of which it is
// not known that they are durable: Open writes a new file.
//
// A format change is a new version and a new golden file.
const (
	headerBytes   = 16
	frameBytes    = 24
	segmentBytes  = 72
	formatVersion = 1
	maxPayload    = 10 << 20 // to add and change 65535 segments takes 9.6 MB
	maxName       = 255

	fieldSeed     = 1
	fieldAdd      = 2
	fieldDrop     = 3
	fieldChange   = 4
	fieldFrom     = 5
	fieldSnapshot = 6
	fieldColdFrom = 7
	fieldThrough  = 8

	snapshotBytes = 33 // and the name
	throughBytes  = 16
)

var (
	magic      = [8]byte{'k', 'v', 'b', 'h', 'm', 'f', '\r', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// header is the first 16 bytes of a manifest.
type header [headerBytes]byte

func (h *header) magic() []byte   { return h[0:][:8] }
func (h *header) version() uint32 { return binary.LittleEndian.Uint32(h[8:]) }
func (h *header) crc() uint32     { return binary.LittleEndian.Uint32(h[12:]) }

func appendHeader(p []byte) []byte {
	var h header
	copy(h.magic(), magic[:])
	binary.LittleEndian.PutUint32(h[8:], formatVersion)
	binary.LittleEndian.PutUint32(h[12:], crc32.Checksum(h[:12], castagnoli))
	return append(p, h[:]...)
}

func (h *header) check() error {
	switch {
	case !bytes.Equal(h.magic(), magic[:]):
		return fmt.Errorf("magic is %q, want %q", h.magic(), magic)
	case h.crc() != crc32.Checksum(h[:12], castagnoli):
		return fmt.Errorf("checksum of the header is wrong")
	case h.version() != formatVersion:
		return fmt.Errorf("format version is %d, this build knows %d", h.version(), formatVersion)
	}
	return nil
}

// frame is the header of a frame.
type frame [frameBytes]byte

func (f *frame) crc() uint32      { return binary.LittleEndian.Uint32(f[0:]) }
func (f *frame) length() uint32   { return binary.LittleEndian.Uint32(f[4:]) }
func (f *frame) sequence() uint64 { return binary.LittleEndian.Uint64(f[8:]) }
func (f *frame) durable() uint64  { return binary.LittleEndian.Uint64(f[16:]) }

// frameCRC is the crc of a frame at off, of which p is all but the crc.
func frameCRC(p []byte, off int) uint32 {
	const odd = 2654435761
	return crc32.Checksum(p, castagnoli) ^ uint32(off)*odd
}

// frameAt returns the frame at off of a file and its payload, if it is whole.
func frameAt(file []byte, off int) (*frame, []byte, bool) {
	if len(file)-off < frameBytes {
		return nil, nil, false
	}
	f := (*frame)(file[off:])
	n := f.length()
	if n > maxPayload || int(n) > len(file)-off-frameBytes {
		return nil, nil, false
	}
	all := file[off:][:frameBytes+int(n)]
	if f.crc() != frameCRC(all[4:], off) {
		return nil, nil, false
	}
	return f, all[frameBytes:], true
}

// appendFrame appends a frame to p, which is to be at base of the file.
func appendFrame(p []byte, base int, sequence, durable uint64, payload []byte) []byte {
	start := len(p)
	p = append(p, 0, 0, 0, 0)
	p = binary.LittleEndian.AppendUint32(p, uint32(len(payload)))
	p = binary.LittleEndian.AppendUint64(p, sequence)
	p = binary.LittleEndian.AppendUint64(p, durable)
	p = append(p, payload...)
	binary.LittleEndian.PutUint32(p[start:], frameCRC(p[start+4:], base+start))
	return p
}

// segmentField is a segment in a payload.
type segmentField [segmentBytes]byte

func (s *segmentField) number() uint16   { return binary.LittleEndian.Uint16(s[0:]) }
func (s *segmentField) log() uint8       { return s[2] }
func (s *segmentField) hinted() uint8    { return s[3] }
func (s *segmentField) id() uint32       { return binary.LittleEndian.Uint32(s[4:]) }
func (s *segmentField) bytes() uint64    { return binary.LittleEndian.Uint64(s[8:]) }
func (s *segmentField) frames() uint64   { return binary.LittleEndian.Uint64(s[16:]) }
func (s *segmentField) live() uint64     { return binary.LittleEndian.Uint64(s[24:]) }
func (s *segmentField) expiring() uint64 { return binary.LittleEndian.Uint64(s[32:]) }
func (s *segmentField) expires() uint64  { return binary.LittleEndian.Uint64(s[40:]) }
func (s *segmentField) lowest() uint64   { return binary.LittleEndian.Uint64(s[48:]) }
func (s *segmentField) highest() uint64  { return binary.LittleEndian.Uint64(s[56:]) }
func (s *segmentField) ops() uint64      { return binary.LittleEndian.Uint64(s[64:]) }

// snapshotField is what a snapshot in a payload has before its name.
type snapshotField [snapshotBytes]byte

func (s *snapshotField) covers() uint64      { return binary.LittleEndian.Uint64(s[0:]) }
func (s *snapshotField) coldCovers() uint64  { return binary.LittleEndian.Uint64(s[8:]) }
func (s *snapshotField) through() uint64     { return binary.LittleEndian.Uint64(s[16:]) }
func (s *snapshotField) coldThrough() uint64 { return binary.LittleEndian.Uint64(s[24:]) }
