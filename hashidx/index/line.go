package index

import (
	"cmp"
	"sync/atomic"
	"unsafe"
)

// A line is one cache line: up to 6 entries of a bucket. All lines of a bucket
// form its chain: the home line, which the bucket's number finds, and overflow
// lines, the newest first.
//
//	offset  size  field
//	0       6x8   slots   tag<<48 | place; 0 is an empty slot
//	48      6x2   lows    hash bits 10 to 25 of the slot's entry
//	60      4     next    number of the next overflow line; 0 ends the chain
//
// A line is memory, never a file: integers are the machine's. Two lows share a
// word because there are no atomic operations on less.
type line struct {
	slots [lineSlots]atomic.Uint64
	lows  [lineSlots / 2]atomic.Uint32
	next  atomic.Uint32
}

const (
	lineSlots = 6
	lineBytes = int(unsafe.Sizeof(line{}))

	placeBits = 48
	placeMask = 1<<placeBits - 1

	// firstBits is how many bits of the hash a bucket's number always tells;
	// lowBits follow in a line's lows, tagBits in the slot.
	firstBits = 10
	lowBits   = 16
	tagBits   = 64 - placeBits

	firstLines = 1 << firstBits
	lowMask    = 1<<lowBits - 1
	tagShift   = firstBits + lowBits
)

// HashBits is how many bits of a hash the index keeps: the 26 lowest and the
// 16 highest.
const HashBits = tagShift + tagBits

// A code is the part of a hash that the index keeps, as one number: the tag
// above the lowest bits. Buckets are numbered by its lowest bits.
type code uint64

func codeOf(hash uint64) code {
	return code(hash>>placeBits<<tagShift | hash&(1<<tagShift-1))
}

// hash is a hash with this code: the bits that are not kept are 0.
func (c code) hash() uint64 {
	return uint64(c)>>tagShift<<placeBits | uint64(c)&(1<<tagShift-1)
}

func (c code) tag() uint64 { return uint64(c) >> tagShift }
func (c code) low() uint32 { return uint32(c>>firstBits) & lowMask }

// word is the slot of an entry with this code.
func (c code) word(place uint64) uint64 { return c.tag()<<placeBits | place }

// low is the lows' part of slot i.
func (l *line) low(i int) uint32 {
	return l.lows[i/2].Load() >> (i % 2 * lowBits) & lowMask
}

// put fills an empty slot. The slot itself comes last: readers look at the
// lows of a slot only after they have seen its word.
func (l *line) put(i int, word uint64, low uint32) {
	shift := i % 2 * lowBits
	pair := l.lows[i/2].Load()
	l.lows[i/2].Store(pair&^(lowMask<<shift) | low<<shift)
	l.slots[i].Store(word)
}

// free is an empty slot of l, or -1.
func (l *line) free() int {
	for i := range l.slots {
		if l.slots[i].Load() == 0 {
			return i
		}
	}
	return -1
}

// used is a slot of l with an entry, or -1.
func (l *line) used() int {
	for i := range l.slots {
		if l.slots[i].Load() != 0 {
			return i
		}
	}
	return -1
}

// code is the code of the entry in slot i of a chain of the bucket.
func (l *line) code(bucket uint64, i int) code {
	return code(l.slots[i].Load()>>placeBits<<tagShift |
		uint64(l.low(i))<<firstBits | bucket&(firstLines-1))
}

// Same reports whether the index cannot tell two hashes apart.
func Same(a, b uint64) bool { return codeOf(a) == codeOf(b) }

// Compare orders hashes by what the index keeps of them.
func Compare(a, b uint64) int { return cmp.Compare(codeOf(a), codeOf(b)) }

// Code is what the index keeps of a hash: HashBits bits.
func Code(hash uint64) uint64 { return uint64(codeOf(hash)) }
