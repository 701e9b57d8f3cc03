package trace

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// A Reader reads a trace from its beginning. Its memory is bounded. It is not
// safe for concurrent use.
type Reader struct {
	r          *bufio.Reader
	name       string
	sequential bool

	dict   *dictionary
	block  []byte // rest of the payload
	left   uint32 // operations in it
	at     int64  // offset of the block that comes next
	start  int64  // offset of this block
	size   int    // length of its payload
	total  uint64
	prev   time.Duration
	sizes  [numKinds * 4]int
	key    []byte // scratch of new keys
	header [blockHeader]byte
	err    error
}

// NewReader reads the header; name is for errors.
func NewReader(r io.Reader, name string) (*Reader, error) {
	t := &Reader{r: bufio.NewReaderSize(r, 1<<17), name: name, dict: newDictionary(false), at: headerSize}
	var h [headerSize]byte
	n, err := io.ReadFull(t.r, h[:])
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("read %s: %w", name, err)
	case n < len(magic) || string(h[:len(magic)]) != magic:
		return nil, fmt.Errorf("read %s: %w: it is not a kvbench trace; kvbench trace import reads the formats of others", name, engine.ErrInvalid)
	case err != nil:
		return nil, fmt.Errorf("read %s: %w at offset %d, within the header", name, ErrTorn, n)
	case binary.LittleEndian.Uint32(h[12:]) != crc32.Checksum(h[:12], castagnoli):
		return nil, t.corrupt(0, "checksum of the header")
	}
	flags := binary.LittleEndian.Uint32(h[8:])
	if flags&^uint32(flagSequential) != 0 {
		return nil, fmt.Errorf("read %s: %w: unknown flags %#x: the trace is of a later kvbench", name, engine.ErrUnsupported, flags)
	}
	t.sequential = flags&flagSequential != 0
	return t, nil
}

// Sequential reports whether the operations of the trace did not overlap.
func (t *Reader) Sequential() bool { return t.sequential }

// Offset returns where in the file the block of the last operation begins.
func (t *Reader) Offset() int64 { return t.start }

func (t *Reader) corrupt(offset int64, format string, args ...any) error {
	return fmt.Errorf("read %s: %w at offset %d: %s", t.name, engine.ErrCorrupt, offset, fmt.Sprintf(format, args...))
}

// Next reads an operation into op. At the end it returns io.EOF; of a file
// that ends early an error that wraps ErrTorn; of damage one that wraps
// engine.ErrCorrupt. Once it has failed it fails alike for ever.
func (t *Reader) Next(op *Op) error {
	for t.err == nil && t.left == 0 {
		t.err = t.nextBlock()
	}
	if t.err != nil {
		return t.err
	}
	t.left--
	if what := t.decode(op); what != "" {
		t.err = t.corrupt(t.start, "%s, at byte %d of the payload", what, t.size-len(t.block))
		return t.err
	}
	t.total++
	if t.left == 0 && len(t.block) > 0 {
		t.err = t.corrupt(t.start, "%d bytes after the last operation of a block", len(t.block))
		return t.err
	}
	return nil
}

