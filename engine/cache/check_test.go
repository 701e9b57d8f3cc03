package cache

import "fmt"

// check verifies the invariants of doc.go. Nothing else may use the cache
// meanwhile.
func (c *Cache) check() error {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		err := s.check()
		s.mu.Unlock()
		if err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
	}
	if used, limit := c.budget.Used(), c.limit.Load(); used > limit {
		return fmt.Errorf("%d of %d bytes used", used, limit)
	}
	return nil
}

func (s *shard) check() error {
	queued := map[uint32]bool{}
	var bytes int64
	for _, q := range s.queues() {
		n, sum, last := 0, int64(0), uint32(0)
		for id := q.head; id != 0; id = s.slab.at(id).next {
			e := s.slab.at(id)
			if queued[id] {
				return fmt.Errorf("entry %d is in two places", id)
			}
			if e.prev != last || e.queue != q.id {
				return fmt.Errorf("entry %d of queue %d: linked to %d, in %d", id, q.id, e.prev, e.queue)
			}
			if e.refs.Load()&linked == 0 {
				return fmt.Errorf("entry %d is queued but not linked", id)
			}
			if found, at := s.find(e.key, e.key.hash()); found != e || at != id {
				return fmt.Errorf("entry %d is not found by its key", id)
			}
			queued[id] = true
			n++
			sum += e.charge()
			last = id
		}
		if q.tail != last || q.n != n || q.bytes != sum {
			return fmt.Errorf("queue %d: %d entries of %d bytes, ending at %d, counted as %d, %d, %d",
				q.id, n, sum, last, q.n, q.bytes, q.tail)
		}
		bytes += sum
	}
	inTable := 0
	if t := s.table.Load(); t != nil {
		inTable = t.n
	}
	var by int64
	for _, n := range s.residentBy {
		by += n
	}
	if len(queued) != s.blocks || inTable != s.blocks || bytes != s.resident || by != bytes {
		return fmt.Errorf("%d queued, %d in the table, %d counted; %d bytes, %d by class, %d counted",
			len(queued), inTable, s.blocks, bytes, by, s.resident)
	}
	if s.filling != 0 || len(s.flights) != 0 {
		return fmt.Errorf("%d bytes promised to %d flights", s.filling, len(s.flights))
	}
	if s.held < 0 || s.limbo < 0 || s.pinned.Load() < 0 {
		return fmt.Errorf("%d bytes held, %d in limbo, %d pinned", s.held, s.limbo, s.pinned.Load())
	}
	return nil
}

func (s *shard) queues() []*queue {
	all := []*queue{&s.scan}
	for i := range s.high {
		all = append(all, &s.high[i])
	}
	switch p := s.policy.(type) {
	case *lru:
		all = append(all, &p.queue)
	case *clock:
		all = append(all, &p.queue)
	case *s3fifo:
		all = append(all, &p.small, &p.main)
	}
	return all
}
