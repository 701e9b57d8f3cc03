package cache

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

// Errors that callers tell apart.
var (
	// ErrClosed is what a closed cache answers to Insert and Resize.
	ErrClosed = errors.New("closed")

	// ErrHeld is what Close returns while there are handles.
	ErrHeld = errors.New("blocks are still held")
)

// MaxBlock is the size of the largest block.
const MaxBlock = 1 << 30

// Options are the settings of a cache, and whom it works with. The zero value
// is no cache: nothing is ever found, and Insert only reads.
type Options struct {
	// Bytes limits all that the cache takes outside the Go heap: blocks,
	// rounded up as engine/offheap does it, and about 80 for each. Zero
	// or less caches nothing. Resize changes it.
	Bytes int64

	// Budget, if there is one, limits the cache together with others. Where it
	// refuses, the cache evicts to make room.
	Budget *offheap.Budget

	// Policy is S3FIFO, which is the default, LRU or Clock. LRU takes a lock
	// for each hit.
	Policy string

	// Shards is how many locks there are, a power of two. 0 is 4 per
	// processor, but none below 4 MiB. No block may be larger than its shard.
	Shards int

	// BlockBytes, if known, is the usual size of a block: tables are then made
	// in their final size instead of growing with the number of blocks.
	BlockBytes int

	// Quotas limit how many bytes of each class may be there by High; 0 is a
	// quarter of Bytes and below 0 is none.
	Quotas [Classes]int64

	// Coalesce lets an Insert of a block wait for another that is reading the
	// same one, instead of reading it again.
	Coalesce bool

	// SampleRate is the share of all keys at which MissRatioCurve begins to
	// look, 0 to 1: 0 is none at all, 0.01 serves most. SampleKeys limits how
	// many it remembers, 8192 by default; the rate falls as keys come in.
	SampleRate float64
	SampleKeys int

	// HugePages is [offheap.Options.HugePages].
	HugePages bool

	// Domain is where readers pin; nil is one of the cache's own.
	Domain *epoch.Domain
}

// A Cache keeps blocks by key, in memory outside the Go heap.
//
// Concurrency: every method may be called from many goroutines at once. Get
// takes no lock, except with the LRU policy, and allocates nothing.
type Cache struct {
	shards []shard
	mask   uint64
	form   form
	mem    memory
	domain *epoch.Domain

	sampler  *sampler // nil: off
	counters counters
	coalesce bool

	limit  atomic.Int64
	budget *offheap.Budget
	quotas [Classes]int64 // as in Options

	mu        sync.Mutex // Resize and Close, one at a time
	closed    atomic.Bool
	freed     bool // Close is through
	ownDomain bool
}

const (
	shardFloor = 4 << 20 // bytes of the smallest shard, by default
	maxShards  = 1 << 12
)

// New returns an empty cache.
func New(o Options) (*Cache, error) {
	if o.Policy == "" {
		o.Policy = S3FIFO
	}
	f, err := formOf(o.Policy)
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Cache{
		form: f, domain: o.Domain, coalesce: o.Coalesce, quotas: o.Quotas,
	}
	if c.domain == nil {
		c.domain, c.ownDomain = epoch.NewDomain(), true
	}
	o.Bytes = max(o.Bytes, 0)
	c.limit.Store(o.Bytes)
	c.budget = offheap.NewBudget(0)
	if o.Budget != nil {
		c.budget = o.Budget.Sub("cache", 0)
	}
	c.budget.SetLimit(max(o.Bytes, 1)) // 0 would be none
	c.mem = memory{offheap.NewAllocator(offheap.Options{Budget: c.budget, HugePages: o.HugePages})}
	if o.SampleRate > 0 {
		c.sampler = newSampler(o.SampleRate, o.SampleKeys)
	}
	c.shards = make([]shard, o.shards())
	c.mask = uint64(len(c.shards) - 1)
	for i := range c.shards {
		c.shards[i].init(c, &o)
	}
	return c, nil
}

