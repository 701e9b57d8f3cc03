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
		s.putPart(b)
		return
	}
	binary.LittleEndian.PutUint64(b[0:], s.number)
	binary.LittleEndian.PutUint64(b[8:], uint64(s.length)|uint64(s.offset)<<32)
	binary.LittleEndian.PutUint64(b[16:], s.version)
}

// putPart writes what of the stamp fits into a shorter b.
func (s *stamp) putPart(b []byte) {
	var whole [stampSize]byte
	binary.LittleEndian.PutUint64(whole[0:], s.number)
	binary.LittleEndian.PutUint64(whole[8:], uint64(s.length)|uint64(s.offset)<<32)
	binary.LittleEndian.PutUint64(whole[16:], s.version)
	copy(b, whole[:])
}

// readStamp reads the stamp at the start of b; what b is too short for reads
// as zeros.
func readStamp(b []byte) stamp {
	var whole [stampSize]byte
	copy(whole[:], b)
	return loadStamp(whole[:])
}

// loadStamp is readStamp for a b that holds a whole stamp. It moves the words
// that put moves: copying 24 bytes at once would read what put has just
// written across the borders of its stores, which stalls.
func loadStamp(b []byte) stamp {
	place := binary.LittleEndian.Uint64(b[8:])
	return stamp{
		number: binary.LittleEndian.Uint64(b[0:]),
		length: uint32(place), offset: uint32(place >> 32),
		version: binary.LittleEndian.Uint64(b[16:]),
	}
}
