package cache

// A Handle holds a block for as long as it takes: evicted or erased, its
// memory stays until Release. It counts against the cache's budget all that
// time, so iterators should not hoard them. The zero Handle holds nothing.
//
// A Handle is a value that belongs to one goroutine at a time; of all its
// copies one is to be released, once.
type Handle struct {
	cache *Cache // nil: the bytes are the collector's
	shard *shard
	id    uint32 // 0: the block is nobody else's
	bytes []byte
}

// Bytes is the block. It must not be written to, nor read after Release.
func (h *Handle) Bytes() []byte { return h.bytes }

// Release ends the hold. Releasing a Handle again does nothing; releasing a
// copy of it breaks the promise to others.
func (h *Handle) Release() {
	held := *h
	*h = Handle{}
	switch {
	case held.cache == nil:
	case held.id == 0:
		held.cache.freePrivate(held.shard, held.bytes)
	default:
		held.cache.release(held.shard, held.id)
	}
}

// Acquire returns a handle on the block of the key, if it is there. The caller
// need not be pinned.
func (c *Cache) Acquire(k Key) (Handle, bool) {
	hash := k.hash()
	s := &c.shards[hash&c.mask]
	guard := c.domain.Pin()
	defer guard.Unpin()
	e, id := s.find(k, hash)
	if e == nil {
		c.counters.miss()
		return Handle{}, false
	}
	first, ok := e.acquire()
	if !ok {
		c.counters.miss()
		return Handle{}, false
	}
	if first {
		s.pinned.Add(e.charge())
	}
	c.hit(s, e, id, hash)
	return Handle{c, s, id, e.bytes()}, true
}

// release drops a handle's reference.
func (c *Cache) release(s *shard, id uint32) {
	e := s.slab.at(id)
	charge := e.charge() // before others may free it
	refs := e.refs.Add(^uint32(0))
	if refs&^linked == 0 {
		s.pinned.Add(-charge)
	}
	if refs != 0 {
		return
	}
	// It was unlinked before, and this was the last handle.
	var g garbage
	s.mu.Lock()
	s.held -= charge
	s.heldBlocks--
	s.bury(id, &g)
	s.mu.Unlock()
	c.discard(s, &g)
}

// freePrivate frees a block that was never in the table.
func (c *Cache) freePrivate(s *shard, mem []byte) {
	charge := chargeOf(len(mem))
	c.mem.free(mem)
	s.pinned.Add(-charge)
	s.mu.Lock()
	s.held -= charge
	s.heldBlocks--
	s.mu.Unlock()
}
