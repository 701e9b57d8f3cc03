package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/index"
)

// A snapshot file is a header, blocks of entries, a table of segments and a
// footer, without gaps. All integers are little-endian, all offsets count bytes
// from the start. What is only known after the walk stands at the end.
//
//	header    offset  size  field
//	          0       8     magic    "kvbhsnp\n"
//	          8       4     version  1
//	          12      4     crc      CRC-32C of the 24 bytes after
//	          16      8     covers   LSN of the hot log
//	          24      8     seed     of the hash
//	          32      8     buckets  of the index, when the walk began; 0 if the
//	                                 entries are in no order
//
//	block     offset  size  field
//	          0       4     crc      CRC-32C of all after this field, exclusive-or
//	                                 the block's number times 2654435761
//	          4       4     count    of entries: 5460, but in the last block
//	          8       12n   entries
//
//	entry     offset  size  field
//	          0       6     place    never 0
//	          6       2     hash     bits 48 to 63
//	          8       4     hash     bits 0 to 25; the others are 0
//
// Entries stand in the order of buckets, so that an index with as many of them
// is filled from its beginning to its end. Any other order is right, and slow.
//
//	table     2 bytes for each segment that places name, ascending
//
//	footer    offset  size  field
//	          0       8     count    of entries
//	          8       4     table    how many segments
//	          12      4     crc      CRC-32C of the table
//	          16      4     crc      of the header: its crc field
//	          20      4     crc      CRC-32C of the 20 bytes before
//	          24      8     magic    "kvbhsnp\n"
//
// The file is durable before it gets its name. A crash leaves it whole or not
// at all, and maybe one with the suffix .new, which the next Write removes.
//
// A format change is a new version and a new golden file.
const (
	headerBytes   = 40
	blockHeader   = 8
	entryBytes    = 12
	blockEntries  = 5460
	blockBytes    = blockHeader + blockEntries*entryBytes // 65528
	footerBytes   = 32
	formatVersion = 1

	placeBits   = 48
	segmentBits = 32 // of a place, below the segment's number
	lowMask     = 1<<26 - 1
)

var (
	magic      = [8]byte{'k', 'v', 'b', 'h', 's', 'n', 'p', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// ErrUnusable: a snapshot is missing or damaged. No data is lost: recover
// without it. Of a missing one the error is also fs.ErrNotExist, of a damaged
// one engine.ErrCorrupt.
var ErrUnusable = errors.New("index snapshot is unusable, no data is lost: recover without it")

func damage(path string, off int64, format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnusable, engine.Corrupt(path, off, fmt.Sprintf(format, args...), nil))
}

// A Header is what is known before a snapshot is written.
type Header struct {
	Covers  wal.LSN // see the package's comment
	Seed    uint64  // of the hash
	Buckets uint64  // of the index: index.Walk.Buckets
}

// header is the first 40 bytes.
type header [headerBytes]byte

func (h *header) magic() []byte    { return h[0:][:8] }
func (h *header) version() uint32  { return binary.LittleEndian.Uint32(h[8:]) }
func (h *header) crc() uint32      { return binary.LittleEndian.Uint32(h[12:]) }
func (h *header) covers() uint64   { return binary.LittleEndian.Uint64(h[16:]) }
func (h *header) seed() uint64     { return binary.LittleEndian.Uint64(h[24:]) }
func (h *header) buckets() uint64  { return binary.LittleEndian.Uint64(h[32:]) }
func (h *header) checksum() uint32 { return crc32.Checksum(h[16:], castagnoli) }

func encodeHeader(x Header) *header {
	var h header
	copy(h.magic(), magic[:])
	binary.LittleEndian.PutUint32(h[8:], formatVersion)
	binary.LittleEndian.PutUint64(h[16:], uint64(x.Covers))
	binary.LittleEndian.PutUint64(h[24:], x.Seed)
	binary.LittleEndian.PutUint64(h[32:], x.Buckets)
	binary.LittleEndian.PutUint32(h[12:], h.checksum())
	return &h
}

func (h *header) check() error {
	switch {
	case !bytes.Equal(h.magic(), magic[:]):
		return fmt.Errorf("magic is %q, want %q", h.magic(), magic)
	case h.version() != formatVersion:
		return fmt.Errorf("format version is %d, this build knows %d", h.version(), formatVersion)
	case h.crc() != h.checksum():
		return errors.New("checksum of the header is wrong")
	}
	return nil
}

// footer is the last 32 bytes.
type footer [footerBytes]byte

func (f *footer) count() uint64     { return binary.LittleEndian.Uint64(f[0:]) }
func (f *footer) table() uint32     { return binary.LittleEndian.Uint32(f[8:]) }
func (f *footer) tableCRC() uint32  { return binary.LittleEndian.Uint32(f[12:]) }
func (f *footer) headerCRC() uint32 { return binary.LittleEndian.Uint32(f[16:]) }
func (f *footer) crc() uint32       { return binary.LittleEndian.Uint32(f[20:]) }
func (f *footer) magic() []byte     { return f[24:] }
func (f *footer) checksum() uint32  { return crc32.Checksum(f[:20], castagnoli) }

func encodeFooter(h *header, count uint64, table []byte) *footer {
	var f footer
	binary.LittleEndian.PutUint64(f[0:], count)
	binary.LittleEndian.PutUint32(f[8:], uint32(len(table)/2))
	binary.LittleEndian.PutUint32(f[12:], crc32.Checksum(table, castagnoli))
	binary.LittleEndian.PutUint32(f[16:], h.crc())
	binary.LittleEndian.PutUint32(f[20:], f.checksum())
	copy(f.magic(), magic[:])
	return &f
}

// tableAt is where the table begins.
func (f *footer) tableAt() int64 {
	n := int64(f.count())
	return headerBytes + (n+blockEntries-1)/blockEntries*blockHeader + n*entryBytes
}

// check says what is wrong with the footer of a file of size bytes.
func (f *footer) check(h *header, size int64) error {
	switch {
	case !bytes.Equal(f.magic(), magic[:]):
		return fmt.Errorf("magic is %q, want %q", f.magic(), magic)
	case f.crc() != f.checksum():
		return errors.New("checksum of the footer is wrong")
	case f.headerCRC() != h.crc():
		return errors.New("header is another's")
	case f.count() > uint64(size)/entryBytes || f.tableAt()+2*int64(f.table())+footerBytes != size:
		return fmt.Errorf("%d entries and %d segments in %d bytes", f.count(), f.table(), size)
	}
	return nil
}

// blockCRC is the crc of block number n, of which p is all but the crc.
func blockCRC(p []byte, n int64) uint32 {
	const odd = 2654435761
	return crc32.Checksum(p, castagnoli) ^ uint32(n)*odd
}

func encodeEntry(p *[entryBytes]byte, e index.Entry) {
	binary.LittleEndian.PutUint64(p[:], e.Hash>>placeBits<<placeBits|e.Place)
	binary.LittleEndian.PutUint32(p[8:], uint32(e.Hash)&lowMask)
}

func decodeEntry(p *[entryBytes]byte) (e index.Entry, ok bool) {
	x, low := binary.LittleEndian.Uint64(p[:]), binary.LittleEndian.Uint32(p[8:])
	e = index.Entry{Hash: x>>placeBits<<placeBits | uint64(low), Place: x & index.MaxPlace}
	return e, e.Place != 0 && low <= lowMask
}
