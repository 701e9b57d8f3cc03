package block

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// Options say how blocks are written. A block says itself how it is read.
type Options struct {
	Layout Layout // Heads, which 0 stands for, or Restarts
	// RestartInterval is from how many entries Restarts keeps one key whole; 0
	// is 16. Fewer are found faster, and take more room.
	RestartInterval int
}

// MaxBytes bounds the keys and values of one block.
const MaxBytes = math.MaxUint32

// keptBytes is how large a buffer a Builder keeps for the next block.
const keptBytes = 4 << 20

// A Builder writes blocks, one after the other. It belongs to one goroutine.
type Builder struct {
	o    Options
	rows []row // of the layout Heads
	keys []byte
	data []byte // values; entries of the layout Restarts

	prefix  int // of all keys
	minKey  int // lengths
	maxKey  int
	minVal  int
	maxVal  int
	lowest  ikey.Seq
	highest ikey.Seq
	kinds   uint16 // a bit for each that occurs

	entries  int
	restarts []uint32
}

// row is an entry: where its key and its value end, and what it is.
type row struct {
	key, value uint32
	trailer    ikey.Trailer
}

// NewBuilder returns an empty builder.
func NewBuilder(o Options) *Builder {
	if o.Layout != Restarts {
		o.Layout = Heads
	}
	if o.RestartInterval <= 0 {
		o.RestartInterval = 16
	}
	b := &Builder{o: o}
	b.Reset()
	return b
}

// Add appends an entry. Entries are added in the order of ikey.Compare; keys
// are 1 to 65535 bytes; all keys and values of a block are less than MaxBytes.
// It copies key and value.
func (b *Builder) Add(key []byte, t ikey.Trailer, value []byte) {
	if b.o.Layout == Restarts {
		b.addShared(key, t, value)
		return
	}
	if len(b.rows) == 0 {
		b.prefix = len(key)
	} else {
		b.prefix = ikey.CommonPrefix(b.keys[:b.prefix], key)
	}
	b.minKey, b.maxKey = min(b.minKey, len(key)), max(b.maxKey, len(key))
	b.minVal, b.maxVal = min(b.minVal, len(value)), max(b.maxVal, len(value))
	b.lowest = min(b.lowest, t.Seq())
	b.highest = max(b.highest, t.Seq())
	b.kinds |= 1 << (t.Kind() & 15)
	b.keys = append(b.keys, key...)
	b.data = append(b.data, value...)
	b.rows = append(b.rows, row{uint32(len(b.keys)), uint32(len(b.data)), t})
	b.entries++
}

// addShared appends an entry to b.data; b.keys is the key before.
func (b *Builder) addShared(key []byte, t ikey.Trailer, value []byte) {
	shared := 0
	if b.entries%b.o.RestartInterval == 0 {
		b.restarts = append(b.restarts, uint32(len(b.data)))
	} else {
		shared = ikey.CommonPrefix(b.keys, key)
	}
	b.data = binary.AppendUvarint(b.data, uint64(shared))
	b.data = binary.AppendUvarint(b.data, uint64(len(key)-shared))
	b.data = binary.AppendUvarint(b.data, uint64(len(value)))
	b.data = append(b.data, key[shared:]...)
	b.data = binary.LittleEndian.AppendUint64(b.data, uint64(t))
	b.data = append(b.data, value...)
	b.keys = append(b.keys[:shared], key[shared:]...)
	b.entries++
}

// Len returns how many entries were added since the last Finish or Reset.
func (b *Builder) Len() int { return b.entries }

// Empty reports whether none was.
func (b *Builder) Empty() bool { return b.entries == 0 }

// Size returns how many bytes Finish would append.
func (b *Builder) Size() int {
	switch {
	case b.entries == 0:
		return 0
	case b.o.Layout == Restarts:
		return restartsHeader + 4*len(b.restarts) + len(b.data)
	}
	n := b.entries
	size := headsHeader + b.prefix + n*headBytes + b.pairs()*b.pairBytes() + n*b.width() + b.suffixBytes() + len(b.data)
	if b.kind() == manyKinds {
		size += (n + 1) / 2
	}
	return size
}

// split is how many bytes of keys only heads have.
func (b *Builder) split() int {
	if b.minKey-b.prefix >= headBytes {
		return headBytes
	}
	return 0
}

func (b *Builder) suffixBytes() int { return len(b.keys) - b.entries*(b.prefix+b.split()) }

// even reports whether all keys have one length, and all values.
func (b *Builder) even() bool { return b.minKey == b.maxKey && b.minVal == b.maxVal }

// pairs is how many there are.
func (b *Builder) pairs() int {
	if b.even() {
		return 1
	}
	return b.entries + 1
}

