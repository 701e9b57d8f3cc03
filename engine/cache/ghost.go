package cache

import (
	"unsafe"
)

// A ghost remembers keys that have left, without their blocks: a bounded queue
// of fingerprints. It is a table of buckets in which each fingerprint carries
// the time at which it entered; the clock is how many bytes have entered, so a
// key is in the queue for as long as no more than its length has passed. That
// needs no list, and one cache line per access.
//
// It may err: two keys can share a fingerprint (one in two thousand million
// for each pair), a bucket that overflows forgets its oldest, and a key that
// was taken out still takes its place. All this costs is a wrong guess about
// where a block should start.
type ghost struct {
	mem   memory
	buf   []byte
	slots []uint64 // fingerprint and time; 0 is none
	clock int64    // bytes entered since birth
}

const (
	ghostWays = 8       // slots of a bucket
	ghostUnit = 64      // bytes per tick, so that 32 bits last for 256 GiB
	ghostMin  = 64      // slots of the smallest table
	ghostMax  = 1 << 28 // and of the largest
)

// ghostMark returns the fingerprint, which is never 0.
func ghostMark(hash uint64) uint32 { return uint32(hash>>16) | 1 }

func (g *ghost) now() uint32 { return uint32(g.clock / ghostUnit) }

func (g *ghost) bucket(mark uint32) []uint64 {
	i := uint64(mark) * uint64(len(g.slots)/ghostWays) >> 32
	return g.slots[i*ghostWays:][:ghostWays]
}

// take reports whether the key entered less than length bytes ago, and
// forgets it.
func (g *ghost) take(hash uint64, length int64) bool {
	if len(g.slots) == 0 {
		return false
	}
	mark := ghostMark(hash)
	b := g.bucket(mark)
	for i, w := range b {
		if uint32(w>>32) == mark {
			b[i] = 0
			return int64(g.now()-uint32(w)) <= length/ghostUnit
		}
	}
	return false
}

// add enters a key of a block of n bytes.
func (g *ghost) add(hash uint64, n int64) {
	if len(g.slots) == 0 {
		return
	}
	g.clock += n
	g.enter(ghostMark(hash), g.now())
}

// enter replaces the same fingerprint, an empty slot or the oldest.
func (g *ghost) enter(mark, at uint32) {
	b := g.bucket(mark)
	worst, worstAge := 0, uint32(0)
	for i, w := range b {
		if w == 0 || uint32(w>>32) == mark {
			worst = i
			break
		}
		if age := at - uint32(w); age >= worstAge {
			worst, worstAge = i, age
		}
	}
	b[worst] = uint64(mark)<<32 | uint64(at)
}

// reserve makes room for n keys. It returns how many bytes it could not get;
// then the ghost stays small and remembers less.
func (g *ghost) reserve(n int) (missing int64) {
	size := min(max(n+n/2, ghostMin), ghostMax) // buckets fill unevenly
	size = (size + ghostWays - 1) &^ (ghostWays - 1)
	if size <= len(g.slots) {
		return 0
	}
	buf := g.mem.alloc(size * 8)
	if buf == nil {
		return chargeOf(size * 8)
	}
	old, oldBuf := g.slots, g.buf
	clear(buf)
	g.buf = buf
	g.slots = unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(buf))), size)
	for _, w := range old {
		if w != 0 {
			g.enter(uint32(w>>32), uint32(w))
		}
	}
	if oldBuf != nil {
		g.mem.free(oldBuf)
	}
	return 0
}

func (g *ghost) release() {
	if g.buf != nil {
		g.mem.free(g.buf)
	}
	g.buf, g.slots = nil, nil
}
