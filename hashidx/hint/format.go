package hint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/kvbench/kvbench/engine"
)

// A hint file is blocks of rows, a filter and a footer, without gaps. All
// integers are little-endian, all offsets count bytes from the start.
//
//	block     offset  size  field
//	          0       4     crc       CRC-32C of all after this field, exclusive-or
//	                                  the block's offset times 2654435761
//	          4       4     length    of the rows
//	          8       4     count     of rows; not 0
//	          12      4     offset    in the segment, that the first row's gap
//	                                  begins at
//	          16      8     sequence  that the first row's step begins at
//	          24      -     rows
//
//	row       size    field
//	          7       code      bits 0 to 41: hash bits 0 to 25, 48 to 63;
//	                            bits 42 to 49: kind byte of the frame;
//	                            bits 50 to 55: 0
//	          uvarint gap       from the end of the op before to this one
//	          uvarint length    of the op's frame; not 0
//	          varint  step      from the sequence of the op before to this one's
//
//	filter    32 bytes for each of its blocks, see Filter; maybe none
//
//	footer    offset  size  field
//	          0       8     magic     "kvbhint\n"
//	          8       4     version   1
//	          12      1     log       of the segment
//	          13      3     reserved  0
//	          16      4     id        of the segment
//	          20      4     filter    CRC-32C of the filter
//	          24      8     bytes     of the segment's file
//	          32      8     count     of ops
//	          40      8     lowest    sequence of an op; 2^64-1 if there is none
//	          48      8     highest   likewise; 0 if there is none
//	          56      8     blocks    where they end and the filter begins
//	          64      4     reserved  0
//	          68      4     crc       CRC-32C of the 68 bytes before
//
// The file is durable before it gets its name. A crash leaves it whole or not
// at all, and maybe one with the suffix .new, which the next Create removes.
//
// A format change is a new version and a new golden file.
const (
	blockHeader   = 24
	footerBytes   = 72
	codeBytes     = 7
	maxRow        = codeBytes + 5 + 5 + 10
	blockTarget   = 16 << 10 // rows go to the next block from here on
	maxBlock      = blockTarget + maxRow
	minRow        = codeBytes + 3
	formatVersion = 1
)

var (
	magic      = [8]byte{'k', 'v', 'b', 'h', 'i', 'n', 't', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// ErrUnusable: a hint is missing or damaged. No data is lost: scan the segment
// instead. Of a missing one the error is also fs.ErrNotExist, of a damaged one
// engine.ErrCorrupt.
var ErrUnusable = errors.New("hint is unusable, no data is lost: scan its segment")

func damage(path string, off int64, format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnusable, engine.Corrupt(path, off, fmt.Sprintf(format, args...), nil))
}

// A Segment is what a hint is about.
type Segment struct {
	Log   uint8  // which of the engine's logs
	ID    uint32 // of the segment in it
	Bytes int64  // of its file
}

// Name is the name of the segment's hint file.
func (s Segment) Name() string { return fmt.Sprintf("%d-%010d.hint", s.Log, s.ID) }

// block is the header of a block.
type block [blockHeader]byte

func (b *block) crc() uint32      { return binary.LittleEndian.Uint32(b[0:]) }
func (b *block) length() uint32   { return binary.LittleEndian.Uint32(b[4:]) }
func (b *block) count() uint32    { return binary.LittleEndian.Uint32(b[8:]) }
func (b *block) offset() uint32   { return binary.LittleEndian.Uint32(b[12:]) }
func (b *block) sequence() uint64 { return binary.LittleEndian.Uint64(b[16:]) }

// seal fills in what is only known when the block at off is full.
func seal(p []byte, off int64, count int) {
	binary.LittleEndian.PutUint32(p[4:], uint32(len(p)-blockHeader))
	binary.LittleEndian.PutUint32(p[8:], uint32(count))
	binary.LittleEndian.PutUint32(p[0:], blockCRC(p[4:], off))
}

func blockCRC(p []byte, off int64) uint32 {
	const odd = 2654435761
	return crc32.Checksum(p, castagnoli) ^ uint32(off)*odd
}

// footer is the last 72 bytes.
type footer [footerBytes]byte

func (f *footer) magic() []byte     { return f[0:][:8] }
func (f *footer) version() uint32   { return binary.LittleEndian.Uint32(f[8:]) }
func (f *footer) log() uint8        { return f[12] }
func (f *footer) id() uint32        { return binary.LittleEndian.Uint32(f[16:]) }
func (f *footer) filterCRC() uint32 { return binary.LittleEndian.Uint32(f[20:]) }
func (f *footer) segment() uint64   { return binary.LittleEndian.Uint64(f[24:]) }
func (f *footer) count() uint64     { return binary.LittleEndian.Uint64(f[32:]) }
func (f *footer) lowest() uint64    { return binary.LittleEndian.Uint64(f[40:]) }
func (f *footer) highest() uint64   { return binary.LittleEndian.Uint64(f[48:]) }
func (f *footer) blocksEnd() uint64 { return binary.LittleEndian.Uint64(f[56:]) }
func (f *footer) crc() uint32       { return binary.LittleEndian.Uint32(f[68:]) }
func (f *footer) checksum() uint32  { return crc32.Checksum(f[:68], castagnoli) }
func (f *footer) identity() (s Segment) {
	return Segment{f.log(), f.id(), int64(f.segment())}
}

// totals is what a footer says of all ops.
type totals struct{ count, lowest, highest uint64 }

func noOps() totals { return totals{lowest: math.MaxUint64} }

// add counts an op.
func (t *totals) add(sequence uint64) {
	t.count++
	t.lowest = min(t.lowest, sequence)
	t.highest = max(t.highest, sequence)
}

func (f *footer) totals() totals { return totals{f.count(), f.lowest(), f.highest()} }

func encodeFooter(s Segment, filterCRC uint32, t totals, blocksEnd int64) *footer {
	var f footer
	copy(f.magic(), magic[:])
	binary.LittleEndian.PutUint32(f[8:], formatVersion)
	f[12] = s.Log
	binary.LittleEndian.PutUint32(f[16:], s.ID)
	binary.LittleEndian.PutUint32(f[20:], filterCRC)
	binary.LittleEndian.PutUint64(f[24:], uint64(s.Bytes))
	binary.LittleEndian.PutUint64(f[32:], t.count)
	binary.LittleEndian.PutUint64(f[40:], t.lowest)
	binary.LittleEndian.PutUint64(f[48:], t.highest)
	binary.LittleEndian.PutUint64(f[56:], uint64(blocksEnd))
	binary.LittleEndian.PutUint32(f[68:], f.checksum())
	return &f
}

// check says what is wrong with the footer of a file of size bytes, which
// should be about s.
func (f *footer) check(s Segment, size int64) error {
	switch {
	case !bytes.Equal(f.magic(), magic[:]):
		return fmt.Errorf("magic is %q, want %q", f.magic(), magic)
	case f.crc() != f.checksum():
		return errors.New("checksum of the footer is wrong")
	case f.version() != formatVersion:
		return fmt.Errorf("format version is %d, this build knows %d", f.version(), formatVersion)
	case [3]byte(f[13:]) != [3]byte{} || [4]byte(f[64:]) != [4]byte{}:
		return errors.New("reserved bytes are not 0")
	case f.identity() != s:
		return fmt.Errorf("is about %+v, want %+v", f.identity(), s)
	case f.blocksEnd() > uint64(size-footerBytes) || (uint64(size-footerBytes)-f.blocksEnd())%filterBlock != 0:
		return fmt.Errorf("blocks end at %d of %d bytes", f.blocksEnd(), size)
	}
	return nil
}
