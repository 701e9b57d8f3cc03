package blob

import (
	"encoding/binary"
	"fmt"
)

// A Pointer is where a value is: what a table stores in its place, as the
// value of an entry whose kind is Separate (after the expiry, if there is one).
// In bytes it is three unsigned varints, 7 bits per byte, low ones first, each
// as short as possible, and nothing behind them:
//
//	size    field
//	uvarint file    number of the blob file; not 0
//	uvarint offset  of the value's record
//	uvarint length  of the value as it is stored, compressed or not
//
// Of a file of 256 MiB that is 6 to 10 bytes.
//
// Length is what a value counts for in version.BlobUse.Bytes, and the sum of
// those of all values of a file is its version.Blob.ValueBytes.
type Pointer struct {
	File   uint64
	Offset uint64
	Length uint64
}

// MaxPointer is how many bytes a Pointer takes at most.
const MaxPointer = 3 * binary.MaxVarintLen64

// Append appends the bytes of p.
func (p Pointer) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, p.File)
	dst = binary.AppendUvarint(dst, p.Offset)
	return binary.AppendUvarint(dst, p.Length)
}

// ParsePointer reads what Append wrote. ok is false if value is anything else,
// which is damage.
func ParsePointer(value []byte) (p Pointer, ok bool) {
	for _, x := range [...]*uint64{&p.File, &p.Offset, &p.Length} {
		n := 0
		*x, n = binary.Uvarint(value)
		if n <= 0 || n > 1 && value[n-1] == 0 {
			return Pointer{}, false
		}
		value = value[n:]
	}
	return p, p.File != 0 && len(value) == 0
}

// String is file:offset+length.
func (p Pointer) String() string { return fmt.Sprintf("%d:%d+%d", p.File, p.Offset, p.Length) }
