package manifest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestTheFormatIsThatOfTheGoldenFile(t *testing.T) {
	got := closed(t)
	path := filepath.Join("testdata", "manifest.hex")
	if *update {
		if err := os.WriteFile(path, []byte(hex.Dump(got)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if hex.Dump(got) != string(want) {
		t.Fatalf("a manifest is\n%swant\n%s", hex.Dump(got), want)
	}
}

func TestEveryFlippedBitIsDamageOrHarmless(t *testing.T) {
	full := closed(t)
	want := model(42, edits())
	for i := range full {
		for _, bit := range []byte{1, 0x80, 0xff} {
			p := bytes.Clone(full)
			p[i] ^= bit
			s, err := Read(put(t, p), dir)
			var damage *engine.CorruptionError
			switch {
			case err == nil:
				if i < len(p)-frameBytes || !same(s, want) {
					t.Fatalf("byte %d ^ %x reads as %+v", i, bit, s)
				}
			case !errors.As(err, &damage) || damage.File != filepath.Join(dir, Name) || damage.Offset < 0 || damage.Offset > int64(i):
				t.Fatalf("byte %d ^ %x: %v", i, bit, err)
			}
		}
	}
}

func TestAManifestCutAnywhereIsAPrefixOrDamage(t *testing.T) {
	full := closed(t)
	last := 0
	for n := range len(full) {
		s, err := Read(put(t, full[:n]), dir)
		if err != nil {
			if !errors.Is(err, engine.ErrCorrupt) || last > 0 {
				t.Fatal(n, err)
			}
			continue
		}
		for ; last <= len(edits()) && !same(s, model(42, edits()[:last])); last++ {
		}
		if last > len(edits()) {
			t.Fatalf("cut at %d: %+v", n, s)
		}
	}
	if last != len(edits()) {
		t.Fatal(last)
	}
}

func TestEachDamagedFieldIsNamed(t *testing.T) {
	const first = headerBytes
	sign := func(p []byte, off int) {
		n := binary.LittleEndian.Uint32(p[off+4:])
		crc := crc32.Checksum(p[off+4:][:20+n], castagnoli) ^ uint32(off)*2654435761
		binary.LittleEndian.PutUint32(p[off:], crc)
	}
	const (
		add    = 1 + segmentBytes
		second = first + frameBytes + 9 + frameBytes       // seed, mark
		third  = second + frameBytes + 2*add + frameBytes  // two segments, mark
		fourth = third + frameBytes + add + 9 + frameBytes // a segment, from, mark
		named  = fourth + frameBytes + add + 9 + 1         // a segment, from, tag
	)
	for want, damage := range map[string]func(p []byte){
		"magic is":                  func(p []byte) { p[0] = 'x' },
		"checksum of the header":    func(p []byte) { p[12]++ },
		"format version is 2":       func(p []byte) { copy(p, appendVersion(p[:8], 2)) },
		"first frame is not whole":  func(p []byte) { p[first]++ },
		"frame is not whole":        func(p []byte) { p[second+4]++ },
		"frame 1003 follows":        func(p []byte) { binary.LittleEndian.PutUint64(p[second+8:], 1003); sign(p, second) },
		"field of unknown kind 9":   func(p []byte) { p[first+24] = 9; sign(p, first) },
		"has 8 bytes, want 72":      func(p []byte) { p[first+24] = fieldAdd; sign(p, first) },
		"0 is no number":            func(p []byte) { p[second+25], p[second+26] = 0, 0; sign(p, second) },
		"there is no log 7":         func(p []byte) { p[second+27] = 7; sign(p, second) },
		"hinted is 2":               func(p []byte) { p[second+28] = 2; sign(p, second) },
		"0 is no id":                func(p []byte) { clear(p[second+29:][:4]); sign(p, second) },
		"records end at -92233":     func(p []byte) { p[second+40] = 0x80; sign(p, second) },
		"524288 of 0 bytes":         func(p []byte) { clear(p[second+41:][:8]); sign(p, second) },
		"524288 of -92233":          func(p []byte) { p[second+48] = 0x80; sign(p, second) },
		"of 1000000 bytes are live": func(p []byte) { p[second+56] = 0x7f; sign(p, second) },
		"4522 bytes expire":         func(p []byte) { p[second+64] = 0x80; sign(p, second) },
		"from 4294967296 to 1":      func(p []byte) { clear(p[second+81:][:8]); p[second+81] = 1; sign(p, second) },
		"ops in 1000000 bytes":      func(p []byte) { p[second+96] = 1; sign(p, second) },
		"covers hot to 1:5000":      func(p []byte) { clear(p[named+16:][:8]); sign(p, fourth) },
		"covers cold to 1:772":      func(p []byte) { clear(p[named+24:][:8]); sign(p, fourth) },
	} {
		p := closed(t)
		damage(p)
		_, err := Read(put(t, p), dir)
		if !errors.Is(err, engine.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func appendVersion(magic []byte, v uint32) []byte {
	p := binary.LittleEndian.AppendUint32(bytes.Clone(magic), v)
	return binary.LittleEndian.AppendUint32(p, crc32.Checksum(p, castagnoli))
}

// FuzzDecode reads bytes as a manifest. What it accepts, it writes so that it
// reads the same. With fix the checksums are made right first.
func FuzzDecode(f *testing.F) {
	full := closed(f)
	f.Add(full, false)
	f.Add(full[:len(full)-frameBytes-3], false)
	f.Add(full, true)
	f.Add(full[:headerBytes], false)
	f.Fuzz(func(t *testing.T, p []byte, fix bool) {
		p = bytes.Clone(p)
		if fix && len(p) >= headerBytes {
			binary.LittleEndian.PutUint32(p[12:], crc32.Checksum(p[:12], castagnoli))
			for off := headerBytes; off+frameBytes <= len(p); {
				n := int(binary.LittleEndian.Uint32(p[off+4:]))
				if n > len(p)-off-frameBytes {
					break
				}
				binary.LittleEndian.PutUint32(p[off:], frameCRC(p[off+4:][:20+n], off))
				off += frameBytes + n
			}
		}
		s, off, err := decode(p)
		if err != nil {
			if off < 0 || off > int64(len(p)) {
				t.Fatal(off, err)
			}
			return
		}
		e := s.whole()
		again, _, err := decode(appendFrame(appendHeader(nil), 0, s.Sequence, 0, e.encode(nil)))
		if err != nil || !reflect.DeepEqual(again.public(), s.public()) {
			t.Fatalf("%+v, %v, want %+v", again, err, s)
		}
	})
}
