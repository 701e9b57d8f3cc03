package hashidx

import (
	"cmp"
	"path/filepath"
	"slices"

	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/snapshot"
)

// imageEntries are those of an index image in one segment, by offset.
type imageEntries struct{ left []imageEntry }

// An imageEntry takes 12 bytes: an image may have many millions.
type imageEntry struct {
	offset uint32
	low    uint32 // of the hash
	high   uint16
}

func (e *imageEntry) hash() uint64 { return uint64(e.high)<<48 | uint64(e.low) }

func (e *imageEntries) peek() *imageEntry {
	if len(e.left) == 0 {
		return nil
	}
	return &e.left[0]
}

func (e *imageEntries) skip() { e.left = e.left[1:] }

// skipTo skips all below an offset. e may be nil.
func (e *imageEntries) skipTo(offset uint32) {
	for e != nil && len(e.left) > 0 && e.left[0].offset < offset {
		e.skip()
	}
}

// An indexImage is an index image in memory, by segment.
type indexImage struct {
	path     string
	segments map[uint16]*imageEntries
}

func (m *indexImage) of(number uint16) *imageEntries { return m.segments[number] }

// left is how many entries of a segment were not skipped.
func (m *indexImage) left(number uint16) int {
	if e := m.segments[number]; e != nil {
		return len(e.left)
	}
	return 0
}

// forget is for segments that could not be read.
func (m *indexImage) forget(number uint16) { delete(m.segments, number) }

// add is called by one goroutine.
func (m *indexImage) add(all []index.Entry) error {
	for _, e := range all {
		n := numberOf(e.Place)
		if m.segments[n] == nil {
			m.segments[n] = &imageEntries{}
		}
		m.segments[n].left = append(m.segments[n].left, imageEntry{uint32(e.Place), uint32(e.Hash), uint16(e.Hash >> 48)})
	}
	return nil
}

// readImage reads the index image. That it is of no use is a problem, though
// no data is lost.
func (v *verifier) readImage() error {
	s := v.state.Snapshot
	if s.Name == "" {
		return nil
	}
	dir := filepath.Join(v.dir, imageDir)
	v.image.path = filepath.Join(dir, s.Name)
	r, err := snapshot.Open(v.fsys, dir, s.Name)
	if err != nil {
		return v.found(v.image.path, err, "")
	}
	defer r.Close()
	if h := r.Header(); h.Seed != v.state.Seed || h.Covers != s.Covers {
		v.problem(v.image.path, 0, "it is of another time: it covers %v, and should %v", h.Covers, s.Covers)
		return nil
	}
	v.image.segments = map[uint16]*imageEntries{}
	if _, err := r.Load(1, nil, v.image.add); err != nil {
		v.image.segments = nil
		return v.found(v.image.path, err, "")
	}
	for _, e := range v.image.segments {
		slices.SortFunc(e.left, func(a, b imageEntry) int { return cmp.Compare(a.offset, b.offset) })
	}
	return v.ctx.Err()
}
