package hashidx

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/epoch"
)

// The choices of the setting record_cache.
const (
	cacheAuto = "auto"
	cacheOn   = "on"
	cacheOff  = "off"
)

const (
	// tailShare: the tail gets one in so many bytes of cache_bytes, unless it
	// is told how much.
	tailShare = 4

	// frameShare: a frame that takes more than one in so many bytes of the
	// record cache is not kept.
	frameShare = 64

	// frameCost is what the cache takes for a frame beside its bytes, roughly.
	frameCost = 100

	// admitShare: once the cache is full, one in so many frames that were read
	// is kept. Keeping one costs more than reading it from the page cache, and
	// what is worth it comes again. Measured with a cache for a sixth of a
	// million keys: as many hits, for 0.7 us less per miss. Direct reads cost
	// far more: then all are kept.
	admitShare = 2

	minTailBytes = 16 << 10

	// hugeBytes: memory for reads is kept in huge pages if it is as much, which
	// then costs little of it: missing the TLB is a good part of what a random
	// read costs.
	hugeBytes = 32 << 20
)

// huge says whether so many bytes are to be in huge pages.
func (s *settings) huge(n int64) bool { return s.HugePages || n >= hugeBytes }

// tailBytes is the memory for the tail.
func (s *settings) tailBytes() int64 {
	if s.TailBytes > 0 {
		return max(s.TailBytes, minTailBytes)
	}
	return max(s.CacheBytes/tailShare, minTailBytes)
}

// recordBytes is the memory for the record cache: what the tail leaves of
// cache_bytes.
func (s *settings) recordBytes() int64 {
	if s.RecordCache == cacheOff || s.RecordCache == cacheAuto && s.IO == ioMmap {
		return 0
	}
	return max(s.CacheBytes-s.tailBytes(), 0)
}

// records keeps frames that were read from files, whole and checked. What is
// at a place of a segment never changes. What is dead is given up where that
// costs little: the op that a write replaces, if the write found it there, and
// all of a segment that is removed.
type records struct {
	cache *cache.Cache // nil: nothing is kept
	most  int          // bytes of the longest frame that is kept
	share uint32       // admitShare, or 1
	room  atomic.Int64 // bytes that were never used
}

func (r *records) open(d *epoch.Domain, s *settings) (err error) {
	n := s.recordBytes()
	if n == 0 {
		return nil
	}
	r.most, r.share = int(n/frameShare), admitShare
	if s.IO == ioDirect {
		r.share = 1
	}
	r.room.Store(n)
	r.cache, err = cache.New(cache.Options{
		Bytes: n, Policy: s.CachePolicy, HugePages: s.huge(n), Domain: d,
	})
	return err
}

// admits decides whether to keep a frame of n bytes.
func (r *records) admits(n int) bool {
	if r.cache == nil || n > r.most {
		return false
	}
	if r.share > 1 && r.room.Load() <= 0 {
		return rand.Uint32N(r.share) == 0
	}
	r.room.Add(-int64(n + frameCost))
	return true
}

// get returns the frame at an offset of a segment, if it is kept. It is valid
// while the caller is pinned.
func (r *records) get(seg *segment, off int64) []byte {
	if r.cache == nil {
		return nil
	}
	frame, _ := r.cache.Get(cache.Key{File: seg.key(), Offset: uint64(off)})
	return frame
}

// eraseFile gives up all frames of a segment.
func (r *records) eraseFile(seg *segment) {
	if r.cache != nil {
		r.cache.EraseFile(seg.key())
	}
}

// forget gives up the frame that the index had for a key, if it is kept: a
// write has replaced it. The caller is pinned, and holds no lock of the index:
// what is given up is freed by whoever comes next.
func (e *store) forget(was *present) {
	if was.cached {
		seg, off := e.segments.at(was.place)
		e.records.cache.Erase(cache.Key{File: seg.key(), Offset: uint64(off)})
	}
}

func (r *records) close() error {
	if r.cache == nil {
		return nil
	}
	return r.cache.Close()
}

// metrics fills in what the cache knows, and returns what memory it takes.
func (r *records) metrics(m *engine.CacheMetrics) (bytes uint64) {
	if r.cache == nil {
		return 0
	}
	st := r.cache.Stats()
	bytes = uint64(st.UsedBytes)
	*m = engine.CacheMetrics{
		Hits: engine.Known(st.Hits[cache.Record]), Misses: engine.Known(st.Misses),
		Inserts: engine.Known(st.Inserts[cache.Record]), Evictions: engine.Known(st.Evictions[cache.Record]),
		Bytes: engine.Known(bytes),
	}
	return bytes
}

// remember keeps the frame in s, which was read from a segment. The caller is
// not pinned, so that what the frame displaces can be freed.
func (e *store) remember(seg *segment, off int64, s *scratch) {
	r := &e.records
	if !r.admits(len(s.frame)) {
		return
	}
	// Close waits for scans before it frees the cache.
	if !e.scans.TryRLock() {
		return
	}
	defer e.scans.RUnlock()
	if e.closed.Load() {
		return
	}
	k := cache.Key{File: seg.key(), Offset: uint64(off)}
	h, err := r.cache.Insert(k, len(s.frame), cache.Normal.For(cache.Record), s.fill)
	if err == nil { // else it is not kept, which is no harm
		h.Release()
	}
}
