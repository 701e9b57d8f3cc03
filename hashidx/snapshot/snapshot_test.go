package snapshot

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

var update = flag.Bool("update", false, "rewrite golden files")

const (
	dir  = "/snapshot"
	name = "1.snap"
	kept = 1<<26 - 1 | 0xffff<<48
)

var head = Header{Covers: 3<<32 | 4096, Seed: 42, Buckets: 1024}

func newDir(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := errors.Join(m.MkdirAll(dir), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return m
}

// image is n entries in segments 1, 2, 300 and 65535, sorted.
func image(n int) []index.Entry {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	all := make([]index.Entry, 0, n)
	for range n {
		segment := []uint64{1, 2, 300, 65535}[r.IntN(4)]
		all = append(all, index.Entry{Hash: r.Uint64() & kept, Place: segment<<32 | r.Uint64()>>32})
	}
	sorted(all)
	return all
}

func sorted(all []index.Entry) {
	slices.SortFunc(all, func(a, b index.Entry) int {
		return cmp.Or(cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Place, b.Place))
	})
}

// walk yields entries, some at a time.
func walk(all []index.Entry) func(func([]index.Entry) error) error {
	return func(yield func([]index.Entry) error) error {
		for some := range slices.Chunk(all, 1000) {
			if err := yield(some); err != nil {
				return err
			}
		}
		return nil
	}
}

// read reads all entries, sorted.
func read(fsys vfs.FS, workers int) ([]index.Entry, error) {
	r, err := Open(fsys, dir, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var mu sync.Mutex
	all := make([]index.Entry, 0, r.Entries())
	_, err = r.Load(workers, nil, func(some []index.Entry) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, some...)
		return nil
	})
	sorted(all)
	return all, err
}

