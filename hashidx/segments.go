package hashidx

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

// A place, as the index keeps it, is the number of a segment and the offset of
// an op's frame in its file.
const (
	offsetBits  = 32
	maxSegments = 1<<16 - 1
)

func placeOf(s *segment, off int64) uint64 { return uint64(s.number)<<offsetBits | uint64(off) }

// A segment is a file of the log, as readers see it.
type segment struct {
	number uint32 // while this engine is open; never 0
	id     uint32 // the log's
	path   string

	// base is from where on this engine has appended: what is before it is
	// not in memory.
	base int64

	// pages are the tail's; see tail.go.
	pages atomic.Pointer[pageTable]

	// file is opened by the first who reads it, under opening.
	file    atomic.Pointer[vfs.File]
	opening sync.Mutex
}

// segments finds them: by number for readers, by id for writers.
type segments struct {
	fsys vfs.FS
	dir  string

	all  atomic.Pointer[[]*segment] // by number; 0 is nil
	last atomic.Pointer[segment]    // that was asked for by id

	mu   sync.Mutex // guards byID, and who adds to all
	byID map[uint32]*segment
}

func newSegments(fsys vfs.FS, dir string) *segments {
	t := &segments{fsys: fsys, dir: dir, byID: map[uint32]*segment{}}
	t.all.Store(&[]*segment{nil})
	return t
}

// at returns the segment of a place.
func (t *segments) at(place uint64) (s *segment, off int64) {
	all := *t.all.Load()
	return all[place>>offsetBits], int64(place & math.MaxUint32)
}

// of returns the segment with an id, and gives it a number if it has none:
// then base is where in it this engine begins to append.
func (t *segments) of(id uint32, base int64) (*segment, error) {
	if s := t.last.Load(); s != nil && s.id == id {
		return s, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byID[id]
	if s == nil {
		all := *t.all.Load()
		if len(all) > maxSegments {
			return nil, fmt.Errorf("%w: %s has more than %d segments; raise segment_bytes", engine.ErrTooLarge, t.dir, maxSegments)
		}
		s = &segment{number: uint32(len(all)), id: id, path: wal.SegmentPath(t.dir, id), base: base}
		t.byID[id] = s
		all = append(all, s) // beyond what readers of the old slice look at
		t.all.Store(&all)
	}
	t.last.Store(s)
	return s, nil
}

// open returns the file to read a segment from.
func (t *segments) open(s *segment) (vfs.File, error) {
	if f := s.file.Load(); f != nil {
		return *f, nil
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	if f := s.file.Load(); f != nil {
		return *f, nil
	}
	f, err := t.fsys.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	f.Advise(vfs.Random, 0, 0)
	s.file.Store(&f)
	return f, nil
}

// close closes all files. Nobody may be reading.
func (t *segments) close() {
	for _, s := range *t.all.Load() {
		if s == nil {
			continue
		}
		if f := s.file.Swap(nil); f != nil {
			(*f).Close() // was only read
		}
	}
}
