package cache

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A shard is a cache of its own for its part of the keys.
type shard struct {
	// Read by hits without the lock. table is nil while there is none.
	table atomic.Pointer[table]
	slab  slab
	_     [lineBytes]byte

	// pinned is how many bytes of blocks have handles.
	pinned atomic.Int64

	mu     sync.Mutex // guards the rest, and writes to the above
	policy policy
	scan   queue
	high   [Classes]queue
	closed bool
	afresh bool // free the slab when nothing is in it

	// What the limit covers, in bytes as charged. Tables and entries are in
	// none of them: see meta.
	limit    int64
	quota    [Classes]int64
	resident int64 // in the table
	filling  int64 // promised to Inserts under way
	held     int64 // not in the table, but with handles
	limbo    int64 // retired; pinned readers may still look

	// reserve is kept free for what is in limbo: it grows when memory is short
	// because of that, and falls again.
	reserve     int64
	sinceRaised int

	heldBlocks int
	flights    []*flight // Inserts under way
	spare      []*flight
	entries    int   // expected, or 0
	missing    int64 // what the policy could not get

	evictions  [Classes]uint64
	inserts    [Classes]uint64
	residentBy [Classes]int64
	blocks     int
	rejected   uint64 // scanned blocks that were not kept
	bypassed   uint64 // other blocks that were not kept
	starved    uint64 // of both, because of limbo or the budget
	_          [lineBytes]byte
}

// lineBytes keeps apart what different processors write: two cache lines,
// since they prefetch in pairs.
const lineBytes = 128

// Shares of a shard's limit, one in so many bytes.
const (
	scanShare    = 32  // the ring of scanned blocks
	quotaShare   = 4   // blocks of high priority of one class, by default
	reserveFloor = 128 // the reserve at least
	reserveShare = 8   // and at most
)

func (s *shard) init(c *Cache, o *Options) {
	s.slab.mem = c.mem
	s.policy = newPolicy(o.Policy, &s.slab)
	s.scan = queue{slab: &s.slab, id: queueScan}
	for i := range s.high {
		s.high[i] = queue{slab: &s.slab, id: queueHigh}
	}
	s.setLimit(o.Bytes, o.Quotas, len(c.shards))
	if o.BlockBytes > 0 {
		s.entries = int(s.limit/(chargeOf(o.BlockBytes)+int64(entryBytes))) + 1
	}
}

// setLimit gives the shard its part of what the whole cache may take. quotas
// are as in Options.
func (s *shard) setLimit(bytes int64, quotas [Classes]int64, shards int) {
	s.limit = bytes / int64(shards)
	s.reserve = s.limit / reserveFloor
	for class, q := range quotas {
		s.quota[class] = s.limit / quotaShare
		if q != 0 {
			s.quota[class] = min(max(q, 0)/int64(shards), s.limit)
		}
	}
}

func (s *shard) raiseReserve(n int64) {
	s.reserve = max(s.reserve, min(s.reserve+n, s.limit/reserveShare))
	s.sinceRaised = 0
}

// lowerReserve is called for each Insert. It takes back an eighth of what was
// raised after lowerAfter of them without need.
func (s *shard) lowerReserve() {
	s.sinceRaised++
	if s.sinceRaised == lowerAfter {
		s.reserve -= (s.reserve - s.limit/reserveFloor) / 8
		s.sinceRaised = 0
	}
}

const lowerAfter = 1 << 12

// meta is what tables, entries and ghosts take.
func (s *shard) meta() int64 {
	ghosts, _ := s.policy.ghosts()
	n := s.slab.bytes + ghosts
	if t := s.table.Load(); t != nil {
		n += int64(cap(t.mem))
	}
	return n
}

// fixed is what evicting does not change.
func (s *shard) fixed() int64 { return s.meta() + s.filling + s.held }

// find is table.find for a pinned reader.
func (s *shard) find(k Key, hash uint64) (*entry, uint32) {
	t := s.table.Load()
	if t == nil {
		return nil, 0
	}
	return t.find(&s.slab, k, hash)
}

