package store

import (
	"testing"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine/vfs"
)

func TestPiecesFollowEachOtherAndAreAnEighthAtMost(t *testing.T) {
	want, next := 0, uint64(0)
	for next < 3<<30 {
		i, start, length := pieceAt(next)
		if i != want || start != next || length%(32<<10) != 0 || length == 0 || length > 64<<20 {
			t.Fatalf("piece %d is [%d, +%d), want %d at %d", i, start, length, want, next)
		}
		if start >= 256<<10 && length > start/8 || start < 256<<10 && length != 32<<10 {
			t.Fatalf("piece %d of %d bytes at %d", i, length, start)
		}
		for _, off := range []uint64{start + 1, start + length/2, start + length - 1} {
			if j, s, n := pieceAt(off); j != i || s != start || n != length {
				t.Fatalf("%d is in piece %d, [%d, +%d), want %d", off, j, s, n, i)
			}
		}
		want, next = want+1, start+length
	}
	// The last that an entry can name is in bounds, too.
	if i, start, length := pieceAt(1<<51 - 1); start+length != 1<<51 || i < 1<<24 {
		t.Error(i, start, length)
	}
}

func TestAViewIsVerifiedOnceAndAgainWhenItWasWritten(t *testing.T) {
	m := vfs.NewMem()
	if err := newGrove(m, 4096); err != nil {
		t.Fatal(err)
	}
	f, _ := open(t, m, path, Options{IO: IOMmap})
	e := write(t, f, 1, 10, 1)[0]
	look := func() error {
		_, ok, err := f.VerifyView(10, e)
		if ok != (err == nil) {
			t.Fatal(ok, err)
		}
		return err
	}
	damage := func(then func()) {
		change(t, m, 10*4096+500, 1, func(p []byte) { p[0] ^= 1 }, then)
	}
	damage(func() {
		for range 2 {
			if err := look(); !isCorrupt(err) {
				t.Error(err)
			}
		}
	})
	if err := look(); err != nil {
		t.Error(err)
	}
	damage(func() {
		if err := look(); err != nil {
			t.Error("verified again:", err)
		}
	})
	if _, ok, err := f.VerifyView(11, e); ok || !isCorrupt(err) {
		t.Error("as another page:", err)
	}
	e = write(t, f, 2, 10, 1)[0]
	damage(func() {
		if err := look(); !isCorrupt(err) {
			t.Error("not verified after it was written:", err)
		}
	})
}

func TestAViewStaysWhileTheFileGrows(t *testing.T) {
	onEach(t, 4096, func(t *testing.T, fsys vfs.FS, path string, o Options) {
		if o.IO != IOMmap {
			return
		}
		f, sb := open(t, fsys, path, o)
		// The file ends within a piece, which is mapped anew when it grows.
		v, ok := f.View(sb.Directories[0])
		if !ok {
			t.Fatal("no view of what was there")
		}
		for slot := uint64(10); slot < 100; slot++ {
			read(t, f, 1, write(t, f, 1, slot, 1))
		}
		if page.KindOf(v) != page.Directory || len(f.old) == 0 {
			t.Errorf("is a %v page now", page.KindOf(v))
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, ok := f.View(sb.Directories[0]); ok {
			t.Error("a view of a closed file")
		}
	})
}

func BenchmarkView(b *testing.B) {
	m := vfs.NewMem()
	if err := newGrove(m, 4096); err != nil {
		b.Fatal(err)
	}
	f, _ := open(b, m, path, Options{IO: IOMmap})
	e := write(b, f, 1, 10, 1)[0]
	b.Run("op=view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.View(e)
		}
	})
	b.Run("op=verify-view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.VerifyView(10, e)
		}
	})
	p := make([]byte, 4096)
	b.Run("op=read-page", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.ReadPage(p, 10, e)
		}
	})
}