func (o *Options) check() error {
	switch {
	case o.Shards < 0 || o.Shards > maxShards || bits.OnesCount(uint(o.Shards)) > 1:
		return fmt.Errorf("cache: %d shards: use a power of two up to %d, or 0 for the default", o.Shards, maxShards)
	case math.IsNaN(o.SampleRate) || o.SampleRate < 0 || o.SampleRate > 1:
		return fmt.Errorf("cache: sample rate %v: use 0 to 1", o.SampleRate)
	case o.SampleKeys < 0:
		return fmt.Errorf("cache: sample of %d keys: use a positive number, or 0 for the default", o.SampleKeys)
	case o.BlockBytes < 0 || o.BlockBytes > MaxBlock:
		return fmt.Errorf("cache: blocks of %d bytes: use 1 to %d, or 0 if unknown", o.BlockBytes, MaxBlock)
	}
	return nil
}

func (o *Options) shards() int {
	if o.Shards > 0 {
		return o.Shards
	}
	n := 1 << bits.Len(uint(4*runtime.GOMAXPROCS(0)-1))
	for n > 1 && o.Bytes/int64(n) < shardFloor {
		n /= 2
	}
	return min(n, maxShards)
}

// Domain is where readers pin before they call Get.
func (c *Cache) Domain() *epoch.Domain { return c.domain }

// Get returns the block of the key, if it is there. The caller is pinned in
// the cache's domain; the bytes are valid until it unpins and must not be
// written to.
func (c *Cache) Get(k Key) ([]byte, bool) {
	hash := k.hash()
	s := &c.shards[hash&c.mask]
	e, id := s.find(k, hash)
	if e == nil {
		c.counters.miss()
		return nil, false
	}
	c.hit(s, e, id, hash)
	return e.bytes(), true
}

// hit tells the policy and the counters of a hit, by a pinned reader.
func (c *Cache) hit(s *shard, e *entry, id uint32, hash uint64) {
	if f := e.freq.Load(); f < c.form.cap {
		e.freq.Store(f + 1)
	}
	if c.form.touched {
		s.touch(e, id)
	}
	c.counters.hit(e.class)
	if c.sampler != nil {
		c.sampler.see(hash, int(e.size))
	}
}

// Resize changes Options.Bytes and evicts what is too much. Quotas that were
// given in bytes stay.
func (c *Cache) Resize(bytes int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return fmt.Errorf("cache: resize: %w", ErrClosed)
	}
	bytes = max(bytes, 0)
	c.limit.Store(bytes)
	if bytes > c.budget.Limit() {
		c.budget.SetLimit(bytes)
	}
	for i := range c.shards {
		s := &c.shards[i]
		var g garbage
		s.mu.Lock()
		s.setLimit(bytes, c.quotas, len(c.shards))
		s.shrink(&g)
		s.mu.Unlock()
		c.discard(s, &g)
	}
	c.domain.Reclaim()
	// Only now, so that what is on its way out does not make Inserts fail.
	c.budget.SetLimit(max(bytes, 1))
	if err := c.mem.Trim(); err != nil {
		return fmt.Errorf("cache: resize: %w", err)
	}
	return nil
}

// Close evicts everything, waits for pinned readers and frees all memory. A
// caller that is itself pinned waits forever. Later calls find nothing, and
// Insert returns ErrClosed.
//
// While there are handles, or Inserts under way, their memory stays and Close
// returns ErrHeld; call it again once they are released. An error that says
// so names what was never freed.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.freed {
		return nil
	}
	c.closed.Store(true)
	blocks, inserts := 0, 0
	for i := range c.shards {
		s := &c.shards[i]
		var g garbage
		s.mu.Lock()
		s.close(&g)
		blocks += s.heldBlocks
		inserts += len(s.flights)
		s.mu.Unlock()
		c.discard(s, &g)
	}
	if err := c.drain(); err != nil {
		return err
	}
	if blocks+inserts > 0 {
		return fmt.Errorf("cache: close: %d blocks, %d inserts: %w: release them and close again",
			blocks, inserts, ErrHeld)
	}
	for i := range c.shards {
		c.shards[i].release()
	}
	c.freed = true
	c.budget.Drop()
	if c.ownDomain {
		c.domain.Close()
	}
	if err := c.mem.Close(); err != nil {
		return fmt.Errorf("cache: close: %w", err)
	}
	return nil
}
