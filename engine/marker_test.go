package engine

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

func goldenMarker() Marker {
	return Marker{Engine: "lsm", Format: 3, Fixed: map[string]string{
		"merge": "by key", "block_size": "4096", "comment": "",
	}}
}

func same(a, b Marker) bool {
	return a.Engine == b.Engine && a.Format == b.Format && maps.Equal(a.Fixed, b.Fixed)
}

func goldenMarkerFile(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "marker.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAMarkerHasTheBytesOfTheGoldenFile(t *testing.T) {
	wantBytes(t, "marker", goldenMarker().encode(), goldenMarkerFile(t))
	if m, err := decodeMarker(goldenMarkerFile(t)); err != nil || !same(m, goldenMarker()) {
		t.Errorf("read as %+v, %v", m, err)
	}
}

func TestAMarkerCutOrChangedAnywhereIsCorrupt(t *testing.T) {
	whole := goldenMarkerFile(t)
	for n := range whole {
		if m, err := decodeMarker(whole[:n]); err == nil {
			t.Errorf("cut to %d bytes: %+v", n, m)
		}
		for bit := range 8 {
			damaged := bytes.Clone(whole)
			damaged[n] ^= 1 << bit
			if m, err := decodeMarker(damaged); err == nil {
				t.Errorf("bit %d of byte %d flipped: %+v", bit, n, m)
			}
		}
	}
	if _, err := decodeMarker(append(bytes.Clone(whole), '\n')); err == nil {
		t.Error("a line too many was read")
	}
}

// sealed puts a right checksum under lines.
func sealed(lines string) []byte {
	sum := crc32.Checksum([]byte(lines), castagnoli())
	return fmt.Appendf([]byte(lines), "crc32c %08x\n", sum)
}

func TestEachDamagedFieldOfAMarkerIsNamed(t *testing.T) {
	const first = markerFirstLine + "\n"
	for _, c := range []struct{ lines, want string }{
		{"another file\nengine lsm\nformat 1\n", "not a marker file"},
		{first, "lines missing"},
		{first + "engine lsm\n", "lines missing"},
		{first + "engine \nformat 1\n", "names no engine"},
		{first + "motor lsm\nformat 1\n", "names no engine"},
		{first + "engine lsm\nformat 0\n", "no format version"},
		{first + "engine lsm\nformat one\n", "no format version"},
		{first + "engine lsm\nversion 1\n", "no format version"},
		{first + "engine lsm\nformat 01\n", "not in the form"},
		{first + "engine lsm\nformat 1\nfixed a b\n", "line 4 is no setting"},
		{first + "engine lsm\nformat 1\nset a\n", "line 4 is no setting"},
		{first + "engine lsm\nformat 1\nset a 1\nset  2\n", "line 5 is no setting"},
		{first + "engine lsm\nformat 1\nset b 1\nset a 2\n", "not in the form"},
		{first + "engine lsm\nformat 1\nset a 1\nset a 2\n", "not in the form"},
	} {
		if m, err := decodeMarker(sealed(c.lines)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %+v, %v, want %q", c.lines, m, err, c.want)
		}
	}
	if _, err := decodeMarker([]byte(first + "engine lsm\nformat 1\ncrc32c 00000000\n")); err == nil ||
		!strings.Contains(err.Error(), "checksum") {
		t.Errorf("wrong checksum: %v", err)
	}
}

func FuzzMarker(f *testing.F) {
	f.Add(goldenMarkerFile(f))
	f.Add(sealed(markerFirstLine + "\nengine a\nformat 1\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		// Most of what is tried has no valid checksum: give it one as well.
		lines := data
		if i := bytes.LastIndex(data, []byte("crc32c ")); i >= 0 {
			lines = data[:i]
		}
		for _, p := range [][]byte{data, sealed(string(lines))} {
			if m, err := decodeMarker(p); err == nil && !bytes.Equal(m.encode(), p) {
				t.Errorf("%q was read as %+v, which is written %q", p, m, m.encode())
			}
		}
	})
}

func TestAMarkerIsWrittenOnceAndReadBack(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadMarker(vfs.OS{}, dir); !errors.Is(err, ErrNotEngineDir) {
		t.Errorf("without one: %v", err)
	}
	if err := WriteMarker(vfs.OS{}, dir, goldenMarker()); err != nil {
		t.Fatal(err)
	}
	if m, err := ReadMarker(vfs.OS{}, dir); err != nil || !same(m, goldenMarker()) {
		t.Errorf("read %+v, %v", m, err)
	}
	if err := WriteMarker(vfs.OS{}, dir, Marker{Engine: "other", Format: 1}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one: %v", err)
	}
	if m, _ := ReadMarker(vfs.OS{}, dir); !same(m, goldenMarker()) {
		t.Errorf("after the second: %+v", m)
	}
	if names, _ := (vfs.OS{}).List(dir); len(names) != 1 {
		t.Errorf("files %v", names)
	}
}

func TestADamagedMarkerNamesItsFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, MarkerName)
	for _, data := range [][]byte{{}, []byte("junk"), bytes.Repeat([]byte("x"), maxMarkerSize+1)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadMarker(vfs.OS{}, dir)
		var damage *CorruptionError
		if !errors.As(err, &damage) || damage.File != path {
			t.Errorf("%d bytes: %v", len(data), err)
		}
	}
}

func TestAMarkerThatCannotBeReadBackIsNotWritten(t *testing.T) {
	for _, m := range []Marker{
		{},
		{Engine: "lsm"},
		{Engine: "", Format: 1},
		{Engine: "a\nb", Format: 1},
		{Engine: "lsm", Format: 1, Fixed: map[string]string{"": "v"}},
		{Engine: "lsm", Format: 1, Fixed: map[string]string{"a b": "v"}},
		{Engine: "lsm", Format: 1, Fixed: map[string]string{"a": "v\nset b w"}},
	} {
		dir := t.TempDir()
		if err := WriteMarker(vfs.OS{}, dir, m); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", m, err)
		}
		if names, _ := (vfs.OS{}).List(dir); len(names) != 0 {
			t.Errorf("%+v: files %v", m, names)
		}
	}
}
