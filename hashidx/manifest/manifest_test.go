package manifest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

var update = flag.Bool("update", false, "rewrite golden files")

const dir = "/db"

func newDir(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := errors.Join(m.MkdirAll(dir), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return m
}

func seg(number uint16, log Log, id uint32) Segment {
	return Segment{Number: number, Log: log, ID: id, Bytes: 1 << 20, Live: 1 << 19, Lowest: uint64(id) << 32}
}

// edits is a history that uses every field.
func edits() []Edit {
	sealed := seg(1, Hot, 1)
	sealed.Hinted, sealed.Live = true, 77
	return []Edit{
		{Add: []Segment{seg(1, Hot, 1), seg(2, Cold, 1)}},
		{Change: []Segment{sealed}, From: 1<<32 | 4096},
		{Add: []Segment{seg(3, Hot, 2)}, Snapshot: &Snapshot{Name: "000001.snap", Covers: 1<<32 | 5000}},
		{Drop: []uint16{2}, Add: []Segment{seg(65535, Cold, 2)}, From: 2 << 32},
		{Snapshot: &Snapshot{}},
		{Add: []Segment{seg(2, Cold, 9)}, Snapshot: &Snapshot{Name: "b", Covers: 2 << 32}},
	}
}

// model applies edits in a way of its own, without rules.
func model(seed uint64, all []Edit) State {
	s := State{Seed: seed}
	at := map[uint16]Segment{}
	for _, e := range all {
		for _, n := range e.Drop {
			delete(at, n)
		}
		for _, g := range append(e.Add, e.Change...) {
			at[g.Number] = g
		}
		s.From = max(s.From, e.From)
		if e.Snapshot != nil {
			s.Snapshot = *e.Snapshot
		}
	}
	for n := range 1 << 16 {
		if g, ok := at[uint16(n)]; ok {
			s.Segments = append(s.Segments, g)
		}
	}
	return s
}

func same(got, want State) bool {
	got.Sequence, want.Sequence = 0, 0
	return reflect.DeepEqual(got, want)
}

// history runs edits, and returns how many were acknowledged.
func history(fsys vfs.FS, long int, done func(n int)) (n int, err error) {
	m, err := Create(fsys, dir, 42)
	if err != nil {
		return -1, err
	}
	m.long = long
	done(0)
	for i, e := range edits() {
		if err := m.Apply(e); err != nil {
			return i, errors.Join(err, m.Close())
		}
		done(i + 1)
	}
	return len(edits()), m.Close()
}

func content(t testing.TB, fsys vfs.FS) []byte {
	t.Helper()
	p, err := vfs.ReadFile(fsys, filepath.Join(dir, Name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatWasAppliedIsThereAfterOpen(t *testing.T) {
	for _, long := range []int{longBytes, 0} {
		m := newDir(t)
		if _, err := history(m, long, func(int) {}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			x, err := Open(m, dir)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := x.State(), model(42, edits()); !same(got, want) {
				t.Fatalf("%+v, want %+v", got, want)
			}
			if err := errors.Join(x.Close(), x.Close()); err != nil {
				t.Fatal(err)
			}
			if err := x.Apply(Edit{Drop: []uint16{1}}); !errors.Is(err, ErrClosed) {
				t.Fatal(err)
			}
		}
		if names, _ := m.List(dir); len(names) != 1 {
			t.Fatal(names)
		}
	}
}

func TestALongManifestIsRewritten(t *testing.T) {
	m := newDir(t)
	x, err := Create(m, dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Apply(Edit{Add: []Segment{seg(1, Hot, 1)}}); err != nil {
		t.Fatal(err)
	}
	x.long = 2000
	for i := range 200 {
		g := seg(1, Hot, 1)
		g.Live = int64(i)
		if err := x.Apply(Edit{Change: []Segment{g}}); err != nil {
			t.Fatal(err)
		}
		if n := len(content(t, m)); n > 2200 {
			t.Fatalf("%d bytes after %d edits", n, i)
		}
		if s, err := Read(m, dir); err != nil || !same(s, x.State()) || s.Segments[0].Live != int64(i) {
			t.Fatal(s, err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAnEditThatBreaksARuleChangesNothing(t *testing.T) {
	m := newDir(t)
	x, err := Create(m, dir, 42)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edits() {
		if err := x.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	bad := seg(9, Hot, 9)
	bad.Live = bad.Bytes + 1
	negative := seg(9, Hot, 9)
	negative.Live, negative.Bytes = -1, -1
	before := content(t, m)
	for want, e := range map[string]Edit{
		"seed is set":                     {Seed: 43},
		"0 is no number":                  {Add: []Segment{seg(0, Hot, 7)}},
		"the number is taken":             {Add: []Segment{seg(1, Hot, 7)}},
		"add segment 8: the number":       {Add: []Segment{seg(8, Hot, 7), seg(8, Hot, 8)}},
		"hot/1 is segment 1 already":      {Add: []Segment{seg(8, Hot, 1)}},
		"the same edit drops it":          {Drop: []uint16{3}, Add: []Segment{seg(3, Hot, 8)}},
		"drop segment 8: there is none":   {Drop: []uint16{8}},
		"drop segment 3: there is none":   {Drop: []uint16{3, 3}},
		"change segment 8":                {Change: []Segment{seg(8, Hot, 8)}},
		"it is hot/1, not hot/2":          {Change: []Segment{seg(1, Hot, 2)}},
		"change segment 1: it is":         {Change: []Segment{seg(1, Cold, 1)}},
		"0 is no id":                      {Add: []Segment{seg(8, Hot, 0)}},
		"there is no log 3":               {Add: []Segment{seg(8, 3, 1)}},
		"1048577 of 1048576":              {Add: []Segment{bad}},
		"-1 of -1":                        {Add: []Segment{negative}},
		"recovery goes back":              {From: 1},
		"snapshot goes back":              {Snapshot: &Snapshot{Name: "c", Covers: 1 << 32}},
		`"a/b" is no name`:                {Snapshot: &Snapshot{Name: "a/b", Covers: 9 << 32}},
		`"" is no name`:                   {Snapshot: &Snapshot{Covers: 9 << 32}},
		`".." is no name`:                 {Snapshot: &Snapshot{Name: "..", Covers: 9 << 32}},
		strings.Repeat("n", 256) + `" is`: {Snapshot: &Snapshot{Name: strings.Repeat("n", 256), Covers: 9 << 32}},
	} {
		if err := x.Apply(e); !errors.Is(err, ErrEdit) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if !same(x.State(), model(42, edits())) {
			t.Fatalf("%q changed the state", want)
		}
	}
	if !bytes.Equal(before, content(t, m)) {
		t.Error("a refused edit was written")
	}
	if err := x.Apply(Edit{Drop: []uint16{3}}); err != nil {
		t.Error(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCreateLeavesAManifestAlone(t *testing.T) {
	m := newDir(t)
	if _, err := Open(m, dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Create(m, dir, 0); !errors.Is(err, ErrEdit) {
		t.Error(err)
	}
	if _, err := history(m, longBytes, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(m, dir, 5); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if s, err := Read(m, dir); err != nil || !same(s, model(42, edits())) {
		t.Error(s, err)
	}
}

// check opens what a crash left after n acknowledged edits (-1: not created).
func check(t *testing.T, what string, m *vfs.Mem, n int) {
	t.Helper()
	x, err := Open(m, dir)
	if err != nil {
		if n < 0 && errors.Is(err, fs.ErrNotExist) {
			return
		}
		t.Fatalf("%s: %d acknowledged: %v", what, n, err)
	}
	all := edits()
	got := x.State()
	if !(n >= 0 && same(got, model(42, all[:n]))) && !(n < len(all) && same(got, model(42, all[:n+1]))) {
		t.Fatalf("%s: %d acknowledged: %+v", what, n, got)
	}
	// It goes on from there, whatever was left behind.
	if err := x.Apply(Edit{Add: []Segment{seg(500, Cold, 500)}}); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Read(m.Image(vfs.Synced), dir); err != nil || len(s.Segments) != len(got.Segments)+1 {
		t.Fatalf("%s: %+v, %v", what, s, err)
	}
}

func TestACrashLeavesWhatWasAcknowledgedAndMaybeOneMore(t *testing.T) {
	for _, long := range []int{longBytes, 0} {
		m := newDir(t)
		n, seed := -1, uint64(1)
		m.Watch(func(p vfs.Point) {
			for what, crashed := range m.Crashes(seed, 6) {
				check(t, p.Op+" "+what, crashed, n)
			}
			seed += 6
		})
		if _, err := history(m, long, func(k int) { n = k }); err != nil {
			t.Fatal(err)
		}
		m.Watch(nil)
	}
}

func TestACrashWhileOpeningLosesNothing(t *testing.T) {
	m := newDir(t)
	if _, err := history(m, longBytes, func(int) {}); err != nil {
		t.Fatal(err)
	}
	full := content(t, m)
	m = put(t, append(full[:len(full)-frameBytes:len(full)-frameBytes], "torn tail"...))
	seed := uint64(1)
	m.Watch(func(p vfs.Point) {
		for what, crashed := range m.Crashes(seed, 6) {
			check(t, p.Op+" "+what, crashed, len(edits()))
		}
		seed += 6
	})
	x, err := Open(m, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAFailureStopsTheManifestAndLosesNothing(t *testing.T) {
	for _, long := range []int{longBytes, 0} {
		for _, lost := range []bool{false, true} {
			for nth := uint64(1); ; nth++ {
				m := newDir(t)
				f := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindAny, Nth: nth, Err: syscall.EIO, Lost: lost})
				n := -1
				_, err := history(f, long, func(k int) { n = k })
				if f.Fired() == 0 {
					if err != nil || nth < 20 {
						t.Fatal(nth, err)
					}
					break
				}
				for what, crashed := range m.Crashes(nth, 4) {
					check(t, what, crashed, n)
				}
			}
		}
	}
}

func TestAfterAFailureNothingIsWritten(t *testing.T) {
	m := newDir(t)
	f := vfs.NewFault(m)
	x, err := Create(f, dir, 42)
	if err != nil {
		t.Fatal(err)
	}
	f.Set(vfs.Rule{Kind: vfs.KindSync, Nth: 1, Err: syscall.EIO})
	if err := x.Apply(edits()[0]); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	before := content(t, m)
	if err := x.Apply(edits()[0]); !errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if s := x.State(); len(s.Segments) != 0 {
		t.Fatal(s)
	}
	if err := x.Close(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if !bytes.Equal(before, content(t, m)) {
		t.Fatal("something was written after a failed sync")
	}
}

// put makes a directory with a manifest of these bytes.
func put(t testing.TB, p []byte) *vfs.Mem {
	t.Helper()
	m := newDir(t)
	f, err := m.Create(filepath.Join(dir, Name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return m.Image(vfs.Written)
}

func closed(t testing.TB) []byte {
	t.Helper()
	m := newDir(t)
	if _, err := history(m, longBytes, func(int) {}); err != nil {
		t.Fatal(err)
	}
	return content(t, m)
}

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
	second := first + frameBytes + 9 + frameBytes // seed, mark
	for want, damage := range map[string]func(p []byte){
		"magic is":                  func(p []byte) { p[0] = 'x' },
		"checksum of the header":    func(p []byte) { p[12]++ },
		"format version is 2":       func(p []byte) { copy(p, appendVersion(p[:8], 2)) },
		"first frame is not whole":  func(p []byte) { p[first]++ },
		"frame is not whole":        func(p []byte) { p[second+4]++ },
		"frame 1003 follows":        func(p []byte) { binary.LittleEndian.PutUint64(p[second+8:], 1003); sign(p, second) },
		"field of unknown kind 9":   func(p []byte) { p[first+24] = 9; sign(p, first) },
		"has 8 bytes, want 36":      func(p []byte) { p[first+24] = fieldAdd; sign(p, first) },
		"0 is no number":            func(p []byte) { p[second+25], p[second+26] = 0, 0; sign(p, second) },
		"there is no log 7":         func(p []byte) { p[second+27] = 7; sign(p, second) },
		"hinted is 2":               func(p []byte) { p[second+28] = 2; sign(p, second) },
		"0 is no id":                func(p []byte) { clear(p[second+29:][:4]); sign(p, second) },
		"524288 of 0 bytes":         func(p []byte) { clear(p[second+33:][:8]); sign(p, second) },
		"of 1048576 bytes are live": func(p []byte) { p[second+48] = 0x7f; sign(p, second) },
		"reserved is 1":             func(p []byte) { p[second+57] = 1; sign(p, second) },
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
