package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// A log is a directory of segments. All integers are little-endian, all
// offsets count bytes from the start of the segment's file.
//
//	segment   offset  size  field
//	          0       8     magic    "kvbwal\r\n"
//	          8       4     version  1
//	          12      4     id       of the segment; never 0, never used twice
//	          16      4     crc      CRC-32C of the 16 bytes before
//	          20      4076  -        zeros, so that records begin on a block
//	          4096    -     records, each at a multiple of 8
//
//	record    offset  size  field
//	          0       4     crc      CRC-32C of the payload, then of the 12
//	                                 bytes after this field; exclusive-or
//	                                 the record's offset times 2654435761
//	          4       4     length   of the payload
//	          8       4     id       of the segment
//	          12      1     kind     1..127 the caller's, 128.. the log's; never 0
//	          13      3     claim    how far before this record everything was
//	                                 durable when it was encoded, in units of
//	                                 8 bytes; 0xffffff is no claim
//	          16      -     payload
//	          -       0..7  -        zeros up to a multiple of 8
//
// The crc covers id and offset, so that bytes left over from another life of
// the file, or copied from elsewhere in it, are not taken for a record: the
// factor is odd, so that two offsets never give the same product mod 2^32. The id
// is stored as well, so that a search for records after a gap is quick. A
// length of zero with kind zero is no record: zeros read as the end.
//
// A crash leaves any subset of what was not durable. The end of the log is
// therefore the first record that is not whole. It is a torn tail, unless a
// later record claims that it was durable: then it is damage. What lies behind
// a torn tail is never read again, because writing goes on in a new segment,
// whose first record (link) says where the log came from.
//
//	payload of link   0   4   id of the segment before; 0 for the first
//	                  4   4   end of the log in that segment
//	                  8   4   up to where it was durable
//	payload of seal   0   4   id of the segment that the log goes on in
//
// A seal is the last of a segment that the log has left: what stands behind it
// is not read. Where the log left at a torn tail, or was cut, the seal is
// written over what was there, once the link of the next segment is durable.
// It is how the loss of that segment's file is noticed.
//
// open and close have no payload. A log whose last record is a close was closed
// cleanly: everything before is durable, and nothing was written behind it,
// because open is durable before anything else is appended. pad has zeros.
//
// A format change is a new version and a new golden file.
const (
	headerBytes       = 4096
	headerFields      = 20
	recordHeaderBytes = 16
	recordAlign       = 8
	formatVersion     = 1

	// MaxPayload is the longest payload in bytes.
	MaxPayload = 1 << 30
	// MaxKind is the highest kind that callers may use.
	MaxKind = 127

	kindLink  = 128
	kindSeal  = 129
	kindOpen  = 130
	kindClose = 131
	kindPad   = 132
	kindEnd   = 133

	noClaim = 1<<24 - 1

	sealBytes = 24
	// maxOffset is where a segment ends at the latest, so that offsets fit
	// into 32 bits.
	maxOffset = 1<<32 - 1<<20
)

