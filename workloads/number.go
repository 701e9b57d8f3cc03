package workloads

import "encoding/binary"

// Number returns the key number that a record's first stamp carries. ok is
// false for a record whose first field is too short to carry it. It checks nothing else.
func (v *Values) Number(record []byte) (number uint64, ok bool) {
	if v.framed {
		if len(record) < frameSize || binary.LittleEndian.Uint32(record) < 8 {
			return 0, false
		}
		record = record[frameSize:]
	}
	if len(record) < 8 || (v.fields > 1 && !v.framed && v.size < 8) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(record), true
}

// Memory returns the bytes that v has taken for itself, and those that it
// shares with what Worker made of it.
func (v *Values) Memory() (own, shared uint64) {
	return uint64(len(v.work)), uint64(len(v.pool) + 4*len(v.lengths))
}
