package hint

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A Filter answers whether a segment may hold a hash. It is a split-block Bloom
// filter (Putze, Sanders, Singler 2007): the hash chooses a block of 8 words of
// 32 bits, and sets a bit in each. 12 bits per op answer yes for about 1 of
// 170 hashes that are not there.
//
// Concurrency: MayHold may be called from many goroutines at once. Add may not,
// nor beside MayHold.
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

// NewFilter is an empty filter with room for some ops. More may be added: then
// it says yes for nothing more often; for twice as many, to 1 of 10 hashes.
func NewFilter(ops int) *Filter { return newFilter(max(ops, 1)) }

func newFilter(ops int) *Filter {
	n := (ops*bitsPerOp + 8*filterBlock - 1) / (8 * filterBlock) * filterBlock
	// A Writer appends the footer.
	return &Filter{lowest: math.MaxUint64, words: make([]byte, n, n+footerBytes)}
}

// Add adds an op. f comes from NewFilter.
func (f *Filter) Add(hash, sequence uint64) {
	f.lowest = min(f.lowest, sequence)
	f.set(codeOf(hash))
}

// MayHold is false only if no op with this hash (of what the index keeps of it)
// and a sequence below s was added.
func (f *Filter) MayHold(hash, s uint64) bool {
	if len(f.words) == 0 || f.lowest >= s {
		return false
	}
	b, low := f.at(codeOf(hash))
	for i := 0; i < len(salts); i += 2 {
		m := mask(low, i)
		if binary.LittleEndian.Uint64(b[4*i:])&m != m {
			return false
		}
	}
	return true
}

// Lowest is the lowest sequence that was added; the greatest number if none.
func (f *Filter) Lowest() uint64 { return f.lowest }

// Bytes is the memory that the filter takes.
func (f *Filter) Bytes() int { return len(f.words) }

func (f *Filter) set(code uint64) {
	b, low := f.at(code)
	for i := 0; i < len(salts); i += 2 {
		w := binary.LittleEndian.Uint64(b[4*i:])
		binary.LittleEndian.PutUint64(b[4*i:], w|mask(low, i))
	}
}

// mask is the bits of two words.
func mask(low uint32, i int) uint64 {
	return 1<<(low*salts[i]>>27) | 1<<(low*salts[i+1]>>27+32)
}

func (f *Filter) at(code uint64) (block *[filterBlock]byte, low uint32) {
	x := code * 0x9e3779b97f4a7c15
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	n, _ := bits.Mul64(x, uint64(len(f.words)/filterBlock))
	return (*[filterBlock]byte)(f.words[n*filterBlock:]), uint32(x)
}
