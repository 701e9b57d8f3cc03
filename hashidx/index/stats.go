package index

import (
	"math/bits"
	"unsafe"
)

// Stats is an index at one moment; under way its fields may disagree slightly.
type Stats struct {
	Keys     int
	Buckets  int    // home lines
	Overflow int    // overflow lines in chains
	Idle     int    // overflow lines that are free, or wait for readers
	Splits   uint64 // since birth
	Refused  uint64 // splits that memory was short for
	Bytes    int64
	Load     float64 // entries per slot of home and overflow lines
}

// Stats returns the present state. It looks at every stripe, but at no line.
func (x *Index) Stats() Stats {
	s := Stats{
		Keys:     x.Len(),
		Buckets:  int(x.count.Load()),
		Overflow: int(x.over.used.Load()),
		Splits:   x.splits.Load(),
		Refused:  x.refused.Load(),
		Bytes:    x.Bytes(),
	}
	s.Idle = int(x.over.made.Load()) - s.Overflow
	if slots := (s.Buckets + s.Overflow) * lineSlots; slots > 0 {
		s.Load = float64(s.Keys) / float64(slots)
	}
	return s
}

// Bytes is all memory that the index takes, used or not: pages of home and
// overflow lines, directories and locks.
func (x *Index) Bytes() int64 {
	return x.home.bytes() + x.over.bytes() + int64(unsafe.Sizeof(*x))
}

// A Shape is how entries lie in chains.
type Shape struct {
	Chains   []int   // how many buckets have a chain of 1, 2, ... lines
	HitLines float64 // lines that finding an entry touches, on average
	MissLine float64 // lines that finding nothing touches, on average
	Twins    int     // entries that have the code of another: their tags collide
}

// Longest is the number of lines of the longest chain.
func (s Shape) Longest() int { return len(s.Chains) }

// Shape looks at every line, like Walk: 10 million keys take a good part of a
// second.
func (x *Index) Shape() Shape {
	var s Shape
	var entries []Entry
	keys, hit, miss := 0, 0, 0.0
	n := x.count.Load()
	for b := range n {
		st := &x.stripes[b%stripeCount]
		st.mu.Lock()
		depth := 0
		for l := x.home.at(b); l != nil; l = x.after(l) {
			depth++
			for i := range l.slots {
				if l.slots[i].Load() != 0 {
					keys++
					hit += depth
				}
			}
		}
		entries = x.family(entries[:0], b, n, n)
		st.mu.Unlock()
		for len(s.Chains) < depth {
			s.Chains = append(s.Chains, 0)
		}
		s.Chains[depth-1]++
		s.Twins += twins(entries)
		miss += float64(depth) * shareOf(b, n)
	}
	if keys > 0 {
		s.HitLines = float64(hit) / float64(keys)
	}
	s.MissLine = miss
	return s
}

// shareOf is the share of all codes that a bucket has.
func shareOf(b, n uint64) float64 {
	level := uint64(1) << (bits.Len64(n) - 1)
	if b >= level || b+level < n {
		return 1 / float64(2*level)
	}
	return 1 / float64(level)
}

// twins is how many entries have the code of one before them.
func twins(entries []Entry) int {
	n := 0
	for i, e := range entries {
		for _, before := range entries[:i] {
			if before.Hash == e.Hash {
				n++
				break
			}
		}
	}
	return n
}
