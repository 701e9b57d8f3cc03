package compress

import (
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"
	"github.com/pierrec/lz4/v4"
)

// How many bytes one byte can stand for, at most: an element of snappy is 64 in
// 3, lz4 adds 255 to a length by one byte, a block of zstd repeats a byte 2^17
// times in 4. More is damage, known before there is memory for it.
const (
	snappyMost = 22
	lz4Most    = 255
	zstdMost   = 1 << 15
)

// Decompress appends to dst what src is without compression, which must be n
// bytes. It writes into dst's capacity if there is room for n, and takes memory
// for no more than these otherwise. src may be anything: it is n bytes or an
// error, with which out is dst. dst and src may not overlap.
func (c *Codec) Decompress(kind Kind, dst, src []byte, n int) (out []byte, err error) {
	if out, err = c.decompress(kind, dst, src, n); err != nil {
		return dst, fmt.Errorf("decompress %d bytes of %v to %d: %w", len(src), kind, n, err)
	}
	return out, nil
}

func (c *Codec) decompress(kind Kind, dst, src []byte, n int) ([]byte, error) {
	if err := check(kind, src, n); err != nil {
		return nil, err
	}
	at := len(dst)
	dst = slices.Grow(dst, n)
	room := dst[at : at+n : at+n]
	got := 0
	switch kind {
	case None:
		got = copy(room, src)
	case Snappy:
		// It allocates only where there is less room than DecodedLen.
		block, err := s2.Decode(room, src)
		if err != nil {
			return nil, err
		}
		got = len(block)
	case LZ4:
		var err error
		if got, err = lz4.UncompressBlock(src, room); err != nil {
			return nil, err
		}
	case Zstd:
		block, err := c.decoder.DecodeAll(src, room[:0])
		if err != nil {
			return nil, err
		}
		got = len(block)
	}
	if got != n {
		return nil, fmt.Errorf("it is %d bytes", got)
	}
	return dst[:at+n], nil
}

// check finds what can be known to be wrong without n bytes of memory.
func check(kind Kind, src []byte, n int) error {
	most := len(src)
	switch kind {
	case None:
		if n != len(src) {
			return fmt.Errorf("it is %d bytes", len(src))
		}
	case Snappy:
		most *= snappyMost
		if length, err := s2.DecodedLen(src); err != nil {
			return err
		} else if length != n {
			return fmt.Errorf("it is %d bytes", length)
		}
	case LZ4:
		most *= lz4Most
	case Zstd:
		most *= zstdMost
		if err := checkFrame(src, n); err != nil {
			return err
		}
	default:
		return fmt.Errorf("there is no such kind, only %v", Kinds())
	}
	if n < 0 || n > MaxBytes || n > most {
		return fmt.Errorf("a length of %d bytes is out of bounds", n)
	}
	return nil
}
