package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// onEach runs a test with each way to read, in memory and on a disk.
func onEach(t *testing.T, pageBytes int, f func(t *testing.T, fsys vfs.FS, path string, o Options)) {
	for _, io := range ways {
		for name, fsys := range map[string]vfs.FS{"mem": vfs.NewMem(), "os": vfs.OS{}} {
			t.Run(name+"/"+io, func(t *testing.T) {
				path := "data"
				if name == "os" {
					path = filepath.Join(t.TempDir(), path)
				}
				root := vfs.AlignedBuffer(pageBytes)
				paint(root, page.RootID, 1)
				if err := Create(fsys, path, Superblock{PageBytes: pageBytes}, root); err != nil {
					t.Fatal(err)
				}
				o := Options{PageBytes: pageBytes, IO: io}
				file, _, err := Open(fsys, path, o)
				if errors.Is(err, errors.ErrUnsupported) {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := file.Close(); err != nil {
					t.Fatal(err)
				}
				f(t, fsys, path, o)
			})
		}
	}
}

func open(t testing.TB, fsys vfs.FS, path string, o Options) (*File, Superblock) {
	t.Helper()
	f, sb, err := Open(fsys, path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(f.Close(), f.Close()); err != nil {
			t.Error(err)
		}
	})
	return f, sb
}

// write writes pages of a version to slots, each with the slot as its id.
func write(t testing.TB, f *File, version int, slot uint64, n int) []Ref {
	t.Helper()
	refs := make([]Ref, n)
	run := make([]byte, n*f.PageBytes()+1)[1:]
	for i := range refs {
		p := run[i*f.PageBytes():][:f.PageBytes()]
		paint(p, page.ID(slot)+page.ID(i), version)
		refs[i] = Seal(p, slot+uint64(i))
	}
	if err := f.WriteRun(slot, run); err != nil {
		t.Fatal(err)
	}
	return refs
}

func read(t testing.TB, f *File, version int, refs []Ref) {
	t.Helper()
	p, want := make([]byte, f.PageBytes()+1)[1:], make([]byte, f.PageBytes())
	for _, e := range refs {
		id := page.ID(e.Slot())
		if err := f.ReadPage(p, id, e); err != nil {
			t.Fatal(err)
		}
		paint(want, id, version)
		Seal(want, e.Slot())
		v, ok := f.View(e)
		if !bytes.Equal(p, want) || ok != f.mapped || ok && !bytes.Equal(v, want) {
			t.Fatalf("slot %d differs, view %v", e.Slot(), ok)
		}
	}
}

