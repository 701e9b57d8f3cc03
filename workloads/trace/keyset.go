package trace

// mostKeys is how many keys a KeySet holds; it takes others for known.
const mostKeys = 1 << 24

// KeySet is a set of hashes of keys as KeyHash makes them, in bounded memory.
type KeySet struct {
	slots []uint64
	n     int
}

// NewKeySet returns an empty set.
func NewKeySet() *KeySet { return &KeySet{slots: make([]uint64, 1<<10)} }

func (s *KeySet) slot(h uint64) int {
	mask := len(s.slots) - 1
	at := int(h>>1) & mask
	for s.slots[at] != 0 && s.slots[at] != h {
		at = (at + 1) & mask
	}
	return at
}

// Has reports whether h is in the set.
func (s *KeySet) Has(h uint64) bool { return s.slots[s.slot(h)] == h }

// Add adds h and reports whether it is new.
func (s *KeySet) Add(h uint64) bool {
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
