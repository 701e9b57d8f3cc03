package filter

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/FastFilter/xorfilter"
)

// A fuseBuilder builds fuse filters, and keeps the memory that this takes.
type fuseBuilder struct {
	most    int // keys
	library xorfilter.BinaryFuseBuilder
	bitmap  []uint64
	twice   []uint64
}

// maxFuseKeys is how many keys a fuse filter may have: numbers of its cells
// must fit 32 bits, with air.
const maxFuseKeys = 1 << 30

// build appends a filter of hashes, whose order it may change. It is not ok
// if no seed fits.
func (b *fuseBuilder) build(dst []byte, kind Kind, hashes []uint64) (out []byte, ok bool) {
	if len(hashes) > b.most {
		return dst, false
	}
	hashes = b.distinct(hashes)
	if kind == Fuse8 {
		f, err := xorfilter.BuildBinaryFuse[uint8](&b.library, hashes)
		if err != nil {
			return dst, false
		}
		dst, cells := extend(dst, len(f.Fingerprints))
		copy(cells, f.Fingerprints)
		return appendFuse(dst, kind, f.Seed, f.SegmentCount, f.SegmentLength), true
	}
	f, err := xorfilter.BuildBinaryFuse[uint16](&b.library, hashes)
	if err != nil {
		return dst, false
	}
	dst, cells := extend(dst, 2*len(f.Fingerprints))
	for i, c := range f.Fingerprints {
		binary.LittleEndian.PutUint16(cells[2*i:], c)
	}
	return appendFuse(dst, kind, f.Seed, f.SegmentCount, f.SegmentLength), true
}

func appendFuse(dst []byte, kind Kind, seed uint64, segments, length uint32) []byte {
	return appendFooter(dst, kind, seed, segments, uint8(bits.TrailingZeros32(length)), 0)
}

// distinct is hashes, each once. The library tries 1024 seeds in vain where
// one comes often. All are sorted only if some do repeat: that is found out
// from the few that share a bit of a bitmap with another.
func (b *fuseBuilder) distinct(hashes []uint64) []uint64 {
	if len(hashes) < 2 {
		return hashes
	}
	log := max(bits.Len(uint(8*len(hashes)-1)), 6) // 8 to 16 bits for each
	b.bitmap, b.twice = zeroed(b.bitmap, 1<<log/64), zeroed(b.twice, 1<<log/64)
	for _, h := range hashes {
		n := h * remix >> (64 - log)
		bit := uint64(1) << (n & 63)
		b.twice[n>>6] |= b.bitmap[n>>6] & bit
		b.bitmap[n>>6] |= bit
	}
	var shared []uint64
	for _, h := range hashes {
		if n := h * remix >> (64 - log); b.twice[n>>6]>>(n&63)&1 != 0 {
			shared = append(shared, h)
		}
	}
	slices.Sort(shared)
	if len(slices.Compact(shared)) == len(shared) {
		return hashes
	}
	slices.Sort(hashes)
	return slices.Compact(hashes)
}

func zeroed(s []uint64, n int) []uint64 {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}
