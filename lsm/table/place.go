package table

import "encoding/binary"

// placeOf returns which blob file the value of an entry is in, and how long
// it is there.
func placeOf(value []byte) (file, bytes uint64, ok bool) {
	if len(value) < 16 {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint64(value), binary.LittleEndian.Uint64(value[8:]), true
}
