package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// A table is blocks without gaps, then a footer. All integers are
// little-endian; varint is that of encoding/binary, unsigned.
//
//	file      data blocks     in the order of their keys; may be none
//	          range deletes   a block, if there are any: package tombstone
//	          filter          a block, if there is one: package filter
//	          index           a block
//	          properties      a block
//	          footer          36 bytes
//
//	block     offset  size  field
//	          0       n     content      compressed or not
//	          n       1     compression  package compress; 0 is none
//	          n+1     4     crc          CRC-32C of content and compression,
//	                                     exclusive-or a number that is made of
//	                                     the table's id and the block's offset
//
// So a block that is in another place than where it was written, or in
// another table, fails its check. Only data blocks are ever compressed.
//
//	index     offset  size  field
//	          0       4     blocks      how many data blocks
//	          4       4     prefix      length of what all separators begin with
//	          8       p     prefix
//	                        per block:
//	                  v     stored      varint: bytes in the file, trailer too
//	                  v     raw         varint: bytes before compression
//	                  v     length      varint: of the rest of the separator
//	                        separator   without the prefix
//
// A separator is >= all keys of its block and < all keys of later ones;
// where versions of a key are in several blocks it is that key. The last is
// the largest key. Separators do not fall.
//
//	footer    offset  size  field
//	          0       8     id          of the table
//	          8       8     properties  offset of the block
//	          16      4     length      of the block, trailer too
//	          20      4     version     1
//	          24      4     crc         CRC-32C of the 24 bytes before
//	          28      8     magic       "kvblsmt\n"
//
// A table gets its place in the tree once it is durable. What a crash leaves
// of one that was being written is a file that no manifest names.
//
// A format change is a new version and a new golden file.
const (
	footerBytes   = 36
	trailerBytes  = 5
	indexHeader   = 8
	formatVersion = 1

	// mostRatio is more than any compression makes of a byte.
	mostRatio = 1 << 15
)

var (
	magic      = [8]byte{'k', 'v', 'b', 'l', 's', 'm', 't', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// seal appends the trailer to the block that dst ends with. It is dst[start:],
// and will be at an offset of a table.
func seal(dst []byte, start int, compression uint8, id, offset uint64) []byte {
	dst = append(dst, compression)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:], id, offset))
}

// checksum is the crc of a block: its content and compression byte.
func checksum(p []byte, id, offset uint64) uint32 {
	return crc32.Checksum(p, castagnoli) ^ place(id, offset)
}

// place is a number that hardly any two places have in common: the upper half
// of what the finalizer of splitmix64 makes of them.
func place(id, offset uint64) uint32 {
	x := id*0x9e3779b97f4a7c15 + offset
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return uint32(x >> 32)
}

var errChecksum = errors.New("checksum is wrong")

// unseal checks a block, trailer included, that was read at an offset of a
// table, and returns what it is made of.
func unseal(p []byte, id, offset uint64) (content []byte, compression uint8, err error) {
	n := len(p) - trailerBytes
	if n < 0 {
		return nil, 0, errChecksum
	}
	if binary.LittleEndian.Uint32(p[n+1:]) != checksum(p[:n+1], id, offset) {
		return nil, 0, errChecksum
	}
	return p[:n], p[n], nil
}

// An extent is where a block is in the file, trailer included.
type extent struct {
	offset, length uint64
}

func (e extent) end() uint64 { return e.offset + e.length }

// footer is the last bytes of a table.
type footer [footerBytes]byte

func (f *footer) id() uint64         { return binary.LittleEndian.Uint64(f[0:]) }
func (f *footer) properties() uint64 { return binary.LittleEndian.Uint64(f[8:]) }
func (f *footer) length() uint32     { return binary.LittleEndian.Uint32(f[16:]) }
func (f *footer) version() uint32    { return binary.LittleEndian.Uint32(f[20:]) }
func (f *footer) crc() uint32        { return binary.LittleEndian.Uint32(f[24:]) }
func (f *footer) magic() []byte      { return f[28:][:8] }
func (f *footer) checksum() uint32   { return crc32.Checksum(f[:24], castagnoli) }

