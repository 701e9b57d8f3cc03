package compress

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func newCodec(t testing.TB, o Options) *Codec {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// text is n bytes that every kind makes smaller by an eighth or more.
func text(n int, seed uint64) []byte {
	words := strings.Fields("a run of tables in which a level keeps the keys that are older than those above")
	r := rand.New(rand.NewPCG(seed, 0))
	var b []byte
	for len(b) < n {
		b = append(append(b, words[r.IntN(len(words))]...), ' ')
	}
	return b[:n]
}

func noise(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestWhatWasCompressedComesBack(t *testing.T) {
	for _, level := range Levels() {
		c := newCodec(t, Options{Level: level})
		for _, kind := range Kinds()[1:] {
			for _, n := range []int{200, 255, 256, 257, 1023, 1024, 1025, 4096, 65535, 65536, 65537, 65792, 1 << 17, 1<<17 + 1, 1 << 20} {
				block := text(n, uint64(n))
				dst, ok := c.Compress(kind, []byte("before"), block)
				if !ok || len(dst)-6 > n-n/8 || string(dst[:6]) != "before" {
					t.Fatalf("%v, %v: %d bytes to %d, %t", kind, level, n, len(dst), ok)
				}
				out, err := c.Decompress(kind, []byte("before"), dst[6:], n)
				if err != nil || string(out[:6]) != "before" || !bytes.Equal(out[6:], block) {
					t.Fatalf("%v, %v, %d bytes: %v", kind, level, n, err)
				}
			}
		}
	}
}

func TestAnyBytesComeBackOrAreLeftAlone(t *testing.T) {
	c := newCodec(t, Options{})
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 1, 4).Draw(t, "parts")
		order := rapid.SliceOfN(rapid.IntRange(0, len(parts)-1), 0, 40).Draw(t, "order")
		var block []byte
		for _, i := range order {
			block = append(block, parts[i]...)
		}
		for _, kind := range Kinds() {
			out, ok := c.Compress(kind, []byte("b"), block)
			if !ok {
				if string(out) != "b" {
					t.Fatalf("%v: %q was left", kind, out)
				}
				continue
			}
			if saved := len(block) - len(out) + 1; 8*saved < len(block) || saved <= 0 {
				t.Fatalf("%v saves %d of %d", kind, saved, len(block))
			}
			back, err := c.Decompress(kind, nil, out[1:], len(block))
			if err != nil || !bytes.Equal(back, block) {
				t.Fatalf("%v: %v", kind, err)
			}
		}
	})
}

func TestWhatDoesNotGetSmallerByAnEighthIsLeftAlone(t *testing.T) {
	c := newCodec(t, Options{})
	for _, kind := range Kinds() {
		for _, block := range [][]byte{nil, {1}, noise(100, 1), noise(4096, 2), noise(1<<20, 3), append(noise(4096, 4), make([]byte, 500)...)} {
			out, ok := c.Compress(kind, []byte("before"), block)
			if ok || string(out) != "before" {
				t.Errorf("%v: %d bytes to %d", kind, len(block), len(out))
			}
		}
		block := append(make([]byte, 700), noise(4096, 4)...)
		if _, ok := c.Compress(kind, nil, block); ok != (kind != None) {
			t.Errorf("%v of %d bytes, of which 700 are zeros: %t", kind, len(block), ok)
		}
	}
	if _, ok := c.Compress(None, nil, text(4096, 0)); ok {
		t.Error("None compresses")
	}
}

func TestBytesThatAreNotCompressedAreCopied(t *testing.T) {
	c := newCodec(t, Options{})
	out, err := c.Decompress(None, []byte("a"), []byte("bc"), 2)
	if err != nil || string(out) != "abc" {
		t.Errorf("%q %v", out, err)
	}
	for _, n := range []int{-1, 0, 1, 3} {
		if _, err := c.Decompress(None, nil, []byte("bc"), n); err == nil {
			t.Errorf("2 bytes are %d", n)
		}
	}
}

// Memory outside the heap is decompressed into in place.
func TestDecompressUsesTheRoomThatThereIs(t *testing.T) {
	c := newCodec(t, Options{})
	for _, n := range []int{200, 4096, 1 << 18} {
		block := text(n, 0)
		for _, kind := range Kinds() {
			src := block
			if kind != None {
				src, _ = c.Compress(kind, nil, block)
			}
			room := make([]byte, n+64)
			out, err := c.Decompress(kind, room[:0:n], src, n)
			if err != nil || &out[0] != &room[0] || !bytes.Equal(out, block) {
				t.Errorf("%v of %d bytes: %v", kind, n, err)
			}
			if !bytes.Equal(room[n:], make([]byte, 64)) {
				t.Errorf("%v of %d bytes wrote behind them", kind, n)
			}
		}
	}
}

func TestAllMayUseACodecAtOnce(t *testing.T) {
	c := newCodec(t, Options{})
	t.Run("all", func(t *testing.T) {
		for _, kind := range Kinds()[1:] {
			for i := range 4 {
				t.Run(kind.String(), func(t *testing.T) {
					t.Parallel()
					var buf, back []byte
					for j := range 50 {
						block := text(3000+100*j, uint64(i*100+j))
						buf, _ = c.Compress(kind, buf[:0], block)
						var err error
						back, err = c.Decompress(kind, back[:0], buf, len(block))
						if err != nil || !bytes.Equal(back, block) {
							t.Fatal(i, j, err)
						}
					}
				})
			}
		}
	})
}

func TestNamesAreThoseThatAreParsed(t *testing.T) {
	for _, k := range Kinds() {
		if got, err := ParseKind(k.String()); got != k || err != nil || !k.Valid() {
			t.Errorf("%v is parsed as %v, %v", k, got, err)
		}
	}
	for _, l := range Levels() {
		if got, err := ParseLevel(l.String()); got != l || err != nil {
			t.Errorf("%v is parsed as %v, %v", l, got, err)
		}
	}
	if _, err := ParseKind("gzip"); err == nil || !strings.Contains(err.Error(), "snappy") {
		t.Error(err)
	}
	if _, err := ParseLevel("22"); err == nil || !strings.Contains(err.Error(), "best") {
		t.Error(err)
	}
	if _, err := New(Options{Level: Best + 1}); err == nil || Kind(4).Valid() {
		t.Error("there is a level above Best, or a kind above Zstd")
	}
}
