package hashidx

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/diskindex"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/snapshot"
)

// mostEntries of an image are in memory at once, unless a segment alone has
// more: for the others the image is read again.
const mostEntries = 16 << 20

// imageEntries are those of an index image in one segment, by offset.
type imageEntries struct{ left []imageEntry }

// An imageEntry takes 12 bytes: there may be many millions.
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

// An indexImage is an image of the index, of which some segments' entries are
// in memory.
type indexImage struct {
	path     string
	each     func(f func([]index.Entry) error) error // nil where no image is of use
	close    func() error
	counts   map[uint16]int // entries by segment
	segments map[uint16]*imageEntries
}

// openImage opens the file of an image, whichever of its two forms it has.
func openImage(fsys vfs.FS, dir, name string) (m *indexImage, h snapshot.Header, err error) {
	m = &indexImage{path: filepath.Join(dir, name)}
	if info, err := diskindex.Inspect(fsys, dir, name); err == nil {
		domain := epoch.NewDomain()
		x, err := diskindex.Open(diskindex.Options{Domain: domain, FS: fsys, Dir: dir, FrontBytes: 1 << 10}, name, nil)
		if err != nil {
			domain.Close()
			return nil, h, err
		}
		m.each = func(f func([]index.Entry) error) error { return x.StartWalk().All(f) }
		m.close = func() error {
			defer domain.Close()
			return x.Close()
		}
		return m, snapshot.Header{Covers: info.Header.Covers, Seed: info.Header.Seed}, nil
	}
	r, err := snapshot.Open(fsys, dir, name)
	if err != nil {
		return nil, h, err
	}
	m.each = func(f func([]index.Entry) error) error {
		_, err := r.Load(1, nil, f)
		return err
	}
	m.close = r.Close
	return m, r.Header(), nil
}

// readImage reads the index image for the first time. That it is of no use is
// a problem, though no data is lost.
func (v *verifier) readImage() error {
	s := v.state.Snapshot
	v.image = &indexImage{}
	if s.Name == "" {
		return nil
	}
	dir := filepath.Join(v.Root, imageDir)
	path := filepath.Join(dir, s.Name)
	v.image.path = path
	sound := true
	if onDisk(v.FS, path) {
		err := diskindex.Verify(v.Context(), v.FS, dir, s.Name, func(p engine.Problem) {
			sound = false
			v.Problem(p.File, p.Offset, "%s%s", p.Detail, lossless)
		})
		if err != nil || !sound {
			return v.foundIf(path, err)
		}
	}
	m, h, err := openImage(v.FS, dir, s.Name)
	if err != nil {
		return v.found(path, err, "")
	}
	v.image = m
	m.counts = map[uint16]int{}
	err = m.each(func(some []index.Entry) error {
		for _, e := range some {
			m.counts[numberOf(e.Place)]++
		}
		return v.Err()
	})
	if err == nil && (h.Seed != v.state.Seed || h.Covers != s.Covers) {
		v.Problem(path, 0, "it is of another time: it covers %v, and should %v%s", h.Covers, s.Covers, lossless)
	} else if err == nil {
		return nil
	}
	m.counts, m.each = nil, nil
	return v.foundIf(path, err)
}

// onDisk reports whether a file begins as the index of index=disk does.
func onDisk(fsys vfs.FS, path string) bool {
	f, err := fsys.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var p [8]byte
	n, _ := f.ReadAt(p[:], 0)
	return string(p[:n]) == "kvbhdix\n"
}

// named are the segments that the image names.
func (m *indexImage) named(all []*manifest.Segment) []*manifest.Segment {
	return slices.DeleteFunc(all, func(g *manifest.Segment) bool { return m.counts[g.Number] == 0 })
}

// foundIf is found where there is an error.
func (v *verifier) foundIf(path string, err error) error {
	if err == nil {
		return nil
	}
	return v.found(path, err, "")
}

// load makes sure that the entries of the first of some segments are in
// memory, and of those that follow until there are so many entries.
func (v *verifier) load(next []*manifest.Segment, most int) error {
	m := v.image
	if len(next) == 0 || m.each == nil || m.counts[next[0].Number] == 0 || m.segments[next[0].Number] != nil {
		return nil
	}
	m.segments = map[uint16]*imageEntries{}
	total := 0
	for i, g := range next {
		n := m.counts[g.Number]
		if total += n; i > 0 && total > most {
			break
		}
		if n > 0 {
			m.segments[g.Number] = &imageEntries{make([]imageEntry, 0, n)}
		}
	}
	err := m.each(func(some []index.Entry) error {
		for _, e := range some {
			if in := m.segments[numberOf(e.Place)]; in != nil {
				in.left = append(in.left, imageEntry{uint32(e.Place), uint32(e.Hash), uint16(e.Hash >> 48)})
			}
		}
		return v.Err()
	})
	if err != nil {
		m.segments, m.each = nil, nil
		return v.found(m.path, err, "")
	}
	for _, in := range m.segments {
		slices.SortFunc(in.left, func(a, b imageEntry) int { return cmp.Compare(a.offset, b.offset) })
	}
	return nil
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

// end closes the file. It was only read.
func (m *indexImage) end() {
	if m != nil && m.close != nil {
		m.close() //nolint:errcheck // see above
	}
}

// unusable reports whether an error is about a file that only repeats what
// segments say.
func unusable(err error) bool {
	return errors.Is(err, snapshot.ErrUnusable) || errors.Is(err, diskindex.ErrUnusable)
}
