package compress

import (
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// MaxBytes is the longest that a block may be, without compression.
const MaxBytes = 1<<31 - 1

// Options are those of a Codec.
type Options struct {
	Level Level // of zstd
}

// A Codec compresses and decompresses, by all kinds. It keeps the memory that
// this takes: an engine needs one.
//
// Concurrency: all methods may be called by many goroutines at once.
type Codec struct {
	lz4 sync.Pool // of *lz4.Compressor

	// Both hand out one worker per core, and make callers beyond that wait.
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// New is a codec.
func New(o Options) (*Codec, error) {
	var level zstd.EncoderLevel
	switch o.Level {
	case Default:
		level = zstd.SpeedDefault
	case Fastest:
		level = zstd.SpeedFastest
	case Better:
		level = zstd.SpeedBetterCompression
	case Best:
		level = zstd.SpeedBestCompression
	default:
		return nil, fmt.Errorf("compression has %v, want one of %v", o.Level, Levels())
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level),
		zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	if err != nil {
		return nil, fmt.Errorf("set up zstd for writing: %w", err)
	}
	// Concurrency 0 is one per core: the default ends at 4.
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0),
		zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(MaxBytes),
		zstd.WithDecoderMaxWindow(MaxBytes))
	if err != nil {
		return nil, fmt.Errorf("set up zstd for reading: %w", err)
	}
	return &Codec{
		lz4:     sync.Pool{New: func() any { return new(lz4.Compressor) }},
		encoder: encoder,
		decoder: decoder,
	}, nil
}

// Compress appends src, compressed, to dst. It is not ok if that does not save
// an eighth, or src is longer than MaxBytes: then out is dst, maybe with more
// capacity, and src itself should be stored, as kind None. That is always so of
// kind None. dst and src may not overlap.
func (c *Codec) Compress(kind Kind, dst, src []byte) (out []byte, ok bool) {
	if len(src) > MaxBytes {
		return dst, false
	}
	at := len(dst)
	most := len(src) - (len(src)+7)/8
	n := 0
	switch kind {
	case Snappy:
		dst = slices.Grow(dst, s2.MaxEncodedLen(len(src)))
		n = len(s2.EncodeSnappy(dst[at:cap(dst)], src))
	case LZ4:
		dst = slices.Grow(dst, most)
		worker := c.lz4.Get().(*lz4.Compressor)
		var err error
		n, err = worker.CompressBlock(src, dst[at:at+most])
		c.lz4.Put(worker)
		if err != nil { // it does not fit
			return dst, false
		}
	case Zstd:
		dst = c.encoder.EncodeAll(src, dst)
		n = len(dst) - at
	}
	if n == 0 || n > most {
		return dst[:at], false
	}
	return dst[:at+n], true
}
