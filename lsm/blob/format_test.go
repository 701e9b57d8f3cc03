package blob

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/compress"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestTheBytesOfAFileAreTheGoldenOnes(t *testing.T) {
	values := [][]byte{[]byte("value"), nil, bytes.Repeat([]byte("snap"), 20)}
	for _, kind := range []compress.Kind{compress.None, compress.Snappy} {
		golden := filepath.Join("testdata", kind.String()+".hex")
		p, _ := file(t, kind, values)
		got := hex.Dump(p)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%v: bytes are\n%s, want\n%s", kind, got, want)
		}
	}
}

// sums makes the checksums of header and footer right again.
func sums(p []byte) []byte {
	binary.LittleEndian.PutUint32(p[28:], crc32.Checksum(p[:28], castagnoli))
	foot := p[len(p)-footerBytes:]
	binary.LittleEndian.PutUint32(foot[60:], crc32.Checksum(foot[:60], castagnoli))
	return p
}

func TestADamagedFieldIsNamed(t *testing.T) {
	whole, _ := file(t, compress.None, some())
	foot := len(whole) - footerBytes
	for _, c := range []struct {
		off  int
		fix  bool // checksums
		want string
	}{
		{0, true, "magic"},
		{8, true, "format version is 3"},
		{12, true, "reserved bytes of the header"},
		{16, true, "it is blob file 5, want 7"},
		{24, true, "reserved bytes of the header"},
		{16, false, "checksum of the header"},
		{28, false, "checksum of the header"},
		{foot, true, "was not finished"},
		{foot + 8, true, "format version is 3"},
		{foot + 12, true, "reserved bytes of the footer"},
		{foot + 16, true, "it is blob file 5, want 7"},
		{foot + 24, true, "values of"},
		{foot + 31, true, "values of"},
		{foot + 32, true, "values of"},
		{foot + 39, true, "values of"},
		{foot + 48, true, "records end at"},
		{foot + 56, true, "reserved bytes of the footer"},
		{foot + 40, false, "checksum of the footer"},
		{foot + 60, false, "checksum of the footer"},
	} {
		p := bytes.Clone(whole)
		p[c.off] ^= 2
		if c.fix {
			sums(p)
		}
		m := newDir(t)
		put(t, m, p)
		_, err := Open(m, path, id, ReaderOptions{})
		mustBeCorrupt(t, err, fmt.Sprintf("byte %d", c.off))
		if err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("byte %d: %v, want %q", c.off, err, c.want)
		}
	}
}

