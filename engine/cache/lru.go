package cache

// lru evicts what was not touched for longest, exactly: each hit moves its
// block to the front, under the shard's lock. It is the yardstick that papers
// compare with, and not the default because of that lock.
type lru struct {
	withoutGhosts
	queue
}

func newLRU(s *slab) *lru { return &lru{queue: queue{slab: s, id: queueMain}} }

func (l *lru) admit(id uint32, _ uint64) { l.push(id) }

func (l *lru) touch(id uint32) {
	if l.head != id {
		l.queue.remove(id)
		l.push(id)
	}
}

func (l *lru) victim() uint32 {
	id := l.tail
	if id != 0 {
		l.queue.remove(id)
	}
	return id
}
