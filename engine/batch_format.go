package engine

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A batch is one byte string, in the layout of LevelDB's write batch, which
// Pebble shares. Every log of kvbench holds batches so, and a Raft command is
// an envelope around one. Integers of fixed size are little-endian; varint is
// the unsigned LEB128 of encoding/binary, below 2^32 and in its shortest form,
// so that equal ops have equal bytes.
//
//	batch   offset  size    field
//	        0       8       sequence number of the first op; 0 until a log sets it
//	        8       4       count of ops
//	        12      -       ops, count of them, without padding
//
//	op      put           kind 1   varint n, key[n]     varint m, value[m]
//	        delete        kind 0   varint n, key[n]
//	        delete range  kind 15  varint n, lower[n]   varint m, upper[m]
//
// The kinds' numbers are Pebble's. An upper bound of length 0 means no bound.
// There is no checksum: whoever stores a batch frames it with one. A valid
// batch has exactly count ops and no byte after them.
const (
	batchHeaderSize = 12
	maxVarint32     = 5
)

// Kind says what an op does. The numbers are on disk.
type Kind uint8

const (
	KindDelete      Kind = 0
	KindPut         Kind = 1
	KindDeleteRange Kind = 15
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case KindDelete:
		return "delete"
	case KindPut:
		return "put"
	case KindDeleteRange:
		return "delete-range"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// hasSecond reports whether ops of this kind have a second string. ok is false
// for an unknown kind.
func (k Kind) hasSecond() (second, ok bool) {
	switch k {
	case KindDelete:
		return false, true
	case KindPut, KindDeleteRange:
		return true, true
	}
	return false, false
}

// Op is one operation of a batch. Its slices point into the batch.
type Op struct {
	Kind  Kind
	Key   []byte // lower bound for KindDeleteRange
	Value []byte // of a put; upper bound for KindDeleteRange, nil for none
}

type batchHeader []byte

func (h batchHeader) sequence() uint64     { return binary.LittleEndian.Uint64(h[0:8]) }
func (h batchHeader) setSequence(s uint64) { binary.LittleEndian.PutUint64(h[0:8], s) }
func (h batchHeader) count() uint32        { return binary.LittleEndian.Uint32(h[8:12]) }
func (h batchHeader) setCount(n uint32)    { binary.LittleEndian.PutUint32(h[8:12], n) }

// takeString cuts a varint-prefixed string off p. ok is false when p is too
// short, or the length is not below 2^32 or not in its shortest form.
func takeString(p []byte) (s, rest []byte, ok bool) {
	n, width := binary.Uvarint(p)
	if width <= 0 || width > maxVarint32 || n > math.MaxUint32 || n > uint64(len(p)-width) {
		return nil, p, false
	}
	if width > 1 && p[width-1] == 0 {
		return nil, p, false
	}
	end := width + int(n)
	return p[width:end:end], p[end:], true
}

// BatchReader walks the ops of a batch. It does not allocate unless the batch
// is damaged. The zero value is an empty batch's reader.
type BatchReader struct {
	data []byte // ops not read yet
	pos  int    // offset of data[0] in the batch
	left uint32 // ops still promised by the count
	err  error
}

// Next decodes the next op into op. It returns false at the end and at damage,
// which Err tells apart.
func (r *BatchReader) Next(op *Op) bool {
	if r.err != nil {
		return false
	}
	if r.left == 0 {
		if len(r.data) > 0 {
			r.fail("%d bytes after the last op", len(r.data))
		}
		return false
	}
	if len(r.data) == 0 {
		r.fail("%d ops missing at the end", r.left)
		return false
	}
	kind := Kind(r.data[0])
	second, known := kind.hasSecond()
	if !known {
		r.fail("unknown op kind %d", uint8(kind))
		return false
	}
	key, rest, ok := takeString(r.data[1:])
	var value []byte
	if ok && second {
		value, rest, ok = takeString(rest)
	}
	if !ok {
		r.fail("%s op has a bad length, or runs past the end", kind)
		return false
	}
	if kind == KindDeleteRange && len(value) == 0 {
		value = nil
	}
	op.Kind, op.Key, op.Value = kind, key, value
	r.pos += len(r.data) - len(rest)
	r.data = rest
	r.left--
	return true
}

// Err returns what ended the walk early: nil, or an error that wraps
// ErrCorrupt with the offset inside the batch.
func (r *BatchReader) Err() error { return r.err }

func (r *BatchReader) fail(format string, args ...any) {
	r.err = Corrupt("batch", int64(r.pos), fmt.Sprintf(format, args...), nil)
}
