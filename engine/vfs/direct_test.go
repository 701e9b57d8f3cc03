package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

// needs skips a test where the file system under it cannot do what it is about.
func needs(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the file system here cannot do it:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnAlignedBufferIsAlignedZeroAndOfItsLength(t *testing.T) {
	for _, n := range []int{0, 1, 511, 4096, 4097, 1 << 20} {
		for range 20 {
			p := AlignedBuffer(n)
			if len(p) != n || cap(p) != n {
				t.Errorf("%d bytes, room for %d, want %d", len(p), cap(p), n)
			}
			if at := uintptr(unsafe.Pointer(unsafe.SliceData(p))); at%DirectAlign != 0 {
				t.Errorf("%d bytes at %#x", n, at)
			}
			for i, c := range p {
				if c != 0 {
					t.Fatalf("byte %d is %d", i, c)
				}
				p[i] = 0xff // so that reused memory would show
			}
		}
	}
}

func TestDirectFilesAreWrittenAndReadInAlignedPieces(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		path := filepath.Join(base, "f")
		if _, err := fsys.OpenDirect(path, true); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errors.ErrUnsupported) {
			t.Error("of an absent file:", err)
		}
		f := createOn(t, fsys, path, "buffered")
		for _, dsync := range []bool{false, true} {
			direct, err := fsys.OpenDirect(path, dsync)
			needs(t, err)
			p := AlignedBuffer(2 * DirectAlign)
			for i := range p {
				p[i] = byte(i%251) + 1
			}
			if n, err := direct.WriteAt(p, DirectAlign); n != len(p) || err != nil {
				t.Errorf("dsync %v: wrote %d, %v", dsync, n, err)
			}
			if n, err := direct.Write(p[:DirectAlign]); n != DirectAlign || err != nil {
				t.Errorf("dsync %v: wrote %d at the front, %v", dsync, n, err)
			}
			got := AlignedBuffer(2 * DirectAlign)
			if n, err := direct.ReadAt(got, DirectAlign); n != len(got) || err != nil || !bytes.Equal(got, p) {
				t.Errorf("dsync %v: read %d, %v", dsync, n, err)
			}
			if n, err := direct.ReadAt(got, 2*DirectAlign); n != DirectAlign || err != io.EOF || !bytes.Equal(got[:n], p[DirectAlign:]) {
				t.Errorf("dsync %v: read %d past the end, %v", dsync, n, err)
			}
			if want := string(p[:DirectAlign]) + string(p); content(t, f) != want {
				t.Errorf("dsync %v: another handle sees other content", dsync)
			}
			if err := errors.Join(direct.SyncData(), direct.Close()); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestMisalignedDirectIOFailsOrIsRight: whether a file system takes it is its
// own affair (tmpfs does, a disk with sectors of 512 bytes takes these), but
// it must not write anything else.
func TestMisalignedDirectIOFailsOrIsRight(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		path := filepath.Join(base, "f")
		want := bytes.Repeat([]byte("x"), 4*DirectAlign)
		f := createOn(t, fsys, path, string(want))
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		direct, err := fsys.OpenDirect(path, true)
		needs(t, err)
		defer direct.Close()
		p := AlignedBuffer(3 * DirectAlign)
		for _, c := range []struct {
			name string
			p    []byte
			off  int64
		}{
			{"address", p[1:][:DirectAlign], 0},
			{"length", p[:DirectAlign+1], 0},
			{"offset", p[:DirectAlign], 1},
			{"sectors", p[512:][:512], 512},
		} {
			n, err := direct.WriteAt(c.p, c.off)
			if err != nil && n != 0 || err == nil && n != len(c.p) {
				t.Errorf("%s: wrote %d of %d, %v", c.name, n, len(c.p), err)
			}
			copy(want[c.off:], c.p[:n])
			if got := content(t, f); got != string(want) {
				t.Errorf("%s: %v, and the file holds something else", c.name, err)
			}
			if _, mem := fsys.(*Mem); mem && err == nil {
				t.Errorf("%s: a strict file system took it", c.name)
			}
		}
	})
}

func TestPreallocationChangesNeitherContentNorLength(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		f := createOn(t, fsys, filepath.Join(base, "f"), "hello")
		needs(t, f.Preallocate(0, 1<<20))
		if got := content(t, f); got != "hello" {
			t.Errorf("%q", got)
		}
		if _, err := f.WriteAt([]byte("!"), 10); err != nil {
			t.Error(err)
		}
		if got := content(t, f); got != "hello\x00\x00\x00\x00\x00!" {
			t.Errorf("%q", got)
		}
	})
}

