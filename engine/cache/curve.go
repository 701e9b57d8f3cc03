package cache

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// A CurvePoint says what share of references would miss in a cache of so many
// bytes.
type CurvePoint struct {
	Bytes     int64
	MissRatio float64
}

// A Curve is a miss ratio curve: how well caches of other sizes would have
// done on what this one was asked for.
type Curve struct {
	// Points are by rising size; between them the ratio is that of the point
	// below. Sizes are of blocks as given to Insert, without overhead, and the
	// policy is LRU, whatever the cache's own is: S3FIFO is mostly better.
	Points []CurvePoint

	References uint64  // that the curve speaks for
	Sampled    uint64  // of those, the ones that were looked at
	Keys       int     // that are followed now
	Rate       float64 // share of all keys that this is
	Dropped    uint64  // sampled references that were not looked at, as the sampler was busy
}

// MissRatioCurve returns the curve since New, or one without points if
// Options.SampleRate is 0.
//
// A reference is a block found or, where it is not, its Insert. Method: SHARDS
// with a sample of fixed size (Waldspurger et al., FAST 2015): it follows the
// keys whose hash is below a threshold, so a key is followed always or never,
// and scales distances among them by the share that they are. The threshold
// falls as the sample fills.
func (c *Cache) MissRatioCurve() Curve {
	if c.sampler == nil {
		return Curve{}
	}
	st := c.Stats()
	var n uint64
	for i := range Classes {
		n += st.Hits[i]
	}
	return c.sampler.curve(n + c.sampler.inserts.Load())
}

// sampler follows the keys of the sample.
type sampler struct {
	threshold atomic.Uint64 // of sampleSpace
	dropped   atomic.Uint64
	inserts   atomic.Uint64 // references that were no hits, of all keys

	mu      sync.Mutex
	max     int // keys
	at      map[uint64]int32
	highest maxHeap // their hashes, by sample value
	order   recency
	seen    uint64
	counts  [distanceBuckets]float64 // references by distance, as scaled
	cold    float64                  // first references, as scaled
}

const (
	sampleSpace = 1 << 32
	sampleKeys  = 8 << 10
)

func newSampler(rate float64, keys int) *sampler {
	if keys == 0 {
		keys = sampleKeys
	}
	s := &sampler{max: keys, at: make(map[uint64]int32, keys+1), order: newRecency(4 * keys)}
	s.threshold.Store(max(1, uint64(rate*sampleSpace)))
	return s
}

// sampleValue is independent of the bits that choose shard and bucket.
func sampleValue(hash uint64) uint64 { return hash * 0x9E3779B97F4A7C15 >> 32 }

// see takes a reference into account. For most keys that is a multiplication
// and a comparison; for those of the sample it is some hundred nanoseconds
// under a lock, unless another goroutine has it: then the reference is dropped.
func (s *sampler) see(hash uint64, n int) {
	if sampleValue(hash) >= s.threshold.Load() {
		return
	}
	s.follow(hash, int64(n))
}

//go:noinline
func (s *sampler) follow(hash uint64, n int64) {
	if !s.mu.TryLock() {
		s.dropped.Add(1)
		return
	}
	defer s.mu.Unlock()
	threshold := s.threshold.Load()
	if sampleValue(hash) >= threshold {
		return
	}
	rate := float64(threshold) / sampleSpace
	s.seen++
	if slot, ok := s.at[hash]; ok {
		between := s.order.since(slot)
		s.order.drop(slot)
		s.counts[distanceBucket(int64(float64(between)/rate)+n)] += 1 / rate
	} else {
		s.cold += 1 / rate
		s.highest.push(hash)
	}
	if s.order.full() {
		s.order.compact(func(hash uint64, slot int32) { s.at[hash] = slot })
	}
	s.at[hash] = s.order.append(hash, n)
	for len(s.at) > s.max {
		s.lower()
	}
}

// lower takes the highest hashes out of the sample, so that only what is
// strictly below stays in.
func (s *sampler) lower() {
	value := sampleValue(s.highest.keys[0])
	for len(s.highest.keys) > 0 && sampleValue(s.highest.keys[0]) >= value {
		hash := s.highest.pop()
		s.order.drop(s.at[hash])
		delete(s.at, hash)
	}
	s.threshold.Store(max(1, value))
}

