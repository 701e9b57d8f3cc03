package version

import (
	"cmp"
	"math"
	"slices"
)

// pruneBatch is how many versions go under one hold of the lock, some 50 us.
const pruneBatch = 256

// Prune removes the versions that neither a live snapshot nor a checkpoint
// needs, and appends them to dst: their frames and homes are the caller's.
//
// live is what a clock's Live returned: ascending numbers, the last of which is
// the horizon, not a snapshot but standing for itself and all above. An empty
// list says that no snapshot is live and none will come.
//
// Its cost is that of what was added since or goes, and of the list; versions
// that stay cost nothing.
func (s *Set) Prune(live []uint64, dst []Version) []Version {
	if s.count.Load() == 0 {
		return dst
	}
	horizon := uint64(math.MaxUint64)
	if len(live) > 0 {
		horizon = live[len(live)-1]
		live = live[:len(live)-1]
	}
	for more := true; more; {
		dst, more = s.pruneSome(live, horizon, dst)
	}
	return dst
}

// pruneSome is Prune for as long as the lock should be held at once; more says
// that it has to be called again.
func (s *Set) pruneSome(live []uint64, horizon uint64, dst []Version) (_ []Version, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if dst, more = s.leave(live, horizon, dst); more {
		return dst, true
	}
	dst = s.judge(live, horizon, dst)
	if s.count.Load() == 0 {
		if len(s.slab.chunks) > 1 {
			s.pages = make(map[uint32]int32) // the old one stays large
		}
		s.empty()
	}
	return dst, false
}

// leave takes the witnesses away that live lacks, from the highest to the
// lowest, so that what remains of one that goes can go with the next. It stops
// after a batch of versions; more says that there may be others.
func (s *Set) leave(live []uint64, horizon uint64, dst []Version) (_ []Version, more bool) {
	first := len(dst)
	for at := len(s.witnesses) - 1; at >= 0; at-- {
		w := s.witnesses[at]
		if w.n >= horizon {
			continue
		}
		below, found := slices.BinarySearch(live, w.n)
		if found {
			continue
		}
		root := w.root
		for root != none && (below == 0 || s.slab.at(root).stamp > live[below-1]) {
			if len(dst)-first >= pruneBatch {
				s.witnesses[at].root = root
				return dst, true
			}
			rest := s.pop(root)
			dst = s.unneeded(root, dst)
			root = rest
		}
		s.witnesses = slices.Delete(s.witnesses, at, at+1)
		if root != none && s.witnessed(live[below-1], root) {
			at++ // a witness was inserted below
		}
	}
	return dst, false
}

// judge finds witnesses for what waits, as far as the list goes.
func (s *Set) judge(live []uint64, horizon uint64, dst []Version) []Version {
	if s.minUntil > horizon {
		return dst
	}
	at := s.waiting
	s.waiting, s.minUntil = none, math.MaxUint64
	for at != none {
		i, e := at, s.slab.at(at)
		at, e.sibling = e.sibling, none
		if e.until > horizon {
			s.wait(i)
			continue
		}
		below, _ := slices.BinarySearch(live, e.until)
		if below == 0 || live[below-1] < e.stamp {
			dst = s.unneeded(i, dst)
			continue
		}
		s.witnessed(live[below-1], i)
	}
	return dst
}

// witnessed joins a heap to that of witness n, and reports whether n was none
// before.
func (s *Set) witnessed(n uint64, root int32) bool {
	at, found := slices.BinarySearchFunc(s.witnesses, n, func(w witness, n uint64) int {
		return cmp.Compare(w.n, n)
	})
	if !found {
		s.witnesses = slices.Insert(s.witnesses, at, witness{n, none})
	}
	w := &s.witnesses[at]
	w.root = s.join(w.root, root)
	return !found
}

// unneeded removes an entry that is in no heap and that no snapshot needs,
// unless a checkpoint does.
func (s *Set) unneeded(i int32, dst []Version) []Version {
	e := s.slab.at(i)
	if e.checkpoint {
		e.parked = true
		return dst
	}
	dst = append(dst, e.version())
	if e.newer != none {
		s.slab.at(e.newer).older = e.older
	} else if e.older != none {
		s.pages[e.page] = e.older
	} else {
		delete(s.pages, e.page)
	}
	if e.older != none {
		s.slab.at(e.older).newer = e.newer
	}
	if e.frame != NoFrame {
		s.removeFrame(i)
	}
	if e.home != 0 {
		s.held.Add(-1)
	}
	s.count.Add(-1)
	s.slab.give(i)
	return dst
}