func encodeFooter(id uint64, properties extent) *footer {
	var f footer
	binary.LittleEndian.PutUint64(f[0:], id)
	binary.LittleEndian.PutUint64(f[8:], properties.offset)
	binary.LittleEndian.PutUint32(f[16:], uint32(properties.length))
	binary.LittleEndian.PutUint32(f[20:], formatVersion)
	binary.LittleEndian.PutUint32(f[24:], f.checksum())
	copy(f.magic(), magic[:])
	return &f
}

// check returns where the properties are in a file of so many bytes.
func (f *footer) check(id uint64, fileBytes int64) (extent, error) {
	e := extent{f.properties(), uint64(f.length())}
	switch {
	case [8]byte(f.magic()) != magic:
		return e, fmt.Errorf("magic is %q, want %q", f.magic(), magic)
	case f.version() != formatVersion:
		return e, fmt.Errorf("format version is %d, this build knows %d", f.version(), formatVersion)
	case f.crc() != f.checksum():
		return e, errors.New("checksum of the footer is wrong")
	case f.id() != id:
		return e, fmt.Errorf("is table %d, want %d", f.id(), id)
	case e.offset > uint64(fileBytes) || e.end() != uint64(fileBytes-footerBytes):
		return e, fmt.Errorf("properties at %d, %d bytes, do not end at the footer, at %d", e.offset, e.length, fileBytes-footerBytes)
	}
	return e, nil
}

// An indexRow is what the index says of a block.
type indexRow struct {
	stored, raw uint64
	separator   []byte // without the prefix
}

// An indexReader reads the rows of an index one by one.
type indexReader struct {
	prefix []byte
	blocks int
	rest   []byte
}

// readIndex begins to read the content of an index block.
func readIndex(p []byte) (indexReader, error) {
	if len(p) < indexHeader {
		return indexReader{}, fmt.Errorf("index of %d bytes, want at least %d", len(p), indexHeader)
	}
	blocks, prefix := binary.LittleEndian.Uint32(p[0:]), binary.LittleEndian.Uint32(p[4:])
	p = p[indexHeader:]
	if uint64(prefix) > uint64(len(p)) {
		return indexReader{}, fmt.Errorf("prefix of %d bytes in an index with %d", prefix, len(p))
	}
	x := indexReader{prefix: p[:prefix:prefix], blocks: int(blocks), rest: p[prefix:]}
	const leastRow = 3
	if uint64(blocks)*leastRow > uint64(len(x.rest)) {
		return indexReader{}, fmt.Errorf("%d blocks in an index with %d bytes", blocks, len(x.rest))
	}
	return x, nil
}

// next reads a row. There must be one left: see blocks.
func (x *indexReader) next() (indexRow, error) {
	var row indexRow
	var length uint64
	for _, field := range [...]*uint64{&row.stored, &row.raw, &length} {
		v, n := binary.Uvarint(x.rest)
		if n <= 0 {
			return row, errors.New("row of the index is cut off")
		}
		*field, x.rest = v, x.rest[n:]
	}
	switch {
	case length > uint64(len(x.rest)):
		return row, fmt.Errorf("separator of %d bytes, with %d left", length, len(x.rest))
	case row.stored <= trailerBytes || row.stored > math.MaxUint32:
		return row, fmt.Errorf("block of %d bytes", row.stored)
	case row.raw < row.stored-trailerBytes || row.raw > min(row.stored*mostRatio, math.MaxUint32):
		return row, fmt.Errorf("block of %d bytes, before compression of %d", row.stored, row.raw)
	}
	row.separator, x.rest = x.rest[:length:length], x.rest[length:]
	return row, nil
}

// appendIndex appends an index header; rows follow.
func appendIndex(dst []byte, blocks int, prefix []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(blocks))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(prefix)))
	return append(dst, prefix...)
}

func appendRow(dst []byte, row indexRow) []byte {
	dst = binary.AppendUvarint(dst, row.stored)
	dst = binary.AppendUvarint(dst, row.raw)
	dst = binary.AppendUvarint(dst, uint64(len(row.separator)))
	return append(dst, row.separator...)
}
