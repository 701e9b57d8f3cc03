package manifest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A directory has files MANIFEST-<number>, of which the file CURRENT names the
// one that counts; others are left over from a crash. A manifest is a header,
// and frames without gaps. The first frame makes an empty tree into what it was
// when the file was begun, each later one says what has changed. All integers
// are little-endian, all offsets count bytes from the start of the file.
//
//	header    offset  size  field
//	          0       8     magic     "kvblmf\r\n"
//	          8       4     version   1
//	          12      8     number    the one in the file's name
//	          20      4     crc       CRC-32C of the 20 bytes before
//	          24      -     frames
//
//	frame     offset  size  field
//	          0       4     crc       CRC-32C of the file's number (8 bytes), of
//	                                  the frame's offset (8), and of all after
//	                                  this field
//	          4       4     length    of the payload; 0 for a mark
//	          8       8     sequence  counts frames, through all files
//	          16      8     durable   everything below was durable when this
//	                                  frame was written
//	          24      -     payload   fields of an edit: see appendEdit
//
//	CURRENT   MANIFEST-000007 0f1e2d3c\n
//	          name, CRC-32C of the name in hexadecimal; the number of the name
//	          has at least 6 digits
//
// A crash leaves any subset of what was not durable, which is the frame under
// way and a mark before it. So the first frame that is not whole is the end.
// It is a torn tail, unless a later frame claims that it was durable: then it
// is damage. After each acknowledged edit a mark without payload follows,
// which claims just that; it is not waited for, except at Close. So damage of
// the last edit is noticed too, unless power failed before its mark was written
// back.
//
// Header and first frame, and then the file's name, are durable before CURRENT
// names the file, which it does by a rename. So they are never torn, and if
// there is no CURRENT then nothing but an empty first manifest was ever there.
//
// A format change is a new version and a new golden file.
const (
	headerBytes   = 24
	frameBytes    = 24
	formatVersion = 1
	maxPayload    = 1 << 30
)

var (
	magic      = [8]byte{'k', 'v', 'b', 'l', 'm', 'f', '\r', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// header is the beginning of a manifest.
type header [headerBytes]byte

func (h *header) magic() []byte   { return h[0:][:8] }
func (h *header) version() uint32 { return binary.LittleEndian.Uint32(h[8:]) }
func (h *header) number() uint64  { return binary.LittleEndian.Uint64(h[12:]) }
func (h *header) crc() uint32     { return binary.LittleEndian.Uint32(h[20:]) }

func appendHeader(p []byte, number uint64) []byte {
	var h header
	copy(h.magic(), magic[:])
	binary.LittleEndian.PutUint32(h[8:], formatVersion)
	binary.LittleEndian.PutUint64(h[12:], number)
	binary.LittleEndian.PutUint32(h[20:], crc32.Checksum(h[:20], castagnoli))
	return append(p, h[:]...)
}

func (h *header) check(number uint64) error {
	switch {
	case !bytes.Equal(h.magic(), magic[:]):
		return fmt.Errorf("magic is %q, want %q", h.magic(), magic)
	case h.crc() != crc32.Checksum(h[:20], castagnoli):
		return fmt.Errorf("checksum of the header is wrong")
	case h.version() != formatVersion:
		return fmt.Errorf("format version is %d, this build knows %d", h.version(), formatVersion)
	case h.number() != number:
		return fmt.Errorf("it is manifest %d, and has the name of %d", h.number(), number)
	}
	return nil
}

// frame is the header of a frame.
type frame [frameBytes]byte

func (f *frame) crc() uint32      { return binary.LittleEndian.Uint32(f[0:]) }
func (f *frame) length() uint32   { return binary.LittleEndian.Uint32(f[4:]) }
func (f *frame) sequence() uint64 { return binary.LittleEndian.Uint64(f[8:]) }
func (f *frame) durable() uint64  { return binary.LittleEndian.Uint64(f[16:]) }

// frameCRC is the crc of a frame at off of a file, of which p is all but the
// crc.
func frameCRC(p []byte, number uint64, off int) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[0:], number)
	binary.LittleEndian.PutUint64(place[8:], uint64(off))
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, p)
}

// frameAt returns the frame at off of a file and its payload, if it is whole.
func frameAt(file []byte, number uint64, off int) (*frame, []byte, bool) {
	if len(file)-off < frameBytes {
		return nil, nil, false
	}
	f := (*frame)(file[off:])
	n := f.length()
	if n > maxPayload || int(n) > len(file)-off-frameBytes {
		return nil, nil, false
	}
	all := file[off:][:frameBytes+int(n)]
	if f.crc() != frameCRC(all[4:], number, off) {
		return nil, nil, false
	}
	return f, all[frameBytes:], true
}

// appendFrame appends to p a frame that is to be at off of a file.
func appendFrame(p []byte, number uint64, off int, sequence, durable uint64, payload []byte) []byte {
	start := len(p)
	p = append(p, 0, 0, 0, 0)
	p = binary.LittleEndian.AppendUint32(p, uint32(len(payload)))
	p = binary.LittleEndian.AppendUint64(p, sequence)
	p = binary.LittleEndian.AppendUint64(p, durable)
	p = append(p, payload...)
	binary.LittleEndian.PutUint32(p[start:], frameCRC(p[start+4:], number, off))
	return p
}
