package diskindex

// Stats is an index at one moment; under way its fields may disagree slightly.
type Stats struct {
	Entries int // see Len

	File     string  // its name; empty for none
	Bytes    int64   // of the file
	Pages    uint64  // of buckets
	Overflow uint64  // pages beyond those
	Load     float64 // entries of the file per entry that its pages have room for

	Added, Removed int // entries of the fronts
	Memory         int64

	CacheHits, CacheMisses uint64 // pages that lookups found in the cache, and not
	CachePages             int

	Merges     uint64 // since birth
	MergeBytes uint64 // that they wrote
}

// Stats returns the present state.
func (x *Index) Stats() Stats {
	s := Stats{
		Entries:    x.Len(),
		Memory:     x.Bytes(),
		Merges:     x.merges.Load(),
		MergeBytes: x.mergeBytes.Load(),
	}
	g := x.domain.Pin()
	defer g.Unpin()
	v := x.view.Load()
	for _, f := range []*front{v.active, v.frozen} {
		if f != nil {
			s.Added += f.added.Len()
			s.Removed += f.removed.Len()
		}
	}
	if f := v.file; f != nil {
		i := f.info()
		s.File, s.Bytes = f.name, i.Bytes
		s.Pages, s.Overflow, s.Load = i.Pages, i.Overflow, i.Load
	}
	c := x.cache.Stats()
	for _, n := range c.Hits {
		s.CacheHits += n
	}
	s.CacheHits -= min(s.CacheHits, x.probeHits.Load())
	s.CacheMisses = c.Misses - min(c.Misses, x.probeMisses.Load())
	s.CachePages = c.Blocks
	return s
}
