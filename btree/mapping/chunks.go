package mapping

import (
	"sync/atomic"
	"unsafe"

	"github.com/kvbench/kvbench/engine/offheap"
)

const (
	chunkShift = 12
	chunkIDs   = 1 << chunkShift
	chunkMask  = chunkIDs - 1
	wordBytes  = 8

	// pairBytes is a chunk and its twin of durable entries.
	pairBytes = 2 * chunkIDs * wordBytes

	// A new region is 1/regionShare of what is there, so that what no id uses
	// stays small and regions stay few.
	regionShare    = 4
	maxRegionPairs = 128
	hugeBytes      = 2 << 20

	// maxID leaves the last chunk out, so that limit fits in 32 bits.
	maxID = 1<<32 - chunkIDs - 1
)

type (
	chunk        [chunkIDs]atomic.Uint64
	durableChunk [chunkIDs]Entry
)

// Chunks are words that are numbered from 0. They never move, and none is given
// back before the end.
//
// Concurrency: word may run beside reach, if limit was loaded first. There is
// one reach at a time.
type chunks struct {
	// limit: ids below have a word. It is stored after directory and loaded
	// before it.
	limit atomic.Uint32

	// directory is the first of as many chunks as limit needs. A pointer to a
	// slice would cost Load one more load.
	directory atomic.Pointer[*chunk]

	// The writer's.
	current []*chunk // what directory points to
	durable []*durableChunk
	regions []*offheap.Region
	options offheap.Options
	mapped  atomic.Int64
}

// word is the word of an id below limit. Indexing would check bounds that are
// checked already, and have the compiler look whether the chunk is nil, at its
// first byte: another miss.
func (c *chunks) word(id uint32) *atomic.Uint64 {
	at := *(**chunk)(unsafe.Add(unsafe.Pointer(c.directory.Load()), uintptr(id>>chunkShift)*unsafe.Sizeof(uintptr(0))))
	return (*atomic.Uint64)(unsafe.Add(unsafe.Pointer(at), uintptr(id&chunkMask)*wordBytes))
}

// reach makes sure that id, at most maxID, has a word.
func (c *chunks) reach(id uint32) error {
	if id < c.limit.Load() {
		return nil
	}
	need := int(id>>chunkShift) + 1 - len(c.current)
	for need > 0 {
		more := min(max(1, len(c.current)/regionShare), maxRegionPairs)
		more = max(more, min(need, maxRegionPairs))
		n, err := c.extend(min(more, maxID>>chunkShift+1-len(c.current)))
		if err != nil {
			return err
		}
		need -= n
	}
	return nil
}

// extend adds n chunks and their twins, in one region.
func (c *chunks) extend(n int) (added int, err error) {
	o := c.options
	o.HugePages = o.HugePages && n*pairBytes >= hugeBytes
	r, err := offheap.Map(n*pairBytes, o)
	if err != nil {
		return 0, err
	}
	c.regions = append(c.regions, r)
	memory := unsafe.Pointer(unsafe.SliceData(r.Bytes()))
	words := unsafe.Slice((*chunk)(memory), n)
	twins := unsafe.Slice((*durableChunk)(unsafe.Add(memory, n*pairBytes/2)), n)
	// Readers do not look behind the limit that they loaded, so an old
	// directory and a new one may share their array.
	for i := range n {
		c.current = append(c.current, &words[i])
		c.durable = append(c.durable, &twins[i])
	}
	c.directory.Store(unsafe.SliceData(c.current))
	c.limit.Store(uint32(len(c.current)) << chunkShift)
	c.mapped.Store(int64(len(c.current))*pairBytes +
		int64(cap(c.current)+cap(c.durable)+cap(c.regions))*wordBytes)
	return n, nil
}

// free gives everything back. It goes on after an error and returns the first.
func (c *chunks) free() error {
	c.limit.Store(0)
	c.directory.Store(nil)
	c.current, c.durable = nil, nil
	c.mapped.Store(0)
	var first error
	for _, r := range c.regions {
		if err := r.Free(); err != nil && first == nil {
			first = err
		}
	}
	c.regions = nil
	return first
}
