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
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/version"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestTheFormatIsThatOfTheGoldenFile(t *testing.T) {
	got := hex.Dump(closed(t))
	path := filepath.Join("testdata", "manifest.hex")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Fatalf("a manifest is\n%swant\n%s", got, want)
	}
	if got := currentText(7); got != "MANIFEST-000007 5872ce62\n" {
		t.Errorf("CURRENT is %q", got)
	}
}

func TestTheGoldenFileSaysWhatItSaid(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "manifest.hex"))
	if err != nil {
		t.Fatal(err)
	}
	var p []byte
	for _, line := range strings.Split(string(text), "\n") {
		if len(line) > 60 {
			b, err := hex.DecodeString(strings.ReplaceAll(line[10:58], " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			p = append(p, b...)
		}
	}
	s, err := Scan(put(t, p, 1), dir, nil, nil)
	if err != nil || !same(s.State, model(t, len(edits()))) || s.Torn != 0 || s.Edits != len(edits())+1 {
		t.Fatal(s, err)
	}
}

func TestEveryFlippedBitIsDamageOrHarmless(t *testing.T) {
	full := closed(t)
	want := model(t, len(edits()))
	for i := range full {
		for _, bit := range []byte{1, 0x80, 0xff} {
			p := bytes.Clone(full)
			p[i] ^= bit
			m := put(t, p, 1)
			s, err := Scan(m, dir, nil, nil)
			var damage *engine.CorruptionError
			switch {
			case err == nil:
				if i < len(p)-frameBytes || !same(s.State, want) {
					t.Fatalf("byte %d ^ %x reads as %v", i, bit, s.State.Version)
				}
			case !errors.As(err, &damage) || damage.File != filepath.Join(dir, Name(1)) || damage.Offset < 0 || damage.Offset > int64(i):
				t.Fatalf("byte %d ^ %x: %v", i, bit, err)
			default:
				if _, _, err := Open(m, dir, Options{}); !errors.Is(err, engine.ErrCorrupt) {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestAManifestCutAnywhereIsAPrefixOrDamage(t *testing.T) {
	full := closed(t)
	last := 0
	for n := range len(full) {
		s, err := Scan(put(t, full[:n], 1), dir, nil, nil)
		if err != nil {
			if !errors.Is(err, engine.ErrCorrupt) || last > 0 {
				t.Fatal(n, err)
			}
			continue
		}
		if s.Bytes+s.Torn != int64(n) {
			t.Fatal(n, s.Bytes, s.Torn)
		}
		for ; last <= len(edits()) && !same(s.State, model(t, last)); last++ {
		}
		if last > len(edits()) {
			t.Fatalf("cut at %d: %v", n, s.State.Version)
		}
	}
	if last != len(edits()) {
		t.Fatal(last)
	}
}

func TestADamagedCurrentIsDamage(t *testing.T) {
	path := filepath.Join(dir, Current)
	good := currentText(1)
	bad := []string{"", good + "\n", " " + good, strings.ToUpper(good), currentText(2), currentText(1 << 62), "MANIFEST-1 00000000\n"}
	for i := range good {
		bad = append(bad, good[:i])
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad = append(bad, good[:i]+string([]byte{good[i] ^ bit})+good[i+1:])
		}
	}
	for _, text := range bad {
		m := put(t, closed(t), 1)
		f, err := m.OpenReadWrite(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(text), 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(int64(len(text))), f.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Scan(m, dir, nil, nil); !errors.Is(err, engine.ErrCorrupt) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// file is a manifest of these payloads, each in a frame, all claimed durable.
func file(payloads ...[]byte) []byte {
	p := appendHeader(nil, 1)
	for i, payload := range payloads {
		p = appendFrame(p, 1, len(p), uint64(i+1), uint64(len(p)), payload)
	}
	return p
}

func TestEachDamagedFieldIsNamed(t *testing.T) {
	empty := appendEdit(nil, version.NewState().Edit())
	flush := appendEdit(nil, edits()[0])
	const first = headerBytes
	second := first + frameBytes + len(empty)
	sign := func(p []byte) { binary.LittleEndian.PutUint32(p[20:], crc32.Checksum(p[:20], castagnoli)) }
	signFrame := func(p []byte, off int) {
		n := binary.LittleEndian.Uint32(p[off+4:])
		all := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 1), uint64(off))
		all = append(all, p[off+4:][:20+n]...)
		binary.LittleEndian.PutUint32(p[off:], crc32.Checksum(all, castagnoli))
	}
	for want, damage := range map[string]func(p []byte) []byte{
		"offset 0: magic is":            func(p []byte) []byte { p[0] = 'x'; return p },
		"checksum of the header":        func(p []byte) []byte { p[20]++; return p },
		"format version is 2":           func(p []byte) []byte { p[8] = 2; sign(p); return p },
		"it is manifest 9, and has the": func(p []byte) []byte { p[12] = 9; sign(p); return p },
		"file of 23 bytes":              func(p []byte) []byte { return p[:23] },
		"the first frame is not whole":  func(p []byte) []byte { return p[:first] },
		"24: the first frame":           func(p []byte) []byte { p[first]++; return p },
		"but was durable, says the one": func(p []byte) []byte { p[second]++; return p },
		"frame is not whole, but was":   func(p []byte) []byte { p[second+4]++; return p },
		"frame is not whole":            func(p []byte) []byte { p[second+7] = 0x80; return p },
		"frame 1002 follows frame 1": func(p []byte) []byte {
			binary.LittleEndian.PutUint16(p[second+8:], 1002)
			signFrame(p, second)
			return p
		},
		"durable, says the one at 113":    func(p []byte) []byte { p[second+16]++; return p },
		"kind 99: there is no such kind":  func(p []byte) []byte { p[second+24] = 99; signFrame(p, second); return p },
		"delete table 1: it is not in le": func([]byte) []byte { return file(empty, []byte{tagDeleted, 0, 1}) },
	} {
		p := damage(file(empty, flush, nil))
		_, _, err := Open(put(t, p, 1), dir, Options{})
		if !errors.Is(err, engine.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestScanShowsEachEditWhereItIs(t *testing.T) {
	full := closed(t)
	m := put(t, append(full, "torn"...), 1)
	var offsets []int64
	s, err := Scan(m, dir, nil, func(e *version.Edit, off int64) error {
		if n := len(offsets); n > 0 && e.String() != edits()[n-1].String() {
			t.Errorf("edit %d is\n%v", n, e)
		}
		if _, payload, whole := frameAt(full, 1, int(off)); !whole || !bytes.Equal(payload, appendEdit(nil, e)) {
			t.Errorf("%v is not at %d", e, off)
		}
		offsets = append(offsets, off)
		return nil
	})
	if err != nil || len(offsets) != s.Edits || s.Edits != len(edits())+1 || s.Torn != 4 || s.Bytes != int64(len(full)) || s.Path != filepath.Join(dir, Name(1)) {
		t.Fatalf("%+v, %v", s, err)
	}
	stop := errors.New("stop")
	s, err = Scan(m, dir, nil, func(*version.Edit, int64) error { return stop })
	if !errors.Is(err, stop) || errors.Is(err, engine.ErrCorrupt) {
		t.Error(err)
	}
	if s, err = Scan(newDir(t), dir, nil, nil); err != nil || s.Path != "" || !same(s.State, version.NewState()) {
		t.Error(s, err)
	}
}

func TestNamesAndNumbersBelongTogether(t *testing.T) {
	for _, n := range []uint64{1, 999999, 1000000, maxNumber - 1} {
		if got, ok := Number(Name(n)); !ok || got != n {
			t.Error(Name(n), got)
		}
	}
	for _, name := range []string{"MANIFEST-", "MANIFEST-1", "MANIFEST-0000001", "MANIFEST-000000", "MANIFEST-+00001", Name(maxNumber), "000001", "MANIFEST-00000x"} {
		if n, ok := Number(name); ok {
			t.Error(name, n)
		}
	}
}

// FuzzManifest reads bytes as a manifest. What it accepts, it writes so that it
// reads the same. With fix the checksums are made right first.
func FuzzManifest(f *testing.F) {
	full := closed(f)
	f.Add(full, false)
	f.Add(full[:len(full)-frameBytes-3], false)
	f.Add(full, true)
	f.Add(full[:headerBytes], false)
	f.Fuzz(func(t *testing.T, p []byte, fix bool) {
		p = bytes.Clone(p)
		if fix && len(p) >= headerBytes {
			binary.LittleEndian.PutUint32(p[20:], crc32.Checksum(p[:20], castagnoli))
			for off := headerBytes; off+frameBytes <= len(p); {
				n := int(binary.LittleEndian.Uint32(p[off+4:]))
				if n > len(p)-off-frameBytes {
					break
				}
				binary.LittleEndian.PutUint32(p[off:], frameCRC(p[off+4:][:20+n], 1, off))
				off += frameBytes + n
			}
		}
		d := &directory{number: 1, Scanned: Scanned{State: version.NewState()}}
		off, err := d.replay(p, func(*version.Edit, int64) error { return nil })
		if off < 0 || off > len(p) || int64(off) < d.Bytes {
			t.Fatal(off, err)
		}
		if err != nil {
			return
		}
		if err := d.State.Version.Check(); err != nil {
			t.Fatal(err)
		}
		again := &directory{number: 2, Scanned: Scanned{State: version.NewState()}}
		_, err = again.replay(firstBytes(2, d.sequence, d.State), func(*version.Edit, int64) error { return nil })
		if err != nil || !same(again.State, d.State) {
			t.Fatalf("%+v, %v, want %+v", again.State, err, d.State)
		}
	})
}
