package cache

// room evicts until there is room for a block of n bytes, as charged, and
// reports whether there is. It evicts nothing for what cannot fit.
func (s *shard) room(n int64, g *garbage) bool {
	if s.fixed()+n > s.limit {
		return false
	}
	// A block with handles takes its memory along, so that evicting it makes
	// no room now. Past four times of what is needed there is little hope.
	over := func() int64 { return s.fixed() + s.resident + s.reserve + n - s.limit }
	for most := 4 * over(); most > 0 && over() > 0; {
		was := s.resident
		if !s.evict(g) {
			break
		}
		most -= was - s.resident
	}
	return s.fixed()+s.resident+n <= s.limit
}

// evict lets go of one block: the policy's choice, else of what is scanned,
// else of high priority.
func (s *shard) evict(g *garbage) bool {
	id := s.policy.victim()
	if id == 0 {
		id = s.oldestElsewhere()
	}
	if id == 0 {
		return false
	}
	s.evictions[s.slab.at(id).class]++
	s.unlink(id, g)
	return true
}

// oldestElsewhere lets go of a block that the policy does not hold.
func (s *shard) oldestElsewhere() uint32 {
	if id := s.scan.tail; id != 0 {
		s.scan.remove(id)
		return id
	}
	for class := range s.high {
		q := &s.high[class]
		if id := s.idle(q); id != 0 {
			q.remove(id)
			return id
		}
	}
	return 0
}

// idle returns the oldest entry of a queue that was not hit since it was last
// passed by, and clears the marks that it passes; 0 if the queue is empty.
func (s *shard) idle(q *queue) uint32 {
	for range q.n {
		id := q.tail
		e := s.slab.at(id)
		if e.freq.Load() == 0 {
			break
		}
		e.freq.Store(0)
		q.remove(id)
		q.push(id)
	}
	return q.tail
}

// evictAll lets go of everything.
func (s *shard) evictAll(g *garbage) {
	for s.evict(g) {
	}
}

// shrink evicts what is beyond the limit. Where tables and entries themselves
// take too much of a limit that has fallen, it starts afresh: they never
// shrink otherwise.
func (s *shard) shrink(g *garbage) {
	for s.fixed()+s.resident+s.reserve > s.limit && s.evict(g) {
	}
	if s.meta() > s.limit/2 {
		s.evictAll(g)
		if t := s.table.Load(); t != nil {
			s.table.Store(nil)
			s.replaced(t, g)
		}
		s.policy.release()
		s.missing = 0
		s.afresh = true
	}
}

// ringRoom makes room in the ring of scanned blocks and reports whether the
// block fits in there at all.
func (s *shard) ringRoom(n int64, g *garbage) bool {
	limit := s.limit / scanShare
	if n > limit {
		return false
	}
	for s.scan.bytes+n > limit && s.scan.n > 0 {
		id := s.scan.tail
		e := s.slab.at(id)
		s.scan.remove(id)
		if e.freq.Load() > 0 {
			e.freq.Store(0)
			s.policy.admit(id, e.key.hash())
			continue
		}
		s.evictions[e.class]++
		s.unlink(id, g)
	}
	return true
}

// quotaRoom makes room among the blocks of high priority of a class: it hands
// idle ones to the policy. It reports whether the block fits in there at all.
func (s *shard) quotaRoom(class Class, n int64) bool {
	if n > s.quota[class] {
		return false
	}
	q := &s.high[class]
	for q.bytes+n > s.quota[class] && q.n > 0 {
		id := s.idle(q)
		q.remove(id)
		s.policy.admit(id, s.slab.at(id).key.hash())
	}
	return true
}
