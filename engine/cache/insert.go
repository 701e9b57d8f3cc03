package cache

import (
	"fmt"
	"slices"
)

// A flight is an Insert whose block may be published.
type flight struct {
	key    Key
	charge int64
	erased bool          // the block must not be published
	landed chan struct{} // closed at the end; nil while nobody waits
}

// Insert returns a handle on the block of the key, which it asks fill for, n
// bytes of anything that fill must overwrite, unless the block is there. It
// stays in the cache if there is room for it by its admission, and else
// belongs to the handle alone, on the Go heap if the cache has no memory for
// it; the caller sees no difference. Either way the handle is to be released.
//
// fill is called at most once, without locks; it may use the cache, though
// not Insert the same key. Its error is returned as it is and leaves no trace.
// When several insert a key at once, one block stays and all handles are on
// it, as far as they had not to make do with their own.
//
// The caller need not be pinned, and better is not: its pin would keep what
// it displaces from being freed.
func (c *Cache) Insert(k Key, n int, a Admission, fill func([]byte) error) (Handle, error) {
	if n <= 0 || n > MaxBlock || !a.valid() {
		return Handle{}, fmt.Errorf("cache: insert block %d/%d of %d bytes, admission %#x: use 1 to %d bytes and a known admission",
			k.File, k.Offset, n, uint8(a), MaxBlock)
	}
	hash := k.hash()
	s := &c.shards[hash&c.mask]
	if c.sampler != nil {
		c.sampler.inserts.Add(1)
		c.sampler.see(hash, n)
	}
	for wait := c.coalesce; ; wait = false {
		if c.closed.Load() {
			return Handle{}, fmt.Errorf("cache: insert block %d/%d: %w", k.File, k.Offset, ErrClosed)
		}
		h, f, landed := c.begin(s, k, hash, n, a, wait)
		switch {
		case h.cache != nil:
			return h, nil
		case landed != nil:
			<-landed // then look again, but wait only once
		case f == nil:
			return c.fillAside(n, fill)
		default:
			return c.fly(s, f, hash, n, a, fill)
		}
	}
}

// begin looks for the block once more, now that nobody can publish it, and
// promises room for it. Without room there is no flight; a channel is that of
// another flight which is worth waiting for.
func (c *Cache) begin(s *shard, k Key, hash uint64, n int, a Admission, wait bool) (Handle, *flight, <-chan struct{}) {
	var g garbage
	s.mu.Lock()
	if h, ok := c.present(s, k, hash); ok {
		s.mu.Unlock()
		return h, nil, nil
	}
	if wait {
		if other := s.flight(k); other != nil {
			if other.landed == nil {
				other.landed = make(chan struct{})
			}
			landed := other.landed
			s.mu.Unlock()
			return Handle{}, nil, landed
		}
	}
	s.lowerReserve()
	charge := chargeOf(n)
	ok := !s.closed
	if ok && a.way() == Scan {
		ok = s.ringRoom(charge, &g)
	}
	ok = ok && s.room(charge, &g)
	s.prepare(&g)
	var f *flight
	if ok {
		f = s.launch(k, charge)
	} else {
		s.decline(a)
	}
	g.short = g.short || ok && c.budget.Used()+charge > c.budget.Limit()
	s.mu.Unlock()
	c.discard(s, &g)
	return Handle{}, f, nil
}

// present returns a handle on the block if it is in the table. The caller
// holds the lock, so what is there is not dying.
func (c *Cache) present(s *shard, k Key, hash uint64) (Handle, bool) {
	e, id := s.find(k, hash)
	if e == nil {
		return Handle{}, false
	}
	if first, _ := e.acquire(); first {
		s.pinned.Add(e.charge())
	}
	return Handle{c, s, id, e.bytes()}, true
}

// decline counts a block that is not kept.
func (s *shard) decline(a Admission) {
	if a.way() == Scan {
		s.rejected++
	} else {
		s.bypassed++
	}
}

// flight returns a flight of the key that others may wait for.
func (s *shard) flight(k Key) *flight {
	for _, f := range s.flights {
		if f.key == k && !f.erased {
			return f
		}
	}
	return nil
}

func (s *shard) launch(k Key, charge int64) *flight {
	var f *flight
	if last := len(s.spare) - 1; last >= 0 {
		f, s.spare = s.spare[last], s.spare[:last]
	} else {
		f = new(flight)
	}
	*f = flight{key: k, charge: charge}
	s.filling += charge
	s.flights = append(s.flights, f)
	return f
}

// land ends a flight. The caller wakes those who wait for it, once they find
// what there is to find.
func (s *shard) land(f *flight) (landed chan struct{}) {
	s.filling -= f.charge
	for i := range s.flights {
		if s.flights[i] == f {
			last := len(s.flights) - 1
			s.flights[i] = s.flights[last]
			s.flights = s.flights[:last]
			break
		}
	}
	s.spare = append(s.spare, f)
	return f.landed
}

func wake(landed chan struct{}) {
	if landed != nil {
		close(landed)
	}
}

