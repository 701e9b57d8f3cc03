package hint

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

var update = flag.Bool("update", false, "rewrite golden files")

const (
	dir  = "/hint"
	kept = 1<<26 - 1 | 0xffff<<48
)

var segment = Segment{Log: 1, ID: 7, Bytes: 64 << 20}

func newDir(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := errors.Join(m.MkdirAll(dir), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return m
}

// ops are n ops as a hot log has them: a record each, of about size bytes.
func ops(n, size int) []Op {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	var all []Op
	off := uint32(4096)
	for range n {
		o := Op{Hash: r.Uint64() & kept, Offset: off + 16, Length: uint32(size + r.IntN(30)), Kind: uint8(1+r.IntN(3)) | uint8(r.IntN(4))<<6}
		o.Sequence = 7<<32 + uint64(off)
		all = append(all, o)
		off = (o.Offset + o.Length + 7) &^ 7
	}
	return all
}

// odd are ops with extremes in every field.
func odd() []Op {
	return []Op{
		{Hash: 0, Offset: 0, Length: 1, Kind: 255, Sequence: math.MaxUint64},
		{Hash: kept, Offset: 1, Length: 40 << 20, Kind: 0, Sequence: 0},
		{Hash: 1 << 48, Offset: 50 << 20, Length: 1, Kind: 1, Sequence: 1 << 63},
		{Hash: 1<<25 | 1<<63, Offset: 64<<20 - 1, Length: 1, Kind: 2, Sequence: 5},
	}
}

func write(fsys vfs.FS, all []Op) error {
	w, err := Create(fsys, dir, segment)
	if err != nil {
		return err
	}
	for _, o := range all {
		if err := w.Add(o); err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	return w.Finish()
}

// read reads all ops, and everything else that a hint has.
func read(fsys vfs.FS) ([]Op, *Filter, error) {
	r, err := Open(fsys, dir, segment)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	var all []Op
	err = r.Each(func(ops []Op) error {
		all = append(all, ops...)
		return nil
	})
	if err != nil {
		return all, nil, err
	}
	f, err := r.Filter()
	return all, f, err
}

func content(t testing.TB, fsys vfs.FS) []byte {
	t.Helper()
	p, err := vfs.ReadFile(fsys, filepath.Join(dir, segment.Name()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func put(t testing.TB, p []byte) *vfs.Mem {
	t.Helper()
	m := newDir(t)
	f, err := m.Create(filepath.Join(dir, segment.Name()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return m
}

func file(t testing.TB, all []Op) []byte {
	t.Helper()
	m := newDir(t)
	if err := write(m, all); err != nil {
		t.Fatal(err)
	}
	return content(t, m)
}

// inOneBuffer compares a hint, and what a Reader says of it, with its ops.
func inOneBuffer(fsys vfs.FS, b *Buffer, want []Op) error {
	r, err := Open(fsys, dir, segment)
	if err != nil {
		return err
	}
	sum := noOps()
	for _, o := range want {
		sum.add(o.Sequence)
	}
	if r.Ops() != sum.count || r.Lowest() != sum.lowest || r.Highest() != sum.highest {
		err = fmt.Errorf("%d ops of %d to %d, want %+v", r.Ops(), r.Lowest(), r.Highest(), sum)
	}
	return errors.Join(err, r.EachIn(b, func(ops []Op) error {
		if len(ops) > len(want) || !slices.Equal(ops, want[:len(ops)]) {
			return errors.New("other ops than were written")
		}
		want = want[len(ops):]
		return nil
	}), r.Close())
}

func TestOpsAreReadAsTheyWereWritten(t *testing.T) {
	var buffer Buffer
	for _, want := range [][]Op{nil, odd(), ops(1, 10), ops(40000, 100), ops(3000, 100), odd()} {
		m := newDir(t)
		if err := write(m, want); err != nil {
			t.Fatal(err)
		}
		got, f, err := read(m)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%d ops of %d, %v", len(got), len(want), err)
		}
		for _, o := range want {
			if !f.MayHold(o.Hash, math.MaxUint64) && f.lowest < math.MaxUint64 {
				t.Fatalf("%+v is denied", o)
			}
		}
		if err := inOneBuffer(m, &buffer, want); err != nil {
			t.Fatal(err)
		}
		if len(want) > 2000 {
			if n := float64(len(content(t, m))) / float64(len(want)); n > 16 {
				t.Fatalf("%.1f bytes per op", n)
			}
		}
	}
}

func TestOpsOutOfOrderAreRefused(t *testing.T) {
	for _, bad := range []Op{
		{Offset: 5, Length: 10}, {Offset: 20, Length: 0}, {Offset: 64<<20 - 1, Length: 2},
	} {
		m := newDir(t)
		err := write(m, []Op{{Offset: 0, Length: 10}, bad, {Offset: 100, Length: 1}})
		if !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
		if names, _ := m.List(dir); len(names) != 0 {
			t.Error(names)
		}
	}
	if _, err := Create(newDir(t), dir, Segment{Bytes: 1 << 32}); !errors.Is(err, engine.ErrInvalid) {
		t.Error(err)
	}
}

func TestAfterTheEndNothingIsWritten(t *testing.T) {
	for _, finish := range []bool{true, false} {
		m := newDir(t)
		w, err := Create(m, dir, segment)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(ops(1, 10)[0]); err != nil {
			t.Fatal(err)
		}
		end := w.Abort
		if finish {
			end = w.Finish
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := w.Add(ops(9, 10)[8]); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("add after the end: %v", err)
		}
		if err := w.Finish(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("finish after the end: %v", err)
		}
		if err := w.Abort(); err != nil {
			t.Error(err)
		}
		if names, _ := m.List(dir); len(names) == 1 != finish {
			t.Error(names)
		}
	}
}

func TestAMissingHintSaysThatNoDataIsLost(t *testing.T) {
	m := newDir(t)
	if _, _, err := read(m); !errors.Is(err, ErrUnusable) || !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := write(m, ops(10, 10)); err != nil {
		t.Fatal(err)
	}
	longer := segment
	longer.Bytes++
	if _, err := Open(m, dir, longer); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "is about") {
		t.Error(err)
	}
}

func TestACrashLeavesAWholeHintOrNone(t *testing.T) {
	m := newDir(t)
	want := ops(3000, 50)
	finished, seed := false, uint64(1)
	m.Watch(func(p vfs.Point) {
		for what, crashed := range m.Crashes(seed, 10) {
			got, _, err := read(crashed)
			if err == nil && !reflect.DeepEqual(got, want) || err != nil && (finished || !errors.Is(err, fs.ErrNotExist)) {
				t.Fatalf("%s %s: %d ops, %v", p.Op, what, len(got), err)
			}
			if err := write(crashed, want); err != nil {
				t.Fatalf("%s %s: write again: %v", p.Op, what, err)
			}
		}
		seed += 10
	})
	if err := write(m, want); err != nil {
		t.Fatal(err)
	}
	finished = true
	m.Watch(nil)
	if got, _, err := read(m.Image(vfs.Synced)); err != nil || len(got) != len(want) {
		t.Fatal(len(got), err)
	}
}

func TestAFailureWhileWritingIsToldAndLeavesNoHalfHint(t *testing.T) {
	want := ops(3000, 50)
	for nth := uint64(1); ; nth++ {
		m := newDir(t)
		f := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindAny, Nth: nth, Err: syscall.EIO, Lost: true})
		err := write(f, want)
		if f.Fired() == 0 {
			if err != nil || nth < 8 {
				t.Fatal(nth, err)
			}
			break
		}
		if !errors.Is(err, syscall.EIO) {
			t.Fatalf("call %d: %v", nth, err)
		}
		for what, crashed := range m.Crashes(nth, 6) {
			if got, _, err := read(crashed); err == nil && !reflect.DeepEqual(got, want) || err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("call %d, %s: %d ops, %v", nth, what, len(got), err)
			}
		}
	}
}

func TestAFailureWhileReadingIsTold(t *testing.T) {
	m := newDir(t)
	if err := write(m, ops(3000, 50)); err != nil {
		t.Fatal(err)
	}
	for nth := uint64(1); ; nth++ {
		f := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindOpen | vfs.KindRead, Nth: nth, Err: syscall.EIO})
		_, _, err := read(f)
		if f.Fired() == 0 {
			break
		}
		if !errors.Is(err, syscall.EIO) || errors.Is(err, engine.ErrCorrupt) {
			t.Fatal(nth, err)
		}
	}
}

