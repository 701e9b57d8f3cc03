package trace

import (
	"errors"
	"hash/crc32"
)

// A trace file is a header and blocks. Numbers of fixed size are
// little-endian; varints are those of encoding/binary.
//
//	header
//	0   8  "kvtrace1"
//	8   4  flags: bit 0 the operations did not overlap in time
//	12  4  crc32c of bytes 0..11
//
//	block
//	0   4  n, length of the payload, at most 1 MiB
//	4   4  number of operations; 0 in the last block
//	8   4  crc32c of bytes 0..7 and of the payload
//	12  n  payload
//
//	payload of the last block: varint, operations of the file
//
//	operation
//	tag     1 byte: bits 0..2 kind, 3..4 result, 5 more, 6 the key is new,
//	        7 an extra byte follows
//	extra   bit 0 Upper follows, 1 N follows, 2 Size follows, 3 time is
//	        negative
//	time    varint, nanoseconds since the operation before
//	key     known: varint, its slot in the dictionary
//	        new: varint bytes shared with the last new key, varint length of
//	        the rest, the rest
//	Upper   varint length, bytes
//	N       varint
//	Size    varint, size plus one
//
// Without an extra byte, Upper is nil, N is 0, and Size is that of the last
// operation of the same kind and result (-1 at first).
//
// A new key takes the next slot of the dictionary, which has 2^18; when all
// are taken, the oldest is given up. Keys longer than 4 KiB are never kept and
// take no slot. Blocks share the dictionary and the last new key, so they are
// read in order.
//
// A file that ends within a block, or without a last block, was torn: what
// comes before is good. A block that is all there and does not match its
// checksum is damage.
const (
	magic       = "kvtrace1"
	headerSize  = 16
	blockHeader = 12
	maxPayload  = 1 << 20
	// cutPayload is the length from which on a writer ends a block.
	cutPayload = 1 << 16

	flagSequential = 1

	tagNew   = 1 << 6
	tagExtra = 1 << 7

	extraUpper    = 1
	extraN        = 2
	extraSize     = 4
	extraNegative = 8

	slots   = 1 << 18
	maxKept = 4 << 10
	// maxKey is the longest key or bound.
	maxKey = 1 << 18
)

// ErrTorn is the error of a trace that ends too early: everything read before
// is good.
var ErrTorn = errors.New("trace ends early")

// castagnoli is the table of crc32c. It is never changed.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)
