package compress

import (
	"fmt"
	"testing"
)

type way struct {
	kind  Kind
	level Level
}

func (w way) String() string {
	if w.kind == Zstd {
		return fmt.Sprintf("kind=%v/level=%v", w.kind, w.level)
	}
	return fmt.Sprintf("kind=%v", w.kind)
}

func ways() []way {
	return []way{{Snappy, 0}, {LZ4, 0}, {Zstd, Fastest}, {Zstd, Default}, {Zstd, Better}}
}

func BenchmarkCompress(b *testing.B) {
	for _, n := range []int{4 << 10, 16 << 10} {
		for _, w := range ways() {
			b.Run(fmt.Sprintf("%v/bytes=%d", w, n), func(b *testing.B) {
				c := newCodec(b, Options{Level: w.level})
				block := text(n, 1)
				var buf []byte
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					buf, _ = c.Compress(w.kind, buf[:0], block)
				}
				b.ReportMetric(float64(n)/float64(len(buf)), "ratio")
			})
		}
	}
}

func BenchmarkDecompress(b *testing.B) {
	for _, n := range []int{4 << 10, 16 << 10} {
		for _, w := range ways() {
			b.Run(fmt.Sprintf("%v/bytes=%d", w, n), func(b *testing.B) {
				c := newCodec(b, Options{Level: w.level})
				src, _ := c.Compress(w.kind, nil, text(n, 1))
				var buf []byte
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					var err error
					if buf, err = c.Decompress(w.kind, buf[:0], src, n); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
