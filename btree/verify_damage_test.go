package btree

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A tinyExhibit has a few pages of each kind, closed or killed.
func tinyExhibit(t *testing.T, more map[string]string, killed bool) (*exhibit, *vfs.Mem) {
	t.Helper()
	x := newExhibit(t, more)
	for i := range 60 {
		key, value := fmt.Sprintf("key%02d", i), fmt.Sprintf("%0150d", i)
		if i == 30 {
			value = fmt.Sprintf("%05000d", i)
		}
		x.must(x.e.Put([]byte(key), []byte(value), engine.Default))
		x.want[key] = value
	}
	x.checkpoint()
	for i := 5; i < 50; i += 9 {
		key := fmt.Sprintf("key%02d", i)
		x.must(x.e.Delete([]byte(key), engine.Default))
		delete(x.want, key)
	}
	mem := x.mem.Image(vfs.Written)
	x.close()
	if !killed {
		mem = x.mem
	}
	return x, mem
}

// suffer looks what a change of a file comes to. It reports whether Verify
// found something.
func (x *exhibit) suffer(mem *vfs.Mem, what string, prefix bool) bool {
	x.t.Helper()
	after := mem.Image(vfs.Written)
	var all []engine.Problem
	verifyErr := verify(context.Background(), exhibitDir, exhibitEnv(mem), func(p engine.Problem) { all = append(all, p) })
	found, err := x.read(after)
	silent := len(all) == 0 && verifyErr == nil
	switch {
	case silent && err != nil:
		x.t.Fatalf("%s: reading ends with %v; verify found nothing", what, err)
	case silent && !prefix && !maps.Equal(found, x.want):
		x.t.Fatalf("%s: reading finds %d keys, want %d; verify found nothing", what, len(found), len(x.want))
	case err == nil && !prefix && !maps.Equal(found, x.want):
		x.t.Fatalf("%s: reading finds %d keys, want %d, and no damage; verify found %v", what, len(found), len(x.want), all)
	}
	return !silent
}

// worth picks bytes to change: many of those that say something, where fields
// are most of all. In time it picks them all.
func (x *exhibit) worth(f *exhibitFile, off int) bool {
	switch {
	case off == 0 || off == len(f.data)-1:
		return true
	case f.data[off] == 0 && f.data[off-1] == 0:
		return x.r.IntN(300) == 0
	case f.path == engine.MarkerName || off%4096 < 100 || off%4096 >= 4088:
		return x.r.IntN(6) == 0
	}
	return x.r.IntN(60) == 0
}

func TestEveryByteOfATreeIsVerified(t *testing.T) {
	for _, c := range []struct {
		more   map[string]string
		killed bool
	}{
		{nil, false},
		{nil, true},
		{map[string]string{"mode": "cow", "durability": "sync"}, false},
	} {
		x, whole := tinyExhibit(t, c.more, c.killed)
		met, harmless := 0, 0
		for _, f := range exhibitFiles(t, whole, "") {
			for off, b := range f.data {
				if !x.worth(&f, off) {
					continue
				}
				mem := whole.Image(vfs.Written)
				overwritten(t, mem, f.path, int64(off), []byte{b ^ byte(1+x.r.IntN(255))})
				// A changed log ends there, as if a crash had torn it.
				if x.suffer(mem, fmt.Sprintf("byte %d of %s", off, f.path), c.killed && f.path != dataName && f.path != engine.MarkerName) {
					met++
				} else {
					harmless++
				}
				if t.Failed() {
					return
				}
			}
		}
		t.Logf("%d changes were met, %d were harmless", met, harmless)
		if met < 200 || harmless == 0 {
			t.Errorf("%d changes were met, %d were harmless", met, harmless)
		}
	}
}