var (
	magic      = [8]byte{'k', 'v', 'b', 'w', 'a', 'l', '\r', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// segmentHeader is the first 20 bytes of a segment.
type segmentHeader [headerFields]byte

func (h *segmentHeader) magic() []byte   { return h[0:][:8] }
func (h *segmentHeader) version() uint32 { return binary.LittleEndian.Uint32(h[8:]) }
func (h *segmentHeader) id() uint32      { return binary.LittleEndian.Uint32(h[12:]) }
func (h *segmentHeader) crc() uint32     { return binary.LittleEndian.Uint32(h[16:]) }

func encodeSegmentHeader(p []byte, id uint32) {
	clear(p[:headerBytes])
	copy(p, magic[:])
	binary.LittleEndian.PutUint32(p[8:], formatVersion)
	binary.LittleEndian.PutUint32(p[12:], id)
	binary.LittleEndian.PutUint32(p[16:], crc32.Checksum(p[:16], castagnoli))
}

// check says what is wrong with the header of segment id.
func (h *segmentHeader) check(id uint32) error {
	switch {
	case !bytes.Equal(h.magic(), magic[:]):
		return fmt.Errorf("magic is %q, want %q", h.magic(), magic)
	case h.crc() != crc32.Checksum(h[:16], castagnoli):
		return fmt.Errorf("checksum of the header is wrong")
	case h.version() != formatVersion:
		return fmt.Errorf("format version is %d, this build knows %d", h.version(), formatVersion)
	case h.id() != id:
		return fmt.Errorf("segment id is %d, its name says %d", h.id(), id)
	}
	return nil
}

// recordHeader is the first 16 bytes of a record.
type recordHeader [recordHeaderBytes]byte

func (h *recordHeader) crc() uint32    { return binary.LittleEndian.Uint32(h[0:]) }
func (h *recordHeader) length() uint32 { return binary.LittleEndian.Uint32(h[4:]) }
func (h *recordHeader) id() uint32     { return binary.LittleEndian.Uint32(h[8:]) }
func (h *recordHeader) kind() uint8    { return h[12] }
func (h *recordHeader) claim() uint32  { return binary.LittleEndian.Uint32(h[12:]) >> 8 }

// durable returns the offset below which the segment was durable when the
// record at off was encoded; 0 when it claims nothing.
func (h *recordHeader) durable(off int64) int64 {
	if h.claim() == noClaim {
		return 0
	}
	return max(0, off-int64(h.claim())*recordAlign)
}

// plausible reports whether this may be a record of segment id at off in a
// file of size bytes: all that can be said before the payload is read.
func (h *recordHeader) plausible(id uint32, off, size int64) bool {
	return h.id() == id && validKind(h.kind()) && h.length() <= MaxPayload &&
		off+recordBytes(int(h.length())) <= size
}

func validKind(k uint8) bool { return k >= 1 && k < kindEnd }

// payloadCRC is the part of a record's crc that does not depend on where the
// record will be.
func payloadCRC(payload []byte) uint32 { return crc32.Checksum(payload, castagnoli) }

// recordCRC continues payloadCRC with the fields of a header but the first,
// and the record's offset.
func recordCRC(crc uint32, fields []byte, off int64) uint32 {
	const odd = 2654435761
	return crc32.Update(crc, castagnoli, fields) ^ uint32(off)*odd
}

// intact reports whether the record at off is what was written there.
func (h *recordHeader) intact(payload []byte, off int64) bool {
	return h.crc() == recordCRC(payloadCRC(payload), h[4:], off)
}

// recordBytes is the length of a record with its padding.
func recordBytes(payload int) int64 {
	return int64(recordHeaderBytes+payload+recordAlign-1) &^ (recordAlign - 1)
}

// appendRecord encodes a record that will be at off of segment id. crc is
// payloadCRC(payload); durable is what the record claims, 0 for nothing.
func appendRecord(p []byte, id uint32, off, durable int64, kind uint8, payload []byte, crc uint32) []byte {
	claim := int64(noClaim)
	if durable > 0 {
		claim = min((off-durable)/recordAlign, noClaim)
	}
	var zeros [recordHeaderBytes]byte
	p = append(p, zeros[:]...)
	h := p[len(p)-recordHeaderBytes:]
	binary.LittleEndian.PutUint32(h[4:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(h[8:], id)
	binary.LittleEndian.PutUint32(h[12:], uint32(kind)|uint32(claim)<<8)
	binary.LittleEndian.PutUint32(h[0:], recordCRC(crc, h[4:], off))
	p = append(p, payload...)
	return append(p, zeros[:recordBytes(len(payload))-recordHeaderBytes-int64(len(payload))]...)
}

// A link says what a segment continues.
type link struct {
	prev    uint32 // id; 0 for the first segment
	end     int64  // of the log in prev
	durable int64  // up to where prev was durable
}

const linkBytes = 12

func (l link) encode() []byte {
	p := make([]byte, 0, linkBytes)
	p = binary.LittleEndian.AppendUint32(p, l.prev)
	p = binary.LittleEndian.AppendUint32(p, uint32(l.end))
	return binary.LittleEndian.AppendUint32(p, uint32(l.durable))
}

func decodeLink(p []byte) (link, error) {
	if len(p) != linkBytes {
		return link{}, fmt.Errorf("link of %d bytes, want %d", len(p), linkBytes)
	}
	l := link{
		prev:    binary.LittleEndian.Uint32(p),
		end:     int64(binary.LittleEndian.Uint32(p[4:])),
		durable: int64(binary.LittleEndian.Uint32(p[8:])),
	}
	if l.prev != 0 && (l.end < headerBytes || l.durable > l.end) {
		return link{}, fmt.Errorf("link to offset %d of segment %d, durable to %d", l.end, l.prev, l.durable)
	}
	return l, nil
}

// An LSN is a position in a log: segment id and offset. It identifies the
// record that starts there. Later records have higher ones, so that LSNs may
// serve as sequence numbers: one of n bytes at l has l .. l+n+15 to itself.
type LSN uint64

func lsnOf(id uint32, off int64) LSN { return LSN(id)<<32 | LSN(off) }

// Segment returns the id of the segment.
func (l LSN) Segment() uint32 { return uint32(l >> 32) }

// Offset returns the offset in the segment's file, in bytes.
func (l LSN) Offset() int64 { return int64(l & math.MaxUint32) }

// String is segment:offset.
func (l LSN) String() string { return fmt.Sprintf("%d:%d", l.Segment(), l.Offset()) }