// pairBytes is the length of a pair.
func (b *Builder) pairBytes() int {
	if b.even() {
		if b.maxVal > math.MaxUint16 { // no key is
			return 8
		}
		return 4
	}
	if len(b.data) > math.MaxUint16 || b.suffixBytes() > math.MaxUint16 {
		return 8
	}
	return 4
}

// width is the length of a step.
func (b *Builder) width() int {
	switch n := bits.Len64(uint64(b.highest - b.lowest)); {
	case n == 0:
		return 0
	case n <= 8:
		return 1
	case n <= 16:
		return 2
	case n <= 32:
		return 4
	}
	return 8
}

// kind is that of all entries, or manyKinds.
func (b *Builder) kind() uint8 {
	if b.kinds&(b.kinds-1) != 0 {
		return manyKinds
	}
	return uint8(bits.TrailingZeros16(b.kinds))
}

// Finish appends the block to dst, and resets the builder. Without entries it
// appends nothing.
func (b *Builder) Finish(dst []byte) []byte {
	if b.entries == 0 {
		return dst
	}
	dst = slices.Grow(dst, b.Size())
	if b.o.Layout == Restarts {
		dst = append(dst, byte(Restarts), 0, 0, 0)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b.restarts)))
		for _, at := range b.restarts {
			dst = binary.LittleEndian.AppendUint32(dst, at)
		}
	} else {
		dst = b.appendHeader(dst)
		dst = b.appendHeads(dst)
		dst = b.appendPairs(dst)
		dst = b.appendTrailers(dst)
		dst = b.appendSuffixes(dst)
	}
	dst = append(dst, b.data...)
	b.Reset()
	return dst
}

// Reset forgets all entries.
func (b *Builder) Reset() {
	b.rows, b.keys, b.data = kept(b.rows), kept(b.keys), kept(b.data)
	b.prefix = 0
	b.minKey, b.maxKey, b.minVal, b.maxVal = math.MaxInt, 0, math.MaxInt, 0
	b.lowest, b.highest, b.kinds = ikey.MaxSeq, 0, 0
	b.entries, b.restarts = 0, b.restarts[:0]
}

// kept empties a buffer, and lets go of one that a giant left.
func kept[T any](s []T) []T {
	if cap(s) > keptBytes {
		return nil
	}
	return s[:0]
}

func (b *Builder) appendHeader(dst []byte) []byte {
	var flag byte
	if b.pairBytes() == 8 {
		flag |= flagWide
	}
	if b.split() > 0 {
		flag |= flagSplit
	}
	if b.even() {
		flag |= flagEven
	}
	dst = append(dst, byte(Heads), flag, byte(b.width()), b.kind())
	dst = binary.LittleEndian.AppendUint32(dst, uint32(b.entries))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(b.suffixBytes()))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(b.prefix))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(b.lowest))
	return append(dst, b.keys[:b.prefix]...)
}

func (b *Builder) appendHeads(dst []byte) []byte {
	at := 0
	for i := range b.rows {
		end := int(b.rows[i].key)
		dst = binary.LittleEndian.AppendUint32(dst, head(b.keys[at+b.prefix:end]))
		at = end
	}
	return dst
}

func (b *Builder) appendPairs(dst []byte) []byte {
	wide := b.pairBytes() == 8
	cut := b.prefix + b.split()
	if b.even() {
		return appendPair(dst, wide, uint32(b.maxKey-cut), uint32(b.maxVal))
	}
	dst = appendPair(dst, wide, 0, 0)
	for i := range b.rows {
		r := &b.rows[i]
		dst = appendPair(dst, wide, r.key-uint32((i+1)*cut), r.value)
	}
	return dst
}

func appendPair(dst []byte, wide bool, suffix, value uint32) []byte {
	if wide {
		return binary.LittleEndian.AppendUint64(dst, uint64(suffix)|uint64(value)<<32)
	}
	return binary.LittleEndian.AppendUint32(dst, suffix|value<<16)
}

func (b *Builder) appendTrailers(dst []byte) []byte {
	if w := b.width(); w > 0 {
		for i := range b.rows {
			var step [8]byte
			binary.LittleEndian.PutUint64(step[:], uint64(b.rows[i].trailer.Seq()-b.lowest))
			dst = append(dst, step[:w]...)
		}
	}
	if b.kind() != manyKinds {
		return dst
	}
	for i := 0; i < len(b.rows); i += 2 {
		two := byte(b.rows[i].trailer.Kind())
		if i+1 < len(b.rows) {
			two |= byte(b.rows[i+1].trailer.Kind()) << 4
		}
		dst = append(dst, two)
	}
	return dst
}

func (b *Builder) appendSuffixes(dst []byte) []byte {
	at, cut := 0, b.prefix+b.split()
	for i := range b.rows {
		end := int(b.rows[i].key)
		dst = append(dst, b.keys[at+cut:end]...)
		at = end
	}
	return dst
}
