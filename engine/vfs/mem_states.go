package vfs

import (
	"fmt"
	"iter"
	"math"
	"math/bits"
)

// Crashes yields crashes of m with what they are, for messages: both extremes
// first, then n by chance, from consecutive seeds.
func (m *Mem) Crashes(seed uint64, n int) iter.Seq2[string, *Mem] {
	return func(yield func(string, *Mem) bool) {
		for _, i := range []Image{Synced, Written} {
			if !yield(i.String(), m.Image(i)) {
				return
			}
		}
		for s := seed; s < seed+uint64(n); s++ {
			if !yield(fmt.Sprint("seed ", s), m.Crash(s)) {
				return
			}
		}
	}
}

// CrashStates yields every file system that Crash may return, except those
// with torn sectors; the first is Image(Synced). Some may be equal, where
// different choices come to the same. m must not change meanwhile. Their
// number multiplies quickly: see CountCrashStates.
func (m *Mem) CrashStates() iter.Seq[*Mem] {
	return func(yield func(*Mem) bool) {
		for o := new(odometer); ; {
			if !yield(m.crash(o)) || !o.next() {
				return
			}
		}
	}
}

// CountCrashStates returns how many CrashStates yields at most: fewer, where
// what was done to names hangs together. A count that is too large is
// math.MaxUint64.
func (m *Mem) CountCrashStates() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n := uint64(1)
	seen := map[*inode]bool{}
	var visit func(x *inode)
	visit = func(x *inode) {
		if x == nil || seen[x] {
			return
		}
		seen[x] = true
		if !x.isDir() {
			n = times(n, x.states())
		}
		for _, child := range x.synced {
			visit(child)
		}
	}
	visit(m.root)
	for _, a := range m.atoms {
		n = times(n, 2)
		for _, x := range a {
			visit(x.now)
		}
	}
	return n
}

// states counts what may survive of one file.
func (c *contents) states() (sum uint64) {
	for cuts := range len(c.cuts) + 1 {
		for i, legal := 0, c.legalLengths(cuts); i < len(legal); i++ {
			n := 1 + uint64(blocksBetween(legal, i))
			for pn := range c.dirty {
				for s := range sectorsPerPage {
					n = times(n, 1+uint64(len(c.legalVersions(survivor{pn, cuts, legal[i].size}, s))))
				}
			}
			if sum += n; sum < n {
				return math.MaxUint64
			}
		}
	}
	return sum
}

// times multiplies; what is too large is math.MaxUint64.
func times(a, b uint64) uint64 {
	if hi, lo := bits.Mul64(a, b); hi == 0 {
		return lo
	}
	return math.MaxUint64
}

// An odometer chooses all there is, one combination after another.
type odometer struct {
	wheels []wheel
	at     int // the wheel of the next choice
}

type wheel struct{ digit, of int }

func (o *odometer) pick(n int) int {
	if o.at == len(o.wheels) {
		o.wheels = append(o.wheels, wheel{of: n})
	}
	w := o.wheels[o.at]
	o.at++
	return min(w.digit, n-1)
}

// next turns to the next combination, and says whether there is one. The last
// choices change first, since what is asked after a choice may depend on it.
func (o *odometer) next() bool {
	o.at = 0
	for i := len(o.wheels) - 1; i >= 0; i-- {
		if w := &o.wheels[i]; w.digit+1 < w.of {
			w.digit++
			o.wheels = o.wheels[:i+1]
			return true
		}
	}
	return false
}

func (o *odometer) name() bool       { return o.pick(2) == 1 }
func (o *odometer) file()            {}
func (o *odometer) cuts(n int) int   { return o.pick(n + 1) }
func (o *odometer) length(n int) int { return o.pick(n) }
func (o *odometer) block(n int) int  { return o.pick(n) }

func (o *odometer) sector(n int) (a, b, at int) {
	a = o.pick(n)
	return a, a, 0
}
