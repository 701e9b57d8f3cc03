package filter

import (
	"encoding/binary"
	"math/bits"
)

// A Filter knows of some keys that they are absent. It is small, a value, and
// points into the bytes that it was opened from. The zero Filter is of kind
// None: it knows nothing.
//
// Concurrency: all methods may be called by many goroutines at once.
type Filter struct {
	body    []byte
	size    uint64 // bloom: bits; blocked: blocks; fuse: first cells
	seed    uint64 // fuse
	segment uint32 // fuse: cells, a power of 2
	kind    Kind
	probes  uint8 // bloom, blocked
}

// Kind is how f filters.
func (f *Filter) Kind() Kind { return f.kind }

// Bytes is how long the filter's bytes are.
func (f *Filter) Bytes() int {
	if f.kind == None {
		return 0
	}
	return len(f.body) + footerBytes
}

// MayContain is false only if hash was not added.
func (f *Filter) MayContain(hash uint64) bool {
	switch f.kind {
	case Blocked:
		// All bits are looked at, as branches on them would be guessed wrong.
		x := mix(hash)
		n, _ := bits.Mul64(x, f.size)
		block := (*[blockBytes]byte)(f.body[n*blockBytes:])
		all := uint64(1)
		for left := int(f.probes); left > 0; left -= perWord {
			x *= remix
			y := x
			for range min(left, perWord) {
				y = bits.RotateLeft64(y, 9)
				all &= binary.LittleEndian.Uint64(block[y>>3&0x38:]) >> (y & 63)
			}
		}
		return all != 0
	case Fuse8:
		x := fuseMix(hash + f.seed)
		a, b, c := f.cells(x)
		return byte(x^x>>32) == f.body[a]^f.body[b]^f.body[c]
	case Fuse16:
		x := fuseMix(hash + f.seed)
		a, b, c := f.cells(x)
		return uint16(x^x>>32) == f.cell16(a)^f.cell16(b)^f.cell16(c)
	case Bloom:
		return f.bloom(hash)
	}
	return true
}

func (f *Filter) bloom(hash uint64) bool {
	x, step := bloomStart(hash)
	for range f.probes {
		bit, _ := bits.Mul64(x, f.size)
		if f.body[bit>>3]>>(bit&7)&1 == 0 {
			return false
		}
		x += step
	}
	return true
}

// setBlocked adds hash to blocks.
func setBlocked(blocks []byte, size, hash uint64, probes int) {
	x := mix(hash)
	n, _ := bits.Mul64(x, size)
	block := (*[blockBytes]byte)(blocks[n*blockBytes:])
	for left := probes; left > 0; left -= perWord {
		x *= remix
		y := x
		for range min(left, perWord) {
			y = bits.RotateLeft64(y, 9)
			word := block[y>>3&0x38:][:8]
			binary.LittleEndian.PutUint64(word, binary.LittleEndian.Uint64(word)|1<<(y&63))
		}
	}
}

// setBloom adds hash to words.
func setBloom(words []byte, size, hash uint64, probes int) {
	x, step := bloomStart(hash)
	for range probes {
		bit, _ := bits.Mul64(x, size)
		words[bit>>3] |= 1 << (bit & 7)
		x += step
	}
}

// perWord is how many bits of a block 64 bits choose, by 9 each.
const perWord = 7

// remix is odd: of x*remix the upper bits, from which probes begin, depend on
// all bits of x, also those that do not choose the block.
const remix = 0x9e3779b97f4a7c15

// bloomStart is where double hashing (Kirsch, Mitzenmacher 2006) begins and
// its step.
func bloomStart(hash uint64) (x, step uint64) {
	x = mix(hash)
	return x, bits.RotateLeft64(x*remix, 32) | 1
}

// mix makes all upper bits of a hash depend on all of its bits.
func mix(x uint64) uint64 {
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}

// cells are the three of a mixed hash: one in each of three segments that
// follow one another. Open saw to it that they are in the body.
func (f *Filter) cells(x uint64) (a, b, c uint32) {
	hi, _ := bits.Mul64(x, f.size)
	a = uint32(hi)
	b = (a + f.segment) ^ uint32(x>>18)&(f.segment-1)
	c = (a + 2*f.segment) ^ uint32(x)&(f.segment-1)
	return a, b, c
}

func (f *Filter) cell16(n uint32) uint16 {
	return binary.LittleEndian.Uint16(f.body[2*uint64(n):])
}

// fuseMix is how the library that builds fuse filters mixes: the finalizer of
// MurmurHash3.
func fuseMix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
