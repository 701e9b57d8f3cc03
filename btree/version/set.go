package version

import (
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/kvbench/kvbench/btree/mapping"
)

// NoFrame is the frame of a version that is on disk only.
const NoFrame uint32 = math.MaxUint32

// A Version is a page as it was from group Stamp on until group Until.
type Version struct {
	Page         uint32
	Stamp, Until uint64        // Stamp < Until
	Frame        uint32        // NoFrame: none
	Home         mapping.Entry // 0: not on disk
	Checkpoint   bool          // a checkpoint has still to write it
}

// A Set holds old versions of pages. It owns their frames and homes: whoever
// receives a version from Prune takes these over. The zero Set is empty and
// ready. A Set must not be copied.
//
// Concurrency: see the package.
type Set struct {
	mu    sync.RWMutex
	slab  slab
	pages map[uint32]int32 // page to its newest version; nil: nothing yet

	witnesses []witness // ascending
	waiting   int32     // for a Prune to look at them, linked by sibling
	minUntil  uint64    // of those that wait, or less

	// The versions with frames, oldest first, and the next to be spilled; none:
	// all were, and none was added since.
	framesFirst, framesLast, framesNext int32

	count, frames, held, chunks atomic.Int64
}

// A witness is a live number and the heap of the versions that it is the
// witness of.
type witness struct {
	n    uint64
	root int32
}

// Add adds a version, whose Until is above the Stamp and not below the Until of
// any other version of the page. Readers find it when Add has returned.
func (s *Set) Add(v Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pages == nil {
		s.pages = make(map[uint32]int32)
		s.empty()
	}
	i := s.slab.take()
	older, found := s.pages[v.Page]
	if !found {
		older = none
	} else {
		s.slab.at(older).newer = i
	}
	s.pages[v.Page] = i
	*s.slab.at(i) = entry{
		stamp: v.Stamp, until: v.Until, home: v.Home, page: v.Page, frame: v.Frame,
		older: older, newer: none, child: none, before: none, after: none,
		checkpoint: v.Checkpoint,
	}
	s.wait(i)
	if v.Frame != NoFrame {
		s.appendFrame(i)
	}
	if v.Home != 0 {
		s.held.Add(1)
	}
	s.count.Add(1)
	s.chunks.Store(int64(len(s.slab.chunks)))
}

// empty makes all lists those of a set without versions.
func (s *Set) empty() {
	s.slab.reset()
	s.witnesses = s.witnesses[:0]
	s.waiting, s.minUntil = none, math.MaxUint64
	s.framesFirst, s.framesLast, s.framesNext = none, none, none
	s.chunks.Store(int64(len(s.slab.chunks)))
}

// wait puts an entry that is in no heap where the next Prune looks at it.
func (s *Set) wait(i int32) {
	e := s.slab.at(i)
	e.parked = false
	e.sibling = s.waiting
	s.waiting = i
	s.minUntil = min(s.minUntil, e.until)
}

// Find returns the version of the page that a snapshot at number at sees. The
// page may not have one: then it has not changed since.
func (s *Set) Find(page uint32, at uint64) (v Version, found bool) {
	if s.count.Load() == 0 {
		return Version{}, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := s.newest(page); i != none; {
		e := s.slab.at(i)
		if e.stamp <= at {
			return e.version(), at < e.until
		}
		i = e.older
	}
	return Version{}, false
}

// FindCheckpoint returns the version of the page that a checkpoint has still
// to write.
func (s *Set) FindCheckpoint(page uint32) (v Version, found bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := s.newest(page); i != none; {
		e := s.slab.at(i)
		if e.checkpoint {
			return e.version(), true
		}
		i = e.older
	}
	return Version{}, false
}

// Written says that the version is on disk at home from now on, and reports
// whether it is in the set. If not, home belongs to the caller.
func (s *Set) Written(page uint32, stamp uint64, home mapping.Entry) bool {
	return s.change(page, stamp, func(i int32) {
		e := s.slab.at(i)
		if e.home == 0 && home != 0 {
			s.held.Add(1)
		}
		e.home = home
	})
}

// Settled says that the checkpoint needs the version no longer, and reports
// whether it is in the set. If nobody else needs it, the next Prune returns it.
func (s *Set) Settled(page uint32, stamp uint64) bool {
	return s.change(page, stamp, func(i int32) {
		e := s.slab.at(i)
		e.checkpoint = false
		if e.parked {
			s.wait(i)
		}
	})
}

// Dropped says that the frame of the version belongs to the caller from now
// on, and reports whether the version is in the set and had a frame. The
// caller must have seen to it that it has a home.
func (s *Set) Dropped(page uint32, stamp uint64) bool {
	had := false
	s.change(page, stamp, func(i int32) {
		if e := s.slab.at(i); e.frame != NoFrame {
			s.removeFrame(i)
			e.frame = NoFrame
			had = true
		}
	})
	return had
}

// change calls f with the entry of a version, if there is one.
func (s *Set) change(page uint32, stamp uint64, f func(i int32)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := s.newest(page); i != none; i = s.slab.at(i).older {
		if s.slab.at(i).stamp == stamp {
			f(i)
			return true
		}
	}
	return false
}

func (s *Set) newest(page uint32) int32 {
	if i, found := s.pages[page]; found {
		return i
	}
	return none
}

func (e *entry) version() Version {
	return Version{e.page, e.stamp, e.until, e.frame, e.home, e.checkpoint}
}

// Len returns how many versions there are. It takes no lock.
func (s *Set) Len() int { return int(s.count.Load()) }

// Frames returns how many versions have a frame. It takes no lock.
func (s *Set) Frames() int { return int(s.frames.Load()) }

// HeldSlots returns how many versions have a home. It takes no lock.
func (s *Set) HeldSlots() int { return int(s.held.Load()) }

// Bytes returns about how much memory the set takes, without the frames. It
// takes no lock.
func (s *Set) Bytes() int64 {
	const inMap = 16 // of a page, at the usual load
	return s.chunks.Load()*int64(unsafe.Sizeof(chunk{})) + s.count.Load()*inMap
}