// nextBlock reads and checks a block; io.EOF is the end of the trace.
func (t *Reader) nextBlock() error {
	t.start = t.at
	torn := func(err error, what string) error {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("read %s: %w at offset %d, %s; the %d operations before are good", t.name, ErrTorn, t.start, what, t.total)
		}
		return fmt.Errorf("read %s at offset %d: %w", t.name, t.start, err)
	}
	if _, err := io.ReadFull(t.r, t.header[:]); err != nil {
		return torn(err, "before the last block")
	}
	n := binary.LittleEndian.Uint32(t.header[:])
	if n > maxPayload {
		return t.corrupt(t.start, "a block of %d bytes, at most %d", n, maxPayload)
	}
	if cap(t.block) < int(n) || t.block == nil {
		t.block = make([]byte, max(n, cutPayload+1024))
	}
	t.block = t.block[:cap(t.block)][:n]
	if _, err := io.ReadFull(t.r, t.block); err != nil {
		return torn(err, "within a block")
	}
	crc := crc32.Checksum(t.header[:8], castagnoli)
	if crc32.Update(crc, castagnoli, t.block) != binary.LittleEndian.Uint32(t.header[8:]) {
		return t.corrupt(t.start, "checksum of the block")
	}
	t.size, t.at = int(n), t.start+blockHeader+int64(n)
	if t.left = binary.LittleEndian.Uint32(t.header[4:]); t.left > 0 {
		return nil
	}
	total, used := binary.Uvarint(t.block)
	if used != len(t.block) || total != t.total {
		return t.corrupt(t.start, "the last block speaks of %d operations, there are %d", total, t.total)
	}
	if _, err := t.r.ReadByte(); err == nil {
		return t.corrupt(t.at, "bytes after the last block")
	}
	return io.EOF
}

// decode takes an operation off the block, or says what is wrong.
func (t *Reader) decode(op *Op) (wrong string) {
	if len(t.block) == 0 {
		return "fewer operations than announced"
	}
	tag := t.block[0]
	t.block = t.block[1:]
	*op = Op{Kind: Kind(tag & 7), Result: Result(tag >> 3 & 3), More: tag&(1<<5) != 0}
	if op.Kind >= numKinds || op.Result > Absent {
		return fmt.Sprintf("unknown kind or result in tag %#x", tag)
	}
	extra := byte(0)
	if tag&tagExtra != 0 {
		if len(t.block) == 0 || t.block[0] == 0 || t.block[0] > 15 {
			return "the extra byte"
		}
		extra = t.block[0]
		t.block = t.block[1:]
	}
	delta, ok := t.uvarint(math.MaxInt64)
	if !ok {
		return "the time"
	}
	if extra&extraNegative != 0 {
		t.prev -= time.Duration(delta)
	} else {
		t.prev += time.Duration(delta)
	}
	op.Time = t.prev
	if op.Key, ok = t.takeKey(tag&tagNew != 0); !ok {
		return "the key"
	}
	if extra&extraUpper != 0 {
		if op.Upper, ok = t.bytes(); !ok {
			return "the upper bound"
		}
	}
	if extra&extraN != 0 {
		n, ok := t.uvarint(math.MaxInt32)
		if op.N = int(n); !ok || n == 0 {
			return "the number of records"
		}
	}
	size := &t.sizes[tag&0x1f]
	if extra&extraSize != 0 {
		n, ok := t.uvarint(math.MaxInt32)
		if *size = int(n); !ok {
			return "the size"
		}
	}
	op.Size = *size - 1
	return ""
}

func (t *Reader) uvarint(most uint64) (uint64, bool) {
	v, n := binary.Uvarint(t.block)
	if n <= 0 || v > most {
		return 0, false
	}
	t.block = t.block[n:]
	return v, true
}

// bytes returns a string of the block, which is not nil.
func (t *Reader) bytes() ([]byte, bool) {
	n, ok := t.uvarint(maxKey)
	if !ok || n > uint64(len(t.block)) {
		return nil, false
	}
	s := t.block[:n:n]
	t.block = t.block[n:]
	return s, true
}

func (t *Reader) takeKey(isNew bool) ([]byte, bool) {
	if !isNew {
		slot, ok := t.uvarint(slots)
		if !ok || slot >= uint64(len(t.dict.keys)) {
			return nil, false
		}
		return t.dict.keys[slot], true
	}
	same, ok := t.uvarint(maxKey)
	if !ok || same > uint64(len(t.dict.last)) {
		return nil, false
	}
	rest, ok := t.bytes()
	if !ok || int(same)+len(rest) > maxKey {
		return nil, false
	}
	t.key = append(append(t.key[:0], t.dict.last[:same]...), rest...)
	t.dict.add(t.key)
	return t.key, true
}
