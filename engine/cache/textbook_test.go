package cache

import "container/list"

// The policies again, as the textbooks have them: lists and maps, written
// without a look at the real ones.

// A simulated cache answers whether a reference hits, and takes it in
// otherwise, evicting until there is room within the limit.
type simulated interface {
	access(r reference, limit int64) bool
}

type bookBlock struct {
	key  uint64
	size int64
	hits int
	main bool
}

func blockOf(r reference) *bookBlock {
	return &bookBlock{key: r.key, size: chargeOf(r.size)}
}

// bookLRU: front is the latest.
type bookLRU struct {
	order list.List
	at    map[uint64]*list.Element
	bytes int64
}

func (b *bookLRU) access(r reference, limit int64) bool {
	if e := b.at[r.key]; e != nil {
		b.order.MoveToFront(e)
		return true
	}
	n := blockOf(r)
	if n.size > limit {
		return false
	}
	for b.bytes+n.size > limit {
		old := b.order.Remove(b.order.Back()).(*bookBlock)
		delete(b.at, old.key)
		b.bytes -= old.size
	}
	b.at[r.key] = b.order.PushFront(n)
	b.bytes += n.size
	return false
}

// bookClock: the hand is at the front, and what it passes goes to the back.
type bookClock struct {
	ring  []*bookBlock
	at    map[uint64]*bookBlock
	bytes int64
}

func (b *bookClock) access(r reference, limit int64) bool {
	if e := b.at[r.key]; e != nil {
		e.hits = 1
		return true
	}
	n := blockOf(r)
	if n.size > limit {
		return false
	}
	for b.bytes+n.size > limit {
		old := b.ring[0]
		b.ring = b.ring[1:]
		if old.hits > 0 {
			old.hits = 0
			b.ring = append(b.ring, old)
			continue
		}
		delete(b.at, old.key)
		b.bytes -= old.size
	}
	b.ring = append(b.ring, n)
	b.at[r.key] = n
	b.bytes += n.size
	return false
}

// bookS3 is algorithm 1 of the paper, with bytes for objects and a ghost that
// is a list.
type bookS3 struct {
	small, main, ghost               list.List
	smallBytes, mainBytes, ghostSize int64
	at                               map[uint64]*bookBlock
	ghosts                           map[uint64]*list.Element
}

func (b *bookS3) access(r reference, limit int64) bool {
	if e := b.at[r.key]; e != nil {
		e.hits = min(e.hits+1, 3)
		return true
	}
	n := blockOf(r)
	if n.size > limit {
		return false
	}
	for b.smallBytes+b.mainBytes+n.size > limit {
		if b.smallBytes*10 >= limit || b.main.Len() == 0 {
			b.evictSmall(limit)
		} else {
			b.evictMain()
		}
	}
	b.at[r.key] = n
	if g := b.ghosts[r.key]; g != nil {
		b.dropGhost(g)
		b.toMain(n)
		return false
	}
	b.small.PushFront(n)
	b.smallBytes += n.size
	return false
}

func (b *bookS3) toMain(n *bookBlock) {
	n.hits, n.main = 0, true
	b.main.PushFront(n)
	b.mainBytes += n.size
}

func (b *bookS3) evictSmall(limit int64) {
	for b.small.Len() > 0 {
		t := b.small.Remove(b.small.Back()).(*bookBlock)
		b.smallBytes -= t.size
		if t.hits <= 1 {
			delete(b.at, t.key)
			b.ghosts[t.key] = b.ghost.PushFront(t)
			b.ghostSize += t.size
			for b.ghostSize > limit*9/10 {
				b.dropGhost(b.ghost.Back())
			}
			return
		}
		b.toMain(t)
		if b.mainBytes*10 > limit*9 {
			b.evictMain()
		}
	}
}

func (b *bookS3) evictMain() {
	for b.main.Len() > 0 {
		t := b.main.Remove(b.main.Back()).(*bookBlock)
		if t.hits > 0 {
			t.hits--
			b.main.PushFront(t)
			continue
		}
		b.mainBytes -= t.size
		delete(b.at, t.key)
		return
	}
}

func (b *bookS3) dropGhost(g *list.Element) {
	t := b.ghost.Remove(g).(*bookBlock)
	delete(b.ghosts, t.key)
	b.ghostSize -= t.size
}

func textbook(policy string) simulated {
	switch policy {
	case LRU:
		return &bookLRU{at: map[uint64]*list.Element{}}
	case Clock:
		return &bookClock{at: map[uint64]*bookBlock{}}
	}
	return &bookS3{at: map[uint64]*bookBlock{}, ghosts: map[uint64]*list.Element{}}
}
