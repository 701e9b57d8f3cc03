package index

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine/epoch"
)

// errLines: overflow lines are numbered by 32 bits.
var errLines = errors.New("too many overflow lines")

// limboLines is how many lines wait to be retired at once, which saves
// closures.
const limboLines = 64

// A pool hands out overflow lines and takes them back once no reader can be in
// them.
//
// Concurrency: everything may be called from many goroutines. Its lock is the
// innermost. settle must be called without any lock.
type pool struct {
	pages

	mu     sync.Mutex
	head   uint32   // of the free list, which runs through next; 0: empty
	closed bool     //
	limbo  []uint32 // unlinked, not yet retired

	made    atomic.Uint64 // lines handed out ever, counting those reused once
	used    atomic.Int64  // lines in chains now
	waiting atomic.Bool   // limbo is long enough
}

// take returns an empty line that no chain has.
func (p *pool) take() (uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.head; n != 0 {
		l := p.at(uint64(n))
		p.head = l.next()
		l.link(0)
		p.used.Add(1)
		return n, nil
	}
	return p.make(1)
}

// takeRun returns up to n lines that were never used, with one number after
// the other.
func (p *pool) takeRun(n uint32) (first, got uint32, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if first, err = p.make(n); err != nil {
		n = 1
		first, err = p.make(n)
	}
	return first, n, err
}

// make makes n lines. The caller holds the lock.
func (p *pool) make(n uint32) (first uint32, err error) {
	made := p.made.Load() // number 0 is none
	if made+uint64(n) > math.MaxUint32 {
		return 0, errLines
	}
	if err := p.reach(made + uint64(n) + 1); err != nil {
		return 0, err
	}
	p.made.Store(made + uint64(n))
	p.used.Add(int64(n))
	return uint32(made) + 1, nil
}

// giveBack frees an empty line that no reader ever reached.
func (p *pool) giveBack(n uint32) {
	p.mu.Lock()
	p.used.Add(-1)
	p.push(n)
	p.mu.Unlock()
}

// unlinked takes an empty line that readers may still be in. Its next line
// stays as it is for them.
func (p *pool) unlinked(n uint32) {
	p.mu.Lock()
	p.used.Add(-1)
	p.limbo = append(p.limbo, n)
	if len(p.limbo) >= limboLines {
		p.waiting.Store(true)
	}
	p.mu.Unlock()
}

// settle retires what is unlinked, if that is worth it.
func (p *pool) settle(d *epoch.Domain) {
	if !p.waiting.Load() {
		return
	}
	p.mu.Lock()
	ripe := p.limbo
	p.limbo = nil
	p.waiting.Store(false)
	p.mu.Unlock()
	if len(ripe) == 0 {
		return
	}
	d.Retire(len(ripe)*lineBytes, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closed {
			return
		}
		for _, n := range ripe {
			p.push(n)
		}
	})
	// The domain by itself looks only after many objects.
	d.Reclaim()
}

func (p *pool) push(n uint32) {
	p.at(uint64(n)).link(p.head)
	p.head = n
}

func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.limbo = nil
	return p.free()
}
