package epoch

// Stats is a domain at one moment. Its fields are read one after the other, so
// under way they may disagree slightly.
type Stats struct {
	Epoch  uint64 // how often all readers were seen to have moved on
	Pinned int    // guards that are held now

	Retired      int    // objects that wait or are being freed
	RetiredBytes int64  // their sizes, as given to Retire
	Lag          uint64 // advances since the oldest of them was retired; 0: none

	Freed      uint64 // objects since birth
	FreedBytes uint64
}

// Stats returns the present state. It costs about as much as an attempt to
// reclaim.
func (d *Domain) Stats() Stats {
	var s Stats
	for i := range d.stripes {
		s.Pinned += int(d.stripes[i].pinned[0].Load() + d.stripes[i].pinned[1].Load())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Epoch = d.epoch.Load()
	s.Retired = int(d.retired - d.freed)
	s.RetiredBytes = int64(d.retiredBytes - d.freedBytes)
	if d.queue.n > 0 {
		s.Lag = s.Epoch - d.queue.oldest().epoch
	}
	s.Freed, s.FreedBytes = d.freed, d.freedBytes
	return s
}
