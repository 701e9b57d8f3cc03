// Package compress makes blocks smaller: none, snappy, lz4, zstd.
//
//	c, err := compress.New(compress.Options{Level: compress.Default})
//	out, ok := c.Compress(compress.LZ4, buf[:0], block) // not ok: store block
//	block, err = c.Decompress(compress.LZ4, block[:0], out, len(block))
//
// # Map
//
//   - kind.go: Kind, Level
//   - codec.go: Codec, New, Compress
//   - decompress.go: Decompress; frame.go: what it asks of a zstd frame
//
// # Bytes
//
// Each kind's are those of its block format, bare: snappy's with the length it
// begins with, an lz4 block without a frame, and one zstd frame of a single
// segment with its content's size and without checksum. How long a block is
// without compression the caller must know, and has checksums of its own.
//
// # Goroutines and locks
//
// None that last. A Codec is for any number of goroutines at once.
package compress
