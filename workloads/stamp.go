package workloads

import "encoding/binary"

// stampSize is the size of the header of a stamped value.
const stampSize = 24

// A stamp is the header of a value. It makes a value verifiable without a copy
// of it: whoever has the pool can tell which bytes must follow. Little-endian,
// lengths and offsets in bytes.
//
//	offset  size  field
//	0       8     number   of the key
//	8       4     length   of the value, header included
//	12      4     offset   in the pool; byte i of the value is pool[offset+i]
//	16      8     version  worker<<48 | count of values that the worker made
//	24      -     body     pool[offset+24 : offset+length]
//
// A value shorter than the header is the header's first bytes. A record of
// several fields in field mode is one such value for each field, one after the
// other. If the lengths of fields vary, each field is a frame:
//
//	offset  size  field
//	0       4     length   of the field
//	4       -     the field, a stamped value
//
// The format lives as long as a benchmark's directory and has no version.
type stamp struct {
	number         uint64
	length, offset uint32
	version        uint64
}

// frameSize is the size of the length before a field of varying length.
const frameSize = 4

// put writes the stamp at the start of b, as much of it as fits.
func (s *stamp) put(b []byte) {
	if len(b) < stampSize {
		var whole [stampSize]byte
		s.put(whole[:])
		copy(b, whole[:])
		return
	}
	binary.LittleEndian.PutUint64(b[0:], s.number)
	binary.LittleEndian.PutUint64(b[8:], uint64(s.length)|uint64(s.offset)<<32)
	binary.LittleEndian.PutUint64(b[16:], s.version)
}

// readStamp reads the stamp at the start of b; fields that b is too short for
// are zero.
func readStamp(b []byte) stamp {
	if len(b) < stampSize {
		var whole [stampSize]byte
		copy(whole[:], b)
		return readStamp(whole[:])
	}
	return stamp{
		number:  binary.LittleEndian.Uint64(b[0:]),
		length:  binary.LittleEndian.Uint32(b[8:]),
		offset:  binary.LittleEndian.Uint32(b[12:]),
		version: binary.LittleEndian.Uint64(b[16:]),
	}
}
