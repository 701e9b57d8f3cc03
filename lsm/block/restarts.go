package block

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// restarts is where the parts of a block in layout Restarts are.
type restarts struct {
	count   int
	entries int // offset in the block
}

// parse reads the header. If it reports true, all restarts are within data.
func (r *restarts) parse(data []byte) bool {
	if len(data) < restartsHeader {
		return false
	}
	count := uint64(binary.LittleEndian.Uint32(data[4:]))
	entries := restartsHeader + 4*count
	if data[1]|data[2]|data[3] != 0 || count == 0 || entries+minEntry > uint64(len(data)) {
		return false
	}
	r.count, r.entries = int(count), int(entries)
	return true
}

// fault says why parse reported false.
func (r *restarts) fault(data []byte) error {
	if len(data) < restartsHeader {
		return damage(0, "is %d bytes, the header is %d", len(data), restartsHeader)
	}
	if data[1]|data[2]|data[3] != 0 {
		return damage(1, "reserved bytes are not 0")
	}
	count := binary.LittleEndian.Uint32(data[4:])
	if count == 0 {
		return damage(4, "there are no restart points")
	}
	return damage(4, "%d restart points do not fit into %d bytes", count, len(data))
}

// at returns the offset in the block of restart point i; it may be beyond.
func (r *restarts) at(data []byte, i int) int {
	return r.entries + int(binary.LittleEndian.Uint32(data[restartsHeader+4*i:]))
}

// entry is an entry of the layout Restarts, and where in the block its parts
// are.
type entry struct {
	shared  int // bytes of the key before
	suffix  int
	trailer int // the suffix ends here
	value   int
	end     int
}

// parse reads the entry at off. If it reports true, all parts are within data.
func (e *entry) parse(data []byte, off int) bool {
	if off < 0 || off > len(data)-minEntry {
		return false
	}
	s, k, v := uint64(data[off]), uint64(data[off+1]), uint64(data[off+2])
	off += 3
	if s|k|v >= 0x80 {
		p := data[off-3:]
		var n [3]int
		s, n[0] = binary.Uvarint(p)
		if n[0] <= 0 {
			return false
		}
		k, n[1] = binary.Uvarint(p[n[0]:])
		if n[1] <= 0 {
			return false
		}
		v, n[2] = binary.Uvarint(p[n[0]+n[1]:])
		if n[2] <= 0 {
			return false
		}
		off += n[0] + n[1] + n[2] - 3
	}
	room := uint64(len(data) - off)
	if s > math.MaxUint16 || k > room || v > room || k+v+trailerBytes > room {
		return false
	}
	e.shared, e.suffix, e.trailer = int(s), off, off+int(k)
	e.value = e.trailer + trailerBytes
	e.end = e.value + int(v)
	return true
}

func (e *entry) trailerIn(data []byte) ikey.Trailer {
	return ikey.Trailer(binary.LittleEndian.Uint64(data[e.trailer:]))
}

func badEntry(off int) error {
	return damage(off, "there should be an entry")
}

// search returns the offset of the last restart point whose entry comes before
// (key, seq), or that of the first.
func (r *restarts) search(data, key []byte, seq ikey.Seq) (off int, err error) {
	lo, hi := 0, r.count-1
	for lo < hi {
		mid := int(uint(lo+hi+1) / 2)
		var e entry
		off := r.at(data, mid)
		if !e.parse(data, off) {
			return 0, badEntry(off)
		}
		if e.shared != 0 {
			return 0, damage(off, "the key of a restart point is not whole")
		}
		order := bytes.Compare(data[e.suffix:e.trailer], key)
		if order < 0 || order == 0 && e.trailerIn(data).Seq() > seq {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return r.at(data, lo), nil
}

// findRestarts is Find. It needs no copy of any key: of the key before, that
// came before the wanted one, it knows how many bytes both share.
func findRestarts(data, key []byte, seq ikey.Seq) (t ikey.Trailer, value []byte, found, more bool, err error) {
	var r restarts
	if !r.parse(data) {
		return 0, nil, false, false, r.fault(data)
	}
	off, err := r.search(data, key, seq)
	if err != nil {
		return 0, nil, false, false, err
	}
	common := 0
	for off < len(data) {
		var e entry
		if !e.parse(data, off) {
			return 0, nil, false, false, badEntry(off)
		}
		at := off
		off = e.end
		if e.shared > common {
			continue // it differs from key where the one before did
		}
		suffix := data[e.suffix:e.trailer]
		rest := key[e.shared:]
		n := ikey.CommonPrefix(suffix, rest)
		common = e.shared + n
		if n < len(rest) && (n == len(suffix) || suffix[n] < rest[n]) {
			continue
		}
		if n < len(suffix) || n < len(rest) {
			return 0, nil, false, false, nil
		}
		t := e.trailerIn(data)
		if t.Seq() > seq {
			continue
		}
		if !t.Kind().Valid() {
			return 0, nil, false, false, badKind(at, t)
		}
		return t, data[e.value:e.end:e.end], true, false, nil
	}
	return 0, nil, false, true, nil
}

func badKind(off int, t ikey.Trailer) error {
	return damage(off, "kind is %v", t.Kind())
}
