package block

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// The bytes of a block. Integers are little-endian; there are no gaps and no
// checksum: the table has one around each block. The first byte is the layout.
//
//	heads      offset  size  field
//	           0       1     layout    1
//	           1       1     flags     bit 0: pairs are wide; bit 1: suffixes
//	                                   begin behind the heads; bit 2: even;
//	                                   others 0
//	           2       1     width     of a step: 0, 1, 2, 4 or 8 bytes
//	           3       1     kind      of all entries; 255: there are kinds
//	           4       4     count     of entries; not 0
//	           8       4     suffixes  how many bytes they are
//	           12      2     prefix    how many bytes it is
//	           14      2     reserved  0
//	           16      8     base      the lowest sequence number
//	           24      -     prefix    of all keys
//	           -       4     head      per entry
//	           -       4|8   pair      per entry, and one more; if even, one
//	           -       width step      per entry: its sequence number less base
//	           -       1     kinds     per two entries, the first in bits 0 to
//	                                   3; bits without an entry are 0
//	           -       -     suffixes  of the keys
//	           -       -     values    up to the end of the block
//
// A head is the 4 bytes of the key that follow the prefix, as a number that has
// their order (their first byte is its highest); a key that ends before is
// filled with zeros. So keys whose heads differ are in the order of their
// heads. If all keys have these 4 bytes, suffixes do not repeat them (bit 1).
//
// A pair is where the suffix and the value of an entry begin, as two numbers
// of 16 bits, or 32 if wide. They end where those of the next pair begin: one
// load of 8 bytes has all four numbers of an entry. The first pair is 0, 0. If
// all entries are even, which is to say that their suffixes have one length and
// their values, too, there is one pair, of these lengths: where an entry is
// then follows from its number, without another load.
//
//	restarts   offset  size  field
//	           0       1     layout    2
//	           1       3     reserved  0
//	           4       4     count     of restart points; not 0
//	           8       4     restart   per restart point: where its entry
//	                                   begins, from the first entry on, which
//	                                   is the first restart point
//	           -       -     entries   up to the end of the block
//
//	entry      size    field
//	           uvarint shared   bytes with the key before; 0 at restart points
//	           uvarint suffix   bytes of the key that follow
//	           uvarint value    bytes of the value
//	           -       suffix
//	           8       trailer  sequence number << 8 | kind
//	           -       value
//
// A format change is a new number of a layout and a new golden file.
const (
	headsHeader    = 24
	restartsHeader = 8

	flagWide  = 1 << 0
	flagSplit = 1 << 1
	flagEven  = 1 << 2
	flags     = flagWide | flagSplit | flagEven

	headBytes = 4
	manyKinds = 255

	// validWidths has a bit for each width of a step.
	validWidths = 1<<0 | 1<<1 | 1<<2 | 1<<4 | 1<<8

	trailerBytes = 8
	minEntry     = 3 + trailerBytes
)

// A Layout is how the entries of a block are arranged. The numbers are on disk.
type Layout uint8

const (
	// Heads keeps the first bytes that tell keys apart in an array of their
	// own, and keys apart from values.
	Heads Layout = 1
	// Restarts is LevelDB's: each key without what it shares with the key
	// before, and whole every few entries.
	Restarts Layout = 2
)

// String returns the layout's name.
func (l Layout) String() string {
	switch l {
	case Heads:
		return "heads"
	case Restarts:
		return "restarts"
	}
	return fmt.Sprintf("layout(%d)", uint8(l))
}

// A DamageError says what is wrong with a block. It knows no file: its reader
// makes an engine.Corrupt of it.
type DamageError struct {
	Offset int // in the block, near the damage
	Detail string
}

// Error returns place and detail.
func (e *DamageError) Error() string {
	return fmt.Sprintf("block, at byte %d: %s", e.Offset, e.Detail)
}

//go:noinline
func damage(off int, format string, args ...any) error {
	return &DamageError{off, fmt.Sprintf(format, args...)}
}

// columns is where the columns of a block in layout Heads are.
type columns struct {
	count    int
	prefix   int // bytes of it; it is at headsHeader
	split    int // bytes of keys that only the heads have: 0 or headBytes
	pairs    int // offsets of the columns
	steps    int
	kinds    int
	suffixes int
	values   int
	size     int // of the block
	base     uint64
	width    uint8
	kind     uint8
	wide     bool
	even     bool
	each     pair // of an even block: suffixEnd and valueEnd are the lengths
}

// parse reads the header. If it reports true, all columns up to the suffixes
// are within data, and values is the end of the suffixes and within data, too.
func (c *columns) parse(data []byte) bool {
	if len(data) < headsHeader {
		return false
	}
	w := binary.LittleEndian.Uint64(data)
	flag := uint8(w >> 8)
	c.width, c.kind = uint8(w>>16), uint8(w>>24)
	count := w >> 32
	w = binary.LittleEndian.Uint64(data[8:])
	c.prefix = int(uint16(w >> 32))
	c.base = binary.LittleEndian.Uint64(data[16:])
	c.split = int(flag & flagSplit * (headBytes / flagSplit))
	c.wide = flag&flagWide != 0
	c.even = flag&flagEven != 0

	// No sum is above 2^37.
	pairs := headsHeader + uint64(c.prefix) + headBytes*count
	rows := count + 1
	if c.even {
		rows = 1
	}
	steps := pairs + rows<<(2+flag&flagWide)
	kinds := steps + count*uint64(c.width)
	suffixes := kinds
	if c.kind == manyKinds {
		suffixes += (count + 1) / 2
	}
	values := suffixes + uint64(uint32(w))
	if Layout(data[0]) != Heads || flag > flags || w>>48 != 0 || count == 0 ||
		c.width > 8 || validWidths>>c.width&1 == 0 || values > uint64(len(data)) {
		return false
	}
	c.count = int(count)
	c.pairs, c.steps, c.kinds, c.suffixes, c.values = int(pairs), int(steps), int(kinds), int(suffixes), int(values)
	c.size = len(data)
	return !c.even || c.parseEach(data)
}

