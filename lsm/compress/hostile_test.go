package compress

import (
	"bytes"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

var update = flag.Bool("update", false, "rewrite golden files")

// What is on disk must stay readable; that it would be written alike must not.
func TestGoldenBlocksAreRead(t *testing.T) {
	c := newCodec(t, Options{})
	block := text(600, 42)
	for number, kind := range map[uint8]Kind{0: None, 1: Snappy, 2: LZ4, 3: Zstd} {
		if number != uint8(kind) {
			t.Errorf("%v has the number %d, want %d", kind, kind, number)
		}
		if kind == None {
			continue
		}
		path := filepath.Join("testdata", kind.String()+".hex")
		if *update {
			src, _ := c.Compress(kind, nil, block)
			if err := os.WriteFile(path, []byte(hex.EncodeToString(src)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		digits, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		src, err := hex.DecodeString(strings.TrimSpace(string(digits)))
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.Decompress(kind, nil, src, len(block))
		if err != nil || !bytes.Equal(out, block) {
			t.Errorf("%v: %v", kind, err)
		}
	}
}

func TestABlockThatIsCutIsAnError(t *testing.T) {
	c := newCodec(t, Options{})
	for _, n := range []int{300, 5000, 200_000} {
		block := text(n, 1)
		for _, kind := range Kinds()[1:] {
			src, _ := c.Compress(kind, nil, block)
			for cut := 0; cut < len(src); cut += 1 + cut/50 {
				out, err := c.Decompress(kind, []byte("b"), src[:cut], n)
				if err == nil || string(out) != "b" {
					t.Fatalf("%v of %d bytes, cut at %d: %d bytes, %v", kind, n, cut, len(out), err)
				}
			}
		}
	}
}

func TestABlockThatIsTooLongIsAnError(t *testing.T) {
	c := newCodec(t, Options{})
	block := text(3000, 1)
	for _, kind := range Kinds()[1:] {
		src, _ := c.Compress(kind, nil, block)
		more := map[string][]byte{
			"a byte": {0xf0}, "noise": noise(50, 1), "itself": src,
		}
		if kind == Zstd {
			empty := newEncoder(t).EncodeAll(nil, nil)
			more["an empty frame"] = empty
			more["a frame to skip"] = []byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}
		}
		for name, m := range more {
			if _, err := c.Decompress(kind, nil, append(bytes.Clone(src), m...), len(block)); err == nil {
				t.Errorf("%v and %s behind it passes", kind, name)
			}
		}
	}
}

func TestAnotherLengthIsAnError(t *testing.T) {
	c := newCodec(t, Options{})
	for _, size := range []int{200, 3000, 300_000} {
		block := text(size, 1)
		for _, kind := range Kinds()[1:] {
			src, _ := c.Compress(kind, nil, block)
			for _, n := range []int{-1, 0, 1, size - 1, size + 1, 2 * size, MaxBytes, MaxBytes + 1, 1 << 62} {
				room := make([]byte, 0, 2*size)
				if out, err := c.Decompress(kind, room, src, n); err == nil || len(out) != 0 {
					t.Errorf("%v of %d bytes is also %d", kind, size, n)
				}
			}
		}
	}
	if _, err := c.Decompress(4, nil, []byte{1}, 1); err == nil || !strings.Contains(err.Error(), "no such kind") {
		t.Error(err)
	}
}

func newEncoder(t testing.TB, o ...zstd.EOption) *zstd.Encoder {
	t.Helper()
	e, err := zstd.NewWriter(nil, o...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A checksum, a window of its own or a dictionary would be read by the library.
func TestFramesThatAreNotWrittenAreNotRead(t *testing.T) {
	c := newCodec(t, Options{})
	block := text(3000, 1)
	for name, o := range map[string][]zstd.EOption{
		"checksum":   {zstd.WithSingleSegment(true)},
		"window":     {zstd.WithSingleSegment(false), zstd.WithEncoderCRC(false)},
		"dictionary": {zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false), zstd.WithEncoderDictRaw(7, block)},
	} {
		src := newEncoder(t, o...).EncodeAll(block, nil)
		if _, err := c.Decompress(Zstd, nil, src, len(block)); err == nil || !strings.Contains(err.Error(), "sort") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Few bytes that say they are a gigabyte.
func TestALengthThatCannotBeTakesNoMemory(t *testing.T) {
	const n = 1 << 30
	c := newCodec(t, Options{})
	for kind, src := range map[Kind][]byte{
		Snappy: {0x80, 0x80, 0x80, 0x80, 0x04, 0, 0},
		LZ4:    {0x1f, 0, 1, 0, 0xff, 0xff, 0xff},
		// Magic, single segment with a size of 4 bytes; 128 KiB of one byte.
		Zstd: {0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x40, 0x03, 0, 0x10, 0},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := c.Decompress(kind, nil, src, n)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "out of bounds") {
			t.Errorf("%v: %v", kind, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > n/64 {
			t.Errorf("%v took %d bytes", kind, took)
		}
	}
}

// What zeros shrink to is within the bounds of what bytes can stand for.
func TestBlocksThatShrinkTheMostAreRead(t *testing.T) {
	c := newCodec(t, Options{})
	for _, n := range []int{1 << 10, 1 << 17, 1<<17 + 5, 16 << 20} {
		block := make([]byte, n)
		for _, kind := range Kinds()[1:] {
			src, ok := c.Compress(kind, nil, block)
			out, err := c.Decompress(kind, nil, src, n)
			if !ok || err != nil || !bytes.Equal(out, block) {
				t.Errorf("%v: %d zeros to %d bytes, %v", kind, n, len(src), err)
			}
		}
	}
}

func TestDamageIsAnErrorOrAsLong(t *testing.T) {
	c := newCodec(t, Options{})
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	block := text(2000, 1)
	for _, kind := range Kinds()[1:] {
		src, _ := c.Compress(kind, nil, block)
		for range 3000 {
			bad := bytes.Clone(src)
			for range 1 + r.IntN(3) {
				bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
			}
			room := make([]byte, len(block)+32)
			out, err := c.Decompress(kind, room[:0:len(block)], bad, len(block))
			if err == nil && len(out) != len(block) || err != nil && len(out) != 0 {
				t.Fatalf("seed %d, %v: %d bytes, %v", seed, kind, len(out), err)
			}
			if !bytes.Equal(room[len(block):], make([]byte, 32)) {
				t.Fatalf("seed %d, %v: bytes behind the room were written", seed, kind)
			}
		}
	}
}

func FuzzDecompress(f *testing.F) {
	c := newCodec(f, Options{})
	f.Fuzz(func(t *testing.T, kind uint8, n int, src []byte) {
		n = min(n, 1<<20)
		const behind = 32
		room := make([]byte, max(n, 0)+behind)
		for i := range room {
			room[i] = 0xa5
		}
		out, err := c.Decompress(Kind(kind), room[:0:len(room)-behind], src, n)
		if err == nil && len(out) != n || err != nil && len(out) != 0 {
			t.Fatalf("%d bytes of %d, %v", len(out), n, err)
		}
		if !bytes.Equal(room[len(room)-behind:], bytes.Repeat([]byte{0xa5}, behind)) {
			t.Fatal("bytes behind the room were written")
		}
		if err != nil {
			return
		}
		for _, k := range Kinds() {
			if again, ok := c.Compress(k, nil, out); ok {
				if back, err := c.Decompress(k, nil, again, n); err != nil || !bytes.Equal(back, out) {
					t.Fatalf("%v: %v", k, err)
				}
			}
		}
	})
}
