package cache

// clock evicts the oldest block that was not hit since it was last passed by:
// a queue in order of arrival, in which a block that was hit gets another
// round. It comes near LRU with hits that write one word at most.
type clock struct {
	withoutGhosts
	queue
}

func newClock(s *slab) *clock { return &clock{queue: queue{slab: s, id: queueMain}} }

func (c *clock) admit(id uint32, _ uint64) { c.push(id) }

func (c *clock) touch(uint32) {}

func (c *clock) victim() uint32 {
	// Each block passed by loses its mark. Readers may set it again
	// meanwhile, so one round is all they get.
	for range c.n {
		e := c.slab.at(c.tail)
		if e.freq.Load() == 0 {
			break
		}
		id := c.tail
		e.freq.Store(0)
		c.queue.remove(id)
		c.push(id)
	}
	id := c.tail
	if id != 0 {
		c.queue.remove(id)
	}
	return id
}
