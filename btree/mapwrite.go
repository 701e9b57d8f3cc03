package btree

import (
	"cmp"
	"math"
	"slices"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A mapWriter writes the map of a checkpoint: of its map and directory pages
// those that are not as before, elsewhere.
type mapWriter struct {
	tree *tree

	changes []place // by id: what differs from the last checkpoint
	pages   uint32  // ids 1 to pages are in the map

	next     store.Mapping
	replaced []uint64 // slots that the checkpoint does not need
	reach    uint64   // one behind the last slot that it refers to
	written  int      // pages

	target uint64 // pages behind are written anew, so that the file can end here
	buffer []byte
	slots  []uint64
}

// mapsAtOnce is how many pages of the map are made while writers wait.
const mapsAtOnce = 16

// writeMaps writes the map of a freeze whose places are all known.
func (t *tree) writeMaps(f *freeze, target uint64) (*mapWriter, error) {
	m := &mapWriter{tree: t, pages: f.pages, target: target}
	m.buffer = vfs.AlignedBuffer(mapsAtOnce * t.settings.PageBytes)
	m.compare(f)
	maps, directories := store.MapPages(t.settings.PageBytes, f.pages)
	old := &t.work.maps
	changed := map[int]bool{}
	for _, p := range m.changes {
		n, _ := store.MapOf(t.settings.PageBytes, p.id)
		changed[n] = true
	}
	var err error
	m.next.Maps, changed, err = m.level(old.Maps, maps, changed, m.encodeMap)
	if err != nil {
		return nil, err
	}
	room, above := store.DirectoryRoom(t.settings.PageBytes), map[int]bool{}
	for n := range changed {
		above[n/room] = true
	}
	if len(old.Maps) != maps { // what follows the last one is 0
		above[(maps-1)/room] = true
	}
	m.next.Directories, _, err = m.level(old.Directories, directories, above, m.encodeDirectory)
	if err != nil {
		return nil, err
	}
	if m.mayShrink() {
		m.measure()
	} else {
		m.extend()
	}
	return m, nil
}

// compare finds what differs from the last checkpoint. Durable entries are this
// goroutine's to change, but the table grows under mu.
func (m *mapWriter) compare(f *freeze) {
	t := m.tree
	slices.SortFunc(f.known, func(a, b place) int { return cmp.Compare(a.id, b.id) })
	m.changes = f.known[:0]
	for left := f.known; len(left) > 0; {
		n := min(len(left), lookPages)
		t.mu.Lock()
		for _, p := range left[:n] {
			if t.pages.Durable(p.id) != p.entry {
				m.changes = append(m.changes, p)
			}
		}
		t.mu.Unlock()
		left = left[n:]
	}
}

// level writes those of n pages that have changed, are new, or lie behind the
// target, and returns the refs of all and which were written.
func (m *mapWriter) level(old []store.Ref, n int, changed map[int]bool, encode func(p []byte, n int)) ([]store.Ref, map[int]bool, error) {
	t := m.tree
	refs := make([]store.Ref, n)
	var todo []int
	for i := range n {
		if i < len(old) {
			refs[i] = old[i]
		}
		if i >= len(old) || changed[i] || old[i].Slot() >= m.target {
			todo = append(todo, i)
		}
	}
	for i, ref := range old {
		if _, again := slices.BinarySearch(todo, i); again || i >= n {
			m.replaced = append(m.replaced, ref.Slot())
		}
	}
	written := map[int]bool{}
	for len(todo) > 0 {
		some := todo[:min(len(todo), mapsAtOnce)]
		todo = todo[len(some):]
		size := t.settings.PageBytes
		t.mu.Lock()
		m.slots = takeSlots(t, m.slots[:0], len(some), true)
		for i, n := range some {
			encode(m.buffer[i*size:][:size:size], n)
		}
		t.mu.Unlock()
		for i, n := range some {
			refs[n] = store.Seal(m.buffer[i*size:][:size:size], m.slots[i])
			written[n] = true
		}
		if err := m.write(); err != nil {
			return nil, nil, t.fail("write the map", err)
		}
	}
	return refs, written, nil
}

// write writes the pages of the buffer to their slots, neighbours together.
func (m *mapWriter) write() error {
	size := m.tree.settings.PageBytes
	for i := 0; i < len(m.slots); {
		first := i
		for i++; i < len(m.slots) && m.slots[i] == m.slots[i-1]+1; i++ {
		}
		if err := m.tree.file.WriteMeta(m.slots[first], m.buffer[first*size:i*size]); err != nil {
			return err
		}
	}
	m.written += len(m.slots)
	return nil
}

// encodeMap makes map page n. mu is held.
func (m *mapWriter) encodeMap(p []byte, n int) {
	t := m.tree
	first := store.FirstID(t.settings.PageBytes, n)
	at, _ := slices.BinarySearchFunc(m.changes, first, func(p place, id uint32) int { return cmp.Compare(p.id, id) })
	store.EncodeMap(p, n, func(i int) mapping.Entry {
		id := first + uint32(i)
		if id > m.pages {
			return 0
		}
		if at < len(m.changes) && m.changes[at].id == id {
			at++
			return m.changes[at-1].entry
		}
		return t.pages.Durable(id)
	})
}

func (m *mapWriter) encodeDirectory(p []byte, n int) {
	first := n * store.DirectoryRoom(m.tree.settings.PageBytes)
	store.EncodeDirectory(p, n, func(i int) store.Ref {
		if first+i >= len(m.next.Maps) {
			return 0
		}
		return m.next.Maps[first+i]
	})
}

// mayShrink reports whether it is worth finding out where the file may end. To
// look at all pages would be most of the work of a checkpoint that changes a
// few.
func (m *mapWriter) mayShrink() bool {
	t := m.tree
	w := &t.work
	if m.target != math.MaxUint64 || w.settling.Load() > 0 || w.tight.Load() > 0 || w.ctx.Err() != nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.slots.End() < w.reach-w.reach/cutShare
}

// extend makes reach cover what is new, and what the last checkpoint reached.
func (m *mapWriter) extend() {
	last := m.lastOfMap()
	for _, p := range m.changes {
		last = max(last, p.entry.Slot())
	}
	m.reach = max(last+1, m.tree.work.reach)
}

// lastOfMap is the last slot that has a page of the map.
func (m *mapWriter) lastOfMap() (last uint64) {
	for _, ref := range m.next.Maps {
		last = max(last, ref.Slot())
	}
	for _, ref := range m.next.Directories {
		last = max(last, ref.Slot())
	}
	return last
}

// measure finds the last slot that the checkpoint refers to: the file must not
// be cut before it.
func (m *mapWriter) measure() {
	t := m.tree
	last := m.lastOfMap()
	at := 0
	for id := uint32(1); id <= m.pages; {
		end := min(uint64(id)+16*lookPages, uint64(m.pages)+1)
		t.mu.Lock()
		for ; uint64(id) < end; id++ {
			e := t.pages.Durable(id)
			if at < len(m.changes) && m.changes[at].id == id {
				e = m.changes[at].entry
				at++
			}
			last = max(last, e.Slot())
		}
		t.mu.Unlock()
	}
	m.reach = last + 1
}