func TestADamagedRecordIsNamed(t *testing.T) {
	values := [][]byte{bytes.Repeat([]byte("snap"), 20)}
	for _, c := range []struct {
		kind   compress.Kind
		damage func(r record)
		fix    bool
		want   string
	}{
		{compress.None, func(r record) { r[0]++ }, false, "checksum of the record"},
		{compress.None, func(r record) { r[4]++ }, true, "record has 81 bytes, want 80"},
		{compress.None, func(r record) { r[8] = 9 }, true, "compression is"},
		{compress.None, func(r record) { r[8] = 1 }, true, "the footer knows of none"},
		{compress.None, func(r record) { r[9]++ }, false, "checksum of the record"},
		{compress.Snappy, func(r record) { r[9]++ }, true, "decompress"},
		{compress.Snappy, func(r record) { r[9], r[10] = 0x80, 0 }, true, "length of the value"},
		{compress.Snappy, func(r record) { r[11] ^= 0x40 }, true, "decompress"},
	} {
		p, pointers := file(t, c.kind, values)
		r := record(p[headerBytes : len(p)-footerBytes])
		c.damage(r)
		if c.fix {
			binary.LittleEndian.PutUint32(r, crc32.Checksum(r[4:], castagnoli)^place(id, headerBytes))
		}
		m := newDir(t)
		put(t, m, p)
		err := readAll(t, m, ReaderOptions{}, pointers, values)
		mustBeCorrupt(t, err, c.want)
		if err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// The sum of all lengths without compression is the one field that the others
// do not determine: it is checked by walking.
func TestAWrongSumIsFoundByWalking(t *testing.T) {
	whole, pointers := file(t, compress.Snappy, some())
	whole[len(whole)-footerBytes+40]++
	m := newDir(t)
	put(t, m, sums(whole))
	err := readAll(t, m, ReaderOptions{}, pointers, some())
	mustBeCorrupt(t, err, "sum of lengths")
	if err == nil || !strings.Contains(err.Error(), "the footer counts") {
		t.Error(err)
	}
}

func TestEachFlippedByteIsFound(t *testing.T) {
	for _, kind := range []compress.Kind{compress.None, compress.Zstd} {
		whole, pointers := file(t, kind, some())
		m := newDir(t)
		for i := range whole {
			p := bytes.Clone(whole)
			p[i] ^= 1 << (i % 8)
			put(t, m, p)
			for _, io := range []IO{Pread, Mmap} {
				mustBeCorrupt(t, readAll(t, m, ReaderOptions{IO: io}, pointers, some()), fmt.Sprintf("byte %d", i))
			}
		}
	}
}

func TestAFileCutAnywhereIsRefused(t *testing.T) {
	whole, _ := file(t, compress.None, some())
	m := newDir(t)
	for n := range whole {
		put(t, m, whole[:n])
		_, err := Open(m, path, id, ReaderOptions{})
		mustBeCorrupt(t, err, fmt.Sprintf("cut to %d bytes", n))
	}
	put(t, m, append(whole, 0))
	_, err := Open(m, path, id, ReaderOptions{})
	mustBeCorrupt(t, err, "a byte too many")
}

func TestARecordInAnotherPlaceIsDamaged(t *testing.T) {
	values := [][]byte{[]byte("aaaa"), []byte("bbbb")}
	p, pointers := file(t, compress.None, values)
	a, b := p[headerBytes:][:13], p[headerBytes+13:][:13]
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
	m := newDir(t)
	put(t, m, p)
	r, err := Open(m, path, id, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, p := range pointers {
		_, err := r.Get(nil, p)
		mustBeCorrupt(t, err, "swapped")
	}
	mustBeCorrupt(t, r.Walk(nil), "swapped")
}

// mend makes more right than sums does: the checksums of records, and how many
// there are. What remains wrong is what no checksum tells.
func mend(p []byte) []byte {
	end := len(p) - footerBytes
	var values, stored int
	for off := headerBytes; end-off >= recordHeader; values++ {
		r := record(p[off:end])
		n := int(r.length())
		if n > len(r.value()) {
			break
		}
		r = r[:recordHeader+n]
		binary.LittleEndian.PutUint32(r, crc32.Checksum(r[4:], castagnoli)^place(id, uint64(off)))
		stored += n
		off += len(r)
	}
	binary.LittleEndian.PutUint64(p[end+24:], uint64(values))
	binary.LittleEndian.PutUint64(p[end+32:], uint64(stored))
	binary.LittleEndian.PutUint64(p[end+48:], uint64(end))
	return sums(p)
}

// FuzzOpen: any bytes, as they are or mended, are damage or a file that can be
// read, at each pointer.
func FuzzOpen(f *testing.F) {
	for _, kind := range compress.Kinds() {
		p, _ := file(f, kind, some())
		f.Add(p, uint64(headerBytes), uint64(5), false)
		f.Add(p, uint64(headerBytes), uint64(5), true)
	}
	f.Add(make([]byte, headerBytes+footerBytes), uint64(0), uint64(0), true)
	codec, err := compress.New(compress.Options{Level: compress.Default})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, p []byte, offset, length uint64, mended bool) {
		if len(p) < headerBytes+footerBytes {
			return
		}
		p = bytes.Clone(p)
		if mended {
			mend(p)
		}
		m := newDir(t)
		put(t, m, sums(p))
		r, err := Open(m, path, id, ReaderOptions{Codec: codec})
		if err != nil {
			if !errors.Is(err, engine.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		defer r.Close()
		if _, err := r.Get(nil, Pointer{id, offset, length}); err != nil && !errors.Is(err, engine.ErrCorrupt) {
			t.Fatal(err)
		}
		err = r.Walk(func(p Pointer, value []byte) error {
			if got, err := r.Get(nil, p); err != nil || !bytes.Equal(got, value) {
				t.Fatalf("%v: %v", p, err)
			}
			return nil
		})
		if err != nil && !errors.Is(err, engine.ErrCorrupt) {
			t.Fatal(err)
		}
	})
}
