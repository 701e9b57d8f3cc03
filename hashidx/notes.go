package hashidx

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/hashidx/hint"
)

// Notes remember the ops of a segment while it is written, so that its hint
// needs no look at the file. Each is 16 bytes.
//
// Concurrency: add may be called from many goroutines at once; who takes them
// must know that all adds have returned.
type notes struct {
	count  atomic.Uint32
	chunks atomic.Pointer[[]*noteChunk]
	mu     sync.Mutex // who adds a chunk

	// missing: the segment has ops that were not noted.
	missing atomic.Bool
}

const noteChunkOps = 4096

type noteChunk [noteChunkOps]note

// A note has the op's kind byte in the middle of its hash, where no index
// looks.
type note struct {
	hash           uint64
	offset, length uint32
}

const (
	noteKindShift = 32
	noteKindMask  = uint64(0xff) << noteKindShift
)

// add notes an op with its kind byte.
func (n *notes) add(hash uint64, kind uint8, offset, length int) {
	i := n.count.Add(1) - 1
	c := n.chunk(int(i / noteChunkOps))
	c[i%noteChunkOps] = note{hash&^noteKindMask | uint64(kind)<<noteKindShift, uint32(offset), uint32(length)}
}

func (n *notes) chunk(i int) *noteChunk {
	if all := n.chunks.Load(); all != nil && i < len(*all) {
		return (*all)[i]
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*noteChunk
	if old := n.chunks.Load(); old != nil {
		all = slices.Clip(*old)
	}
	for len(all) <= i {
		all = append(all, new(noteChunk))
	}
	n.chunks.Store(&all)
	return all[i]
}

// sorted returns what was noted, by offset.
func (n *notes) sorted() []note {
	count := int(n.count.Load())
	all := make([]note, 0, count)
	for len(all) < count {
		part := n.chunk(len(all) / noteChunkOps)
		all = append(all, part[:min(noteChunkOps, count-len(all))]...)
	}
	// They come nearly in order.
	slices.SortFunc(all, func(a, b note) int { return cmp.Compare(a.offset, b.offset) })
	return all
}

func (n *notes) forget() {
	n.chunks.Store(nil)
	n.count.Store(0)
}

// op is what a hint says of it, but the sequence.
func (n note) op() hint.Op {
	return hint.Op{Hash: n.hash, Offset: n.offset, Length: n.length, Kind: uint8(n.hash >> noteKindShift)}
}