func TestAHoleReadsAsZerosAndKeepsTheLength(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		const size = 5 * 4096
		want := bytes.Repeat([]byte("x"), size)
		f := createOn(t, fsys, filepath.Join(base, "f"), string(want))
		for _, hole := range []struct{ off, n int64 }{{100, 50}, {4000, 9000}, {size - 10, 4096}, {size + 100, 100}} {
			needs(t, f.PunchHole(hole.off, hole.n))
			clear(want[min(hole.off, size):min(hole.off+hole.n, size)])
			if got := content(t, f); got != string(want) {
				t.Errorf("hole at %d of %d: the rest has changed, or the hole is not zero", hole.off, hole.n)
			}
		}
	})
}

func TestAMappingShowsLaterWritesAndOutlivesItsFile(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		path := filepath.Join(base, "f")
		f := createOn(t, fsys, path, string(bytes.Repeat([]byte("a"), 3*DirectAlign)))
		r, err := fsys.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.Mmap(DirectAlign, DirectAlign+100)
		if errors.Is(err, errors.ErrUnsupported) {
			r.Close()
		}
		needs(t, err)
		p := m.Bytes()
		if len(p) != DirectAlign+100 || p[0] != 'a' || p[len(p)-1] != 'a' {
			t.Errorf("%d bytes", len(p))
		}
		if _, err := f.WriteAt([]byte("later"), DirectAlign+10); err != nil {
			t.Fatal(err)
		}
		if got := string(p[9:16]); got != "alatera" {
			t.Errorf("after a write: %q", got)
		}
		if err := errors.Join(r.Close(), fsys.Remove(path)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("still"), DirectAlign+10); err != nil {
			t.Fatal(err)
		}
		if got := string(p[9:16]); got != "astilla" {
			t.Errorf("after close and remove: %q", got)
		}
		if err := errors.Join(m.Close(), m.Close()); err != nil {
			t.Error("closed twice:", err)
		}
	})
}

func TestAMappingOutsideItsFileOrMisalignedIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		f := createOn(t, fsys, filepath.Join(base, "f"), string(make([]byte, 2*DirectAlign)))
		m, err := f.Mmap(0, 1)
		needs(t, err)
		m.Close()
		for _, c := range []struct {
			off int64
			n   int
		}{{0, 2*DirectAlign + 1}, {2 * DirectAlign, 1}, {1, 1}, {-DirectAlign, 1}, {0, 0}, {0, -1}, {math.MaxInt64 &^ (DirectAlign - 1), DirectAlign}} {
			if m, err := f.Mmap(c.off, c.n); !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("[%d, +%d): %v, %v", c.off, c.n, m, err)
			}
		}
	})
}

func TestAdviceOfAnyKindChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		f := createOn(t, fsys, filepath.Join(base, "f"), "hello")
		for a := Sequential; a <= WriteBack+1; a++ {
			f.Advise(a, 0, 0)
			f.Advise(a, 1, 100)
			f.Advise(a, -1, -1)
		}
		if got := content(t, f); got != "hello" {
			t.Errorf("%q", got)
		}
		f.Close()
		f.Advise(WillNeed, 0, 0)
	})
}

func TestACloseDuringCallsMakesThemFailOrWaits(t *testing.T) {
	onEach(t, func(t *testing.T, fsys FS, base string) {
		for round := range 20 {
			f := createOn(t, fsys, filepath.Join(base, string(rune('a'+round))), "hello")
			var done sync.WaitGroup
			var calls atomic.Int64
			for range 3 {
				done.Go(func() {
					for {
						err := f.PunchHole(0, 4096)
						if err == nil || errors.Is(err, errors.ErrUnsupported) {
							err = f.SyncData()
						}
						if err != nil {
							if !errors.Is(err, fs.ErrClosed) {
								t.Error(err)
							}
							return
						}
						calls.Add(1)
					}
				})
			}
			for calls.Load() < 5 {
				runtime.Gosched()
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			done.Wait()
		}
	})
}

func BenchmarkOSFile(b *testing.B) {
	f, err := OS{}.Create(filepath.Join(b.TempDir(), "f"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 4096)
	if _, err := f.Write(p); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		call func()
	}{
		{"op=read", func() { f.ReadAt(p, 0) }},
		{"op=size", func() { f.Size() }},
		{"op=sync-clean", func() { f.Sync() }}, // nothing is dirty: the cost of the call
		{"op=sync-data-clean", func() { f.SyncData() }},
		{"op=write-sync-data", func() { f.WriteAt(p, 0); f.SyncData() }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.call()
			}
		})
	}
}