func content(t testing.TB, fsys vfs.FS) []byte {
	t.Helper()
	p, err := vfs.ReadFile(fsys, filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func put(t testing.TB, p []byte) *vfs.Mem {
	t.Helper()
	m := newDir(t)
	f, err := m.Create(filepath.Join(dir, name))
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

func file(t testing.TB, all []index.Entry) []byte {
	t.Helper()
	m := newDir(t)
	if _, err := Write(m, dir, name, head, walk(all)); err != nil {
		t.Fatal(err)
	}
	return content(t, m)
}

func TestEntriesAreReadAsTheyWereWritten(t *testing.T) {
	for _, n := range []int{0, 1, blockEntries - 1, blockEntries, blockEntries + 1, 5*blockEntries + 7} {
		for workers := range 4 {
			m, want := newDir(t), image(n)
			info, err := Write(m, dir, name, head, walk(want))
			if err != nil || info.Entries != uint64(n) || info.Bytes != int64(len(content(t, m))) {
				t.Fatal(info, err)
			}
			if got, err := read(m, workers); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d entries, %d workers: %d, %v", n, workers, len(got), err)
			}
			r, err := Open(m, dir, name)
			if err != nil || r.Header() != head || r.Entries() != uint64(n) {
				t.Fatal(r, err)
			}
			if n > 100 && !slices.Equal(r.Segments(), []uint16{1, 2, 300, 65535}) {
				t.Fatal(r.Segments())
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAnErrorOfTheIndexEndsLoad(t *testing.T) {
	r, err := Open(put(t, file(t, image(20*blockEntries))), dir, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	calls, full := 0, errors.New("full")
	_, err = r.Load(1, nil, func([]index.Entry) error {
		calls++
		return full
	})
	if !errors.Is(err, full) || calls != 1 {
		t.Fatal(calls, err)
	}
}

func TestAMissingSnapshotSaysThatNoDataIsLost(t *testing.T) {
	if _, err := Open(newDir(t), dir, name); !errors.Is(err, ErrUnusable) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestACrashLeavesTheOldSnapshotOrTheNew(t *testing.T) {
	m := newDir(t)
	older, newer := image(100), image(blockEntries+500)
	if _, err := Write(m, dir, name, head, walk(older)); err != nil {
		t.Fatal(err)
	}
	seed := uint64(1)
	m.Watch(func(p vfs.Point) {
		for what, crashed := range m.Crashes(seed, 10) {
			if got, err := read(crashed, 1); err != nil || !slices.Equal(got, older) && !slices.Equal(got, newer) {
				t.Fatalf("%s %s: %d entries, %v", p.Op, what, len(got), err)
			}
			if _, err := Write(crashed, dir, name, head, walk(older)); err != nil {
				t.Fatalf("%s %s: write again: %v", p.Op, what, err)
			}
		}
		seed += 10
	})
	if _, err := Write(m, dir, name, head, walk(newer)); err != nil {
		t.Fatal(err)
	}
	m.Watch(nil)
	if got, err := read(m.Image(vfs.Synced), 1); err != nil || !slices.Equal(got, newer) {
		t.Fatal(len(got), err)
	}
}

func TestAFailureWhileWritingIsTold(t *testing.T) {
	want := image(2 * blockEntries)
	for nth := uint64(1); ; nth++ {
		m := newDir(t)
		f := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindAny, Nth: nth, Err: syscall.EIO, Lost: true})
		_, err := Write(f, dir, name, head, walk(want))
		if f.Fired() == 0 {
			if err != nil || nth < 9 {
				t.Fatal(nth, err)
			}
			break
		}
		if !errors.Is(err, syscall.EIO) {
			t.Fatal(nth, err)
		}
		for what, crashed := range m.Crashes(nth, 6) {
			if got, err := read(crashed, 1); err == nil && !slices.Equal(got, want) || err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("call %d, %s: %d entries, %v", nth, what, len(got), err)
			}
		}
	}
}

func TestAFailureWhileReadingIsTold(t *testing.T) {
	m := put(t, file(t, image(2*blockEntries)))
	for nth := uint64(1); ; nth++ {
		f := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindOpen | vfs.KindRead, Nth: nth, Err: syscall.EIO})
		_, err := read(f, 2)
		if f.Fired() == 0 {
			break
		}
		if !errors.Is(err, syscall.EIO) || errors.Is(err, ErrUnusable) {
			t.Fatal(nth, err)
		}
	}
}

func TestTheFormatIsThatOfTheGoldenFile(t *testing.T) {
	got := hex.Dump(file(t, image(20)))
	path := filepath.Join("testdata", "snapshot.hex")
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
		t.Fatalf("a snapshot is\n%swant\n%s", got, want)
	}
}

func TestEveryFlippedByteAndEveryCutIsNoticed(t *testing.T) {
	full := file(t, image(20))
	for i := range full {
		for _, bit := range []byte{1, 0x80, 0xff} {
			p := bytes.Clone(full)
			p[i] ^= bit
			var damage *engine.CorruptionError
			_, err := read(put(t, p), 1)
			if !errors.Is(err, ErrUnusable) || !errors.As(err, &damage) || damage.Offset < 0 || damage.Offset > int64(len(p)) {
				t.Fatalf("byte %d ^ %x: %v", i, bit, err)
			}
		}
		if _, err := read(put(t, full[:i]), 1); !errors.Is(err, ErrUnusable) || !errors.Is(err, engine.ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

// sign makes the checksums of a file of one block right.
func sign(p []byte) {
	if len(p) < headerBytes+footerBytes {
		return
	}
	le := binary.LittleEndian
	foot := p[len(p)-footerBytes:]
	le.PutUint32(p[12:], crc32.Checksum(p[16:headerBytes], castagnoli))
	le.PutUint32(foot[16:], le.Uint32(p[12:]))
	if n := int64(le.Uint32(foot[8:])) * 2; n <= int64(len(p)-headerBytes-footerBytes) {
		table := p[int64(len(p))-footerBytes-n:][:n]
		le.PutUint32(foot[12:], crc32.Checksum(table, castagnoli))
		if block := p[headerBytes : int64(len(p))-footerBytes-n]; len(block) > blockHeader {
			le.PutUint32(block, crc32.Checksum(block[4:], castagnoli))
		}
	}
	le.PutUint32(foot[20:], crc32.Checksum(foot[:20], castagnoli))
}

func TestEachDamagedFieldIsNamed(t *testing.T) {
	const entries = headerBytes + blockHeader
	for want, damage := range map[string]func(p, foot []byte){
		"at offset 0: magic is":         func(p, foot []byte) { p[0]++ },
		"version is 2":                  func(p, foot []byte) { p[8] = 2 },
		"block of 21 entries, want 20":  func(p, foot []byte) { p[headerBytes+4]++ },
		"hash 0 and place 0":            func(p, foot []byte) { clear(p[entries:][:12]) },
		"impossible entry":              func(p, foot []byte) { p[entries+11] = 0xff },
		"and place 4d2":                 func(p, foot []byte) { binary.LittleEndian.PutUint32(p[entries+4:], 0x4d2) },
		"21 entries and 4 segments":     func(p, foot []byte) { foot[0]++ },
		"20 entries and 5 segments":     func(p, foot []byte) { foot[8]++ },
		fmt.Sprintf("magic is %q", "l"): func(p, foot []byte) { copy(foot[24:], "l\x00\x00\x00\x00\x00\x00\x00") },
	} {
		want = strings.TrimSuffix(want, `"`)
		p := file(t, image(20))
		damage(p, p[len(p)-footerBytes:])
		sign(p)
		if _, err := read(put(t, p), 1); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	p := file(t, image(20))
	p[16]++
	binary.LittleEndian.PutUint32(p[12:], crc32.Checksum(p[16:headerBytes], castagnoli))
	if _, err := read(put(t, p), 1); err == nil || !strings.Contains(err.Error(), "header is another's") {
		t.Error(err)
	}
}

// FuzzRead reads bytes as a snapshot: it is refused, or what it says can be
// written again. With fix the checksums are made right first.
func FuzzRead(f *testing.F) {
	full := file(f, image(20))
	f.Add(full, false)
	f.Add(full[:len(full)-10], true)
	f.Add(full, true)
	f.Fuzz(func(t *testing.T, p []byte, fix bool) {
		p = bytes.Clone(p)
		if fix {
			sign(p)
		}
		got, err := read(put(t, p), 1)
		if err != nil {
			if !errors.Is(err, ErrUnusable) {
				t.Fatal(err)
			}
			return
		}
		if again, err := read(put(t, file(t, got)), 1); err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("%v, %v, want %v", again, err, got)
		}
		r := open(t, put(t, p))
		x := newIndex(t, index.Options{Buckets: r.Buckets()})
		if _, err := r.Fill(2, nil, x); err != nil || x.Len() != len(got) {
			t.Fatalf("%d entries fill, %v, want %d", x.Len(), err, len(got))
		}
	})
}
