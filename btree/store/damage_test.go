package store

import (
	"errors"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// change calls with with the file changed by f, which is undone then.
func change(t *testing.T, m *vfs.Mem, off int64, n int, f func(p []byte), with func()) {
	t.Helper()
	h, err := m.OpenReadWrite(path)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	old, p := make([]byte, n), make([]byte, n)
	if _, err := h.ReadAt(old, off); err != nil {
		t.Fatal(err)
	}
	copy(p, old)
	f(p)
	if _, err := h.WriteAt(p, off); err != nil {
		t.Fatal(err)
	}
	with()
	if _, err := h.WriteAt(old, off); err != nil {
		t.Fatal(err)
	}
	if err := h.Sync(); err != nil {
		t.Fatal(err)
	}
}

func TestEveryChangedByteIsDamageOrHarmless(t *testing.T) {
	m := grown(t)
	size := mustOpen(t, m, Options{}).f.Slots() * 4096
	pages, tried := 0, 0 // changes that were noticed, and all, of pages
	used := mustOpen(t, m, Options{}).used
	for off := range int64(size) {
		if at := off % 4096; at > 128 && at < 4088 && off%11 != 0 {
			continue // the others are checksummed as these are
		}
		if used[uint64(off/4096)] {
			tried++
		}
		io := ways[off%3]
		change(t, m, off, 1, func(p []byte) { p[0] ^= byte(1 << (off % 8)) }, func() {
			g, err := openGrove(m, Options{ReadOnly: true, IO: io})
			if err != nil {
				if !isCorrupt(err) || off < 2*blockBytes {
					t.Fatalf("byte %d: %v", off, err)
				}
				pages++
				return
			}
			if at, ok := g.stepOf(); !ok || at != len(history) {
				t.Fatalf("byte %d: at %d, %v", off, at, g.versions)
			}
			if (g.sb.Damage != nil) != (off < 2*blockBytes) || g.sb.Damage != nil && !isCorrupt(g.sb.Damage) {
				t.Fatalf("byte %d: %+v", off, g.sb)
			}
			g.f.Close()
		})
	}
	if pages != tried || tried < 1000 {
		t.Errorf("%d of %d changes were noticed", pages, tried)
	}
}

func TestAFileCutAnywhereIsDamage(t *testing.T) {
	full := grown(t)
	size := int64(mustOpen(t, full, Options{}).f.Slots() * 4096)
	for n := int64(0); n < size; n += 512 + n%1024/512*13 {
		m := full.Image(vfs.Written)
		h, err := m.OpenReadWrite(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(h.Truncate(n), h.Close()); err != nil {
			t.Fatal(err)
		}
		for _, io := range ways {
			if _, _, err := Open(m, path, Options{IO: io}); !isCorrupt(err) || errors.Is(err, ErrUnborn) {
				if n > 0 {
					t.Fatalf("%s: %d of %d bytes: %v", io, n, size, err)
				}
			}
		}
	}
}

// TestAStaleOrMisplacedPageIsNoticed: a write that the disk lost, or put into
// another slot.
func TestAStaleOrMisplacedPageIsNoticed(t *testing.T) {
	m := grown(t)
	g := mustOpen(t, m, Options{})
	slots := []uint64{g.m.Directories[0].Slot(), g.m.Maps[0].Slot(), g.m.Maps[1].Slot()}
	for _, e := range g.places {
		slots = append(slots, e.Slot())
	}
	for _, slot := range slots {
		for _, other := range slots {
			if slot == other {
				continue
			}
			from := make([]byte, 4096)
			if _, err := g.f.reads.ReadAt(from, int64(other)*4096); err != nil {
				t.Fatal(err)
			}
			change(t, m, int64(slot)*4096, 4096, func(p []byte) { copy(p, from) }, func() {
				if _, err := openGrove(m, Options{ReadOnly: true}); !isCorrupt(err) {
					t.Errorf("slot %d has what belongs to %d: %v", slot, other, err)
				}
			})
		}
	}
	// An older version of the same page, sealed for the same slot.
	e := g.places[1]
	old := make([]byte, 4096)
	paint(old, 1, 1)
	Seal(old, e.Slot())
	change(t, m, int64(e.Slot())*4096, 4096, func(p []byte) { copy(p, old) }, func() {
		if _, err := openGrove(m, Options{ReadOnly: true}); !isCorrupt(err) {
			t.Error(err)
		}
	})
}

// TestADamagedSuperblockIsHealed: whichever block it is, also when power fails
// while that is done.
func TestADamagedSuperblockIsHealed(t *testing.T) {
	for block := range int64(2) {
		for _, heal := range []bool{true, false} {
			full := grown(t)
			h, err := full.OpenReadWrite(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.WriteAt([]byte("damage"), block*blockBytes+20); err != nil {
				t.Fatal(err)
			}
			m := full.Image(vfs.Written)
			points, n := uint64(0), len(history)
			m.Watch(func(p vfs.Point) {
				points++
				for what, crashed := range m.Crashes(points*10, 10) {
					g, err := openGrove(crashed, Options{})
					if err != nil {
						t.Fatalf("block %d: %s %s: %v", block, p.Op, what, err)
					}
					if at := int(g.sb.Generation) - firstGeneration; at < n || at > n+1 {
						t.Fatalf("block %d: %s %s: at %d of %d", block, p.Op, what, at, n)
					}
				}
			})
			g := mustOpen(t, m, Options{})
			if g.sb.Damage == nil || g.sb.Fallback != (block != int64(g.sb.Generation%2)) {
				t.Errorf("block %d: %+v", block, g.sb)
			}
			if heal {
				if err := g.f.Heal(); err != nil {
					t.Fatal(err)
				}
			} else if err := g.checkpoint(7, 1); err != nil {
				t.Fatal(err)
			} else {
				n++
			}
			if err := g.f.Close(); err != nil {
				t.Fatal(err)
			}
			m.Watch(nil)
			if g := mustOpen(t, m, Options{}); g.sb.Damage != nil || points < 4 {
				t.Errorf("block %d: %+v after %d points", block, g.sb, points)
			}
		}
	}
}

func TestTwoDamagedSuperblocksAreDamageAndNotABirth(t *testing.T) {
	m := grown(t)
	for _, off := range []int64{5, 300, 4095} { // of the first; the magic is not touched at 300
		change(t, m, off, 4096, func(p []byte) { p[0] ^= 1; p[4095] ^= 1 }, func() {
			if _, _, err := Open(m, path, Options{}); !isCorrupt(err) || errors.Is(err, ErrUnborn) {
				t.Errorf("at %d: %v", off, err)
			}
		})
	}
}
