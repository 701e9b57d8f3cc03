package page

import (
	"encoding/binary"
	"fmt"
)

// The bytes of a page. Integers are little-endian. Places are offsets in the
// page.
//
//	header     offset  size  field
//	           0       4     crc       Castagnoli's, of the number of the slot
//	                                   (8 bytes) and of all bytes behind
//	           4       4     id        not 0
//	           8       8     stamp
//	           16      1     kind      1 leaf, 2 inner, 3 overflow, 4 map,
//	                                   5 directory
//	           17      1     level     0 unless inner; there, not 0
//	           18      2     count     of entries; overflow: bytes of the part
//	           20      2     room      for how many entries the arrays have
//	                                   place
//	           22      2     prefix    bytes that all keys begin with
//	           24      2     strip     0 or prefix: so many of them are not in
//	                                   the cells
//	           26      2     heap      where the heap begins
//	           28      2     garbage   bytes of the heap that belong to nothing
//	           30      2     low       where the low fence is
//	           32      2     low size  0: no bound below
//	           34      2     high      where the high fence is
//	           36      2     high size
//	           38      2     flags     bit 0: no bound above, and no high fence;
//	                                   others 0
//	           40      4     next      the leaf to the right, or the next page
//	                                   of an overflow; 0: none
//	           44      4     reserved  0
//
//	leaf,      48      -     prefix    and bytes up to a multiple of 4
//	inner      -       4     head      per place
//	           -       2     slot      per place: where the cell is
//	           -       4     child     inner only: per place, and one more
//	           -       -               free
//	           heap    -     cells and fences, in any order, up to the end
//
//	overflow   48      count part
//	map,       48      -     what package store keeps there
//	directory
//
//	cell of    0       2     key size
//	a leaf     2       2     payload size
//	           4       1     flags     of the cell
//	           5       -     key       without what is stripped
//	           -       -     payload
//
//	cell of    0       2     key size
//	an inner   2       -     key       without what is stripped
//
// Places beyond count, bytes that are free and bytes that are garbage may be
// anything. A head is the 4 bytes of the key that follow the prefix, as a
// number that has their order (their first byte is its highest); a key that
// ends before is filled with zeros. So keys whose heads differ are in the order
// of their heads.
//
// A page that has both fences has the prefix that they share, and its cells do
// not repeat it: all keys between have it, whatever comes. A page that lacks
// one has what its entries happened to share when it was rebuilt; its cells are
// whole, so that it takes no space to give that prefix up.
//
// A format change is a new set of kinds and new golden files.
const (
	// HeaderBytes is the size of the header.
	HeaderBytes = 48
	// MinPageBytes and MaxPageBytes are the least and the largest page; a size
	// is a power of two.
	MinPageBytes = 4 << 10
	MaxPageBytes = 32 << 10

	atCRC      = 0
	atID       = 4
	atStamp    = 8
	atKind     = 16
	atLevel    = 17
	atCount    = 18
	atRoom     = 20
	atPrefix   = 22
	atStrip    = 24
	atHeap     = 26
	atGarbage  = 28
	atLow      = 30
	atLowSize  = 32
	atHigh     = 34
	atHighSize = 36
	atFlags    = 38
	atNext     = 40
	atReserved = 44

	flagNoHigh = 1 << 0

	headBytes  = 4
	slotBytes  = 2
	childBytes = 4

	leafCell  = 5 // bytes of a cell before the key
	innerCell = 2
	flagsAt   = 4 // in a leaf's cell
)

// A Kind says what a page holds. The numbers are on disk.
type Kind uint8

