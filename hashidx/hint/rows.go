package hint

import (
	"encoding/binary"
	"errors"
)

// An Op is what a hint says of an op in its segment.
type Op struct {
	Hash     uint64 // bits 0 to 25 and 48 to 63, as the index keeps them
	Offset   uint32 // of its frame in the segment
	Length   uint32 // of its frame
	Kind     uint8  // the kind byte of its frame: the kind with its flags
	Sequence uint64
}

const (
	lowBits  = 26
	codeBits = 42
)

func codeOf(hash uint64) uint64 { return hash>>48<<lowBits | hash&(1<<lowBits-1) }
func hashOf(code uint64) uint64 { return code>>lowBits<<48 | code&(1<<lowBits-1) }

// putRow writes an op that follows one which ended at end and had the sequence
// before, and returns how many bytes of p that took.
func putRow(p *[maxRow]byte, o *Op, end uint32, before uint64) int {
	binary.LittleEndian.PutUint64(p[:], codeOf(o.Hash)|uint64(o.Kind)<<codeBits)
	n := codeBytes
	n += putUvarint(p[n:], uint64(o.Offset-end))
	n += putUvarint(p[n:], uint64(o.Length))
	step := int64(o.Sequence - before)
	return n + putUvarint(p[n:], uint64(step)<<1^uint64(step>>63))
}

// putUvarint is binary.PutUvarint with the short ones first.
func putUvarint(p []byte, x uint64) int {
	if x < 0x80 {
		p[0] = byte(x)
		return 1
	}
	if x < 1<<14 {
		binary.LittleEndian.PutUint16(p, uint16(x&0x7f|0x80|x>>7<<8))
		return 2
	}
	return binary.PutUvarint(p, x)
}

var errRow = errors.New("rows are not what was counted")

// decodeRows appends the ops of a block. Its header is right, and p its rows;
// limit is the length of the segment.
func decodeRows(to []Op, b *block, p []byte, limit int64) ([]Op, error) {
	end, sequence := uint64(b.offset()), b.sequence()
	for range b.count() {
		if len(p) < minRow {
			return nil, errRow
		}
		x := uint64(binary.LittleEndian.Uint32(p)) | uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48
		p = p[codeBytes:]
		gap, n := uvarint(p)
		p = p[n:]
		length, m := uvarint(p)
		p = p[m:]
		step, k := uvarint(p)
		if n == 0 || m == 0 || k == 0 || x>>50 != 0 || gap > uint64(limit) || length == 0 || length > uint64(limit) {
			return nil, errRow
		}
		p = p[k:]
		offset := end + gap
		if end = offset + length; end > uint64(limit) {
			return nil, errRow
		}
		sequence += step>>1 ^ -(step & 1)
		to = append(to, Op{
			Hash: hashOf(x & (1<<codeBits - 1)), Offset: uint32(offset), Length: uint32(length),
			Kind: uint8(x >> codeBits), Sequence: sequence,
		})
	}
	if len(p) != 0 {
		return nil, errRow
	}
	return to, nil
}

// uvarint is binary.Uvarint with the short ones first; n is 0 for none.
func uvarint(p []byte) (x uint64, n int) {
	if len(p) > 1 {
		if p[0] < 0x80 {
			return uint64(p[0]), 1
		}
		if p[1] < 0x80 {
			return uint64(p[0])&0x7f | uint64(p[1])<<7, 2
		}
	}
	x, n = binary.Uvarint(p)
	return x, max(n, 0)
}
