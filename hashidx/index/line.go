package index

import (
	"cmp"
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// A line is one cache line: up to 6 entries of a bucket. All lines of a bucket
// form its chain: the home line, which the bucket's number finds, and overflow
// lines, the newest first.
//
//	offset  size  field
//	0       6x8   slots   tag<<48 | place; 0 is an empty slot
//	48      4x2   lows    hash bits 10 to 25 of the entries in slots 0 to 3
//	56      2x2   tail    those of slots 4 and 5
//	60      4             number of the next overflow line; 0 ends the chain
//
// A line is memory, never a file: integers are the machine's, shown for a
// little-endian one. Whoever reads a line loads its tail, then its lows, and
// then only slots with the lows that it is looking for. Who writes one has it
// for itself or holds the stripe, so it may load and store a word in two steps.
type line struct {
	slots [lineSlots]atomic.Uint64
	lows  atomic.Uint64
	tail  atomic.Uint64
}

const (
	lineSlots = 6
	lowLanes  = 4 // lows in the first of two words
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

// next is the number of the line after this one; 0 is none.
func (l *line) next() uint32 { return nextOf(l.tail.Load()) }

// link makes another line the one after this one.
func (l *line) link(next uint32) {
	l.tail.Store(l.tail.Load()&(1<<tailBits-1) | uint64(next)<<tailBits)
}

// tailBits are the lows in a tail, below next.
const tailBits = (lineSlots - lowLanes) * lowBits

func nextOf(tail uint64) uint32 { return uint32(tail >> tailBits) }

// lowsOf is the word with the lows of slot i, and where in it they are.
func (l *line) lowsOf(i int) (word *atomic.Uint64, shift int) {
	if i < lowLanes {
		return &l.lows, i * lowBits
	}
	return &l.tail, (i - lowLanes) * lowBits
}

// low is the lows' part of slot i.
func (l *line) low(i int) uint32 {
	word, shift := l.lowsOf(i)
	return uint32(word.Load()>>shift) & lowMask
}

// A match is a set of slots: those below 4 have bits 15, 31, 47 and 63, as a
// comparison of four lows at once leaves them, the others 14 and 30.
type match uint64

// match returns the slots with these lows, used or not. The tail was loaded
// before.
func (l *line) match(tail uint64, low uint32) match {
	return equalLows(l.lows.Load(), low) | equalLows(tail, low)>>1&(1<<14|1<<30)
}

// equalLows sets the highest bit of each of the four lows in a word that is
// this one, and no other bit.
func equalLows(word uint64, low uint32) match {
	const all, most = 0x0001_0001_0001_0001, 0x7fff_7fff_7fff_7fff
	word ^= uint64(low) * all
	return match(^((word&most + most) | word | most))
}

// first is the first slot of a match that has one.
func (m match) first() int {
	b := bits.TrailingZeros64(uint64(m))
	return b>>4 | (^b&1)<<2
}

// put fills an empty slot. The slot itself comes last: readers look at a slot
// only after they have seen its lows.
func (l *line) put(i int, word uint64, low uint32) {
	lows, shift := l.lowsOf(i)
	lows.Store(lows.Load()&^(lowMask<<shift) | uint64(low)<<shift)
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