func TestPagesAreReadAsTheyWereWritten(t *testing.T) {
	for _, pageBytes := range []int{4096, 8192, 32768} {
		onEach(t, pageBytes, func(t *testing.T, fsys vfs.FS, path string, o Options) {
			f, _ := open(t, fsys, path, o)
			var refs []Ref
			for slot, n := uint64(10), 1; slot < 200; slot, n = slot+uint64(n), n*2 {
				refs = append(refs, write(t, f, 1, slot, n)...)
				read(t, f, 1, refs[len(refs)-n:])
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			f, _ = open(t, fsys, path, o)
			read(t, f, 1, refs)
			o.ReadOnly = true
			f, _ = open(t, fsys, path, o)
			read(t, f, 1, refs)
		})
	}
}

func TestAFileShrinksAndGrowsAgain(t *testing.T) {
	onEach(t, 4096, func(t *testing.T, fsys vfs.FS, path string, o Options) {
		f, sb := open(t, fsys, path, o)
		size := func() int64 {
			info, err := fsys.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		for version := range 5 {
			refs := write(t, f, version, 20, 500)
			read(t, f, version, refs)
			if err := f.Truncate(100); err != nil || size() != 100*4096 || f.Slots() != 100 {
				t.Fatal(err, size(), f.Slots())
			}
			read(t, f, version, refs[:80])
			if _, ok := f.View(refs[80]); ok {
				t.Fatal("what was cut off can be looked at")
			}
			if err := f.ReadPage(make([]byte, 4096), 100, refs[80]); !errors.Is(err, engine.ErrCorrupt) {
				t.Fatal(err)
			}
		}
		if err := f.Truncate(1000); err != nil || f.Slots() != 100 {
			t.Error("Truncate made it longer:", err)
		}
		if err := f.Truncate(sb.Slots - 1); err == nil {
			t.Error("Truncate cut into the checkpoint")
		}
		if err := f.Truncate(sb.Slots); err != nil || size() != int64(sb.Slots)*4096 {
			t.Error(err, size())
		}
	})
}

// TestAFileGrowsAheadWhereThatHelps: what is mapped or written directly grows
// in few steps, and not by much; otherwise as it is written.
func TestAFileGrowsAheadWhereThatHelps(t *testing.T) {
	for _, io := range ways {
		m := vfs.NewMem()
		if err := newGrove(m, 4096); err != nil {
			t.Fatal(err)
		}
		c := vfs.NewCounting(m)
		f, _ := open(t, c, path, Options{IO: io})
		for slot := uint64(5); slot < 1000; slot++ {
			write(t, f, 1, slot, 1)
			if n := f.Slots(); n <= slot || io == IOPread && n != slot+1 || n > max(slot+9, slot*9/8+1) {
				t.Fatalf("%s: %d slots with %d in use", io, n, slot+1)
			}
		}
		steps := c.Counts(vfs.Page).Truncates
		if io == IOPread && steps != 0 || io != IOPread && (steps < 8 || steps > 40) {
			t.Errorf("%s: grew in %d steps", io, steps)
		}
	}
}

func TestASmallTreeHasASmallFile(t *testing.T) {
	for pageBytes, most := range map[int]int64{4096: 64 << 10, 8192: 96 << 10} {
		onEach(t, pageBytes, func(t *testing.T, fsys vfs.FS, path string, o Options) {
			f, sb := open(t, fsys, path, o)
			write(t, f, 1, sb.Slots, 3) // what a checkpoint of one page writes
			info, err := fsys.Stat(path)
			if err != nil || info.Size() > most {
				t.Errorf("%d bytes, %v", info.Size(), err)
			}
		})
	}
}

func TestWhatIsNoRefIsDamage(t *testing.T) {
	onEach(t, 8192, func(t *testing.T, fsys vfs.FS, path string, o Options) {
		f, _ := open(t, fsys, path, o)
		e := write(t, f, 1, 20, 2)[0]
		p := make([]byte, 8192)
		for _, c := range []struct {
			id page.ID
			e  Ref
		}{
			{20, 0},
			{20, mapping.Resident(20)},
			{20, mapping.OnDisk(0, e.Check())},
			{20, mapping.OnDisk(21, e.Check())},
			{20, mapping.OnDisk(20, e.Check()^1)},
			{20, mapping.OnDisk(12, 0)},
			{20, mapping.OnDisk(1000, 0)},
			{20, mapping.OnDisk(mapping.MaxSlot, 0)},
			{21, e},
		} {
			var damage *engine.CorruptionError
			if err := f.ReadPage(p, c.id, c.e); !errors.As(err, &damage) || damage.File != path {
				t.Errorf("page %d at %v: %v", c.id, c.e, err)
			}
			if v, ok, err := f.VerifyView(c.id, c.e); ok || err != nil && !errors.Is(err, engine.ErrCorrupt) {
				t.Errorf("page %d at %v: %x, %v, %v", c.id, c.e, v, ok, err)
			}
			if _, ok := f.View(c.e); ok && (c.e.Resident() || c.e.Slot() == 0) {
				t.Errorf("there is a view at %v", c.e)
			}
		}
		if err := f.ReadPage(p[1:], 20, e); err == nil || errors.Is(err, engine.ErrCorrupt) {
			t.Error(err)
		}
		if err := f.ReadPage(p, 20, e); err != nil {
			t.Error(err)
		}
	})
}

func TestWritesThatCannotBeRightAreRefused(t *testing.T) {
	m := vfs.NewMem()
	if err := newGrove(m, 4096); err != nil {
		t.Fatal(err)
	}
	f, sb := open(t, m, path, Options{})
	p := make([]byte, 4097)
	next := func(change func(sb *Superblock)) Superblock {
		n := sb
		n.Generation++
		change(&n)
		return n
	}
	for name, err := range map[string]error{
		"no page":         f.WriteRun(10, nil),
		"half a page":     f.WriteRun(10, p),
		"a superblock":    f.WriteRun(1, p[:4096]),
		"no map page":     f.WriteMeta(10, nil),
		"same generation": f.Commit(sb),
		"skips one":       f.Commit(next(func(sb *Superblock) { sb.Generation++ })),
		"other pages":     f.Commit(next(func(sb *Superblock) { sb.PageBytes = 8192 })),
		"past the end":    f.Commit(next(func(sb *Superblock) { sb.Slots = 1000 })),
		"no root":         f.Commit(next(func(sb *Superblock) { sb.Pages = 0 })),
	} {
		if err == nil {
			t.Error(name)
		}
	}
	if err := f.Commit(next(func(*Superblock) {})); err != nil {
		t.Error("after what was refused:", err)
	}
	root := make([]byte, 4096)
	for name, err := range map[string]error{
		"page size":      Create(m, "other", Superblock{PageBytes: 4097}, make([]byte, 4097)),
		"size of root":   Create(m, "other", Superblock{PageBytes: 8192}, root),
		"id of root":     Create(m, "other", Superblock{PageBytes: 4096}, root),
		"already exists": newGrove(m, 4096),
	} {
		if err == nil {
			t.Error(name)
		}
	}
}

func TestAFileOpenedToReadIsNotWritten(t *testing.T) {
	m := grown(t)
	m.Watch(func(p vfs.Point) { t.Error(p) })
	for _, io := range ways {
		g := mustOpen(t, m, Options{ReadOnly: true, IO: io})
		sb := g.sb
		sb.Generation++
		p := make([]byte, 4096)
		for _, err := range []error{g.f.WriteRun(100, p), g.f.WriteMeta(100, p), g.f.Sync(), g.f.Commit(sb), g.f.Truncate(sb.Slots), g.f.Heal()} {
			if !errors.Is(err, engine.ErrReadOnly) {
				t.Error(err)
			}
		}
		if err := g.f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenSaysWhatItCannotDo(t *testing.T) {
	m := grown(t)
	for _, c := range []struct {
		o    Options
		rule string
		want string
	}{
		{Options{PageBytes: 8192}, "", "data has pages of 4096 bytes, want 8192"},
		{Options{IO: "fast"}, "", `io="fast", want pread, mmap or direct`},
		{Options{IO: IOMmap}, "mmap", "use pread where"},
		{Options{IO: IODirect}, "open", "use pread where"},
	} {
		var rules []vfs.Rule
		if c.rule != "" {
			kind := map[string]vfs.Kind{"mmap": vfs.KindMmap, "open": vfs.KindOpen}[c.rule]
			rules = append(rules, vfs.Rule{Kind: kind, Err: errors.ErrUnsupported})
		}
		_, _, err := Open(vfs.NewFault(m, rules...), path, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, engine.ErrCorrupt) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	if _, _, err := Open(m, "absent", Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestBytesCountAsWhatTheyAreFor(t *testing.T) {
	for _, io := range []string{IOPread, IODirect} {
		m := vfs.NewMem()
		if err := newGrove(m, 4096); err != nil {
			t.Fatal(err)
		}
		c := vfs.NewCounting(m)
		g := mustOpen(t, c, Options{IO: io})
		data, pages, meta := c.Counts(vfs.Data), c.Counts(vfs.Page), c.Counts(vfs.Meta)
		if data.ReadBytes != 4096 || meta.ReadBytes != 2*blockBytes+2*4096 || meta.Syncs != 1 || data.Writes+pages.Writes+meta.Writes != 0 {
			t.Errorf("%s: opening: %+v, %+v, %+v", io, data, pages, meta)
		}
		if err := g.checkpoint(2, 1, 2, 3); err != nil {
			t.Fatal(err)
		}
		pages, meta = c.Counts(vfs.Page).Minus(pages), c.Counts(vfs.Meta).Minus(meta)
		if pages.WriteBytes != 3*4096 || pages.Writes != 1 || pages.Syncs != 1 {
			t.Errorf("%s: pages: %+v", io, pages)
		}
		if meta.WriteBytes != 2*4096+2*blockBytes || meta.Syncs != 1 {
			t.Errorf("%s: meta: %+v", io, meta)
		}
		if rest := c.Counts(vfs.Data).Minus(data).Writes + c.Counts(vfs.Other).Writes; rest != 0 {
			t.Errorf("%s: %d other writes", io, rest)
		}
		if err := g.f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAMappingThatTheCallerRefusesIsDamage(t *testing.T) {
	m := grown(t)
	g := mustOpen(t, m, Options{})
	no := errors.New("slot 7 is held twice")
	each := func(page.ID, Ref) error { return nil }
	own := func(uint64) error { return nil }
	_, err := LoadMapping(g.f, &g.sb, func(page.ID, Ref) error { return no }, own)
	if !isCorrupt(err) || !errors.Is(err, no) {
		t.Error(err)
	}
	_, err = LoadMapping(g.f, &g.sb, each, func(uint64) error { return no })
	if !isCorrupt(err) || !errors.Is(err, no) {
		t.Error(err)
	}
}

// TestManyUseAFileAtOnce: slots that are written while others are read, and
// while the file grows.
func TestManyUseAFileAtOnce(t *testing.T) {
	onEach(t, 4096, func(t *testing.T, fsys vfs.FS, path string, o Options) {
		f, _ := open(t, fsys, path, o)
		const writers, rounds = 3, 40
		written := make(chan Ref, writers*rounds)
		var writing, reading sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for i := range rounds {
					written <- write(t, f, 1, uint64(10+i*writers+w), 1)[0]
				}
			})
		}
		for range 2 {
			reading.Go(func() {
				p := vfs.AlignedBuffer(4096)
				for e := range written {
					if err := f.ReadPage(p, page.ID(e.Slot()), e); err != nil {
						t.Error(err)
					}
					if _, _, err := f.VerifyView(page.ID(e.Slot()), e); err != nil {
						t.Error(err)
					}
				}
			})
		}
		if err := f.Sync(); err != nil {
			t.Error(err)
		}
		writing.Wait()
		close(written)
		reading.Wait()
	})
}

func ExampleMapOf() {
	fmt.Println(MapRoom(8192))
	fmt.Println(MapOf(8192, 1019))
	// Output:
	// 1018
	// 1 0
}
