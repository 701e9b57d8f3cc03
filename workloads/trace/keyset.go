package trace

// mostKeys is how many keys a keySet holds; it counts others as known.
const mostKeys = 1 << 24

// keySet is a set of hashes, which are not 0.
type keySet struct {
	slots []uint64
	n     int
}

func newKeySet() *keySet { return &keySet{slots: make([]uint64, 1<<10)} }

func (s *keySet) slot(h uint64) int {
	mask := len(s.slots) - 1
	at := int(h>>1) & mask
	for s.slots[at] != 0 && s.slots[at] != h {
		at = (at + 1) & mask
	}
	return at
}

func (s *keySet) has(h uint64) bool { return s.slots[s.slot(h)] == h }

// add reports whether h is new.
func (s *keySet) add(h uint64) bool {
	at := s.slot(h)
	if s.slots[at] == h || s.n == mostKeys {
		return false
	}
	s.slots[at] = h
	if s.n++; 2*s.n > len(s.slots) {
		old := s.slots
		s.slots = make([]uint64, 2*len(old))
		for _, k := range old {
			if k != 0 {
				s.slots[s.slot(k)] = k
			}
		}
	}
	return true
}