// fillAside reads a block for the caller alone, onto the Go heap.
func (c *Cache) fillAside(n int, fill func([]byte) error) (Handle, error) {
	b := make([]byte, n)
	if err := fill(b); err != nil {
		return Handle{}, err
	}
	return Handle{bytes: b}, nil
}

// fly reads the block and publishes it. Whatever fill does, even if it
// panics, the flight lands.
func (c *Cache) fly(s *shard, f *flight, hash uint64, n int, a Admission, fill func([]byte) error) (h Handle, err error) {
	mem := c.take(s, n)
	filled := false
	defer func() {
		if filled {
			return
		}
		if mem != nil {
			c.mem.free(mem) // before Close may take it for a leak
		}
		s.mu.Lock()
		landed := s.land(f)
		s.mu.Unlock()
		wake(landed)
	}()
	if mem == nil {
		s.mu.Lock()
		s.decline(a)
		s.mu.Unlock()
		return c.fillAside(n, fill)
	}
	if err := fill(mem); err != nil {
		return Handle{}, err
	}
	filled = true
	return c.publish(s, f, hash, mem, a), nil
}

// take allocates what a flight was promised. The promise may not hold: what
// was evicted may not be free yet, or a budget above may refuse. Then it
// evicts for the next time, and returns nil if it is too late for this one.
func (c *Cache) take(s *shard, n int) []byte {
	if mem := c.mem.alloc(n); mem != nil {
		return slices.Clip(mem) // nobody is to append to a block
	}
	charge := chargeOf(n)
	var g garbage
	s.mu.Lock()
	s.starved++
	if c.budget.Used()+charge > c.budget.Limit() {
		s.raiseReserve(charge)
	} else {
		for freed := int64(0); freed < charge; {
			was := s.resident
			if !s.evict(&g) {
				break
			}
			freed += was - s.resident
		}
	}
	s.mu.Unlock()
	g.short = true
	c.discard(s, &g)
	return slices.Clip(c.mem.alloc(n))
}

// publish enters a filled block, unless it must not or need not be.
func (c *Cache) publish(s *shard, f *flight, hash uint64, mem []byte, a Admission) Handle {
	var g garbage
	s.mu.Lock()
	k, erased := f.key, f.erased || s.closed
	landed := s.land(f)
	defer func() {
		s.mu.Unlock()
		wake(landed)
		c.discard(s, &g)
	}()
	if !erased {
		if h, ok := c.present(s, k, hash); ok {
			c.mem.free(mem) // another was faster
			return h
		}
		if id := s.enter(k, hash, mem, a, &g); id != 0 {
			return Handle{c, s, id, mem}
		}
	}
	charge := chargeOf(len(mem))
	if !erased {
		s.raiseReserve(int64(chunkEntries * entryBytes))
	}
	s.decline(a)
	s.held += charge
	s.heldBlocks++
	s.pinned.Add(charge)
	return Handle{cache: c, shard: s, bytes: mem}
}

// enter puts a block, with one handle, into the table and a queue. It returns
// 0 if there is no memory to say so.
func (s *shard) enter(k Key, hash uint64, mem []byte, a Admission, g *garbage) uint32 {
	t := s.roomInTable(g)
	if t == nil {
		return 0
	}
	id := s.slab.take()
	if id == 0 {
		g.short = true
		return 0
	}
	e := s.slab.at(id)
	e.key, e.data, e.size = k, addressOf(mem), uint32(len(mem))
	e.class = a.class()
	e.freq.Store(0)
	e.refs.Store(linked | 1)
	t.add(hash, id)

	charge := e.charge()
	s.pinned.Add(charge)
	s.resident += charge
	s.residentBy[e.class] += charge
	s.inserts[e.class]++
	s.blocks++
	switch {
	case a.way() == Scan:
		s.scan.push(id)
	case a.way() == High && s.quotaRoom(e.class, charge):
		s.high[e.class].push(id)
	default:
		s.policy.admit(id, hash)
	}
	return id
}

// roomInTable returns a table that can take another key, or nil if there was
// never memory for one.
func (s *shard) roomInTable(g *garbage) *table {
	t := s.table.Load()
	if t != nil && !t.full() {
		return t
	}
	var larger *table
	if t == nil {
		larger = newTable(s.slab.mem, s.entries)
	} else if s.room(2*t.grownBytes(), g) { // for the policy as well
		larger = t.grown(s.slab.mem, &s.slab)
	}
	if larger == nil {
		// The memory may be on its way. Until then one block goes for each
		// that comes.
		g.short = true
		if t != nil && s.evict(g) {
			return t
		}
		return nil
	}
	s.table.Store(larger)
	if t != nil {
		s.replaced(t, g)
	}
	s.missing = s.policy.expect(larger.most())
	return larger
}

// prepare gets for the policy what it could not get before.
func (s *shard) prepare(g *garbage) {
	if s.missing > 0 && s.room(s.missing, g) {
		s.missing = s.policy.expect(s.table.Load().most())
		g.short = s.missing > 0
	}
}