// The kinds of pages. The store's own are Map and Directory.
const (
	Leaf      Kind = 1
	Inner     Kind = 2
	Overflow  Kind = 3
	Map       Kind = 4
	Directory Kind = 5
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case Leaf:
		return "leaf"
	case Inner:
		return "inner"
	case Overflow:
		return "overflow"
	case Map:
		return "map"
	case Directory:
		return "directory"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Flags of a leaf's cell. They mean nothing here, but to who reads payloads.
const (
	// FlagOverflow: the value is in overflow pages.
	FlagOverflow = 1
	// FlagExpires: the payload begins with the time when it expires.
	FlagExpires = 2
)

// A DamageError says what is wrong with a page. It knows no file: its reader
// makes an engine.Corrupt of it.
type DamageError struct {
	Offset int // in the page, near the damage
	Detail string
}

// Error returns place and detail.
func (e *DamageError) Error() string {
	return fmt.Sprintf("page, at byte %d: %s", e.Offset, e.Detail)
}

//go:noinline
func damage(off int, format string, args ...any) error {
	return &DamageError{off, fmt.Sprintf(format, args...)}
}

// areas is where the arrays of a leaf or an inner page are.
type areas struct {
	kind     Kind
	count    int
	room     int
	prefix   int // bytes of it; it is at HeaderBytes
	strip    int
	heads    int // offsets of the arrays
	slots    int
	children int
	end      int // behind the arrays
	cell     int // bytes of a cell before its key
}

// parse reads the header. If it reports true, the arrays are within p, strip
// is 0 or prefix, and count is not above room. Of a page that is being changed it
// may report anything, but what it reports true of is within p.
func (a *areas) parse(p []byte) bool {
	if len(p) < HeaderBytes || len(p) > MaxPageBytes {
		return false
	}
	w := binary.LittleEndian.Uint64(p[atKind:])
	a.kind = Kind(w)
	a.count, a.room, a.prefix = int(uint16(w>>16)), int(uint16(w>>32)), int(w>>48)
	a.strip = int(binary.LittleEndian.Uint16(p[atStrip:]))
	a.heads = arraysAt(a.prefix)
	a.slots = a.heads + headBytes*a.room
	a.children = a.slots + slotBytes*a.room
	a.end, a.cell = a.children, leafCell
	if a.kind == Inner {
		a.end += childBytes * (a.room + 1)
		a.cell = innerCell
	} else if a.kind != Leaf {
		return false
	}
	return a.count <= a.room && (a.strip == a.prefix || a.strip == 0) && a.end <= len(p)
}

// arraysAt is where the arrays begin behind a prefix of so many bytes.
func arraysAt(prefix int) int { return HeaderBytes + (prefix+3)&^3 }

// entryBytes is what an entry takes in the arrays of a page of a kind.
func entryBytes(k Kind) int {
	if k == Inner {
		return headBytes + slotBytes + childBytes
	}
	return headBytes + slotBytes
}

// firstBytes is what the arrays of a page of a kind take without entries.
func firstBytes(k Kind) int {
	if k == Inner {
		return childBytes
	}
	return 0
}

// cellBytes is the size of a cell before its key in a page of a kind.
func cellBytes(k Kind) int {
	if k == Inner {
		return innerCell
	}
	return leafCell
}

// slot is where the cell of entry i is; 0 <= i < count.
func (a *areas) slot(p []byte, i int) int {
	return int(binary.LittleEndian.Uint16(p[a.slots+slotBytes*i:]))
}

// span returns the bytes of the cell of entry i, and where in them the key
// ends; false, if they are not within p.
func (a *areas) span(p []byte, i int) (cell []byte, keyEnd int, ok bool) {
	off := a.slot(p, i)
	if off+leafCell > len(p) {
		if a.kind == Leaf || off+innerCell > len(p) {
			return nil, 0, false
		}
	}
	keyEnd = a.cell + int(binary.LittleEndian.Uint16(p[off:]))
	end := off + keyEnd
	if a.kind == Leaf {
		end += int(binary.LittleEndian.Uint16(p[off+2:]))
	}
	if end > len(p) {
		return nil, 0, false
	}
	return p[off:end:end], keyEnd, true
}

// key returns the key of entry i, without what is stripped.
func (a *areas) key(p []byte, i int) (key []byte, ok bool) {
	off := a.slot(p, i)
	if off+innerCell > len(p) {
		return nil, false
	}
	from := off + a.cell
	to := from + int(binary.LittleEndian.Uint16(p[off:]))
	if to > len(p) {
		return nil, false
	}
	return p[from:to:to], true
}

// rest returns what of the key of entry i follows the prefix.
func (a *areas) rest(p []byte, i int) (rest []byte, ok bool) {
	key, ok := a.key(p, i)
	skip := a.prefix - a.strip
	if !ok || skip > len(key) {
		return nil, false
	}
	return key[skip:], true
}

// head is what a head is of what follows the prefix.
func head(s []byte) uint32 {
	if len(s) >= headBytes {
		return binary.BigEndian.Uint32(s)
	}
	var h uint32
	for i, b := range s {
		h |= uint32(b) << (24 - 8*i)
	}
	return h
}

// get16 and put16 are a field of two bytes.
func get16(p []byte, off int) int    { return int(binary.LittleEndian.Uint16(p[off:])) }
func put16(p []byte, off int, v int) { binary.LittleEndian.PutUint16(p[off:], uint16(v)) }
func get32(p []byte, off int) uint32 { return binary.LittleEndian.Uint32(p[off:]) }
func put32(p []byte, off int, v uint32) {
	binary.LittleEndian.PutUint32(p[off:], v)
}
