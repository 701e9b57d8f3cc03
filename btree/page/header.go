package page

import (
	"encoding/binary"
	"unsafe"
)

// An ID is the number of a page, wherever it is; 0 is none.
type ID = uint32

// RootID is the page of the root, for as long as the tree lives.
const RootID ID = 1

// KindOf returns the kind of a page; 0, if p is shorter than a header.
func KindOf(p []byte) Kind {
	if len(p) < HeaderBytes {
		return 0
	}
	return Kind(p[atKind])
}

// Level returns how far above the leaves a page is: 0 is a leaf.
func Level(p []byte) int { return int(p[atLevel]) }

// Count returns the entries of a leaf, or the separators of an inner page,
// which has one child more.
func Count(p []byte) int { return get16(p, atCount) }

// SetCount sets the count of a page whose kind is Map or Directory.
func SetCount(p []byte, n int) { put16(p, atCount, n) }

// IDOf returns a page's id.
func IDOf(p []byte) ID { return get32(p, atID) }

// SetID sets a page's id.
func SetID(p []byte, id ID) { put32(p, atID, id) }

// Stamp returns the stamp at which this version of a page was made.
func Stamp(p []byte) uint64 { return binary.LittleEndian.Uint64(p[atStamp:]) }

// SetStamp sets a page's stamp.
func SetStamp(p []byte, s uint64) { binary.LittleEndian.PutUint64(p[atStamp:], s) }

// Next returns the leaf to the right, or the next page of a chain; 0: none.
func Next(p []byte) ID { return get32(p, atNext) }

// SetNext sets what Next returns.
func SetNext(p []byte, id ID) { put32(p, atNext, id) }

// Fences returns the bounds of the keys of a leaf or of what is below an inner
// page: low <= key, and key < high if bounded. Both are slices of p. If ok is
// false, the page makes no sense.
func Fences(p []byte) (low, high []byte, bounded, ok bool) {
	if len(p) < HeaderBytes {
		return nil, nil, false, false
	}
	a, n := get16(p, atLow), get16(p, atLowSize)
	b, m := get16(p, atHigh), get16(p, atHighSize)
	bounded = p[atFlags]&flagNoHigh == 0
	if a+n > len(p) || b+m > len(p) {
		return nil, nil, false, false
	}
	low = p[a : a+n : a+n]
	if bounded {
		high = p[b : b+m : b+m]
	}
	return low, high, bounded, true
}

// MaxKey returns the longest key of a tree of pages of so many bytes.
func MaxKey(pageBytes int) int { return pageBytes / 8 }

// MaxInline returns the most that key and payload of an entry of a leaf may be
// together. See the package comment, Room, for why it is not more.
func MaxInline(pageBytes int) int { return pageBytes/6 - 32 }

// Used returns the bytes in use: header, prefix, arrays without places that are
// free, cells and fences. What a page has beyond can be used, if need be after
// it was rebuilt.
func Used(p []byte) int {
	var a areas
	if !a.parse(p) {
		if len(p) >= HeaderBytes && KindOf(p) == Overflow {
			return min(HeaderBytes+Count(p), len(p))
		}
		return len(p)
	}
	return a.end - entryBytes(a.kind)*(a.room-a.count) + a.live(p)
}

// live is what cells and fences take.
func (a *areas) live(p []byte) int {
	return max(0, len(p)-get16(p, atHeap)-get16(p, atGarbage))
}

// Prefetch begins to bring what Get and Child look at first into the
// processor's cache, for a page that is likely not to be there.
func Prefetch(p []byte) { prefetch(unsafe.Pointer(unsafe.SliceData(p))) }
