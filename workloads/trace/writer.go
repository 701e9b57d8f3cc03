package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// A Writer writes a trace. Its memory is bounded: about 30 MiB for keys of 24
// bytes. It is not safe for concurrent use.
type Writer struct {
	w     io.Writer
	dict  *dictionary
	block []byte // header and payload so far
	count uint32
	total uint64
	bytes uint64
	prev  time.Duration
	sizes [numKinds * 4]int // last size plus one, by kind and result
	err   error
}

// NewWriter begins a trace. sequential says that no operation begins before
// the one before it has ended, so that a replay by one worker finds what was
// found.
func NewWriter(w io.Writer, sequential bool) (*Writer, error) {
	header := make([]byte, headerSize)
	copy(header, magic)
	if sequential {
		header[8] = flagSequential
	}
	binary.LittleEndian.PutUint32(header[12:], crc32.Checksum(header[:12], castagnoli))
	t := &Writer{w: w, dict: newDictionary(true), block: make([]byte, blockHeader, cutPayload+1024)}
	t.write(header)
	return t, t.err
}

// ErrOp is the error of an operation that no trace can hold.
var ErrOp = errors.New("operation cannot be recorded")

// Write adds an operation. The first error of the destination is returned by
// all later calls.
func (t *Writer) Write(op *Op) error {
	switch {
	case t.err != nil:
		return t.err
	case op.Kind >= numKinds || op.Result > Absent || op.Size < -1 || op.N < 0:
		return fmt.Errorf("%w: %+v", ErrOp, *op)
	case len(op.Key) > maxKey || len(op.Upper) > maxKey:
		return fmt.Errorf("%w: a key of %d bytes, at most %d", ErrOp, max(len(op.Key), len(op.Upper)), maxKey)
	}
	t.append(op)
	t.count++
	t.total++
	if len(t.block) >= cutPayload {
		t.flush()
	}
	return t.err
}

func (t *Writer) append(op *Op) {
	slot, known := t.dict.at[string(op.Key)]
	tag := byte(op.Kind) | byte(op.Result)<<3
	if op.More {
		tag |= 1 << 5
	}
	if !known {
		tag |= tagNew
	}
	extra := byte(0)
	if op.Upper != nil {
		extra |= extraUpper
	}
	if op.N != 0 {
		extra |= extraN
	}
	size := &t.sizes[tag&0x1f]
	if *size != op.Size+1 {
		extra |= extraSize
		*size = op.Size + 1
	}
	delta := op.Time - t.prev
	if delta < 0 {
		extra |= extraNegative
		delta = -delta
	}
	t.prev = op.Time
	b := t.block
	if extra != 0 {
		b = append(b, tag|tagExtra, extra)
	} else {
		b = append(b, tag)
	}
	b = binary.AppendUvarint(b, uint64(delta))
	if known {
		b = binary.AppendUvarint(b, slot)
	} else {
		n := shared(t.dict.last, op.Key)
		b = binary.AppendUvarint(b, uint64(n))
		b = appendBytes(b, op.Key[n:])
		t.dict.add(op.Key)
	}
	if op.Upper != nil {
		b = appendBytes(b, op.Upper)
	}
	if op.N != 0 {
		b = binary.AppendUvarint(b, uint64(op.N))
	}
	if extra&extraSize != 0 {
		b = binary.AppendUvarint(b, uint64(op.Size+1))
	}
	t.block = b
}

func appendBytes(b, s []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// flush writes the block.
func (t *Writer) flush() {
	binary.LittleEndian.PutUint32(t.block, uint32(len(t.block)-blockHeader))
	binary.LittleEndian.PutUint32(t.block[4:], t.count)
	crc := crc32.Checksum(t.block[:8], castagnoli)
	crc = crc32.Update(crc, castagnoli, t.block[blockHeader:])
	binary.LittleEndian.PutUint32(t.block[8:], crc)
	t.write(t.block)
	t.block, t.count = t.block[:blockHeader], 0
}

func (t *Writer) write(b []byte) {
	if t.err != nil {
		return
	}
	n, err := t.w.Write(b)
	t.bytes += uint64(n)
	if err != nil {
		t.err = fmt.Errorf("write trace: %w", err)
	}
}

// Close ends the trace. It does not close the destination.
func (t *Writer) Close() error {
	if t.count > 0 {
		t.flush()
	}
	t.block = binary.AppendUvarint(t.block, t.total)
	t.flush()
	if t.err != nil {
		return t.err
	}
	t.err = errors.New("write trace: it is closed")
	return nil
}

// Operations returns how many operations were written, and Bytes how long the
// file is so far.
func (t *Writer) Operations() uint64 { return t.total }

// Bytes returns the length of what has reached the destination.
func (t *Writer) Bytes() uint64 { return t.bytes }
