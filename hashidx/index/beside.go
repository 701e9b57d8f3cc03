package index

// Beside appends the entries of another index whose hashes are in the family
// that Next is yielding. f of Next calls it, and may do so although it takes a
// lock: the other's. So who changes both indexes under the lock of a hash in
// this one, and locks the other for no longer, shows the walk one state.
func (w *Walk) Beside(to []Entry, other *Index) []Entry {
	b := w.next.Load()
	s := &other.stripes[b%stripeCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	n := other.count.Load()
	if n >= w.first {
		return other.family(to, b, w.first, n)
	}
	// All of the family are in one bucket there, with others.
	from := len(to)
	to = other.family(to, bucketOf(code(b), n), n, n)
	kept := to[:from]
	for _, e := range to[from:] {
		if bucketOf(codeOf(e.Hash), w.first) == b {
			kept = append(kept, e)
		}
	}
	return kept
}
