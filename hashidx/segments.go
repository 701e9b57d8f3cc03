package hashidx

import (
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

// A place, as the index keeps it, is the number of a segment and the offset of
// an op's frame in its file.
const (
	offsetBits  = 32
	maxSegments = 1<<16 - 1
)

func placeOf(s *segment, off int64) uint64 { return uint64(s.number)<<offsetBits | uint64(off) }

// numberOf is the number of the segment of a place.
func numberOf(place uint64) uint16 { return uint16(place >> offsetBits) }

// A segment is a file of one of the logs.
type segment struct {
	number uint16 // in places; never 0
	log    manifest.Log
	id     uint32 // in its log
	path   string

	// base is from where on this engine has appended: what is before it is
	// not in memory.
	base int64

	// What it holds: all its frames, and those that the index points to. live
	// is exact but after a crash; see doc.go.
	bytes, ops, live atomic.Int64

	// expiring is how many of the live bytes expire, and expires when the last
	// op of all in it does, in nanoseconds since 1970.
	expiring, expires atomic.Int64

	// kept is how much less GC would gain than the counts above say, when it
	// last looked, after so many drops. damaged: GC cannot read it.
	kept     atomic.Int64
	surveyed atomic.Uint64
	damaged  atomic.Bool

	// highest is a sequence that no op in it is above; 0 if that is not known.
	// Of a segment of hot/ it is not used: its sequences follow from places.
	highest atomic.Uint64

	// end is where its records end, once it is sealed: once nothing is
	// appended to it any more.
	end atomic.Int64

	// hinted: its hint is durable and the manifest says so. listed: the
	// manifest names it. maintenance guards both.
	hinted, listed bool

	notes notes

	resident atomic.Pointer[resident] // nil if it is not

	// pages are the tail's; see tail.go.
	pages atomic.Pointer[pageTable]

	// settled: its file is never written again.
	settled atomic.Bool

	// source is opened by the first who reads the file, under opening.
	source  atomic.Pointer[source]
	opening sync.Mutex
}

// key names the segment where numbers that come again will not do: in caches.
func (s *segment) key() uint64 { return uint64(s.log)<<32 | uint64(s.id) }

// sequence of the op whose frame is at an offset of a segment of hot/.
func sequenceOf(id uint32, off int64) uint64 { return uint64(id)<<offsetBits | uint64(off) }

// dead is how many bytes of frames the index does not point to.
func (s *segment) dead() int64 { return max(0, s.bytes.Load()-s.live.Load()) }

type owner struct {
	log manifest.Log
	id  uint32
}

// segments finds them: by number for readers, by log and id for writers.
type segments struct {
	fsys   vfs.FS
	home   *engine.Home
	domain *epoch.Domain // of readers
	io     string        // how files are read: see io.go

	// all is by number. A reader finds a segment there, or has found it
	// there, as long as it is pinned.
	all [maxSegments + 1]atomic.Pointer[segment]

	last [manifest.Cold + 1]atomic.Pointer[segment] // asked for by id last, by log

	begun func() // is told when there is a new one

	// most there can be, or fewer in tests. crowded: so many are there that
	// users can write no more; what is left is for those that crashes leave,
	// which Open must give numbers, and for GC.
	most    int
	crowded atomic.Bool

	mu      sync.Mutex
	owners  map[owner]*segment
	used    int               // numbers: of owners, and of what was dropped and may be read yet
	next    uint16            // the number that was given last
	avoided map[uint16]uint32 // numbers that may not be given, and for how many reasons
}

func newSegments(fsys vfs.FS, home *engine.Home, begun func()) *segments {
	return &segments{fsys: fsys, home: home, begun: begun, most: maxSegments, owners: map[owner]*segment{}, avoided: map[uint16]uint32{}}
}

// at returns the segment of a place, which the index had while the caller was
// pinned.
func (t *segments) at(place uint64) (s *segment, off int64) {
	return t.all[numberOf(place)].Load(), int64(place & math.MaxUint32)
}

// dir is the directory of a log.
func (t *segments) dir(log manifest.Log) string { return t.home.Path(log.String()) }

// of returns the segment with an id, and makes it one if it is new: then base
// is where in it this engine begins to append.
func (t *segments) of(log manifest.Log, id uint32, base int64) (*segment, error) {
	if s := t.last[log].Load(); s != nil && s.id == id {
		return s, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.owners[owner{log, id}]
	if s == nil {
		n, err := t.number()
		if err != nil {
			return nil, err
		}
		s = t.add(n, log, id, base)
		t.begun()
	}
	t.last[log].Store(s)
	return s, nil
}

// get returns the segment with an id, or nil.
func (t *segments) get(log manifest.Log, id uint32) *segment {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.owners[owner{log, id}]
}

// add makes a segment with a number that is free. mu is held, or nobody else
// is there yet.
func (t *segments) add(n uint16, log manifest.Log, id uint32, base int64) *segment {
	s := &segment{number: n, log: log, id: id, base: base}
	s.path = filepath.Join(t.dir(log), filepath.Base(wal.SegmentPath("", id)))
	t.owners[owner{log, id}] = s
	t.all[n].Store(s)
	t.used++
	t.crowded.Store(t.used > t.most-t.spare())
	return s
}

// spare is how many numbers users do not get.
func (t *segments) spare() int { return min(1024, t.most/4) }

// heldBack reports whether numbers are scarce, of which an image holds many
// back that another one would not.
func (t *segments) heldBack() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.used+len(t.avoided) <= t.most {
		return false
	}
	held := 0
	for n := range t.avoided {
		if t.all[n].Load() == nil {
			held++
		}
	}
	return held >= t.spare()/4 && t.used+held > t.most-t.spare()
}

// number finds one that nothing has, in a circle, so that it is long until
// one comes again. mu is held.
func (t *segments) number() (uint16, error) {
	for range maxSegments {
		t.next++
		if t.next != 0 && int(t.next) <= t.most && t.all[t.next].Load() == nil && t.avoided[t.next] == 0 {
			return t.next, nil
		}
	}
	return 0, t.tooMany()
}

// tooMany says that there are, and what to do.
func (t *segments) tooMany() error {
	return fmt.Errorf("%w: %s has nearly %d segments and can have no more: raise segment_bytes, then Compact", engine.ErrTooLarge, t.home.Dir, t.most)
}

// avoid keeps numbers from being given, until allow.
func (t *segments) avoid(numbers []uint16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range numbers {
		t.avoided[n]++
	}
}

func (t *segments) allow(numbers []uint16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range numbers {
		if t.avoided[n]--; t.avoided[n] == 0 {
			delete(t.avoided, n)
		}
	}
}

// list returns all segments, in no order.
func (t *segments) list() []*segment {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*segment, 0, len(t.owners))
	for _, s := range t.owners {
		all = append(all, s)
	}
	return all
}

// forget takes a segment out. No reader may find a place in it any more; who
// has one is still pinned, so free comes through the epoch.
func (t *segments) forget(s *segment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.owners, owner{s.log, s.id})
	t.last[s.log].CompareAndSwap(s, nil)
}

// free gives the number of a forgotten segment back and closes its file.
// Nobody may be reading it.
func (t *segments) free(s *segment) {
	t.mu.Lock()
	t.all[s.number].Store(nil)
	t.used--
	t.crowded.Store(t.used > t.most-t.spare())
	t.mu.Unlock()
	s.close()
}

func (s *segment) close() {
	if src := s.source.Swap(nil); src != nil {
		src.close()
	}
	if r := s.resident.Swap(nil); r != nil {
		r.free()
	}
}

// close closes all files. Nobody may be reading.
func (t *segments) close() {
	for i := range t.all {
		if s := t.all[i].Load(); s != nil {
			s.close()
		}
	}
}
