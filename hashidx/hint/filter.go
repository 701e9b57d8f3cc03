package hint

import (
	"encoding/binary"
	"math/bits"
)

// A Filter answers whether a segment may hold a hash. It is a split-block Bloom
// filter (Putze, Sanders, Singler 2007): the hash chooses a block of 8 words of
// 32 bits, and sets a bit in each. 12 bits per op answer yes for about 1 of
// 170 hashes that are not there.
type Filter struct {
	lowest uint64
	words  []byte // 32 bytes per block
}

const (
	filterBlock = 32
	bitsPerOp   = 12
)

// salts are odd, and spread the bits of one number over 8 words.
var salts = [8]uint32{
	0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
	0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
}

// MayHold is false only if the segment has no op with this hash and a sequence
// below s.
func (f *Filter) MayHold(hash, s uint64) bool {
	if len(f.words) == 0 || f.lowest >= s {
		return false
	}
	b, low := f.at(codeOf(hash))
	for i, salt := range salts {
		if binary.LittleEndian.Uint32(b[4*i:])>>(low*salt>>27)&1 == 0 {
			return false
		}
	}
	return true
}

// Bytes is the memory that the filter takes.
func (f *Filter) Bytes() int { return len(f.words) }

func (f *Filter) at(code uint64) (block []byte, low uint32) {
	x := code * 0x9e3779b97f4a7c15
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	n, _ := bits.Mul64(x, uint64(len(f.words)/filterBlock))
	return f.words[n*filterBlock:][:filterBlock], uint32(x)
}

// filterOf is a filter of codes.
func filterOf(codes []uint64) *Filter {
	f := &Filter{words: make([]byte, (len(codes)*bitsPerOp+8*filterBlock-1)/(8*filterBlock)*filterBlock)}
	for _, c := range codes {
		b, low := f.at(c)
		for i, salt := range salts {
			w := binary.LittleEndian.Uint32(b[4*i:])
			binary.LittleEndian.PutUint32(b[4*i:], w|1<<(low*salt>>27))
		}
	}
	return f
}
