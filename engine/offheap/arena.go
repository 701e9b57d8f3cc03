package offheap

import (
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
	"unsafe"
)

const (
	// arenaWord is what every allocation of an arena is rounded to.
	arenaWord = 8

	// maxArenaAlign is the smallest page of any system.
	maxArenaAlign = 4096

	// maxArenaBytes is the reach of an offset.
	maxArenaBytes = math.MaxUint32 &^ (arenaWord - 1)
)

// An Arena hands out pieces of one region, one after the other, and takes them
// back all at once. A piece is named by its offset, which is half the size of
// a pointer; no piece has offset 0, so that 0 can stand for none.
//
// Concurrency: Alloc, Bytes and the atomics may be used from many goroutines
// at once. Reset and Free must come after all other uses.
type Arena struct {
	mem    []byte
	region *Region
	_      [lineBytes - 32]byte

	// used is a multiple of arenaWord. Racing calls may leave it beyond the
	// end; the arena is full then.
	used atomic.Uint64
	_    [lineBytes - 8]byte
}

// NewArena maps an arena of n bytes, less than 4 GiB; the first 8 are never
// handed out. The budget is charged with all of it at once. Errors are those
// of [Map].
func NewArena(n int, o Options) (*Arena, error) {
	if uint64(max(n, 0)) > maxArenaBytes || n < 2*arenaWord {
		return nil, fmt.Errorf("offheap: new arena of %d bytes: %w", n, ErrSize)
	}
	r, err := Map(n, o)
	if err != nil {
		return nil, err
	}
	a := &Arena{mem: r.Bytes(), region: r}
	a.used.Store(arenaWord)
	return a, nil
}

// Alloc takes n bytes at an offset that is a multiple of align, a power of two
// up to 4096. It fails, with ok false, if they do not fit any more, if n is 0
// or if align is none of these; smaller pieces may still fit.
//
// The bytes are zero in a new arena; after a Reset they are anything.
func (a *Arena) Alloc(n, align uint32) (offset uint32, ok bool) {
	if n == 0 || bits.OnesCount32(align) != 1 || align > maxArenaAlign {
		return 0, false
	}
	// Everything is a multiple of a word, so only more than that needs slack.
	size := (uint64(n) + arenaWord - 1) &^ (arenaWord - 1)
	if align > arenaWord {
		size += uint64(align) - arenaWord
	}
	if a.used.Load()+size > uint64(len(a.mem)) {
		return 0, false
	}
	end, ok := a.claim(size)
	if !ok {
		return 0, false
	}
	mask := uint64(align) - 1
	return uint32((end - size + mask) &^ mask), true
}

// claim takes size bytes up to end. It fails if others were faster; what is left
// is given up then, since to take the claim back could undo one that fitted.
func (a *Arena) claim(size uint64) (end uint64, ok bool) {
	end = a.used.Add(size)
	return end, end <= uint64(len(a.mem))
}

// Bytes is the n bytes at an offset that Alloc returned, or a part of them.
func (a *Arena) Bytes(offset, n uint32) []byte {
	end := uint64(offset) + uint64(n)
	return a.mem[offset:end:end]
}

// Uint32 is the word at offset, a multiple of 4, for atomic use: a link.
func (a *Arena) Uint32(offset uint32) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&a.mem[offset : offset+4 : offset+4][0]))
}

// Uint64 is the word at offset, a multiple of 8, for atomic use.
func (a *Arena) Uint64(offset uint32) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&a.mem[offset : offset+8 : offset+8][0]))
}

// Used is how many bytes cannot be handed out any more: pieces, what aligning
// them took, and the first 8.
func (a *Arena) Used() int { return int(min(a.used.Load(), uint64(len(a.mem)))) }

// Size is what NewArena was given.
func (a *Arena) Size() int { return len(a.mem) }

// Reset takes back all pieces. Their bytes stay until they are written anew.
func (a *Arena) Reset() {
	if poisoning {
		poison(a.mem[:a.Used()])
	}
	a.used.Store(arenaWord)
}

// Free gives the memory back to the system. A second call is [ErrFreed].
func (a *Arena) Free() error { return a.region.Free() }
