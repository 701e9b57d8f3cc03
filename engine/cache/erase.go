package cache

// Erase forgets the block of the key. Nobody finds it once Erase has returned,
// not even if an Insert of it was under way at the call: that one's caller
// still gets its bytes. Whoever has the block keeps it.
func (c *Cache) Erase(k Key) {
	hash := k.hash()
	s := &c.shards[hash&c.mask]
	var g garbage
	s.mu.Lock()
	for _, f := range s.flights {
		if f.key == k {
			f.erased = true
		}
	}
	if e, id := s.find(k, hash); e != nil {
		s.remove(id, &g)
	}
	s.mu.Unlock()
	c.discard(s, &g)
}

// EraseFile is Erase for all blocks of a file: for files that were deleted,
// whose blocks would otherwise stay until they have aged. It looks at every
// block of the cache, a nanosecond or so each, and holds no lock for long.
func (c *Cache) EraseFile(file uint64) {
	for i := range c.shards {
		c.shards[i].eraseFile(c, file)
	}
}

// eraseStep is how many entries are looked at per turn of the lock.
const eraseStep = 1 << 10

func (s *shard) eraseFile(c *Cache, file uint64) {
	for next, first := uint32(0), true; first || next != 0; first = false {
		var g garbage
		s.mu.Lock()
		if first {
			for _, f := range s.flights {
				if f.key.File == file {
					f.erased = true
				}
			}
		}
		next = s.slab.each(next, eraseStep, func(id uint32, e *entry) {
			if e.queue != queueNone && e.key.File == file {
				s.remove(id, &g)
			}
		})
		s.mu.Unlock()
		c.discard(s, &g)
	}
}

// remove takes an entry out of its queue and the table.
func (s *shard) remove(id uint32, g *garbage) {
	switch e := s.slab.at(id); e.queue {
	case queueScan:
		s.scan.remove(id)
	case queueHigh:
		s.high[e.class].remove(id)
	default:
		s.policy.remove(id)
	}
	s.unlink(id, g)
}
