package table

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// group is how many heads are compared at once: a cache line of them.
const group = 8

// maxDepth is enough for 8^10 blocks.
const maxDepth = 10

// An index is where the blocks of a table are and between which keys. It is in
// one piece of memory that the garbage collector does not look at.
//
// Search is in heads: of what follows the prefix that all separators have.
// levels[0] has them all, and each higher level the last of every group of 8
// of the level below; all levels are filled up to whole groups with the
// highest number. So one group of each level is looked at, without a branch
// that depends on the key.
type index struct {
	blocks int
	depth  int
	last   uint64 // the highest head
	prefix []byte
	levels [maxDepth][]uint64

	offsets []uint64 // blocks+1: of the blocks, and where the last ends
	raws    []uint32 // before compression; nil if no block is compressed
	ends    []uint64 // of separators, without prefix, in bytes
	bytes   []byte
}

// search returns the first block whose separator is >= key, or blocks.
func (x *index) search(key []byte) int {
	p := len(x.prefix)
	if len(key) < p || string(key[:p]) != string(x.prefix) {
		if bytes.Compare(key, x.prefix) < 0 {
			return 0
		}
		return x.blocks
	}
	key = key[p:]
	head := ikey.Head(key)
	if head > x.last {
		return x.blocks
	}
	n := x.lowest(head)
	if n < x.blocks && x.levels[0][n] == head {
		return x.among(n, head, key)
	}
	return n
}

// lowest returns the first block whose head is >= head, which is not above
// the last. Of no block it is 0.
func (x *index) lowest(head uint64) int {
	n := 0
	for d := x.depth - 1; d >= 0; d-- {
		g := (*[group]uint64)(x.levels[d][n*group:])
		n = n*group + below(g, head)
	}
	return n
}

// below counts the numbers in g that are < head.
func below(g *[group]uint64, head uint64) int {
	a := less(g[0], head) + less(g[1], head)
	b := less(g[2], head) + less(g[3], head)
	c := less(g[4], head) + less(g[5], head)
	d := less(g[6], head) + less(g[7], head)
	return a + b + c + d
}

// less is 1 if a < b, else 0.
func less(a, b uint64) int {
	if a < b {
		return 1
	}
	return 0
}

// among returns the first block from n on whose separator is >= key, where
// that of n has the head of the key.
func (x *index) among(n int, head uint64, key []byte) int {
	if bytes.Compare(x.separator(n), key) >= 0 { // mostly
		return n
	}
	end := x.blocks
	if head < x.last {
		end = x.lowest(head + 1)
	}
	low := n + 1
	for low < end {
		mid := int(uint(low+end) / 2)
		if bytes.Compare(x.separator(mid), key) >= 0 {
			end = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// separator returns that of a block, without the prefix.
func (x *index) separator(n int) []byte {
	start := uint64(0)
	if n > 0 {
		start = x.ends[n-1]
	}
	return x.bytes[start:x.ends[n]]
}

// is reports whether the separator of a block is key.
func (x *index) is(n int, key []byte) bool {
	p := len(x.prefix)
	return len(key) >= p && string(key[p:]) == string(x.separator(n)) && string(key[:p]) == string(x.prefix)
}

// block returns where a block is.
func (x *index) block(n int) extent {
	return extent{x.offsets[n], x.offsets[n+1] - x.offsets[n]}
}

// raw returns how long a block is before compression.
func (x *index) raw(n int) int {
	if x.raws == nil {
		return int(x.block(n).length) - trailerBytes
	}
	return int(x.raws[n])
}

// A plan is how much memory an index takes.
type plan struct {
	blocks     int
	separators uint64 // bytes, without the prefix
	prefix     int
	compressed bool
	data, raw  uint64 // bytes of all blocks
}

// planIndex checks the content of an index block.
func planIndex(p []byte) (plan, error) {
	r, err := readIndex(p)
	if err != nil {
		return plan{}, err
	}
	n := plan{blocks: r.blocks, prefix: len(r.prefix)}
	var before []byte
	for i := range r.blocks {
		row, err := r.next()
		switch {
		case err != nil:
			return n, fmt.Errorf("block %d: %w", i, err)
		case i > 0 && bytes.Compare(before, row.separator) > 0:
			return n, fmt.Errorf("separator of block %d is less than that before it", i)
		case n.data > math.MaxInt64-row.stored:
			return n, fmt.Errorf("block %d is too long", i)
		}
		before = row.separator
		n.separators += uint64(len(row.separator))
		n.data += row.stored
		n.raw += row.raw
		n.compressed = n.compressed || row.raw != row.stored-trailerBytes
	}
	if len(r.rest) > 0 {
		return n, fmt.Errorf("%d bytes behind the last block", len(r.rest))
	}
	return n, nil
}

// groups is how many numbers a level has for n below.
func groups(n int) int { return (n + group - 1) / group * group }

// heads is how many numbers all levels take.
func (n plan) heads() int {
	total := 0
	for c := n.blocks; c > 0; c = groups(c) / group {
		total += groups(c)
		if c <= group {
			break
		}
	}
	return total
}

// bytes is how much memory to give to fill.
func (n plan) bytes() int {
	b := 8*(n.heads()+n.blocks+1+n.blocks) + int(n.separators) + n.prefix
	if n.compressed {
		b += 4 * n.blocks
	}
	return b
}

// carve takes n numbers off memory that is aligned for them.
func carve[T uint32 | uint64](mem *[]byte, n int) []T {
	var zero T
	size := n * int(unsafe.Sizeof(zero))
	if n == 0 {
		return nil
	}
	s := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData((*mem)[:size]))), n)
	*mem = (*mem)[size:]
	return s
}

// fill makes the index of a content that was planned, in memory that begins
// at a multiple of 8 and outlives it.
func (n plan) fill(p, mem []byte) (index, error) {
	r, err := readIndex(p)
	if err != nil || r.blocks != n.blocks || len(mem) < n.bytes() {
		return index{}, errors.Join(err, errors.New("the index has changed"))
	}
	x := index{blocks: n.blocks}
	heads := carve[uint64](&mem, n.heads())
	x.offsets = carve[uint64](&mem, n.blocks+1)
	x.ends = carve[uint64](&mem, n.blocks)
	if n.compressed {
		x.raws = carve[uint32](&mem, n.blocks)
	}
	x.prefix = mem[:n.prefix:n.prefix]
	copy(x.prefix, r.prefix)
	x.bytes = mem[n.prefix:][:n.separators]
	x.offsets[0] = 0
	end := 0
	for i := range n.blocks {
		row, err := r.next()
		if err != nil {
			return index{}, err
		}
		heads[i] = ikey.Head(row.separator)
		x.last = heads[i]
		x.offsets[i+1] = x.offsets[i] + row.stored
		if n.compressed {
			x.raws[i] = uint32(row.raw)
		}
		end += copy(x.bytes[end:], row.separator)
		x.ends[i] = uint64(end)
	}
	x.raise(heads)
	return x, nil
}

// raise makes the levels; the first numbers are there.
func (x *index) raise(heads []uint64) {
	for c := x.blocks; c > 0; {
		full := groups(c)
		level := heads[:full:full]
		heads = heads[full:]
		for i := c; i < full; i++ {
			level[i] = math.MaxUint64
		}
		x.levels[x.depth] = level
		x.depth++
		if c <= group {
			return
		}
		c = full / group
		for i := range c {
			heads[i] = level[i*group+group-1]
		}
	}
}
