package engine

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A Batch collects ops that Engine.Apply performs together, in order. The zero
// value is an empty batch. It copies what it is given; it is not safe for
// concurrent use, and an engine neither keeps nor changes one.
//
// Its bytes are laid out in batch_format.go.
type Batch struct {
	data  []byte // header and ops; empty when nothing was added
	count uint32 // kept in the header too, by Bytes
	full  bool   // an op was refused because count is at its limit
}

// Put appends an op that sets key to value.
func (b *Batch) Put(key, value []byte) { b.add(KindPut, key, value) }

// Delete appends an op that makes key absent.
func (b *Batch) Delete(key []byte) { b.add(KindDelete, key, nil) }

// DeleteRange appends an op that makes every key in [lower, upper) absent. A
// nil upper is no bound; below one that is empty, but not nil, there is no key.
func (b *Batch) DeleteRange(lower, upper []byte) {
	if upper != nil && len(upper) == 0 { // the format has this for no bound
		lower, upper = []byte{0}, []byte{0}
	}
	b.add(KindDeleteRange, lower, upper)
}

func (b *Batch) add(kind Kind, key, value []byte) {
	if b.count == math.MaxUint32 {
		b.full = true
		return
	}
	if len(b.data) == 0 {
		b.data = append(b.data, make([]byte, batchHeaderSize)...)
	}
	b.count++
	b.data = append(b.data, byte(kind))
	b.data = binary.AppendUvarint(b.data, uint64(len(key)))
	b.data = append(b.data, key...)
	if second, _ := kind.hasSecond(); second {
		b.data = binary.AppendUvarint(b.data, uint64(len(value)))
		b.data = append(b.data, value...)
	}
}

// Len returns the number of ops.
func (b *Batch) Len() int { return int(b.count) }

// Size returns the number of bytes that Bytes has.
func (b *Batch) Size() int { return max(len(b.data), batchHeaderSize) }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.data = b.data[:0]
	b.count = 0
	b.full = false
}

// Bytes returns the encoded batch. It is valid until the next change of b and
// must not be changed.
func (b *Batch) Bytes() []byte {
	if len(b.data) == 0 {
		b.data = append(b.data, make([]byte, batchHeaderSize)...)
	}
	batchHeader(b.data).setCount(b.count)
	return b.data
}

// Sequence returns the sequence number in the header; 0 when none was set.
func (b *Batch) Sequence() uint64 {
	if len(b.data) == 0 {
		return 0
	}
	return batchHeader(b.data).sequence()
}

// SetSequence writes the sequence number of the first op into the header.
func (b *Batch) SetSequence(seq uint64) { batchHeader(b.Bytes()).setSequence(seq) }

// Load makes b a copy of an encoded batch, after checking every byte of it.
// On error, which wraps ErrCorrupt, b is empty.
func (b *Batch) Load(encoded []byte) error {
	b.Reset()
	if len(encoded) < batchHeaderSize {
		return Corrupt("batch", 0, fmt.Sprintf("%d bytes, the header alone has %d", len(encoded), batchHeaderSize), nil)
	}
	r := readerOf(encoded)
	var op Op
	for r.Next(&op) {
	}
	if r.err != nil {
		return r.err
	}
	b.data = append(b.data, encoded...)
	b.count = batchHeader(encoded).count()
	return nil
}

// Reader walks the ops from the first.
func (b *Batch) Reader() BatchReader {
	if b.full {
		return BatchReader{err: fmt.Errorf("batch of over %d ops: %w", uint32(math.MaxUint32), ErrTooLarge)}
	}
	if len(b.data) == 0 {
		return BatchReader{}
	}
	return readerOf(b.Bytes())
}

// readerOf needs at least a header.
func readerOf(encoded []byte) BatchReader {
	return BatchReader{
		data: encoded[batchHeaderSize:],
		pos:  batchHeaderSize,
		left: batchHeader(encoded).count(),
	}
}