// touch tells the policy of a hit by a pinned reader.
func (s *shard) touch(e *entry, id uint32) {
	s.mu.Lock()
	// It may have been evicted since it was found. It is not another's yet:
	// the reader is pinned.
	if e.queue == queueMain {
		s.policy.touch(id)
	}
	s.mu.Unlock()
}

// garbage collects what may be freed once no pinned reader can reach it. It
// is filled under the lock and discarded after it: freeing takes the lock.
type garbage struct {
	first uint32 // entries, linked by next
	table []byte
	bytes int64
	short bool // more could be done if older garbage were free
}

// unlink takes an entry, which is in no queue any more, out of the table.
func (s *shard) unlink(id uint32, g *garbage) {
	e := s.slab.at(id)
	s.table.Load().remove(e.key.hash(), id)
	charge := e.charge()
	s.resident -= charge
	s.residentBy[e.class] -= charge
	s.blocks--
	if e.refs.Add(^uint32(linked-1)) != 0 {
		s.held += charge // until the last handle is released
		s.heldBlocks++
		return
	}
	s.bury(id, g)
}

// bury makes an entry that nothing refers to garbage.
func (s *shard) bury(id uint32, g *garbage) {
	e := s.slab.at(id)
	charge := e.charge()
	e.next = g.first
	g.first = id
	g.bytes += charge
	s.limbo += charge
}

// discard retires garbage. The caller holds no lock of the cache.
func (c *Cache) discard(s *shard, g *garbage) {
	if g.first != 0 {
		first := g.first
		c.domain.Retire(int(g.bytes), func() { s.bringOut(first) })
	}
	if g.table != nil {
		mem := g.table
		c.domain.Retire(cap(mem), func() {
			s.slab.mem.free(mem)
			s.mu.Lock()
			s.limbo -= int64(cap(mem))
			s.mu.Unlock()
		})
	}
	if g.short {
		c.domain.Reclaim()
	}
	*g = garbage{}
}

// bringOut frees entries, linked by next, that no reader can reach. They are
// nobody's, so the blocks go without the lock: that may take a system call.
func (s *shard) bringOut(first uint32) {
	for id := first; id != 0; {
		e := s.slab.at(id)
		s.slab.mem.free(e.bytes())
		id = e.next
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := first; id != 0; {
		e := s.slab.at(id)
		next := e.next
		s.limbo -= e.charge()
		s.slab.put(id)
		id = next
	}
	if s.afresh && s.slab.used == 0 {
		// No slot of any table that a reader may be in refers to an entry.
		s.slab.release()
		s.afresh = false
	}
}

// close evicts everything for good.
func (s *shard) close(g *garbage) {
	s.closed = true
	s.missing = 0
	s.evictAll(g)
	if t := s.table.Load(); t != nil {
		s.table.Store(nil)
		s.replaced(t, g)
	}
}

// replaced makes a table garbage that readers may still be in.
func (s *shard) replaced(t *table, g *garbage) {
	g.table = t.mem
	s.limbo += int64(cap(t.mem))
}

// release frees what remains of a closed shard whose entries are all free.
func (s *shard) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy.release()
	s.slab.release()
}

// limboPause is how long drain sleeps between two looks.
const limboPause = 100 * time.Microsecond

// drain waits until all garbage is freed: also what others took out of closed
// shards and have not retired yet, which the domain cannot know of.
func (c *Cache) drain() error {
	for {
		if err := c.domain.Drain(context.Background()); err != nil {
			return fmt.Errorf("cache: close: %w", err)
		}
		if !c.inLimbo() {
			return nil
		}
		time.Sleep(limboPause)
	}
}

// inLimbo reports whether there is garbage.
func (c *Cache) inLimbo() bool {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		limbo := s.limbo
		s.mu.Unlock()
		if limbo != 0 {
			return true
		}
	}
	return false
}