// parseEach reads the pair of an even block.
func (c *columns) parseEach(data []byte) bool {
	var suffix, value uint64
	if c.wide {
		w := binary.LittleEndian.Uint64(data[c.pairs:])
		suffix, value = uint64(uint32(w)), w>>32
	} else {
		w := binary.LittleEndian.Uint32(data[c.pairs:])
		suffix, value = uint64(uint16(w)), uint64(w>>16)
	}
	n := uint64(c.count)
	if n*suffix != uint64(c.values-c.suffixes) || n*value != uint64(c.size-c.values) {
		return false
	}
	c.each = pair{0, 0, int(suffix), int(value)}
	return true
}

// fault says why parse reported false.
func fault(data []byte) error {
	if len(data) == 0 {
		return damage(0, "is empty")
	}
	if l := Layout(data[0]); l != Heads {
		return damage(0, "layout is %d, this build knows 1 and 2", uint8(l))
	}
	if len(data) < headsHeader {
		return damage(0, "is %d bytes, the header is %d", len(data), headsHeader)
	}
	width, count := data[2], binary.LittleEndian.Uint32(data[4:])
	switch {
	case data[1] > flags:
		return damage(1, "flags are %#x", data[1])
	case width > 8 || validWidths>>width&1 == 0:
		return damage(2, "steps are %d bytes", width)
	case count == 0:
		return damage(4, "there are no entries")
	case data[14] != 0 || data[15] != 0:
		return damage(14, "reserved bytes are not 0")
	}
	return damage(4, "%d entries, a prefix of %d and suffixes of %d do not fit into %d bytes, or do not fill them",
		count, binary.LittleEndian.Uint16(data[12:]), binary.LittleEndian.Uint32(data[8:]), len(data))
}

// A pair is where in their columns suffix and value of an entry begin and end.
type pair struct{ suffix, value, suffixEnd, valueEnd int }

// narrowPair is pair, if the pairs are not wide.
func (c *columns) narrowPair(data []byte, i int) pair {
	w := binary.LittleEndian.Uint64(data[c.pairs+4*i:])
	return pair{int(uint16(w)), int(uint16(w >> 16)), int(uint16(w >> 32)), int(w >> 48)}
}

// evenPair is pair, if the block is even.
func (c *columns) evenPair(i int) pair {
	k, v := c.each.suffixEnd, c.each.valueEnd
	return pair{i * k, i * v, i*k + k, i*v + v}
}

// pair is that of entry i; 0 <= i < count.
func (c *columns) pair(data []byte, i int) pair {
	if c.even {
		return c.evenPair(i)
	}
	if !c.wide {
		return c.narrowPair(data, i)
	}
	a := binary.LittleEndian.Uint64(data[c.pairs+8*i:])
	b := binary.LittleEndian.Uint64(data[c.pairs+8*i+8:])
	return pair{int(uint32(a)), int(a >> 32), int(uint32(b)), int(b >> 32)}
}

// holds reports whether p is within the columns.
func (c *columns) holds(p pair) bool {
	return p.suffix <= p.suffixEnd && p.suffixEnd <= c.values-c.suffixes &&
		p.value <= p.valueEnd && p.valueEnd <= c.size-c.values
}

// badPair says that those of entry i are not.
func (c *columns) badPair(i int) error {
	n := 4
	if c.wide {
		n = 8
	}
	return damage(c.pairs+n*i, "suffix or value of entry %d does not end where it should", i)
}

// seq is the sequence number of entry i; beyond MaxSeq it is damaged.
func (c *columns) seq(data []byte, i int) uint64 {
	var step uint64
	switch c.width {
	case 0:
	case 1:
		step = uint64(data[c.steps+i])
	case 2:
		step = uint64(binary.LittleEndian.Uint16(data[c.steps+2*i:]))
	case 4:
		step = uint64(binary.LittleEndian.Uint32(data[c.steps+4*i:]))
	default:
		step = binary.LittleEndian.Uint64(data[c.steps+8*i:])
	}
	if sum := c.base + step; sum >= step {
		return sum
	}
	return math.MaxUint64
}

// kindOf is the kind of entry i; it may be invalid, which is damage.
func (c *columns) kindOf(data []byte, i int) ikey.Kind {
	if c.kind != manyKinds {
		return ikey.Kind(c.kind)
	}
	return ikey.Kind(data[c.kinds+i/2] >> (i % 2 * 4) & 15)
}

// badTrailer says which of both is damaged.
func (c *columns) badTrailer(i int, seq uint64, kind ikey.Kind) error {
	if !kind.Valid() {
		return damage(c.kinds+i/2, "kind of entry %d is %v", i, kind)
	}
	return damage(c.steps+i*int(c.width), "sequence number of entry %d is %#x", i, seq)
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

// headAt is the head at off.
func headAt(data []byte, off int) uint32 { return binary.LittleEndian.Uint32(data[off:]) }