func TestTheFormatIsThatOfTheGoldenFile(t *testing.T) {
	got := hex.Dump(file(t, append(odd()[:1], ops(9, 100)...)))
	path := filepath.Join("testdata", "hint.hex")
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
		t.Fatalf("a hint is\n%swant\n%s", got, want)
	}
}

func TestEveryFlippedByteAndEveryCutIsNoticed(t *testing.T) {
	full := file(t, ops(20, 100))
	for i := range full {
		for _, bit := range []byte{1, 0x80, 0xff} {
			p := bytes.Clone(full)
			p[i] ^= bit
			var damage *engine.CorruptionError
			_, _, err := read(put(t, p))
			if !errors.Is(err, ErrUnusable) || !errors.As(err, &damage) || damage.Offset < 0 || damage.Offset > int64(i) {
				t.Fatalf("byte %d ^ %x: %v", i, bit, err)
			}
		}
		if _, _, err := read(put(t, full[:i])); !errors.Is(err, ErrUnusable) || !errors.Is(err, engine.ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

// sign makes the checksums of a file of one block right.
func sign(p []byte) {
	if len(p) < blockHeader+footerBytes {
		return
	}
	foot := (*footer)(p[len(p)-footerBytes:])
	if n := int(binary.LittleEndian.Uint32(p[4:])); n <= len(p)-blockHeader {
		binary.LittleEndian.PutUint32(p, crc32.Checksum(p[4:blockHeader+n], castagnoli))
	}
	if end := foot.blocksEnd(); end <= uint64(len(p)-footerBytes) {
		binary.LittleEndian.PutUint32(foot[20:], crc32.Checksum(p[end:len(p)-footerBytes], castagnoli))
	}
	binary.LittleEndian.PutUint32(foot[68:], crc32.Checksum(foot[:68], castagnoli))
}

func TestEachDamagedFieldIsNamed(t *testing.T) {
	for want, damage := range map[string]func(p, foot []byte){
		"magic is":              func(p, foot []byte) { foot[0]++ },
		"reserved bytes":        func(p, foot []byte) { foot[15] = 1 },
		"reserved bytes are":    func(p, foot []byte) { foot[67] = 1 },
		"version is 2":          func(p, foot []byte) { foot[8] = 2 },
		"Log:9":                 func(p, foot []byte) { foot[12] = 9 },
		"ID:9":                  func(p, foot []byte) { foot[16] = 9 },
		"is about":              func(p, foot []byte) { foot[24]++ },
		"20 ops of sequences ":  func(p, foot []byte) { foot[32]++ },
		"says 20 of 300647":     func(p, foot []byte) { foot[40]++ },
		"to 0":                  func(p, foot []byte) { clear(foot[48:56]) },
		"blocks end at":         func(p, foot []byte) { foot[56]++ },
		"bytes, there are":      func(p, foot []byte) { binary.LittleEndian.PutUint32(p[4:], 10000) },
		"0 rows":                func(p, foot []byte) { p[8] = 0 },
		"200 rows":              func(p, foot []byte) { p[8] = 200 },
		"not what was counted":  func(p, foot []byte) { p[8]-- },
		"at offset 0: rows are": func(p, foot []byte) { binary.LittleEndian.PutUint32(p[12:], 64<<20-5000) },
		"at offset 0: rows":     func(p, foot []byte) { p[blockHeader+6] |= 4 },
	} {
		p := file(t, ops(20, 100))
		damage(p, p[len(p)-footerBytes:])
		sign(p)
		if _, _, err := read(put(t, p)); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// FuzzRead reads bytes as a hint: it is refused, or what it says can be
// written again. With fix the checksums are made right first.
func FuzzRead(f *testing.F) {
	full := file(f, ops(20, 100))
	f.Add(full, false)
	f.Add(full[:len(full)-10], true)
	f.Add(full, true)
	f.Add(file(f, odd()), true)
	f.Add(file(f, nil), true)
	f.Fuzz(func(t *testing.T, p []byte, fix bool) {
		p = bytes.Clone(p)
		if fix {
			sign(p)
		}
		got, _, err := read(put(t, p))
		if err != nil {
			if !errors.Is(err, ErrUnusable) {
				t.Fatal(err)
			}
			return
		}
		again, _, err := read(put(t, file(t, got)))
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("%v, %v, want %v", again, err, got)
		}
	})
}
