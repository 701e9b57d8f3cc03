package lsm

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/memtable"
)

// A memory is a memtable with what the tree knows of it.
type memory struct {
	table *memtable.Table
	owner *memories
	bytes int64
	plain bool    // made like all others, not for one large batch
	from  wal.LSN // nothing in it is from records before

	// sealed is the number of the first write that is not in it, once it is
	// frozen: when those before are published nobody writes to it any more.
	sealed uint64

	ranges atomic.Int32 // range deletes in it
	refs   atomic.Int64 // views that have it
}

// release gives a view's reference back.
func (m *memory) release() {
	if m.refs.Add(-1) == 0 {
		m.owner.give(m)
	}
}

// memories hand out memtables, and keep one or two that are empty, since fresh
// memory costs a page fault for each 4 KiB.
type memories struct {
	size  int64
	order memtable.Order

	mu    sync.Mutex
	spare []*memory // empty; guarded by mu
	used  []*memory // given back, not yet clean; guarded by mu
	err   error     // of freeing; guarded by mu

	bytes atomic.Int64 // of all memtables, spares among them
}

// maxMemtable is the most that an arena can have.
const maxMemtable = 4<<30 - 1<<20

// spares is how many empty memtables are kept.
const spares = 2

func (p *memories) init(s *settings) {
	p.size = s.MemtableBytes
	if s.MemtableOrder == orderEager {
		p.order = memtable.Eager
	}
}

// sizeFor is the size of a memtable that has room for ops that need so much:
// that of all, unless it would not do.
func (p *memories) sizeFor(need, ops int) (size int64, plain bool) {
	if int64(need) <= p.size/2 && int64(ops) <= p.size/leastPerOp {
		return p.size, true
	}
	return max(p.size, int64(memtable.BytesFor(need, ops))), false
}

// leastPerOp: a memtable has an index for ops of so many bytes or more.
const leastPerOp = 128

// take returns an empty memtable for ops that need so much.
func (p *memories) take(need, ops int) (*memory, error) {
	size, plain := p.sizeFor(need, ops)
	if size > maxMemtable {
		return nil, fmt.Errorf("%w: a batch needs %d bytes of memory, and a memtable has at most %d", engine.ErrTooLarge, size, int64(maxMemtable))
	}
	if plain {
		ops = 0
		p.mu.Lock()
		if n := len(p.spare); n > 0 {
			m := p.spare[n-1]
			p.spare = p.spare[:n-1]
			p.mu.Unlock()
			return m, nil
		}
		p.mu.Unlock()
	}
	table, err := memtable.New(memtable.Options{
		Bytes: int(size), Ops: ops, Order: p.order, Offheap: offheap.Options{HugePages: size >= hugeBytes},
	})
	if err != nil {
		return nil, fmt.Errorf("make a memtable of %d bytes: %w", size, err)
	}
	p.bytes.Add(size)
	return &memory{table: table, owner: p, bytes: size, plain: plain}, nil
}

// give takes back a memtable that nobody looks at. It runs wherever the epoch
// frees, perhaps in a writer, so that clean does what takes long.
func (p *memories) give(m *memory) {
	p.mu.Lock()
	p.used = append(p.used, m)
	p.mu.Unlock()
}

// clean makes memtables that were given back ready, or frees them.
func (p *memories) clean() {
	for {
		p.mu.Lock()
		n := len(p.used)
		if n == 0 {
			p.mu.Unlock()
			return
		}
		m := p.used[n-1]
		p.used = p.used[:n-1]
		keep := m.plain && len(p.spare) < spares
		p.mu.Unlock()
		var err error
		if keep {
			m.table.Reset()
			m = &memory{table: m.table, owner: p, bytes: m.bytes, plain: true}
		} else {
			err = m.table.Free()
			p.bytes.Add(-m.bytes)
		}
		p.mu.Lock()
		if keep {
			p.spare = append(p.spare, m)
		}
		p.err = errors.Join(p.err, err)
		p.mu.Unlock()
	}
}

func (p *memories) close() error {
	p.clean()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.spare {
		p.err = errors.Join(p.err, m.table.Free())
	}
	p.spare = nil
	return p.err
}
