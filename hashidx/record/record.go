package record

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// The frame of an op. Integers of fixed width are little-endian; lengths are
// uvarints in their shortest form, in bytes.
//
//	frame   offset  size  field
//	        0       4     crc       CRC-32C of all bytes of the frame after it
//	        4       1     kind      1 put, 2 delete, 3 put that expires;
//	                                64 is added where another key had the
//	                                same index code when this was written,
//	                                128 where a sequence is carried
//	        5       1..3  key length, 1 to MaxKey
//	        -       1..5  value length, 0 to MaxValue; 0 for a delete
//	        -       8     expire    kind 3 only: nanoseconds since 1970, UTC
//	        -       8     sequence  where carried: of the op this is a copy of
//	        -       -     key
//	        -       -     value
//
// Zeros are no frame: a kind is never 0. A frame does not know its place: what
// holds it (a record of the log) does, and its crc covers that.
//
// A crash leaves what the log makes of it: whole frames, or none that an index
// names. A format change is a new format of the directory's marker, and a new
// golden file.

// Kind is what an op does.
type Kind uint8

// The kinds. 0 is none.
const (
	Put Kind = 1 + iota
	Delete
	PutExpiring
)

// The flags in a kind byte, which hints carry too.
const (
	FlagColliding = 64
	FlagSequenced = 128

	flags = FlagColliding | FlagSequenced
)

const (
	// MaxKey and MaxValue are the longest key and value in bytes.
	MaxKey   = 64 << 10
	MaxValue = 1 << 30

	crcBytes  = 4
	kindAt    = crcBytes
	lengthsAt = kindAt + 1
	fieldSize = 8 // of expire and of sequence

	// MaxHeader is how many bytes at most come before the key.
	MaxHeader = lengthsAt + 3 + 5 + 2*fieldSize
)

// What is wrong with a frame. They carry no place, so that finding damage
// allocates nothing; who knows the place adds it.
var (
	ErrShort    = errors.New("the op is cut short")
	ErrKind     = errors.New("the op has an impossible kind")
	ErrLength   = errors.New("the op has an impossible length")
	ErrChecksum = errors.New("the checksum of the op is wrong")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// An Op is one change of one key. Decoded ones point into their frame.
type Op struct {
	Kind      Kind
	Colliding bool // the index had an op of another key with the same code
	Sequenced bool // Sequence is carried
	Key       []byte
	Value     []byte
	Expire    int64 // nanoseconds since 1970, of a PutExpiring
	Sequence  uint64
}

// kindByte is the kind with its flags.
func (op *Op) kindByte() uint8 {
	kind := uint8(op.Kind)
	if op.Colliding {
		kind |= FlagColliding
	}
	if op.Sequenced {
		kind |= FlagSequenced
	}
	return kind
}

// KindByte is the kind with its flags that a frame has. frame is what one
// Append appended, or what Length has accepted.
func KindByte(frame []byte) uint8 { return frame[kindAt] }

// KindOf is the kind in a kind byte.
func KindOf(kindByte uint8) Kind { return Kind(kindByte &^ flags) }

// Append appends the frame of an op, whose key and value must be within their
// limits.
func Append(dst []byte, op *Op) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, op.kindByte())
	dst = binary.AppendUvarint(dst, uint64(len(op.Key)))
	dst = binary.AppendUvarint(dst, uint64(len(op.Value)))
	if op.Kind == PutExpiring {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(op.Expire))
	}
	if op.Sequenced {
		dst = binary.LittleEndian.AppendUint64(dst, op.Sequence)
	}
	dst = append(dst, op.Key...)
	dst = append(dst, op.Value...)
	sum(dst[start:])
	return dst
}

// sum fills in the crc of a frame.
func sum(frame []byte) {
	binary.LittleEndian.PutUint32(frame, crc32.Checksum(frame[crcBytes:], castagnoli))
}

// MarkColliding makes the op of a frame a colliding one, in place: frame is
// what one Append appended. That only the index knows, and only when the frame
// is ready.
func MarkColliding(frame []byte) {
	frame[kindAt] |= FlagColliding
	sum(frame)
}

// A header is what comes before the key, decoded.
type header struct {
	kind       byte
	key, value int // lengths
	size       int // of the header
}

// decode reads a header. More bytes never change what it says but ErrShort.
func (h *header) decode(p []byte) error {
	if len(p) <= kindAt {
		return ErrShort
	}
	h.kind = p[kindAt]
	k := KindOf(h.kind)
	if k < Put || k > PutExpiring {
		return ErrKind
	}
	key, n, err := length(p[lengthsAt:], MaxKey)
	if err != nil {
		return err
	}
	value, m, err := length(p[lengthsAt+n:], MaxValue)
	if err != nil {
		return err
	}
	if key == 0 || k == Delete && value != 0 {
		return ErrLength
	}
	h.key, h.value, h.size = key, value, lengthsAt+n+m
	if k == PutExpiring {
		h.size += fieldSize
	}
	if h.kind&FlagSequenced != 0 {
		h.size += fieldSize
	}
	return nil
}

// length reads a uvarint in its shortest form, and how wide it is.
func length(p []byte, limit uint64) (n, width int, err error) {
	x, width := binary.Uvarint(p)
	switch {
	case width == 0:
		if len(p) >= binary.MaxVarintLen32 {
			return 0, 0, ErrLength
		}
		return 0, 0, ErrShort
	case width < 0 || x > limit || width > 1 && p[width-1] == 0:
		return 0, 0, ErrLength
	}
	return int(x), width, nil
}

// Length is how long the frame is that begins with p. MaxHeader bytes are
// enough to tell; of fewer it may be ErrShort.
func Length(p []byte) (int, error) {
	var h header
	if err := h.decode(p); err != nil {
		return 0, err
	}
	return h.size + h.key + h.value, nil
}

// Split decodes the frame that p begins with, and returns its length. It does
// not look at the checksum: p is memory that was written whole.
func Split(p []byte) (op Op, n int, err error) {
	var h header
	if err := h.decode(p); err != nil {
		return Op{}, 0, err
	}
	n = h.size + h.key + h.value
	if n > len(p) {
		return Op{}, 0, ErrShort
	}
	op.Kind = KindOf(h.kind)
	op.Colliding = h.kind&FlagColliding != 0
	end := h.size
	if h.kind&FlagSequenced != 0 {
		op.Sequenced = true
		end -= fieldSize
		op.Sequence = binary.LittleEndian.Uint64(p[end:])
	}
	if op.Kind == PutExpiring {
		op.Expire = int64(binary.LittleEndian.Uint64(p[end-fieldSize:]))
	}
	value := h.size + h.key
	op.Key, op.Value = p[h.size:value:value], p[value:n:n]
	return op, n, nil
}

// Parse is Split for bytes from a file: it checks them.
func Parse(p []byte) (op Op, n int, err error) {
	op, n, err = Split(p)
	if err != nil {
		return Op{}, 0, err
	}
	if crc32.Checksum(p[crcBytes:n], castagnoli) != binary.LittleEndian.Uint32(p) {
		return Op{}, 0, ErrChecksum
	}
	return op, n, nil
}
