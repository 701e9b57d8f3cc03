package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

const path = "data"

// paint makes p the version of a page.
func paint(p []byte, id page.ID, version int) {
	page.Init(p, page.Overflow, id)
	for i := page.HeaderBytes; i < len(p); i++ {
		p[i] = byte(int(id)*7 + version*31 + i)
	}
	page.SetStamp(p, uint64(version))
}

// A grove stands for a tree: it has pages that are nothing but versions, and
// makes checkpoints of them as a tree would.
type grove struct {
	f        *File
	sb       Superblock
	versions map[page.ID]int
	places   map[page.ID]Ref
	used     map[uint64]bool // slots that the newest checkpoint leads to
	m        Mapping
	lazy     bool // leaves it to Commit to sync
}

func newGrove(fsys vfs.FS, pageBytes int) error {
	root := vfs.AlignedBuffer(pageBytes)
	paint(root, page.RootID, 1)
	return Create(fsys, path, Superblock{PageBytes: pageBytes, Logged: true, LogFrom: 1}, root)
}

// openGrove opens a file and reads all that is in it.
func openGrove(fsys vfs.FS, o Options) (*grove, error) {
	f, sb, err := Open(fsys, path, o)
	if err != nil {
		return nil, err
	}
	g := &grove{f: f, sb: sb}
	if err := g.read(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return g, nil
}

// read finds out all that the checkpoint has.
func (g *grove) read() (err error) {
	g.versions, g.places, g.used = map[page.ID]int{}, map[page.ID]Ref{}, map[uint64]bool{}
	own := func(slot uint64) error {
		if g.used[slot] {
			return fmt.Errorf("slot %d is used twice", slot)
		}
		g.used[slot] = true
		return nil
	}
	g.m, err = LoadMapping(g.f, &g.sb, func(id page.ID, e Ref) error { g.places[id] = e; return own(e.Slot()) }, own)
	if err != nil {
		return err
	}
	for id := range g.places {
		if g.versions[id], err = g.version(id); err != nil {
			return err
		}
	}
	return nil
}

// version reads a page, and says which it is.
func (g *grove) version(id page.ID) (int, error) {
	p, want := make([]byte, g.f.PageBytes()), make([]byte, g.f.PageBytes())
	e := g.places[id]
	if err := g.f.ReadPage(p, id, e); err != nil {
		return 0, err
	}
	if v, ok, err := g.f.VerifyView(id, e); err != nil || ok && !bytes.Equal(v, p) {
		return 0, fmt.Errorf("page %d differs from its view, %w", id, err)
	}
	version := int(page.Stamp(p))
	paint(want, id, version)
	Seal(want, e.Slot())
	if !bytes.Equal(p, want) {
		return 0, fmt.Errorf("page %d reads as something else", id)
	}
	return version, nil
}

// free returns n slots that are free, the lowest. With runs they are adjacent.
func (g *grove) free(n int, run bool) []uint64 {
	var slots []uint64
	for s := Reserved(g.f.PageBytes()); len(slots) < n; s++ {
		if !g.used[s] {
			slots = append(slots, s)
		} else if run {
			slots = nil
		}
	}
	return slots
}

// checkpoint makes these pages the version, or removes them if it is 0, and
// commits.
func (g *grove) checkpoint(version int, ids ...page.ID) error {
	next, places, pages := maps.Clone(g.versions), maps.Clone(g.places), g.sb.Pages
	pageBytes := g.f.PageBytes()
	if version == 0 {
		for _, id := range ids {
			delete(next, id)
			delete(places, id)
		}
		ids = nil
	}
	slots := g.free(len(ids), true)
	run := make([]byte, len(ids)*pageBytes+1)[1:] // not aligned
	taken := maps.Clone(g.used)
	for i, id := range ids {
		p := run[i*pageBytes:][:pageBytes]
		paint(p, id, version)
		next[id], places[id] = version, Seal(p, slots[i])
		taken[slots[i]] = true
		pages = max(pages, id)
	}
	if len(ids) > 0 {
		if err := g.f.WriteRun(slots[0], run); err != nil {
			return err
		}
	}
	old := g.used
	g.used = taken
	m, err := g.writeMapping(places, pages)
	g.used = old
	if err != nil {
		return err
	}
	sb := g.sb
	sb.Generation++
	sb.Pages, sb.Directories, sb.LogFrom, sb.Stamp = pages, m.Directories, sb.LogFrom+10, uint64(version)
	used := map[uint64]bool{}
	for _, refs := range [][]Ref{m.Maps, m.Directories, slices.Collect(maps.Values(places))} {
		for _, ref := range refs {
			used[ref.Slot()] = true
		}
	}
	sb.Slots = slices.Max(slices.Collect(maps.Keys(used))) + 1
	if !g.lazy {
		if err := g.f.Sync(); err != nil {
			return err
		}
	}
	if err := g.f.Commit(sb); err != nil {
		return err
	}
	g.sb, g.versions, g.places, g.m, g.used = sb, next, places, m, used
	return nil
}

// writeMapping writes all map pages and directories anew.
func (g *grove) writeMapping(places map[page.ID]Ref, pages uint32) (m Mapping, err error) {
	pageBytes := g.f.PageBytes()
	nm, nd := MapPages(pageBytes, pages)
	slots := g.free(nm+nd, false)
	p := make([]byte, pageBytes)
	write := func() (Ref, error) {
		slot := slots[0]
		slots = slots[1:]
		ref := Seal(p, slot)
		return ref, g.f.WriteMeta(slot, p)
	}
	for n := range nm {
		EncodeMap(p, n, func(i int) mapping.Entry { return places[FirstID(pageBytes, n)+uint32(i)] })
		ref, err := write()
		if err != nil {
			return m, err
		}
		m.Maps = append(m.Maps, ref)
	}
	for n := range nd {
		EncodeDirectory(p, n, func(i int) Ref {
			if at := n*DirectoryRoom(pageBytes) + i; at < nm {
				return m.Maps[at]
			}
			return 0
		})
		ref, err := write()
		if err != nil {
			return m, err
		}
		m.Directories = append(m.Directories, ref)
	}
	return m, nil
}

// A step is a checkpoint of a history.
type step struct {
	version int
	ids     []page.ID
	shrink  bool
}

// history is a few checkpoints of pages of 4 KiB, with two map pages. The file
// becomes longer and shorter.
var history = []step{
	{version: 2, ids: []page.ID{1, 2, 3}},
	{version: 3, ids: []page.ID{1, 507, 510}},
	{version: 4, ids: []page.ID{2, 3}},
	{version: 0, ids: []page.ID{507, 2}},
	{version: 5, ids: []page.ID{1}, shrink: true},
	{version: 6, ids: []page.ID{1, 2, 4, 5, 6}},
}

// model is what there is after n steps of the history.
func model(n int) map[page.ID]int {
	m := map[page.ID]int{page.RootID: 1}
	for _, s := range history[:n] {
		for _, id := range s.ids {
			if m[id] = s.version; s.version == 0 {
				delete(m, id)
			}
		}
	}
	return m
}

// play performs the history from step n on. done is called after each.
func (g *grove) play(n int, done func(n int)) error {
	for ; n < len(history); n++ {
		s := history[n]
		if err := g.checkpoint(s.version, s.ids...); err != nil {
			return err
		}
		done(n + 1)
		if s.shrink {
			if err := g.f.Truncate(g.sb.Slots); err != nil {
				return err
			}
		}
	}
	return nil
}

// stepOf says after which step of the history a grove is as it is.
func (g *grove) stepOf() (int, bool) {
	n := int(g.sb.Generation) - firstGeneration
	return n, n <= len(history) && maps.Equal(g.versions, model(n))
}

func mustOpen(t testing.TB, fsys vfs.FS, o Options) *grove {
	t.Helper()
	g, err := openGrove(fsys, o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// grown is a file system with the file as it is after the history.
func grown(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := newGrove(m, 4096); err != nil {
		t.Fatal(err)
	}
	g := mustOpen(t, m, Options{})
	if err := errors.Join(g.play(0, func(int) {}), g.f.Close()); err != nil {
		t.Fatal(err)
	}
	return m.Image(vfs.Written)
}

func isCorrupt(err error) bool {
	var damage *engine.CorruptionError
	return errors.As(err, &damage) && damage.File == path
}
