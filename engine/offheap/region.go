package offheap

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
	"syscall"
)

// Errors that callers tell apart.
var (
	// ErrBudget: a budget refused. Free something or raise its limit.
	ErrBudget = errors.New("over budget")

	// ErrSize: a length that no call can satisfy: zero, negative or beyond
	// the largest.
	ErrSize = errors.New("impossible size")

	// ErrFreed: freed before, or freed by two at once.
	ErrFreed = errors.New("freed already")

	// ErrForeign: memory that this allocator did not hand out, or a slice
	// that does not begin where the one that it handed out began.
	ErrForeign = errors.New("not from this allocator")

	// ErrClosed: the allocator was closed.
	ErrClosed = errors.New("closed")
)

// Options say where memory comes from. The zero value is unlimited memory in
// pages of the usual size.
type Options struct {
	// Budget counts and limits what is taken; nil neither counts nor limits.
	Budget *Budget

	// HugePages asks the kernel for pages of 2 MiB, and aligns and rounds
	// mappings so that they fit. For what is large, lives long and is read at
	// random: fewer misses of the TLB for memory that is resident earlier and
	// goes back to the system later. Advice: without huge pages all works on.
	HugePages bool

	// Sites makes an Allocator remember who allocated what, so that leaks are
	// reported with their call sites. For debugging: it costs about a
	// microsecond and some heap per allocation.
	Sites bool
}

const (
	hugePageBytes = 2 << 20

	// maxMapBytes is far beyond any machine and keeps sums from overflowing.
	maxMapBytes = 1 << (bits.UintSize/2 + 14)
)

func pageBytes() int { return syscall.Getpagesize() }

// round returns the alignment and the rounded size of a mapping of n bytes.
func (o *Options) round(n int) (align, size int) {
	align = pageBytes()
	if o.HugePages {
		align = hugePageBytes
	}
	return align, (n + align - 1) &^ (align - 1)
}

// A Region is one piece of memory outside the Go heap: for an index, a filter
// or an arena. It holds no Go pointers, and the collector does not look at it.
//
// Concurrency: Bytes may be called from many goroutines at once; who writes
// what is up to them. Free must come after all uses, which
// engine/epoch can see to.
type Region struct {
	bytes   []byte
	mapped  mapping
	budget  *Budget
	freed   atomic.Bool
	charged int64
}

// Map returns a region of n bytes, all zero, that starts at a multiple of the
// page size. The budget is charged with whole pages. Errors wrap [ErrSize],
// [ErrBudget] or the system's.
func Map(n int, o Options) (*Region, error) {
	if n <= 0 || n > maxMapBytes {
		return nil, fmt.Errorf("offheap: map %d bytes: %w", n, ErrSize)
	}
	align, size := o.round(n)
	if !o.Budget.reserveOrNil(int64(size)) {
		return nil, fmt.Errorf("offheap: map %d bytes: %w", n, o.Budget.refusal())
	}
	m, err := mapMemory(size, align, o.HugePages)
	if err != nil {
		o.Budget.releaseOrNil(int64(size))
		return nil, fmt.Errorf("offheap: map %d bytes: %w", n, err)
	}
	return &Region{bytes: m.mem[:n:n], mapped: m, budget: o.Budget, charged: int64(size)}, nil
}

// Bytes is the memory, the same on each call. After Free it must not be
// touched: the access would end the process.
func (r *Region) Bytes() []byte { return r.bytes }

// Free gives the memory back to the system. A second call is [ErrFreed].
func (r *Region) Free() error {
	if r.freed.Swap(true) {
		return fmt.Errorf("offheap: free region of %d bytes: %w", len(r.bytes), ErrFreed)
	}
	if err := r.mapped.unmap(); err != nil {
		return fmt.Errorf("offheap: free region of %d bytes: %w", len(r.bytes), err)
	}
	r.budget.releaseOrNil(r.charged)
	return nil
}
