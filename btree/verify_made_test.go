package btree

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

// A forge makes a checkpoint that follows the last one of a directory, with
// right checksums, whatever else is wrong with it.
type forge struct {
	t    *testing.T
	mem  *vfs.Mem
	f    *store.File
	sb   store.Superblock
	refs map[page.ID]store.Ref

	changed map[page.ID][]byte
}

func openForge(t *testing.T, mem *vfs.Mem) *forge {
	t.Helper()
	f, sb, err := store.Open(mem, exhibitDir+"/"+dataName, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := &forge{t: t, mem: mem, f: f, sb: sb, refs: map[page.ID]store.Ref{}, changed: map[page.ID][]byte{}}
	_, err = store.LoadMapping(f, &sb, func(id page.ID, e store.Ref) error {
		m.refs[id] = e
		return nil
	}, func(uint64) error { return nil })
	m.must(err)
	return m
}

func (m *forge) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// all are the ids of all pages.
func (m *forge) all() (ids []page.ID) {
	for id := range m.refs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (m *forge) page(id page.ID) []byte {
	m.t.Helper()
	if p := m.changed[id]; p != nil {
		return p
	}
	p := make([]byte, m.sb.PageBytes)
	m.must(m.f.ReadPage(p, id, m.refs[id]))
	return p
}

// put writes a page to the end of the file.
func (m *forge) put(p []byte, write func(slot uint64, p []byte) error) store.Ref {
	m.t.Helper()
	slot := max(m.f.Slots(), m.sb.Slots)
	ref := store.Seal(p, slot)
	m.must(write(slot, p))
	m.sb.Slots = slot + 1
	return ref
}

// change writes a page anew.
func (m *forge) change(id page.ID, f func(p []byte)) {
	m.t.Helper()
	p := m.page(id)
	f(p)
	m.refs[id], m.changed[id] = m.put(p, m.f.WriteRun), p
}

// add makes a page of the next id.
func (m *forge) add(f func(p []byte, id page.ID)) page.ID {
	m.t.Helper()
	m.sb.Pages++
	p := make([]byte, m.sb.PageBytes)
	f(p, m.sb.Pages)
	m.refs[m.sb.Pages] = m.put(p, m.f.WriteRun)
	return m.sb.Pages
}

// done writes map and superblock.
func (m *forge) done() *vfs.Mem {
	m.t.Helper()
	p := make([]byte, m.sb.PageBytes)
	first := store.FirstID(m.sb.PageBytes, 0)
	store.EncodeMap(p, 0, func(i int) mapping.Entry { return m.refs[first+page.ID(i)] })
	only := m.put(p, m.f.WriteMeta)
	p = make([]byte, m.sb.PageBytes)
	store.EncodeDirectory(p, 0, func(i int) store.Ref {
		if i == 0 {
			return only
		}
		return 0
	})
	m.sb.Directories = []store.Ref{m.put(p, m.f.WriteMeta)}
	m.sb.Generation++
	m.must(errors.Join(m.f.Sync(), m.f.Commit(m.sb), m.f.Close()))
	return m.mem
}

// of are the ids of pages of a kind, in their order.
func (m *forge) of(kind page.Kind) (ids []page.ID) {
	m.t.Helper()
	for _, id := range m.all() {
		if page.KindOf(m.page(id)) == kind {
			ids = append(ids, id)
		}
	}
	return ids
}

// child is that of the root.
func (m *forge) child(i int) page.ID {
	m.t.Helper()
	id, ok := page.ChildAt(m.page(page.RootID), i)
	if !ok {
		m.t.Fatalf("the root has no child %d", i)
	}
	return id
}

// chainOf is the chain of the one large value, and its leaf.
func (m *forge) chainOf() (leaf page.ID, pages []page.ID) {
	m.t.Helper()
	for _, id := range m.of(page.Leaf) {
		p := m.page(id)
		for i := range page.Count(p) {
			flags, payload, _ := page.Cell(p, i)
			if r, _ := parseRow(flags, payload); r.chained {
				for next := r.first; next != 0; next = page.Next(m.page(next)) {
					pages = append(pages, next)
				}
				return id, pages
			}
		}
	}
	m.t.Fatal("there is no large value")
	return 0, nil
}

// forgeries are what checksums cannot see, and what is said of it.
var forgeries = []struct {
	name, words string
	do          func(m *forge)
}{
	{"a leaf that nothing leads to", "(leaf) is in the map, and nothing leads to it", func(m *forge) {
		m.add(func(p []byte, id page.ID) { page.InitLeaf(p, id, nil, nil, 0) })
	}},
	{"an overflow page that nothing leads to", "(overflow) is in the map, and nothing leads to it", func(m *forge) {
		m.add(func(p []byte, id page.ID) { page.InitOverflow(p, id, 0, []byte("lost")) })
	}},
	{"a child twice", "which has another place", func(m *forge) {
		first := m.child(0)
		m.change(page.RootID, func(p []byte) { page.SetChild(p, 1, first) })
	}},
	{"the root as a child", "which has another place", func(m *forge) {
		m.change(page.RootID, func(p []byte) { page.SetChild(p, 1, page.RootID) })
	}},
	{"a child that there is not", "which there is not", func(m *forge) {
		m.change(page.RootID, func(p []byte) { page.SetChild(p, 1, 99) })
	}},
	{"a page that the map lacks", "which there is not", func(m *forge) { delete(m.refs, m.child(1)) }},
	{"no root", "the map has no root", func(m *forge) { delete(m.refs, page.RootID) }},
	{"an overflow page as a child", "an overflow page at level 0, want level 0", func(m *forge) {
		_, pages := m.chainOf()
		m.change(page.RootID, func(p []byte) { page.SetChild(p, 1, pages[0]) })
	}},
	{"an inner page where a leaf should be", "an inner page at level 1, want level 0", func(m *forge) {
		left, right := m.child(0), m.child(1)
		low, high, bounded, _ := page.Fences(m.page(left))
		id := m.add(func(p []byte, id page.ID) { page.InitInner(p, id, 1, low, cloned(high, bounded), right) })
		m.change(page.RootID, func(p []byte) { page.SetChild(p, 0, id) })
	}},
	{"a wrong sibling", "follows, and it is page", func(m *forge) {
		other := m.child(2)
		m.change(m.child(0), func(p []byte) { page.SetNext(p, other) })
	}},
	{"a last leaf with a sibling", "is the last leaf, and says that page", func(m *forge) {
		last := m.child(page.Count(m.page(page.RootID)))
		m.change(last, func(p []byte) { page.SetNext(p, 2) })
	}},
	{"a high fence that is too low", "its high fence does not fit", func(m *forge) {
		m.change(m.child(0), func(p []byte) {
			last, _ := page.AppendKey(nil, p, page.Count(p)-1)
			if !page.SetFences(p, nil, append(last, 0), true) {
				m.t.Fatal("no room")
			}
		})
	}},
	{"a low fence that is too high", "its low fence does not fit", func(m *forge) {
		m.change(m.child(1), func(p []byte) {
			page.Delete(p, 0)
			first, _ := page.AppendKey(nil, p, 0)
			_, high, bounded, _ := page.Fences(p)
			if !page.SetFences(p, first, cloned(high, bounded), bounded) {
				m.t.Fatal("no room")
			}
		})
	}},
	{"a root with fences", "the root has fences", func(m *forge) {
		m.change(page.RootID, func(p []byte) {
			if !page.SetFences(p, []byte("a"), nil, false) {
				m.t.Fatal("no room")
			}
		})
	}},
	{"keys that were counted wrongly", "and the superblock counts", func(m *forge) { m.sb.Keys++ }},
	{"a page from the future", "is of stamp", func(m *forge) {
		m.change(m.child(1), func(p []byte) { page.SetStamp(p, m.sb.Stamp+1) })
	}},
	{"a slot with two pages", "which page 2 has", func(m *forge) {
		m.sb.Pages++
		m.refs[m.sb.Pages] = m.refs[2]
	}},
	{"a slot of the map with a page", "which the map has", func(m *forge) {
		m.sb.Pages++
		m.refs[m.sb.Pages] = mapping.OnDisk(m.sb.Slots, 1) // the map page will be there
	}},
	{"a page beyond the end", "and all are below", func(m *forge) {
		m.refs[2] = mapping.OnDisk(1<<30, 1)
	}},
	{"a page of another kind", "is a map page", func(m *forge) {
		m.change(m.child(1), func(p []byte) { page.Init(p, page.Map, page.IDOf(p)) })
	}},
	{"entries out of order", "is out of order", func(m *forge) {
		m.change(m.child(1), func(p []byte) { swapEntries(m.t, p) })
	}},
	{"a cell that nobody wrote", "entry 0 of 3 bytes with flags 0x80 makes no sense", func(m *forge) {
		m.change(m.child(1), func(p []byte) { page.Replace(p, 0, 0x80, []byte("odd")) })
	}},
	{"a chain that ends early", "ends after 1 of 2 pages", func(m *forge) {
		_, pages := m.chainOf()
		m.change(pages[0], func(p []byte) { page.SetNext(p, 0) })
	}},
	{"a chain that goes on", "goes on behind its end, with page 2", func(m *forge) {
		_, pages := m.chainOf()
		m.change(pages[1], func(p []byte) { page.SetNext(p, 2) })
	}},
	{"a chain in a circle", "which has another place", func(m *forge) {
		_, pages := m.chainOf()
		m.change(pages[0], func(p []byte) { page.SetNext(p, pages[0]) })
	}},
	{"a chain through a leaf", "which is an leaf page", func(m *forge) {
		_, pages := m.chainOf()
		m.change(pages[0], func(p []byte) { page.SetNext(p, 2) })
	}},
	{"a chain through nothing", "as 2 of 2, which there is not", func(m *forge) {
		_, pages := m.chainOf()
		m.change(pages[0], func(p []byte) { page.SetNext(p, 1<<20) })
	}},
	{"a part of a value that is short", "2 of 2 of a value, has 3 bytes, want", func(m *forge) {
		_, pages := m.chainOf()
		m.change(pages[1], func(p []byte) { page.InitOverflow(p, pages[1], 0, []byte("abc")) })
	}},
}

func cloned(key []byte, bounded bool) []byte {
	if !bounded {
		return nil
	}
	return append([]byte{}, key...)
}

// swapEntries exchanges the places of the first two cells of a leaf, and their
// heads.
func swapEntries(t *testing.T, p []byte) {
	t.Helper()
	a, _ := page.AppendKey(nil, p, 0)
	b, _ := page.AppendKey(nil, p, 1)
	flags, payload, _ := page.Cell(p, 0)
	payload = append([]byte{}, payload...)
	if len(a) != len(b) {
		t.Fatal("keys of other lengths")
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	page.Delete(p, 0)
	b[i]++ // behind b
	if !page.Insert(p, 0, b, flags, payload) {
		t.Fatal("no room")
	}
}

func TestWhatChecksumsCannotSeeIsAProblem(t *testing.T) {
	for _, c := range forgeries {
		t.Run(c.name, func(t *testing.T) {
			_, mem := tinyExhibit(t, nil, false)
			m := openForge(t, mem)
			if n := page.Count(m.page(page.RootID)); n < 2 || page.Level(m.page(page.RootID)) != 1 {
				t.Fatalf("the root has %d separators", n)
			}
			c.do(m)
			wantFound(t, m.done(), dataName, c.words)
		})
	}
}

func TestACheckpointThatWasForgedWellHasNoProblem(t *testing.T) {
	_, mem := tinyExhibit(t, nil, false)
	m := openForge(t, mem)
	for _, id := range m.all() {
		m.change(id, func([]byte) {})
	}
	wantSound(t, m.done())
}

func TestARecordThatMakesNoSenseIsAProblemOfATree(t *testing.T) {
	for _, c := range []struct {
		kind   uint8
		record []byte
		words  string
	}{
		{batchRecord, []byte("short"), "a batch makes no sense"},
		{batchRecord, batchOf(make([]byte, 4096)), "a batch was never taken"},
		{putTTLRecord, []byte("\x01k"), "a put that is cut short"},
		{putTTLRecord, append([]byte{0x81, 0x04}, make([]byte, 600)...), "a put was never taken"},
		{checkpointRecord, []byte("1"), "a record of a checkpoint has 1 bytes"},
		{99, nil, "a record is of unknown kind 99"},
	} {
		_, mem := tinyExhibit(t, nil, false)
		at := logged(t, mem, c.kind, c.record)
		path := wal.SegmentPath(logDir, at.Segment())
		wantFound(t, mem, path, c.words)
		for _, p := range problemsOf(t, mem) {
			if p.Offset != at.Offset() {
				t.Errorf("%s is at %d, want %d", p.Detail, p.Offset, at.Offset())
			}
		}
	}
	_, mem := tinyExhibit(t, nil, false)
	logged(t, mem, checkpointRecord, []byte{1, 1, 0, 0, 0, 0, 0, 0})
	wantFound(t, mem, dataName, "and there was one of 257")
}

func batchOf(key []byte) []byte {
	var b engine.Batch
	b.Put(key, nil)
	return b.Bytes()
}

// logged appends a record to the log of a directory.
func logged(t *testing.T, mem *vfs.Mem, kind uint8, p []byte) wal.LSN {
	t.Helper()
	l, err := wal.Open(mem, exhibitDir+"/"+logDir, wal.Options{From: logFrom(t, mem)}, func(wal.Record) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	at, err := l.Append(kind, p)
	if err = errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	return at
}

func logFrom(t *testing.T, mem *vfs.Mem) wal.LSN {
	t.Helper()
	f, sb, err := store.Open(mem, exhibitDir+"/"+dataName, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return wal.LSN(sb.LogFrom)
}

func TestAMarkerThatSaysOtherThanTheFileIsAProblem(t *testing.T) {
	_, mem := tinyExhibit(t, nil, false)
	if err := mem.Remove(exhibitDir + "/" + engine.MarkerName); err != nil {
		t.Fatal(err)
	}
	wantFound(t, mem, engine.MarkerName, "the file is missing")
	fixed := map[string]string{modeName: modeCOW, pageBytesName: "8192"}
	if err := engine.WriteMarker(mem, exhibitDir, engine.Marker{Engine: name, Format: format, Fixed: fixed}); err != nil {
		t.Fatal(err)
	}
	for _, have := range []string{"mode=wal", "page_bytes=4096"} {
		wantFound(t, mem, dataName, fmt.Sprintf("the superblock says %s", have))
	}
}