// curve returns the curve for so many references in all.
func (s *sampler) curve(references uint64) Curve {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Curve{
		References: references, Sampled: s.seen, Keys: len(s.at),
		Rate: float64(s.threshold.Load()) / sampleSpace, Dropped: s.dropped.Load(),
	}
	total := s.cold
	for _, n := range s.counts {
		total += n
	}
	if total == 0 || references == 0 {
		return c
	}
	// The sample may hold more or less than its share of hot keys, and the
	// difference consists of short distances (SHARDS-adj).
	hits := float64(references) - total
	total = float64(references)
	for i, n := range s.counts {
		if n == 0 {
			continue
		}
		hits += n
		ratio := min(1, max(0, 1-hits/total))
		c.Points = append(c.Points, CurvePoint{Bytes: distanceBytes(i), MissRatio: ratio})
	}
	return c
}

// Distances are counted in buckets, 16 per doubling.
const (
	distanceFine    = 16
	distanceBuckets = 60 * distanceFine
)

func distanceBucket(n int64) int {
	n = max(n, 1) - 1
	if n < distanceFine {
		return int(n)
	}
	top := bits.Len64(uint64(n)) - 5
	return (top+1)*distanceFine + int(n>>top)&(distanceFine-1)
}

// distanceBytes is the largest distance in a bucket.
func distanceBytes(bucket int) int64 {
	if bucket < distanceFine {
		return int64(bucket) + 1
	}
	top, fine := bucket/distanceFine-1, bucket%distanceFine
	return int64(distanceFine+fine+1) << top
}

// recency keeps keys by last use, with their sizes, and tells how many bytes
// were used since one of them was: a Fenwick tree over time.
type recency struct {
	hash []uint64
	size []int64
	used []bool
	tree []int64 // of sizes; index 0 is unused
	next int32
	sum  int64
}

func newRecency(slots int) recency {
	return recency{
		hash: make([]uint64, slots), size: make([]int64, slots), used: make([]bool, slots),
		tree: make([]int64, slots+1),
	}
}

func (r *recency) full() bool { return int(r.next) == len(r.hash) }

func (r *recency) append(hash uint64, n int64) int32 {
	slot := r.next
	r.next++
	r.hash[slot], r.size[slot], r.used[slot] = hash, n, true
	r.add(slot, n)
	return slot
}

func (r *recency) drop(slot int32) {
	r.used[slot] = false
	r.add(slot, -r.size[slot])
}

func (r *recency) add(slot int32, n int64) {
	r.sum += n
	for i := int(slot) + 1; i < len(r.tree); i += i & -i {
		r.tree[i] += n
	}
}

// since is how many bytes were used after the slot.
func (r *recency) since(slot int32) int64 {
	n := r.sum
	for i := int(slot) + 1; i > 0; i -= i & -i {
		n -= r.tree[i]
	}
	return n
}

// compact moves the keys to the first slots and tells where each is now.
func (r *recency) compact(moved func(hash uint64, slot int32)) {
	end := r.next
	r.next, r.sum = 0, 0
	clear(r.tree)
	for i := range end {
		if r.used[i] {
			hash, n := r.hash[i], r.size[i]
			r.used[i] = false
			moved(hash, r.append(hash, n))
		}
	}
}

// maxHeap keeps hashes, the one with the highest sample value first.
type maxHeap struct{ keys []uint64 }

func (h *maxHeap) push(hash uint64) {
	h.keys = append(h.keys, hash)
	for i := len(h.keys) - 1; i > 0; {
		up := (i - 1) / 2
		if sampleValue(h.keys[up]) >= sampleValue(h.keys[i]) {
			return
		}
		h.keys[up], h.keys[i] = h.keys[i], h.keys[up]
		i = up
	}
}

func (h *maxHeap) pop() uint64 {
	top := h.keys[0]
	last := len(h.keys) - 1
	h.keys[0] = h.keys[last]
	h.keys = h.keys[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && sampleValue(h.keys[child+1]) > sampleValue(h.keys[child]) {
			child++
		}
		if sampleValue(h.keys[i]) >= sampleValue(h.keys[child]) {
			return top
		}
		h.keys[i], h.keys[child] = h.keys[child], h.keys[i]
		i = child
	}
}