// TestEveryDamagedPageIsAProblemOfItsOwn: each is found where it is, and
// nothing is said of what follows from it.
func TestEveryDamagedPageIsAProblemOfItsOwn(t *testing.T) {
	_, mem := tinyExhibit(t, nil, false)
	m := openForge(t, mem)
	other := int64(m.refs[m.child(0)].Slot()) * 4096
	m.must(m.f.Close())
	for n := 1; n <= 2; n++ {
		for _, id := range m.all() {
			at := int64(m.refs[id].Slot()) * 4096
			bad := mem.Image(vfs.Written)
			overwritten(t, bad, dataName, at+200, []byte("damage"))
			want := map[int64]bool{at: true}
			if n == 2 {
				overwritten(t, bad, dataName, other+300, []byte("damage"))
				want[other] = true
			}
			all := problemsOf(t, bad)
			for _, p := range all {
				if !want[p.Offset] || p.File != exhibitDir+"/"+dataName {
					t.Errorf("page %d at %d: %v", id, at, p)
				}
			}
			if len(all) != len(want) {
				t.Errorf("%d problems, want %d: %v", len(all), len(want), all)
			}
		}
	}
}

func TestAFileOfATreeThatIsCutOrGoneIsAProblem(t *testing.T) {
	x, whole := tinyExhibit(t, nil, false)
	for _, f := range exhibitFiles(t, whole, "") {
		mem := whole.Image(vfs.Written)
		x.must(mem.Remove(exhibitDir + "/" + f.path))
		if f.path == dataName {
			wantFound(t, mem, dataName, "missing")
		}
		x.suffer(mem, f.path+" removed", false)
		for n := 0; n < len(f.data); n += 511 {
			mem := whole.Image(vfs.Written)
			h, err := mem.OpenReadWrite(exhibitDir + "/" + f.path)
			x.must(err)
			x.must(errors.Join(h.Truncate(int64(n)), h.Close()))
			x.suffer(mem, fmt.Sprintf("%s cut to %d bytes", f.path, n), false)
		}
	}
}

// TestVerifyOutlivesWhateverThereIs writes random bytes, much at once.
func TestVerifyOutlivesWhateverThereIs(t *testing.T) {
	x, whole := tinyExhibit(t, nil, true)
	files := exhibitFiles(t, whole, "")
	for range 300 {
		mem := whole.Image(vfs.Written)
		for range 1 + x.r.IntN(6) {
			f := &files[x.r.IntN(len(files))]
			p := make([]byte, 1+x.r.IntN(1+x.r.IntN(9000)))
			if x.r.IntN(3) > 0 {
				for i := range p {
					p[i] = byte(x.r.Uint32())
				}
			}
			overwritten(t, mem, f.path, x.r.Int64N(int64(max(1, len(f.data)))), p)
		}
		verify(context.Background(), exhibitDir, exhibitEnv(mem), func(engine.Problem) {}) //nolint:errcheck // it may be none of ours by now
		layout, err := inspect(context.Background(), exhibitDir, exhibitEnv(mem))
		if err == nil && len(layout.Facts) == 0 {
			t.Error("nothing is told")
		}
	}
}

// FuzzVerify changes pages, and seals them again: what checksums cannot see.
func FuzzVerify(f *testing.F) {
	f.Add(uint64(1), uint16(20), []byte{7})
	f.Add(uint64(2), uint16(40), []byte{255, 255, 255, 255})
	var whole *vfs.Mem
	f.Fuzz(func(t *testing.T, seed uint64, at uint16, p []byte) {
		if whole == nil {
			_, whole = tinyExhibit(t, nil, false)
		}
		r := rand.New(rand.NewPCG(seed, 0))
		m := openForge(t, whole.Image(vfs.Written))
		ids := m.all()
		m.change(ids[r.IntN(len(ids))], func(b []byte) {
			copy(b[4+int(at)%(len(b)-4):], p)
		})
		m.change(ids[r.IntN(len(ids))], func(b []byte) {
			b[4+r.IntN(80)] ^= byte(r.Uint32())
		})
		mem := m.done()
		verify(context.Background(), exhibitDir, exhibitEnv(mem), func(engine.Problem) {}) //nolint:errcheck // only that it returns
		if _, err := inspect(context.Background(), exhibitDir, exhibitEnv(mem)); err != nil {
			t.Fatal(err)
		}
	})
}
