package index

// Stripe appends all entries whose hashes have a LockOrder, as Walk yields them:
// a part of the index that is complete at one moment. It takes that lock.
func (x *Index) Stripe(to []Entry, order int) []Entry {
	s := &x.stripes[order]
	s.mu.Lock()
	to = x.family(to, uint64(order), firstLines, x.count.Load())
	s.mu.Unlock()
	return to
}
