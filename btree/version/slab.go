package version

import "github.com/kvbench/kvbench/btree/mapping"

const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
	none      = int32(-1)
)

// An entry is a version and its links: numbers of other entries or none.
type entry struct {
	stamp, until uint64
	home         mapping.Entry
	page, frame  uint32

	older, newer   int32 // of the same page
	child, sibling int32 // in the heap of the witness; sibling also links waiting and free entries
	before, after  int32 // among those that have frames

	checkpoint bool
	parked     bool // only the checkpoint needs it; in no heap, not waiting
}

type chunk [chunkSize]entry

// A slab keeps entries by number. Entries do not move.
type slab struct {
	chunks []*chunk
	free   int32 // none: no entry below made is free
	made   int32
}

func (s *slab) at(i int32) *entry { return &s.chunks[i>>chunkBits][i&(chunkSize-1)] }

func (s *slab) take() int32 {
	if i := s.free; i != none {
		s.free = s.at(i).sibling
		return i
	}
	i := s.made
	if int(i>>chunkBits) == len(s.chunks) {
		s.chunks = append(s.chunks, new(chunk))
	}
	s.made++
	return i
}

func (s *slab) give(i int32) {
	s.at(i).sibling = s.free
	s.free = i
}

// reset forgets all entries and keeps one chunk.
func (s *slab) reset() {
	if len(s.chunks) > 1 {
		s.chunks = []*chunk{s.chunks[0]}
	}
	s.free, s.made = none, 0
}
